import { assert, assertEquals } from "@std/assert";
import { createDiscovery } from "../../lib/discovery/discovery.ts";
import type {
  Discovery,
  DiscoveryDeps,
} from "../../lib/discovery/discovery.ts";
import type { Neighbour, Pod } from "../../lib/discovery/neighbours.ts";
import {
  fakeApiServer,
  list,
  never,
  refused,
  status,
} from "../fakes/api_server.ts";
import type { Answer, FakeApiServer } from "../fakes/api_server.ts";
import { fakeClock } from "../fakes/clock.ts";
import type { FakeClock } from "../fakes/clock.ts";
import { fakeLog } from "../fakes/log.ts";
import { pod, slice } from "../fakes/pods.ts";

interface Setup {
  readonly clock: FakeClock;
  readonly server: FakeApiServer;
  readonly discovery: Discovery;
}

/** Runs the discovery of `node-1` in a cluster of four while `test` runs. */
async function discovering(
  test: (setup: Setup) => Promise<void>,
  changes: Partial<DiscoveryDeps> = {},
) {
  const clock = fakeClock();
  using _ = clock.takeOverTimeouts();
  const server = fakeApiServer(clock);
  server.pods = [pod(1), pod(2), pod(3), pod(4)];
  server.slices = [slice(1, 2), slice(3, 4)];
  const discovery = createDiscovery({
    api: server.client,
    clock,
    random: () => 0.5,
    log: fakeLog(),
    discovery: "pods",
    namespace: "kube-system",
    service: "kubenurse-headless",
    selector: "app=kubenurse",
    podName: "kubenurse-1",
    nodeName: "node-1",
    limit: 10,
    allowUnschedulable: false,
    tls: false,
    ...changes,
  });
  const stop = new AbortController();
  const running = discovery.run(stop.signal);
  await clock.settle();
  try {
    await test({ clock, server, discovery });
  } finally {
    stop.abort();
    await running;
  }
}

function nodes(discovery: Discovery): string[] {
  return discovery.neighbours().map(({ nodeName }) => nodeName).sort();
}

function on(node: string, discovery: Discovery): Neighbour {
  return discovery.neighbours().find(({ nodeName }) => nodeName === node)!;
}

/** Whether a neighbour is still there, and after how many milliseconds that is known. */
async function verdict({ clock, discovery }: Setup, neighbour: Neighbour) {
  const asked = clock.now();
  let answer: { there: boolean; afterMs: number } | undefined;
  discovery.isStillThere(neighbour).then((there) =>
    answer = { there, afterMs: clock.now() - asked }
  );
  await clock.advance(5_000);
  assert(answer, "no answer within 5 s");
  return answer;
}

Deno.test("createDiscovery() knows the neighbours after the first list", () =>
  discovering(async ({ clock, discovery }) => {
    await discovery.first;
    assertEquals(nodes(discovery), ["node-2", "node-3", "node-4"]);
    assertEquals(discovery.error(), undefined);
    assertEquals(discovery.ageSeconds(), 0);
    await clock.advance(2_500);
    assertEquals(discovery.ageSeconds(), 2.5);
  }));

Deno.test("createDiscovery() knows nothing before the first list", () =>
  discovering(({ discovery }) => {
    const idle = createDiscovery({
      api: { list: never, watch: () => assert(false) },
    } as unknown as DiscoveryDeps);
    assertEquals(idle.ageSeconds(), undefined);
    assertEquals(idle.nodeName(), undefined);
    assertEquals(idle.isCordoned(), false);
    assert(discovery);
    return Promise.resolve();
  }));

Deno.test("createDiscovery() reads its node from its own Pod", () =>
  discovering(({ discovery }) => {
    assertEquals(discovery.nodeName(), "node-1");
    assertEquals(nodes(discovery), ["node-2", "node-3", "node-4"]);
    return Promise.resolve();
  }, { nodeName: undefined }));

