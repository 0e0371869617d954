import { assert, assertEquals, assertRejects } from "@std/assert";
import { startApiServer } from "../lib/demo/api_server.ts";
import type {
  DemoApiServer,
  DemoApiServerOptions,
  DemoPod,
  Fault,
} from "../lib/demo/api_server.ts";
import { createCa } from "../lib/demo/certificates.ts";
import { labelSelector } from "../lib/demo/selector.ts";

const TOKEN = "a-token";
const NODES = "/api/v1/nodes?fieldSelector=spec.unschedulable%3Dtrue";
const authority = await createCa();

/** A client that trusts the server's CA; aborts all of its requests at the end. */
function clientOf({ url, ca }: DemoApiServer) {
  const client = Deno.createHttpClient({ caCerts: [ca] });
  const stop = new AbortController();
  return {
    get: (path: string, token: string | undefined = TOKEN, host = url) =>
      fetch(`${host}${path}`, {
        client,
        signal: stop.signal,
        headers: token ? { authorization: `Bearer ${token}` } : {},
      }),
    close() {
      stop.abort();
      client.close();
    },
  };
}
type Get = ReturnType<typeof clientOf>["get"];

function test(
  name: string,
  body: (server: DemoApiServer, get: Get) => Promise<void>,
  options: Partial<DemoApiServerOptions> = {},
) {
  Deno.test(`startApiServer() ${name}`, async () => {
    await using server = await startApiServer({
      token: TOKEN,
      authority,
      nodes: ["node-1", "node-2"],
      ...options,
    });
    const client = clientOf(server);
    try {
      await body(server, client.get);
    } finally {
      client.close();
    }
  });
}

function pod(name: string, namespace: string, app: string): DemoPod {
  return { metadata: { name, namespace, labels: { app } } };
}

