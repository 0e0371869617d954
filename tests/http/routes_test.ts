import { assert, assertEquals } from "@std/assert";
import { createIncoming } from "../../lib/http/incoming.ts";
import { FULL_SIZE_BYTES, PATH_MTU } from "../../lib/checks/path_mtu.ts";
import { startEndpoint } from "../../lib/demo/endpoint.ts";
import { createHandler } from "../../lib/http/routes.ts";
import type { RouteDeps } from "../../lib/http/routes.ts";
import { failed } from "../fakes/checks.ts";
import { neighbour } from "../fakes/pods.ts";
import { result, view } from "../fakes/results.ts";

const METRICS = "# HELP a b\na 1\n".repeat(200);

function handler(changes: Partial<RouteDeps> = {}) {
  return createHandler({
    view,
    metrics: {
      text: () => Promise.resolve(METRICS),
      contentType: "text/plain; version=0.0.4; charset=utf-8",
      answered() {},
    },
    self: () => ({}),
    isAgent: () => false,
    udpCookie: () => undefined,
    incoming: createIncoming(() => 0),
    notReady: () => undefined,
    ...changes,
  });
}

async function ask(
  path: string,
  init: RequestInit = {},
  deps: Partial<RouteDeps> = {},
): Promise<Response> {
  const request = new Request(`http://kubenurse:8080${path}`, init);
  return await handler(deps)(request);
}

const PATHS = ["/", "/alive", "/alwayshappy", "/ready", "/metrics"];

Deno.test("/alive is the sample of the contract, byte by byte", async () => {
  const golden = new URL("../golden/alive.json", import.meta.url);
  const neighbours = [
    neighbour(66, {
      podName: "kubenurse-1234-8fh2x",
      ips: ["10.10.10.67"],
      hostIp: "10.12.12.66",
      nodeName: "k8s-66.example.com",
    }),
    neighbour(89, {
      podName: "kubenurse-1234-ffjbs",
      ips: ["10.10.10.138"],
      hostIp: "10.12.12.89",
      nodeName: "k8s-89.example.com",
    }),
  ];
  const headers = {
    "accept-encoding": "gzip, deflate, br",
    accept:
      "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,*/*;q=0.8",
  };
  for (const path of ["/", "/alive", "/alive?x=1"]) {
    const response = await ask(path, { headers }, {
      view: () => view({ neighbours }),
    });
    assertEquals(await response.text(), await Deno.readTextFile(golden));
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "application/json");
  }
});

Deno.test("/alive answers 500 when not all is well, with the same keys", async () => {
  const results = [...view().results, result("me_ingress", failed())];
  const response = await ask("/alive", {}, { view: () => view({ results }) });
  assertEquals(response.status, 500);
  assertEquals((await response.json()).me_service, "ok");
});

Deno.test("/alive reads what is known anew for each of a hundred requests, and nothing else", async () => {
  let views = 0;
  const answer = handler({
    view() {
      views++;
      return view({ complete: views > 50 });
    },
    metrics: {
      text: () => Promise.reject(new Error("not for /alive")),
      contentType: "",
      answered() {},
    },
    notReady() {
      throw new Error("not for /alive");
    },
  });
  const codes: number[] = [];
  for (let i = 0; i < 100; i++) {
    codes.push((await answer(new Request("http://kubenurse/alive"))).status);
  }
  assertEquals(views, 100);
  assertEquals(codes, [...Array(50).fill(500), ...Array(50).fill(200)]);
});

Deno.test("/alwayshappy says ok whatever the state", async () => {
  const response = await ask("/alwayshappy", {}, {
    view() {
      throw new Error("not for /alwayshappy");
    },
    notReady: () => "shutting down",
  });
  assertEquals([response.status, await response.text()], [200, "ok\n"]);
});

Deno.test("/alwayshappy counts the neighbours that give their name", async () => {
  const incoming = createIncoming(() => 0);
  for (const name of ["a", "b", "a", ""]) {
    const headers = { "kubenurse-neighbour-origin": name };
    await ask("/alwayshappy", { headers }, { incoming });
    await ask("/alive", { headers: { "kubenurse-neighbour-origin": "no" } }, {
      incoming,
    });
  }
  await ask("/alwayshappy", {}, { incoming });
  assertEquals(incoming.count(), 2);
});

Deno.test("/alwayshappy counts no more names than can be kept", async () => {
  const incoming = createIncoming(() => 0);
  const answer = handler({ incoming });
  for (let i = 0; i < 9_000; i++) {
    const headers = { "KUBENURSE-NEIGHBOUR-ORIGIN": `name-${i}` };
    await answer(new Request("http://kubenurse/alwayshappy", { headers }));
  }
  assertEquals(incoming.count(), 8_192);
});

Deno.test("/alwayshappy names node and Pod, as far as they are known", async () => {
  const known = await ask("/alwayshappy", {}, {
    self: () => ({ node: "node-1", pod: "kubenurse-1" }),
  });
  assertEquals(known.headers.get("kubenurse-node"), "node-1");
  assertEquals(known.headers.get("kubenurse-pod"), "kubenurse-1");
  const unknown = await ask("/alwayshappy");
  assertEquals(unknown.headers.has("kubenurse-node"), false);
  assertEquals(unknown.headers.has("kubenurse-pod"), false);
});

