import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Outcome } from "../../lib/checks/check.ts";
import { socketProbe } from "../../lib/checks/socket_probe.ts";
import { createCa } from "../../lib/demo/certificates.ts";

function failure(outcome: Outcome): [phase: string, message: string] {
  assert(outcome.state === "failed", JSON.stringify(outcome));
  return [outcome.phase, outcome.message];
}

/** A port on which somebody listens and does nothing else. */
function silent() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.TcpConn[] = [];
  const loop = (async () => {
    for await (const connection of listener) open.push(connection);
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await loop;
      open.forEach((connection) => connection.close());
    },
  };
}

Deno.test("socketProbe() of tcp is ok once connected", async () => {
  await using server = silent();
  const { port } = server;
  const request = { kind: "tcp", host: "localhost", port } as const;
  const outcome = await socketProbe(request, 5_000);
  assert(outcome.state === "ok");
  assertEquals(outcome.code, undefined);
});

Deno.test("socketProbe() of tcp fails in phase connect where nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const request = { kind: "tcp", host: "127.0.0.1", port } as const;
  assertEquals(failure(await socketProbe(request, 5_000)), [
    "connect",
    `tcp://127.0.0.1:${port}: connecting: connection refused`,
  ]);
});

Deno.test("socketProbe() fails in phase dns for a name that does not exist", async () => {
  const request = { kind: "tcp", host: "nobody.invalid", port: 1 } as const;
  const [phase, message] = failure(await socketProbe(request, 5_000));
  assertEquals(phase, "dns");
  assertStringIncludes(
    message,
    "tcp://nobody.invalid:1: looking up the name: ",
  );
});

Deno.test("socketProbe() of tls gives up in phase tls on a server that is silent", async () => {
  await using server = silent();
  const { port } = server;
  const ca = [(await createCa()).cert];
  const request = { kind: "tls", host: "127.0.0.1", port, ca } as const;
  assertEquals(failure(await socketProbe(request, 60)), [
    "tls",
    `tls://127.0.0.1:${port}: in the TLS handshake: no answer within 0.06 s`,
  ]);
});

async function tlsServer(names: string[]) {
  const authority = await createCa();
  const { cert, key } = await authority.issue(names);
  const server = Deno.serve({
    ...{ hostname: "127.0.0.1", port: 0, cert, key },
    onListen() {},
  }, () => new Response("ok"));
  return {
    port: server.addr.port,
    ca: authority.cert,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("socketProbe() of tls tells how many days the certificate is still valid", async () => {
  await using server = await tlsServer(["localhost"]);
  const { port, ca } = server;
  const request = { kind: "tls", host: "localhost", port, ca: [ca] } as const;
  const outcome = await socketProbe(request, 5_000);
  assert(outcome.state === "ok", JSON.stringify(outcome));
  // the certificates of these tests are valid for a day
  const days = outcome.certificateDays ?? NaN;
  assert(days > 0.9 && days < 1.1, String(days));
});

for (
  const [name, names, right] of [
    ["another CA", ["localhost"], false],
    ["a certificate for another name", ["example.com"], true],
  ] as const
) {
  Deno.test(`socketProbe() of tls fails in phase tls with ${name}`, async () => {
    await using server = await tlsServer([...names]);
    const { port } = server;
    const ca = [right ? server.ca : (await createCa()).cert];
    const request = { kind: "tls", host: "localhost", port, ca } as const;
    const [phase] = failure(await socketProbe(request, 5_000));
    assertEquals(phase, "tls");
  });
}