Deno.test("createDiscovery() sees nodes being cordoned, its own too", () =>
  discovering(async ({ clock, server, discovery }) => {
    for (const name of ["node-1", "node-2"]) {
      server.watch().send("ADDED", { metadata: { name } });
    }
    await clock.settle();
    assertEquals(discovery.isCordoned(), true);
    assertEquals(nodes(discovery), ["node-3", "node-4"]);
    server.watch().send("DELETED", { metadata: { name: "node-1" } });
    await clock.settle();
    assertEquals(discovery.isCordoned(), false);
  }));

Deno.test("createDiscovery() does not ask for nodes when cordoned ones count", () =>
  discovering(async ({ clock, server, discovery }) => {
    await clock.advance(60_000);
    assertEquals(server.nodeList.asked, []);
    assertEquals(discovery.isCordoned(), false);
    assertEquals(nodes(discovery).length, 3);
  }, { allowUnschedulable: true }));

Deno.test("createDiscovery() takes a young Pod in once it is ready or no longer young", () =>
  discovering(async ({ clock, server, discovery }) => {
    const startTime = new Date(clock.wall()).toISOString();
    server.pods = [pod(1), pod(2, { status: { startTime, conditions: [] } })];
    await clock.advance(10_000);
    assertEquals(nodes(discovery), []);
    await clock.advance(50_001);
    assertEquals(nodes(discovery), ["node-2"]);
  }));

const OUTAGES: readonly { name: string; answer: Answer }[] = [
  { name: "is away", answer: refused },
  { name: "hangs", answer: never },
  { name: "answers 401", answer: () => status(401, "Unauthorized") },
  { name: "answers 403", answer: () => status(403, "forbidden") },
  { name: "answers 410", answer: () => status(410, "too old") },
  {
    name: "answers 429",
    answer: () => status(429, "slow down", { "retry-after": "60" }),
  },
  { name: "answers 500", answer: () => status(500, "no") },
  { name: "answers garbage", answer: () => new Response("garbage") },
];
for (const { name, answer } of OUTAGES) {
  Deno.test(`createDiscovery() keeps its neighbours while the API server ${name}`, () =>
    discovering(async (setup) => {
      const { clock, server, discovery } = setup;
      server.podList.answer = server.lookUp.answer = answer;
      server.nodeList.answer = answer;
      server.watch().break();
      await clock.advance(3_600_000);
      assertEquals(nodes(discovery), ["node-2", "node-3", "node-4"]);
      assertEquals(discovery.ageSeconds(), 3_600);
      assert(discovery.error() !== undefined);

      const { there } = await verdict(setup, on("node-2", discovery));
      assertEquals(there, true);
    }));
}

Deno.test("isStillThere() looks at one node for a neighbour that was replaced", () =>
  discovering(async (setup) => {
    const { server, discovery } = setup;
    const gone = on("node-2", discovery);
    server.pods = [pod(1), pod(9, { spec: { nodeName: "node-2" } }), pod(3)];
    assertEquals(await verdict(setup, gone), { there: false, afterMs: 0 });
    assertEquals(server.podList.asked, [0]);
    assertEquals(server.lookUp.urls, [
      "/api/v1/namespaces/kube-system/pods?labelSelector=app%3Dkubenurse&fieldSelector=spec.nodeName%3Dnode-2&resourceVersion=0",
    ]);
    assertEquals(on("node-2", discovery).podName, "kubenurse-9");
  }));

for (
  const { name, successor } of [
    { name: "has stopped", successor: [] },
    {
      name: "terminates",
      successor: [
        pod(2, {
          metadata: {
            name: "kubenurse-2",
            uid: "uid-2",
            deletionTimestamp: "2024-01-01T00:00:00Z",
          },
        }),
      ],
    },
    {
      name: "has a successor of the same name",
      successor: [pod(2, { metadata: { name: "kubenurse-2", uid: "other" } })],
    },
    {
      name: "has another address",
      successor: [pod(2, { status: { podIP: "10.0.0.22", podIPs: [] } })],
    },
    {
      name: "has failed",
      successor: [pod(2, { status: { phase: "Failed" } })],
    },
  ]
) {
  Deno.test(`isStillThere() denies a neighbour that ${name}`, () =>
    discovering(async (setup) => {
      const gone = on("node-2", setup.discovery);
      setup.server.pods = [pod(1), ...successor, pod(3)];
      assertEquals((await verdict(setup, gone)).there, false);
    }));
}