Deno.test("/alwayshappy gives an agent what lets it send UDP packets, and nobody else", async () => {
  const asked = handler({
    udpCookie: (address) => address === "10.0.0.2" ? "c00c1e" : undefined,
  });
  async function given(peer?: string): Promise<string | null> {
    const url = "http://kubenurse:8080/alwayshappy";
    const response = await asked(new Request(url), peer);
    return response.headers.get("kubenurse-udp");
  }
  assertEquals(await given("10.0.0.2"), "c00c1e");
  assertEquals(await given("10.0.0.3"), null);
  assertEquals(await given(), null);
});

Deno.test("/alwayshappy tells which check it answers", async () => {
  const answered: string[] = [];
  const headers = { "KUBENURSE-CHECK": "me_service" };
  await ask("/alwayshappy", { headers }, {
    metrics: {
      text: () => Promise.resolve(""),
      contentType: "",
      answered: (type) => void answered.push(type),
    },
  });
  assertEquals(answered, ["me_service"]);
});

/** What a neighbour, or somebody else, gets for so many bytes. */
const LOOKS = [
  { bytes: FULL_SIZE_BYTES, agent: true, status: 200, got: FULL_SIZE_BYTES },
  { bytes: FULL_SIZE_BYTES + 1, agent: true, status: 413, got: 11 },
  { bytes: 1, agent: true, status: 413, got: 11 },
  { bytes: FULL_SIZE_BYTES, agent: false, status: 403, got: 10 },
] as const;
for (const { bytes, agent, status, got } of LOOKS) {
  Deno.test(`${PATH_MTU} answers ${status} to ${bytes} bytes of ${agent ? "a neighbour" : "a stranger"}`, async () => {
    const isAgent = (address: string) => agent && address === "127.0.0.1";
    const endpoint = await startEndpoint(handler({ isAgent }));
    const response = await fetch(endpoint.url + PATH_MTU, {
      method: "POST",
      body: new Uint8Array(bytes),
    });
    assertEquals(response.status, status);
    assertEquals((await response.bytes()).length, got);
    await endpoint.close();
  });
}

Deno.test(`${PATH_MTU} answers nothing but POST`, async () => {
  const deps = { isAgent: () => true };
  const response = await ask(PATH_MTU, {}, deps);
  assertEquals(response.status, 405);
  assertEquals(response.headers.get("allow"), "POST");
});

Deno.test("/ready says whether, and why not", async () => {
  const ready = await ask("/ready");
  assertEquals([ready.status, await ready.text()], [200, "ready\n"]);
  const not = await ask("/ready", {}, { notReady: () => "shutting down" });
  assertEquals([not.status, await not.text()], [
    503,
    "not ready: shutting down\n",
  ]);
});

async function gunzipped(response: Response): Promise<string> {
  const stream = response.body!.pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).text();
}

for (
  const { accept, gzip } of [
    { accept: "gzip", gzip: true },
    { accept: "gzip, deflate, br", gzip: true },
    { accept: "identity;q=0.5, gzip", gzip: true },
    { accept: "*", gzip: true },
    { accept: undefined, gzip: false },
    { accept: "identity", gzip: false },
    { accept: "br", gzip: false },
    { accept: "gzip;q=0", gzip: false },
    { accept: "identity, gzip;q=0.5", gzip: false },
    { accept: "nonsense;q=;;", gzip: false },
  ]
) {
  Deno.test(`/metrics is ${gzip ? "zipped" : "plain"} for Accept-Encoding ${accept}`, async () => {
    const headers: HeadersInit = accept ? { "accept-encoding": accept } : {};
    const response = await ask("/metrics", { headers });
    assertEquals(response.status, 200);
    assertEquals(
      response.headers.get("content-encoding"),
      gzip ? "gzip" : null,
    );
    assertEquals(response.headers.get("vary"), "Accept-Encoding");
    assertEquals(
      response.headers.get("content-type"),
      "text/plain; version=0.0.4; charset=utf-8",
    );
    const text = gzip ? await gunzipped(response) : await response.text();
    assertEquals(text, METRICS);
  });
}

for (
  const path of [
    "/nothing",
    "/alive/",
    "/Alive",
    "//alive",
    "/metrics/x",
    "/%61live",
    "/favicon.ico",
    "/probe?target=http://10.0.0.1",
    "/__proto__",
  ]
) {
  Deno.test(`${path} does not exist`, async () => {
    for (const method of ["GET", "POST"]) {
      const response = await ask(path, { method });
      assertEquals([response.status, await response.text()], [
        404,
        "Not Found\n",
      ]);
    }
  });
}

for (
  const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]
) {
  Deno.test(`${method} is not allowed`, async () => {
    for (const path of PATHS) {
      const response = await ask(path, { method });
      assertEquals([response.status, response.headers.get("allow")], [
        405,
        "GET, HEAD",
      ]);
      assertEquals(await response.text(), "Method Not Allowed\n");
    }
  });
}

Deno.test("HEAD is answered with the status and the headers of GET", async () => {
  for (const path of [...PATHS, "/nothing"]) {
    const get = await ask(path);
    const head = await ask(path, { method: "HEAD" });
    assertEquals(head.status, get.status);
    assertEquals([...head.headers], [...get.headers]);
  }
});

Deno.test("no answer is kept by a cache or taken for another type", async () => {
  for (const path of [...PATHS, "/nothing"]) {
    const { headers } = await ask(path);
    assertEquals(headers.get("cache-control"), "no-store");
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assert(headers.get("content-type"));
  }
});
