import { assertEquals, assertRejects } from "@std/assert";
import type { Agent } from "../../lib/discovery/neighbours.ts";
import { sliceSource, toAgents } from "../../lib/discovery/slice_source.ts";
import type { EndpointSlice } from "../../lib/discovery/slice_source.ts";
import type { Source } from "../../lib/discovery/source.ts";
import { ApiError } from "../../lib/kubernetes/client.ts";
import { fakeApiServer, status } from "../fakes/api_server.ts";
import type { FakeApiServer } from "../fakes/api_server.ts";
import { fakeClock } from "../fakes/clock.ts";
import { slice } from "../fakes/pods.ts";

const { signal } = new AbortController();

function sourceOf(slices: readonly unknown[]): [Source, FakeApiServer] {
  const server = fakeApiServer(fakeClock());
  server.slices = slices as EndpointSlice[];
  const source = sliceSource({
    api: server.client,
    namespace: "kube-system",
    service: "kubenurse-headless",
  });
  return [source, server];
}

const PATH =
  "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubenurse-headless";

for (
  const [name, fresh, query] of [
    ["from the cache", false, "&resourceVersion=0"],
    ["past the cache", true, ""],
  ] as const
) {
  Deno.test(`sliceSource() lists the Service's slices ${name}`, async () => {
    const [source, server] = sourceOf([slice(1, 2), slice(3)]);
    const { agents } = await source.list(signal, fresh);
    assertEquals(agents.map(({ podName }) => podName), [
      "kubenurse-1",
      "kubenurse-2",
      "kubenurse-3",
    ]);
    assertEquals(server.sliceList.urls, [PATH + query]);
  });
}

Deno.test("sliceSource() puts both addresses of a Pod together, and each Pod once", async () => {
  const { endpoints } = slice(1);
  const six = { endpoints: [{ ...endpoints![0], addresses: ["fd00::1"] }] };
  const [source] = sourceOf([slice(1), six, slice(1, 2)]);
  const { agents } = await source.list(signal, false);
  assertEquals(agents.map(({ ips }) => ips), [["10.0.0.1", "fd00::1"], [
    "10.0.0.2",
  ]]);
});

Deno.test("sliceSource() says what may be wrong when there are no endpoints", async () => {
  for (const slices of [[], [{}], [{ endpoints: null }]]) {
    const [source] = sourceOf(slices);
    const error = await assertRejects(
      () => source.list(signal, false),
      ApiError,
    );
    assertEquals(
      error.message,
      "the Service kubenurse-headless in the namespace kube-system has no endpoints: is it there, and does it select the agents?",
    );
  }
});

Deno.test("sliceSource() says which permission lacks", async () => {
  const [source, server] = sourceOf([]);
  server.sliceList.answer = () => status(403, "no");
  const error = await assertRejects(() => source.list(signal, false), ApiError);
  assertEquals(error.status, 403);
  assertEquals(
    error.message,
    "GET https://api.example/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices: answered 403: no (the Role of the ServiceAccount needs list on endpointslices)",
  );
});

const POD = { targetRef: { kind: "Pod", name: "a", uid: "b" } };
const KEPT: Agent = {
  podName: "a",
  uid: "b",
  nodeName: "",
  zone: "",
  ips: [],
  hostIp: "",
  port: 8080,
  tlsPort: undefined,
  phase: "Running",
  terminating: false,
  ready: true,
  created: 0,
};
const ENDPOINTS: readonly {
  name: string;
  endpoint: unknown;
  ports?: unknown;
  want: Partial<Agent> | undefined;
}[] = [
  { name: "keeps a Pod of which little is known", endpoint: POD, want: {} },
  {
    name: "keeps node, zone and address",
    endpoint: { ...POD, nodeName: "n", zone: "z", addresses: ["10.0.0.1"] },
    want: { nodeName: "n", zone: "z", ips: ["10.0.0.1"] },
  },
  {
    name: "sees that a Pod is not ready, though it is published",
    endpoint: { ...POD, conditions: { ready: true, serving: false } },
    want: { ready: false },
  },
  {
    name: "goes by ready where serving is not told",
    endpoint: { ...POD, conditions: { ready: false } },
    want: { ready: false },
  },
  {
    name: "sees that a Pod terminates",
    endpoint: { ...POD, conditions: { serving: true, terminating: true } },
    want: { terminating: true },
  },
  {
    name: "takes the port named https",
    endpoint: POD,
    ports: [{ name: "http", port: 8080 }, { name: "https", port: 9443 }],
    want: { tlsPort: 9443 },
  },
  {
    name: "takes the port named http",
    endpoint: POD,
    ports: [null, { name: "x", port: 1 }, { name: "http", port: 9000 }],
    want: { port: 9000 },
  },
  {
    name: "bears ports that are none",
    endpoint: POD,
    ports: [{ name: "http", port: null }],
    want: {},
  },
  ...[0, -1, 1.5, 65_536, 1e300, "8081"].map((port) => ({
    name: `takes no port ${port}`,
    endpoint: POD,
    ports: [{ name: "http", port }, { name: "https", port }],
    want: {},
  })),
  {
    name: "takes no node whose name is none",
    endpoint: { ...POD, nodeName: "n\u00f6\nde" },
    want: {},
  },
  {
    name: "bears addresses that are none",
    endpoint: { ...POD, addresses: ["a.example", "fe80::1%eth0", null, 7] },
    want: {},
  },
  {
    name: "bears values of other types",
    endpoint: {
      targetRef: { ...POD.targetRef, uid: 7 },
      nodeName: [],
      zone: null,
      addresses: {},
      conditions: null,
    },
    want: { uid: "" },
  },
  { name: "leaves null out", endpoint: null, want: undefined },
  {
    name: "leaves out what is no Pod",
    endpoint: { targetRef: { kind: "Node", name: "a" } },
    want: undefined,
  },
  {
    name: "leaves out what has no name",
    endpoint: { targetRef: { kind: "Pod" } },
    want: undefined,
  },
  {
    name: "leaves out an address without a target",
    endpoint: { addresses: ["10.0.0.1"] },
    want: undefined,
  },
];
for (const { name, endpoint, ports = null, want } of ENDPOINTS) {
  Deno.test(`toAgents() ${name}`, () => {
    const found = toAgents({ endpoints: [endpoint], ports } as EndpointSlice);
    assertEquals(found, want ? [{ ...KEPT, ...want }] : []);
  });
}

Deno.test("toAgents() bears a slice that is none", () => {
  for (const slice of [null, 7, {}, { endpoints: 5, ports: 6 }]) {
    assertEquals(toAgents(slice as EndpointSlice), []);
  }
});