/** Reads events of a watch one by one. */
async function* events(response: Response) {
  let rest = "";
  const text = response.body!.pipeThrough(new TextDecoderStream());
  for await (const part of text) {
    const lines = (rest + part).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}

async function nextOf<T>(iterator: AsyncIterator<T>): Promise<T> {
  const { value, done } = await iterator.next();
  assert(!done, "the stream has ended");
  return value;
}

test("answers /version to those who have the token", async (server, get) => {
  const answer = await get("/version");
  assertEquals(answer.status, 200);
  assertEquals((await answer.json()).major, "1");
  const byName = await get(
    "/version",
    TOKEN,
    `https://localhost:${server.port}`,
  );
  assertEquals(byName.status, 200);
  await byName.body?.cancel();
});

for (const token of ["", "another-token"]) {
  test(`answers 401 to the token ${JSON.stringify(token)}`, async (_, get) => {
    const answer = await get("/version", token);
    assertEquals(answer.status, 401);
    const { kind, status, reason, code } = await answer.json();
    assertEquals({ kind, status, reason, code }, {
      kind: "Status",
      status: "Failure",
      reason: "Unauthorized",
      code: 401,
    });
  });
}

test("accepts a token that has been rotated alone", async (server, get) => {
  server.setToken("the-next");
  const [old, next] = await Promise.all([
    get("/version"),
    get("/version", "the-next"),
  ]);
  assertEquals([old.status, next.status], [401, 200]);
  await Promise.all([old.text(), next.text()]);
});

test("accepts both tokens while one is replaced", async (server, get) => {
  server.setToken(TOKEN, "the-next");
  for (const token of [TOKEN, "the-next"]) {
    const answer = await get("/version", token);
    assertEquals(answer.status, 200);
    await answer.text();
  }
});

test(
  "restarts on its port with the certificate of another CA",
  async (server, get) => {
    const { port, ca } = server;
    await server.setAuthority(await createCa());
    assertEquals(server.port, port);
    assert(server.ca !== ca);
    await assertRejects(() => get("/version"), TypeError);
    const client = clientOf(server);
    const answer = await client.get("/version");
    assertEquals(answer.status, 200);
    await answer.text();
    client.close();
  },
);

test("is not trusted without its CA", async ({ url }) => {
  await assertRejects(() => fetch(`${url}/version`), TypeError);
});

test("lists the Pods of a namespace by label", async (server, get) => {
  server.setPods([
    pod("a", "kube-system", "kubenurse"),
    pod("b", "kube-system", "coredns"),
    pod("c", "default", "kubenurse"),
  ]);
  async function names(path: string) {
    const answer = await get(path);
    assertEquals(answer.headers.get("content-type"), "application/json");
    const { kind, metadata, items } = await answer.json();
    assertEquals(kind, "PodList");
    assert(/^\d+$/.test(metadata.resourceVersion));
    return items.map((item: DemoPod) => item.metadata.name);
  }
  const path = "/api/v1/namespaces/kube-system/pods";
  assertEquals(await names(path), ["a", "b"]);
  assertEquals(await names(`${path}?labelSelector=app%3Dkubenurse`), ["a"]);
  assertEquals(await names("/api/v1/namespaces/none/pods"), []);
});

const REFUSED = [
  {
    path: "/api/v1/namespaces/default/pods?labelSelector=a%3D%3D%3D",
    want: 400,
  },
  { path: "/api/v1/nodes?fieldSelector=spec.other%3D1", want: 400 },
  { path: "/apis/apps/v1/daemonsets", want: 404 },
];
for (const { path, want } of REFUSED) {
  test(`answers ${want} to ${path}`, async (_, get) => {
    const answer = await get(path);
    assertEquals(answer.status, want);
    assertEquals((await answer.json()).code, want);
  });
}

test("lists cordoned nodes, or all", async (server, get) => {
  async function names(path: string) {
    const { items } = await (await get(path)).json();
    return items.map((node: DemoPod) => node.metadata.name);
  }
  assertEquals(await names(NODES), []);
  server.cordon("node-2");
  assertEquals(await names(NODES), ["node-2"]);
  assertEquals(await names("/api/v1/nodes"), ["node-1", "node-2"]);
  server.uncordon("node-2");
  assertEquals(await names(NODES), []);
});

test("tells of nodes that are cordoned and uncordoned", async (server, get) => {
  const { metadata } = await (await get(NODES)).json();
  server.cordon("node-1"); // between the list and the watch
  const watch = events(
    await get(
      `${NODES}&watch=true&resourceVersion=${metadata.resourceVersion}`,
    ),
  );
  async function next() {
    const { type, object } = await nextOf(watch);
    return `${type} ${object.metadata.name}`;
  }
  assertEquals(await next(), "ADDED node-1");
  server.cordon("node-1"); // no change
  server.uncordon("node-1");
  assertEquals(await next(), "DELETED node-1");
  server.cordon("node-2");
  assertEquals(await next(), "ADDED node-2");
  server.endWatches();
  assertEquals((await watch.next()).done, true);
});

test("sends bookmarks to those who want them", async (_, get) => {
  const watch = events(
    await get(`${NODES}&watch=true&allowWatchBookmarks=true&resourceVersion=0`),
  );
  const { type, object } = await nextOf(watch);
  assertEquals(type, "BOOKMARK");
  assert(Number(object.metadata.resourceVersion) > 0);
}, { bookmarkMs: 5 });

test("ends a watch after its timeout", async (_, get) => {
  const watch = events(await get(`${NODES}&watch=true&timeoutSeconds=0`));
  assertEquals((await watch.next()).done, true);
});

test("answers 410 to a version that is too old", async (server, get) => {
  const { metadata } = await (await get(NODES)).json();
  const path =
    `${NODES}&watch=true&resourceVersion=${metadata.resourceVersion}`;
  const open = events(await get(path));
  server.expire();
  assertEquals((await nextOf(open)).object.code, 410);
  assertEquals((await open.next()).done, true);
  const late = events(await get(path));
  const { type, object } = await nextOf(late);
  assertEquals([type, object.code, object.reason], ["ERROR", 410, "Expired"]);
});

const FAULTS: { fault: Fault; status: number; text: RegExp; after?: string }[] =
  [
    { fault: { status: 401 }, status: 401, text: /"Unauthorized"/ },
    { fault: { status: 403, message: "no" }, status: 403, text: /"no"/ },
    { fault: { status: 410 }, status: 410, text: /"Expired"/ },
    {
      fault: { status: 429, retryAfterSeconds: 7 },
      status: 429,
      text: /"TooManyRequests"/,
      after: "7",
    },
    { fault: { status: 500 }, status: 500, text: /"InternalError"/ },
    { fault: "garbage", status: 200, text: /not JSON/ },
  ];
for (const { fault, status, text, after } of FAULTS) {
  test(`has the fault ${JSON.stringify(fault)}`, async (server, get) => {
    await server.fault(fault);
    const answer = await get("/version");
    assertEquals(answer.status, status);
    assertEquals(answer.headers.get("retry-after") ?? undefined, after);
    assert(text.test(await answer.text()));
    await server.fault(undefined);
    const mended = await get("/version");
    assertEquals((await mended.json()).major, "1");
  });
}

test("has a fault on some paths alone", async (server, get) => {
  await server.fault({ status: 500 }, /pods/);
  const [version, pods] = await Promise.all([
    get("/version"),
    get("/api/v1/namespaces/default/pods"),
  ]);
  assertEquals([version.status, pods.status], [200, 500]);
  await Promise.all([version.text(), pods.text()]);
});

test("hangs until it is mended", async (server, get) => {
  await server.fault("hang");
  const answer = get("/version");
  while (server.requests.length === 0) await new Promise((r) => setTimeout(r));
  await server.fault(undefined);
  const { status, body } = await answer;
  assertEquals(status, 503);
  await body?.cancel();
});

test("closes while it hangs", async (server, get) => {
  await server.fault("hang");
  const answer = get("/version").then((r) => r.text(), () => "cut");
  while (server.requests.length === 0) await new Promise((r) => setTimeout(r));
  await server.close();
  await answer;
});

test("is away and comes back on the same port", async (server, get) => {
  const watch = events(await get(`${NODES}&watch=true`));
  const { port } = server;
  await server.fault("away");
  assert((await watch.next().catch(() => ({ done: true }))).done);
  await assertRejects(() => get("/version"), TypeError);
  await server.fault(undefined);
  assertEquals(server.port, port);
  const answer = await get("/version");
  assertEquals(answer.status, 200);
  await answer.text();
});

test("records requests", async (server, get) => {
  await (await get("/version?x=1", "")).text();
  await (await get("/version")).text();
  assertEquals(server.requests, [
    { method: "GET", path: "/version?x=1", authorization: false },
    { method: "GET", path: "/version", authorization: true },
  ]);
});

const LABELS = { app: "kubenurse", tier: "net" };
const SELECTORS = [
  { selector: "", want: true },
  { selector: "app", want: true },
  { selector: "!app", want: false },
  { selector: "other", want: false },
  { selector: "! other", want: true },
  { selector: "app=kubenurse", want: true },
  { selector: "app==kubenurse,tier=net", want: true },
  { selector: "app=kubenurse,tier!=net", want: false },
  { selector: "other!=x", want: true },
  { selector: "app in (a, kubenurse),tier", want: true },
  { selector: "app notin (kubenurse)", want: false },
  { selector: "other in (a)", want: false },
  { selector: "other notin (a)", want: true },
];
for (const { selector, want } of SELECTORS) {
  Deno.test(`labelSelector() ${JSON.stringify(selector)} is ${want}`, () => {
    assertEquals(labelSelector(selector)(LABELS), want);
  });
}