Deno.test("isStillThere() denies a neighbour that was not ready when it failed and is so now", () =>
  discovering(async (setup) => {
    const { clock, server } = setup;
    server.pods = [pod(1), pod(2, { status: { conditions: [] } }), pod(3)];
    await clock.advance(15_000);
    const starting = on("node-2", setup.discovery);
    assertEquals((await verdict(setup, starting)).there, true);
    setup.discovery.answered(starting);
    server.pods = [pod(1), pod(2), pod(3)];
    assertEquals((await verdict(setup, starting)).there, false);
  }));

Deno.test("isStillThere() denies a neighbour whose node was cordoned", () =>
  discovering(async (setup) => {
    const cordoned = on("node-2", setup.discovery);
    setup.server.watch().send("ADDED", { metadata: { name: "node-2" } });
    assertEquals((await verdict(setup, cordoned)).there, false);
  }));

Deno.test("isStillThere() does not excuse a neighbour for one that comes before it on the ring", () =>
  discovering(async (setup) => {
    const { clock, server, discovery } = setup;
    const [failing] = discovery.neighbours();
    server.pods = Array.from({ length: 400 }, (_, i) => pod(i + 1));
    await clock.advance(10_000);
    assert(discovery.neighbours()[0]!.nodeName !== failing!.nodeName);
    // half of what 400 agents take
    assertEquals(await verdict(setup, failing!), {
      there: true,
      afterMs: 1_000,
    });
  }, { limit: 1 }));

Deno.test("isStillThere() looks a neighbour up that was confirmed ever more seldom", () =>
  discovering(async (setup) => {
    const { server, discovery } = setup;
    const failing = on("node-2", discovery);
    for (let round = 0; round < 48; round++) { // four minutes
      assertEquals(await verdict(setup, failing), {
        there: true,
        afterMs: 0,
      });
    }
    const lookups = server.lookUp.asked
      .map((at, i, all) => at - (all[i - 1] ?? at));
    assertEquals(lookups, [0, 10_000, 20_000, 40_000, 80_000]);
  }));

Deno.test("isStillThere() knows that a neighbour is there that answers during the look-up", () =>
  discovering(async ({ clock, server, discovery }) => {
    const late = on("node-2", discovery);
    server.lookUp.answer = never;
    const suspected = discovery.isStillThere(late);
    await clock.advance(100);
    discovery.answered(late);
    assertEquals(await suspected, true);
    server.lookUp.answer = undefined;
    server.pods = [pod(1), pod(9, { spec: { nodeName: "node-2" } }), pod(3)];
    const failing = discovery.isStillThere(late);
    await clock.advance(0);
    assertEquals(await failing, false);
  }));

Deno.test("isStillThere() denies a neighbour that was not ready and answers during the look-up", () =>
  discovering(async ({ clock, server, discovery }) => {
    server.pods = [pod(1), pod(2, { status: { conditions: [] } }), pod(3)];
    await clock.advance(15_000);
    const starting = on("node-2", discovery);
    server.lookUp.answer = never;
    const suspected = discovery.isStillThere(starting);
    await clock.advance(100);
    discovery.answered(starting);
    assertEquals(await suspected, false);
  }));

Deno.test("isStillThere() is asked once for a neighbour that fails again meanwhile", () =>
  discovering(async ({ clock, server, discovery }) => {
    server.pods = many(5_000);
    server.podList.answer = () => list(server.pods);
    await clock.advance(10_000);
    const [failing] = discovery.neighbours();
    const first = discovery.isStillThere(failing!);
    await clock.advance(5_000);
    const second = discovery.isStillThere(failing!);
    assertEquals(server.lookUp.asked, []);
    await clock.advance(7_500); // half of what 5,000 agents take
    assertEquals([await first, await second], [true, true]);
    assertEquals(server.lookUp.asked, [22_500]);
  }));

