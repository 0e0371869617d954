import { assertEquals } from "@std/assert";
import { toAgent } from "../../lib/discovery/neighbours.ts";
import type { Agent, Pod } from "../../lib/discovery/neighbours.ts";
import { LONG_AGO, pod } from "../fakes/pods.ts";

Deno.test("toAgent() keeps a few short strings of a Pod", () => {
  assertEquals(toAgent(pod(7)), {
    podName: "kubenurse-7",
    uid: "uid-7",
    nodeName: "node-7",
    zone: "",
    ips: ["10.0.0.7"],
    hostIp: "192.168.0.7",
    port: 8080,
    tlsPort: undefined,
    phase: "Running",
    terminating: false,
    ready: true,
    created: Date.parse(LONG_AGO),
  });
});

const NOTHING: Agent = {
  podName: "",
  uid: "",
  nodeName: "",
  zone: "",
  ips: [],
  hostIp: "",
  port: 8080,
  tlsPort: undefined,
  phase: "Unknown",
  terminating: false,
  ready: false,
  created: 0,
};
const PODS: readonly { name: string; pod: unknown; want: Partial<Agent> }[] = [
  ...["n\u00f6de", "node\n", "Node", "-node", "node ", 'a"b', "a".repeat(254)]
    .map((name) => ({
      name: `takes no name ${JSON.stringify(name.slice(0, 9))}`,
      pod: { metadata: { name }, spec: { nodeName: name } },
      want: {},
    })),
  {
    name: "takes names as long as they may be",
    pod: { metadata: { name: "a".repeat(253) }, spec: { nodeName: "n.1-x" } },
    want: { podName: "a".repeat(253), nodeName: "n.1-x" },
  },
  { name: "of nothing keeps nothing", pod: {}, want: {} },
  {
    name: "bears null where something could be",
    pod: { metadata: null, spec: null, status: null },
    want: {},
  },
  {
    name: "bears null further down",
    pod: {
      metadata: { name: null, deletionTimestamp: null },
      spec: { nodeName: null, containers: null },
      status: {
        phase: null,
        podIP: null,
        podIPs: null,
        hostIP: null,
        startTime: null,
        conditions: null,
      },
    },
    want: {},
  },
  {
    name: "bears null in lists",
    pod: {
      spec: { containers: [null, { ports: [null] }] },
      status: { podIPs: [null], conditions: [null] },
    },
    want: {},
  },
  {
    name: "takes the zone from the Pod's label",
    pod: { metadata: { labels: { "topology.kubernetes.io/zone": "zone-a" } } },
    want: { zone: "zone-a" },
  },
  {
    name: "bears values of other types",
    pod: {
      metadata: { name: 5, uid: {}, labels: 7 },
      spec: { nodeName: [], containers: {} },
      status: {
        phase: 1,
        podIP: 7,
        podIPs: [{ ip: 8 }],
        hostIP: true,
        startTime: 3,
        conditions: 4,
      },
    },
    want: {},
  },
  { name: "bears a Pod that is none", pod: null, want: {} },
  {
    name: "bears labels of other types",
    pod: { metadata: { labels: { "topology.kubernetes.io/zone": 1 } } },
    want: {},
  },
  {
    name: "bears a port out of range",
    pod: {
      spec: {
        containers: [{ ports: [{ name: "http", containerPort: 70_000 }] }],
      },
    },
    want: {},
  },
  {
    name: "puts the primary address first, each once",
    pod: {
      status: {
        podIP: "10.0.0.1",
        podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }],
      },
    },
    want: { ips: ["10.0.0.1", "fd00::1"] },
  },
  {
    name: "finds the port named http in any container",
    pod: {
      spec: {
        containers: [{ ports: [{ name: "x", containerPort: 1 }] }, {}, {
          ports: [{ containerPort: 2 }, { name: "http", containerPort: 9000 }],
        }],
      },
    },
    want: { port: 9000 },
  },
  {
    name: "finds the port named https",
    pod: {
      spec: {
        containers: [{
          ports: [{ name: "http", containerPort: 9000 }, {
            name: "https",
            containerPort: 9443,
          }],
        }],
      },
    },
    want: { port: 9000, tlsPort: 9443 },
  },
  {
    name: "bears a port named https that is none",
    pod: {
      spec: { containers: [{ ports: [{ name: "https", containerPort: 0 }] }] },
    },
    want: {},
  },
  {
    name: "has port 8080 where none is named http",
    pod: {
      spec: { containers: [{ ports: [{ name: "x", containerPort: 1 }] }] },
    },
    want: { port: 8080 },
  },
  {
    name: "sees that a Pod terminates",
    pod: { metadata: { deletionTimestamp: LONG_AGO } },
    want: { terminating: true },
  },
  {
    name: "sees that a Pod is not ready",
    pod: {
      status: {
        conditions: [{ type: "Ready", status: "False" }, {
          type: "Initialized",
          status: "True",
        }],
      },
    },
    want: {},
  },
  {
    name: "sees that a Pod is ready",
    pod: { status: { conditions: [{ type: "Ready", status: "True" }] } },
    want: { ready: true },
  },
  {
    name: "takes the creation for a Pod that has not started",
    pod: { metadata: { creationTimestamp: LONG_AGO } },
    want: { created: Date.parse(LONG_AGO) },
  },
  {
    name: "bears addresses and ports that are none",
    pod: {
      spec: {
        containers: [{ ports: [{ name: "http", containerPort: 80.5 }] }],
      },
      status: {
        podIP: "not an ip",
        podIPs: [{ ip: "evil.example/x?" }, { ip: "fe80::1%eth0" }],
      },
    },
    want: { ips: [], port: 8080 },
  },
  {
    name: "bears a time that is none",
    pod: { status: { startTime: "soon" } },
    want: {},
  },
];
for (const { name, pod, want } of PODS) {
  Deno.test(`toAgent() ${name}`, () => {
    assertEquals(toAgent(pod as Pod), { ...NOTHING, ...want });
  });
}
