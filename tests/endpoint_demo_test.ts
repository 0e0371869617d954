import { assert, assertEquals, assertRejects } from "@std/assert";
import { startEndpoint } from "../lib/demo/endpoint.ts";

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };

Deno.test(
  "startEndpoint() goes away and comes back on its port",
  SANITIZERS,
  async () => {
    const endpoint = await startEndpoint(() => new Response("here"));
    const { url } = endpoint;
    assertEquals(await (await fetch(url)).text(), "here");
    await endpoint.close();
    await endpoint.close();
    assertEquals(endpoint.isOpen(), false);
    await assertRejects(() => fetch(url), TypeError);
    await endpoint.open();
    await endpoint.open();
    assertEquals(endpoint.url, url);
    assertEquals(await (await fetch(url)).text(), "here");
    await endpoint.close();
  },
);

Deno.test(
  "startEndpoint() finishes what is nearly done when it closes",
  SANITIZERS,
  async () => {
    const come = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const endpoint = await startEndpoint(async () => {
      come.resolve();
      await go.promise;
      return new Response("done");
    });
    const answer = fetch(endpoint.url);
    await come.promise;
    const closed = endpoint.close();
    go.resolve();
    assertEquals(await (await answer).text(), "done");
    await closed;
  },
);

Deno.test(
  "startEndpoint() does not wait for what hangs or is idle",
  SANITIZERS,
  async () => {
    const come = Promise.withResolvers<void>();
    const endpoint = await startEndpoint(() => {
      come.resolve();
      return new Promise(() => {});
    });
    const idle = await Deno.connect({
      hostname: "127.0.0.1",
      port: endpoint.port,
    });
    const answer = fetch(endpoint.url);
    await come.promise;
    await endpoint.close();
    const { status, body } = await answer;
    assertEquals(status, 503);
    await body?.cancel();
    assert(!endpoint.isOpen());
    idle.close();
  },
);