function many(n: number): Pod[] {
  return Array.from({ length: n }, (_, i) => pod(i + 1));
}

Deno.test("isStillThere() looks a neighbour up anew that has answered in between", () =>
  discovering(async (setup) => {
    const { server, discovery } = setup;
    const failing = on("node-2", discovery);
    await verdict(setup, failing);
    assertEquals(server.lookUp.asked.length, 1);
    await verdict(setup, failing);
    assertEquals(server.lookUp.asked.length, 1);
    discovery.answered(failing);
    await verdict(setup, failing);
    assertEquals(server.lookUp.asked.length, 2);
  }));

Deno.test("isStillThere() looks each node up once for all that ask at the same time", () =>
  discovering(async ({ clock, server, discovery }) => {
    await clock.advance(3_000);
    const verdicts = Promise.all(
      [...discovery.neighbours(), ...discovery.neighbours()]
        .map((one) => discovery.isStillThere(one)),
    );
    await clock.advance(0);
    assertEquals(await verdicts, Array(6).fill(true));
    assertEquals(server.lookUp.asked, [3_000, 3_000, 3_000]);
  }));

Deno.test("isStillThere() does not wait for an API server that hangs", () =>
  discovering(async (setup) => {
    setup.server.lookUp.answer = never;
    assertEquals(await verdict(setup, on("node-2", setup.discovery)), {
      there: true,
      afterMs: 3_000,
    });
  }));

Deno.test("isStillThere() does not ask an API server that is known to be away", () =>
  discovering(async (setup) => {
    const { clock, server, discovery } = setup;
    server.podList.answer = () => status(429, "", { "retry-after": "900" });
    await clock.advance(10_000);
    assertEquals(await verdict(setup, on("node-2", discovery)), {
      there: true,
      afterMs: 0,
    });
    assertEquals(server.podList.asked.length, 2);
    assertEquals(server.lookUp.asked, []);
  }));

Deno.test("isStillThere() goes by the last list when the look-up fails", () =>
  discovering(async (setup) => {
    const { server, discovery } = setup;
    server.lookUp.answer = () => status(500, "no");
    assertEquals(await verdict(setup, on("node-2", discovery)), {
      there: true,
      afterMs: 0,
    });
  }));

Deno.test("createDiscovery() looks for the successor of an agent that has gone", () =>
  discovering(async (setup) => {
    const { clock, server, discovery } = setup;
    const gone = on("node-2", discovery);
    server.pods = [pod(1), pod(3), pod(4)];
    assertEquals((await verdict(setup, gone)).there, false);
    assertEquals(nodes(discovery), ["node-3", "node-4"]);
    server.pods = [pod(1), pod(9, { spec: { nodeName: "node-2" } }), pod(3)];
    await clock.advance(3_000);
    assertEquals(on("node-2", discovery).podName, "kubenurse-9");
    assertEquals(server.podList.asked, [0]);
  }));

/** Those that are no neighbours, as a round of the sweep has them. */
function swept(discovery: Discovery): Neighbour[] {
  return discovery.others().map(discovery.asNeighbour);
}

Deno.test("isStillThere() looks one of the sweep up every ten minutes only", () =>
  discovering(async (setup) => {
    const { server, discovery } = setup;
    const [failing] = swept(discovery);
    for (let round = 0; round < 240; round++) { // twenty minutes
      assertEquals((await verdict(setup, failing!)).there, true);
    }
    assertEquals(server.lookUp.asked, [0, 600_000]);
  }, { limit: 1 }));

Deno.test("createDiscovery() does not look for the successor of one of the sweep", () =>
  discovering(async (setup) => {
    const { clock, server, discovery } = setup;
    const [gone, ...others] = swept(discovery);
    server.pods = server.pods.filter(({ spec }) =>
      spec!.nodeName !== gone!.nodeName
    );
    server.podList.answer = never;
    assertEquals((await verdict(setup, gone!)).there, false);
    assertEquals(swept(discovery), others);
    await clock.advance(300_000);
    assertEquals(server.lookUp.asked.length, 1);
  }, { limit: 1 }));

