import { assertEquals } from "@std/assert";
import {
  choiceHoldsUntil,
  chooseNeighbours,
  ownPod,
} from "../../lib/discovery/neighbours.ts";
import type { Agent, Choice } from "../../lib/discovery/neighbours.ts";
import { agent } from "../fakes/pods.ts";

const NOW = Date.UTC(2024, 0, 1);
const CHOICE: Choice = {
  podName: "kubenurse-1",
  nodeName: "node-1",
  limit: 0,
  allowUnschedulable: false,
  tls: false,
  wall: NOW,
};

function chosen(
  agents: readonly Agent[],
  choice: Partial<Choice> = {},
  cordoned: readonly string[] = [],
): string[] {
  return chooseNeighbours(
    { agents, cordoned: new Set(cordoned) },
    { ...CHOICE, ...choice },
  ).neighbours.map(({ podName, url }) => `${podName} ${url}`).sort();
}

const TWO = "kubenurse-2 http://10.0.0.2:8080";
const THREE = "kubenurse-3 http://10.0.0.3:8080";
const NOT_READY = { ready: false };
const TLS = { tlsPort: 8443 };

const CASES: readonly {
  name: string;
  agents: readonly Agent[];
  choice?: Partial<Choice>;
  cordoned?: readonly string[];
  want: readonly string[];
}[] = [
  {
    name: "takes all but its own Pod",
    agents: [agent(1), agent(2), agent(3)],
    want: [TWO, THREE],
  },
  {
    name: "knows its own node without its own Pod",
    agents: [agent(1), agent(2)],
    choice: { podName: undefined },
    want: [TWO],
  },
  {
    name: "knows its own node from its own Pod",
    agents: [agent(1), agent(4, { nodeName: "node-1" }), agent(2)],
    choice: { nodeName: undefined },
    want: [TWO],
  },
  {
    name: "knows neither and takes all",
    agents: [agent(2), agent(3)],
    choice: { nodeName: undefined, podName: undefined },
    want: [TWO, THREE],
  },
  {
    name: "leaves out another Pod on its own node",
    agents: [agent(4, { nodeName: "node-1" })],
    want: [],
  },
  {
    name: "leaves out a Pod without a node",
    agents: [agent(2, { nodeName: "" })],
    want: [],
  },
  {
    name: "leaves out a Pod without an address",
    agents: [agent(2, { ips: [] })],
    want: [],
  },
  {
    name: "leaves out a Pod that terminates",
    agents: [agent(2, { terminating: true })],
    want: [],
  },
  ...["Pending", "Succeeded", "Failed", "Unknown", "Sleeping", ""].map((
    phase,
  ) => ({
    name: `leaves out a Pod in phase ${JSON.stringify(phase)}`,
    agents: [agent(2, { phase })],
    want: [],
  })),
  {
    name: "leaves out a young Pod that is not ready",
    agents: [agent(2, { ...NOT_READY, created: NOW - 60_000 })],
    want: [],
  },
  {
    name: "takes an old Pod that is not ready",
    agents: [agent(2, { ...NOT_READY, created: NOW - 60_001 })],
    want: [TWO],
  },
  {
    name:
      "leaves out a Pod that is not ready, of a node whose clock is a little ahead",
    agents: [agent(2, { ...NOT_READY, created: NOW + 60_000 })],
    want: [],
  },
  {
    name: "takes a Pod that is not ready from the future, for clocks jump",
    agents: [agent(2, { ...NOT_READY, created: NOW + 60_001 })],
    want: [TWO],
  },
  {
    name: "takes a Pod of unknown age that is not ready",
    agents: [agent(2, { ...NOT_READY, created: 0 })],
    want: [TWO],
  },
  {
    name: "takes a young Pod that is ready",
    agents: [agent(2, { created: NOW })],
    want: [TWO],
  },
  {
    name: "leaves out Pods on cordoned nodes",
    agents: [agent(2), agent(3)],
    cordoned: ["node-2"],
    want: [THREE],
  },
  {
    name: "takes Pods on cordoned nodes when told to",
    agents: [agent(2), agent(3)],
    cordoned: ["node-2"],
    choice: { allowUnschedulable: true },
    want: [TWO, THREE],
  },
  {
    name: "has neighbours on a cordoned node too",
    agents: [agent(1), agent(2)],
    cordoned: ["node-1"],
    want: [TWO],
  },
  {
    name: "takes the ready one of two Pods on a node",
    agents: [
      agent(2, { ready: false, created: NOW - 60_001 }),
      agent(5, { nodeName: "node-2", created: 1 }),
    ],
    want: ["kubenurse-5 http://10.0.0.5:8080"],
  },
  {
    name: "takes the newer one of two ready Pods on a node",
    agents: [
      agent(2, { created: 5 }),
      agent(5, { nodeName: "node-2", created: 4 }),
    ],
    want: [TWO],
  },
  {
    name: "takes the first by name of two like Pods on a node",
    agents: [agent(5, { nodeName: "node-2" }), agent(2)],
    want: [TWO],
  },
  {
    name: "uses TLS where it is told to, on the port that the Pod names",
    agents: [agent(1, TLS), agent(2, { tlsPort: 9443 })],
    choice: { tls: true },
    want: ["kubenurse-2 https://10.0.0.2:9443"],
  },
  {
    name: "uses TLS on upstream's port where no Pod names one",
    agents: [agent(1), agent(2), agent(3, { ips: ["fd00::3"] })],
    choice: { tls: true },
    want: [
      "kubenurse-2 https://10.0.0.2:8443",
      "kubenurse-3 https://[fd00::3]:8443",
    ],
  },
  {
    name: "uses plain HTTP for a Pod from before its own had a port for TLS",
    agents: [agent(1, TLS), agent(2), agent(3, TLS)],
    choice: { tls: true },
    want: [TWO, "kubenurse-3 https://10.0.0.3:8443"],
  },
  {
    name: "uses plain HTTP where it is not told to use TLS",
    agents: [agent(1, TLS), agent(2, TLS)],
    want: [TWO],
  },
  {
    name: "uses the Pod's own port",
    agents: [agent(2, { port: 9999 })],
    want: ["kubenurse-2 http://10.0.0.2:9999"],
  },
  {
    name: "puts an IPv6 address in brackets",
    agents: [agent(2, { ips: ["fd00::2"] })],
    want: ["kubenurse-2 http://[fd00::2]:8080"],
  },
  {
    name:
      "takes the primary address of a dual-stack Pod when its own is not known",
    agents: [agent(2, { ips: ["fd00::2", "10.0.0.2"] })],
    want: ["kubenurse-2 http://[fd00::2]:8080"],
  },
  {
    name: "prefers its own address family, IPv4",
    agents: [
      agent(1, { ips: ["10.0.0.1", "fd00::1"] }),
      agent(2, { ips: ["fd00::2", "10.0.0.2"] }),
    ],
    want: [TWO],
  },
  {
    name: "prefers its own address family, IPv6",
    agents: [
      agent(1, { ips: ["fd00::1", "10.0.0.1"] }),
      agent(2, { ips: ["10.0.0.2", "fd00::2"] }),
    ],
    want: ["kubenurse-2 http://[fd00::2]:8080"],
  },
  {
    name: "takes the other family where there is no choice",
    agents: [agent(1, { ips: ["fd00::1"] }), agent(2)],
    want: [TWO],
  },
];
for (const { name, agents, choice, cordoned, want } of CASES) {
  Deno.test(`chooseNeighbours() ${name}`, () => {
    assertEquals(chosen(agents, choice, cordoned), want);
    assertEquals(chosen(agents.toReversed(), choice, cordoned), want);
  });
}