Deno.test("createDiscovery() takes the list for outdated once five of the sweep are gone, until the next", () =>
  discovering(async (setup) => {
    const { clock, server, discovery } = setup;
    server.pods = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => pod(n));
    await clock.advance(11_000);
    const others = swept(discovery);
    assertEquals(others.length, 6);
    server.pods = [pod(1)];
    for (const [i, gone] of others.entries()) {
      assertEquals(discovery.isOutdated(), i >= 5);
      discovery.isStillThere(gone);
      await clock.advance(1);
    }
    server.pods = [1, 2, 3, 4].map((n) => pod(n));
    await clock.advance(11_000);
    assertEquals(discovery.isOutdated(), false);
  }, { limit: 1 }));

const BY_SLICES = { discovery: "endpointslices" } as const;

Deno.test("createDiscovery() with EndpointSlices looks its neighbours up for what these lack", () =>
  discovering(async ({ clock, server, discovery }) => {
    await clock.advance(0);
    assertEquals(server.podList.asked, []);
    assertEquals(server.lookUp.asked, [0, 0, 0, 0]); // this node too
    assertEquals(nodes(discovery), ["node-2", "node-3", "node-4"]);
    const { hostIp, phase, zone } = on("node-2", discovery);
    assertEquals([hostIp, phase, zone], ["192.168.0.2", "Running", "zone-2"]);
    await clock.advance(60_000);
    assertEquals(server.lookUp.asked.length, 4);
    assertEquals(on("node-2", discovery).hostIp, "192.168.0.2");
  }, BY_SLICES));

Deno.test("createDiscovery() with EndpointSlices looks up as many as it probes, however many there are", () =>
  discovering(async ({ clock, server, discovery }) => {
    const numbers = Array.from({ length: 200 }, (_, i) => i + 1);
    server.slices = [
      slice(...numbers.slice(0, 100)),
      slice(...numbers.slice(100)),
    ];
    server.pods = numbers.map((n) => pod(n));
    await clock.advance(30_000);
    assertEquals(discovery.neighbours().length, 3);
    assert(discovery.neighbours().every(({ hostIp }) => hostIp !== ""));
    assert(server.lookUp.asked.length <= 7, `${server.lookUp.asked.length}`);
  }, { ...BY_SLICES, limit: 3 }));

Deno.test("createDiscovery() with EndpointSlices leaves a Pod out that a look-up shows to be starting", () =>
  discovering(async ({ clock, server, discovery }) => {
    const startTime = new Date(clock.wall()).toISOString();
    server.pods = [pod(1), pod(2, { status: { startTime, conditions: [] } })];
    const [one, two] = slice(1, 2).endpoints!;
    const conditions = { ready: true, serving: false, terminating: false };
    server.slices = [{
      ...slice(),
      endpoints: [one!, { ...two!, conditions }],
    }];
    await clock.advance(12_000);
    assertEquals(nodes(discovery), []);
    await clock.advance(50_000);
    assertEquals(nodes(discovery), ["node-2"]);
  }, BY_SLICES));

Deno.test("createDiscovery() with EndpointSlices tries ever more seldom while look-ups fail", () =>
  discovering(async ({ clock, server, discovery }) => {
    server.lookUp.answer = () => status(403, "pods is forbidden");
    server.slices = [slice(1, 5)];
    await clock.advance(3_600_000);
    assertEquals(nodes(discovery), ["node-5"]);
    assertEquals(on("node-5", discovery).hostIp, "");
    assert(server.lookUp.asked.length < 80, `${server.lookUp.asked.length}`);
  }, BY_SLICES));

Deno.test("createDiscovery() takes Pods by itself in a small cluster", () =>
  discovering(async ({ clock, server, discovery }) => {
    await clock.advance(60_000);
    assertEquals(server.sliceList.asked, [0]);
    assertEquals(server.podList.asked.length, 7);
    assertEquals(server.lookUp.asked, []);
    assertEquals(nodes(discovery).length, 3);
  }, { discovery: "auto" }));