Deno.test("chooseNeighbours() chooses as many as the limit says, the same from any order", () => {
  const agents = Array.from({ length: 30 }, (_, i) => agent(i + 1));
  const some = chosen(agents, { limit: 10 });
  assertEquals(some.length, 10);
  assertEquals(chosen(agents.toReversed(), { limit: 10 }), some);
  assertEquals(chosen(agents).length, 29);
});

Deno.test("chooseNeighbours() chooses of each other zone", () => {
  const agents = Array.from(
    { length: 30 },
    (_, i) => agent(i + 1, { zone: i < 10 ? "a" : i < 20 ? "b" : "c" }),
  );
  const zones = agents.flatMap((self) => {
    const { podName, nodeName } = self;
    const choice = { ...CHOICE, podName, nodeName, limit: 2 };
    const { neighbours } = chooseNeighbours(
      { agents, cordoned: new Set() },
      choice,
    );
    return [[self, ...neighbours].map(({ zone }) => zone).sort().join("")];
  });
  assertEquals(zones, agents.map(() => "abc"));
});

const UNTIL: readonly { name: string; ages: number[]; want: number }[] = [
  { name: "for ever while all are ready", ages: [], want: Infinity },
  { name: "for ever when all are old", ages: [60_001], want: Infinity },
  {
    name: "until the oldest young one has grown up",
    ages: [1, 7],
    want: 59_993,
  },
  {
    name: "until one from the future is young",
    ages: [-120_000],
    want: 60_000,
  },
];
for (const { name, ages, want } of UNTIL) {
  Deno.test(`choiceHoldsUntil() is ${name}`, () => {
    const agents = [
      agent(1),
      ...ages.map((age, i) =>
        agent(i + 2, { ready: false, created: NOW - age })
      ),
    ];
    assertEquals(choiceHoldsUntil(agents, NOW) - NOW, want);
  });
}

Deno.test("chooseNeighbours() counts the limit among the usable ones", () => {
  const agents = Array.from(
    { length: 30 },
    (_, i) => agent(i + 1, { terminating: i % 2 === 0 }),
  );
  assertEquals(chosen(agents, { limit: 10 }).length, 10);
  assertEquals(chosen(agents, { limit: 20 }).length, 15);
});

Deno.test("ownPod() finds a Pod by its name", () => {
  assertEquals(ownPod([agent(1), agent(2)], "kubenurse-2"), agent(2));
  assertEquals(ownPod([agent(1)], "kubenurse-2"), undefined);
  assertEquals(ownPod([agent(1)], undefined), undefined);
});
