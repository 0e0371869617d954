import { assertEquals } from "@std/assert";
import { agentList } from "../../lib/discovery/agent_list.ts";
import type { AgentList } from "../../lib/discovery/agent_list.ts";
import { podSource } from "../../lib/discovery/pod_source.ts";
import {
  fakeApiServer,
  list as listOf,
  never,
  refused,
  status,
} from "../fakes/api_server.ts";
import type { Answer, FakeApiServer } from "../fakes/api_server.ts";
import { fakeClock } from "../fakes/clock.ts";
import type { FakeClock } from "../fakes/clock.ts";
import { fakeLog } from "../fakes/log.ts";
import type { FakeLog } from "../fakes/log.ts";
import { agent, pod } from "../fakes/pods.ts";
import type { Pod } from "../../lib/discovery/neighbours.ts";

interface Setup {
  readonly clock: FakeClock;
  readonly server: FakeApiServer;
  readonly log: FakeLog;
  readonly list: AgentList;
}

/** Runs a keeper of two Pods' list while `test` runs. */
async function keeping(test: (setup: Setup) => Promise<void>, random = 0.5) {
  const clock = fakeClock();
  using _ = clock.takeOverTimeouts();
  const server = fakeApiServer(clock);
  server.pods = [pod(1), pod(2)];
  const log = fakeLog();
  const list = agentList({
    source: podSource({
      api: server.client,
      namespace: "kube-system",
      selector: "app in (a, b)",
    }),
    clock,
    random: () => random,
    log,
  });
  const stop = new AbortController();
  const running = list.run(stop.signal);
  await clock.settle();
  try {
    await test({ clock, server, log, list });
  } finally {
    stop.abort();
    await running;
  }
}

function names(list: AgentList): string[] {
  return list.state().agents.map(({ podName }) => podName);
}

Deno.test("agentList() lists at once what the selector finds, from the cache", () =>
  keeping(async ({ server, list }) => {
    await list.first;
    assertEquals(names(list), ["kubenurse-1", "kubenurse-2"]);
    assertEquals(list.state().error, undefined);
    assertEquals(server.podList.urls, [
      "/api/v1/namespaces/kube-system/pods?labelSelector=app+in+%28a%2C+b%29&resourceVersion=0",
    ]);
  }));

Deno.test("agentList() polls a small cluster every ten seconds", () =>
  keeping(async ({ clock, server, list }) => {
    server.pods = [pod(3)];
    await clock.advance(30_000);
    assertEquals(server.podList.asked, [0, 10_000, 20_000, 30_000]);
    assertEquals(names(list), ["kubenurse-3"]);
    assertEquals(list.state().asOf, 30_000);
  }));

for (const [random, want] of [[0, 9_000], [0.999, 10_998]] as const) {
  Deno.test(`agentList() puts jitter on its polls: ${want} ms`, () =>
    keeping(async ({ clock, server }) => {
      await clock.advance(want + 1);
      assertEquals(server.podList.asked.map(Math.round), [0, want]);
    }, random));
}

Deno.test("agentList() polls faster while Pods start, but not for ever", () =>
  keeping(async ({ clock, server }) => {
    server.pods = [pod(1, { status: { conditions: [] } })];
    await clock.advance(10_000 + 200_000);
    const gaps = server.podList.asked.map((at, i, all) =>
      at - (all[i - 1] ?? 0)
    );
    assertEquals(gaps.slice(2, 22), Array(20).fill(3_000));
    assertEquals(gaps.slice(22, 26), Array(4).fill(10_000));
  }));

const BROKEN = () =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"items":['));
        controller.error(new TypeError("connection reset"));
      },
    }),
  );
const FAILURES: readonly { name: string; answer: Answer; error: string }[] = [
  {
    name: "is away",
    answer: refused,
    error: "connection refused",
  },
  {
    name: "answers 401",
    answer: () => status(401, "Unauthorized"),
    error: "answered 401: Unauthorized",
  },
  {
    name: "answers 403",
    answer: () => status(403, "pods is forbidden"),
    error:
      "answered 403: pods is forbidden (the Role of the ServiceAccount needs list on pods)",
  },
  {
    name: "answers 410",
    answer: () => status(410, "too old resource version"),
    error: "answered 410: too old resource version",
  },
  {
    name: "answers 429",
    answer: () => status(429, "slow down"),
    error: "answered 429: slow down",
  },
  {
    name: "answers 500",
    answer: () => new Response("oops", { status: 500 }),
    error: "answered 500",
  },
  {
    name: "redirects",
    answer: () => new Response(null, { status: 302 }),
    error: "answered 302",
  },
  {
    name: "answers HTML",
    answer: () => new Response("<html>"),
    error: "answered something that is not JSON",
  },
  {
    name: "answers nothing",
    answer: () => new Response(""),
    error: "answered something that is not JSON",
  },
  {
    name: "answers no list",
    answer: () => Response.json({ kind: "Pod" }),
    error: "answered something that is not a list",
  },
  {
    name: "breaks off",
    answer: BROKEN,
    error: "the answer broke off: connection reset",
  },
];
for (const { name, answer, error } of FAILURES) {
  Deno.test(`agentList() keeps the last good list when the API server ${name}`, () =>
    keeping(async ({ clock, server, log, list }) => {
      server.podList.answer = answer;
      await clock.advance(120_000);
      assertEquals(names(list), ["kubenurse-1", "kubenurse-2"]);
      assertEquals(list.state().asOf, 0);
      assertEquals(
        list.state().error,
        `GET https://api.example/api/v1/namespaces/kube-system/pods: ${error}`,
      );
      assertEquals(log.lines, [
        "warn cannot list the agents, the last list stays in use",
      ]);
      assertEquals(log.fields, [{ error: list.state().error! }]);

      server.podList.answer = undefined;
      await clock.advance(11_000);
      assertEquals(list.state().error, undefined);
      assertEquals(log.lines.slice(1), [
        "info the list of the agents is back",
      ]);
    }));
}

Deno.test("agentList() gives up on an answer that does not come within ten seconds", () =>
  keeping(async ({ clock, server, list }) => {
    server.podList.answer = never;
    await clock.advance(19_999);
    assertEquals(list.state().error, undefined);
    await clock.advance(1);
    assertEquals(
      list.state().error,
      "GET https://api.example/api/v1/namespaces/kube-system/pods: no answer within 10 s",
    );
    assertEquals(names(list), ["kubenurse-1", "kubenurse-2"]);
  }));

Deno.test("agentList() counts the age of a list from when it was asked for", () =>
  keeping(async ({ clock, server, list }) => {
    server.podList.answer = async () => {
      await clock.sleep(4_000);
      return listOf([pod(5)]);
    };
    await clock.advance(14_000);
    assertEquals(names(list), ["kubenurse-5"]);
    assertEquals(list.state().asOf, 10_000);
  }));

Deno.test("agentList() backs off from one second to the usual interval", () =>
  keeping(async ({ clock, server }) => {
    server.podList.answer = refused;
    await clock.advance(60_000);
    const gaps = server.podList.asked.map((at, i, all) =>
      at - (all[i - 1] ?? 0)
    );
    assertEquals(gaps.slice(1, 7), [10_000, 750, 1_500, 3_000, 6_000, 7_500]);
  }));

for (const [random, want] of [[0, 500], [1, 1_000]] as const) {
  Deno.test(`agentList() puts jitter on its back-off: ${want} ms`, () =>
    keeping(async ({ clock, server }) => {
      server.podList.answer = refused;
      await clock.advance(30_000);
      const [, first, second] = server.podList.asked;
      assertEquals(second! - first!, want);
    }, random));
}

Deno.test("agentList() waits as long as Retry-After says", () =>
  keeping(async ({ clock, server }) => {
    server.podList.answer = () => status(429, "", { "retry-after": "30" });
    await clock.advance(10_000 + 30_749);
    assertEquals(server.podList.asked, [0, 10_000]);
    await clock.advance(1);
    assertEquals(server.podList.asked, [0, 10_000, 40_750]);
  }));

Deno.test("agentList() does not wait for days because Retry-After says so", () =>
  keeping(async ({ clock, server, list }) => {
    server.podList.answer = () =>
      status(503, "", { "retry-after": "999999999" });
    await clock.advance(10_000);
    server.podList.answer = undefined;
    await clock.advance(901_000);
    assertEquals(list.state().error, undefined);
  }));

Deno.test("agentList() asks again, past the cache, before it believes that there are no agents", () =>
  keeping(async ({ clock, server, log, list }) => {
    server.pods = [];
    await clock.advance(10_000);
    assertEquals(names(list), ["kubenurse-1", "kubenurse-2"]);
    assertEquals(
      list.state().error,
      "the newest list has 0 agents instead of 2",
    );
    await clock.advance(4_000);
    assertEquals(names(list), []);
    assertEquals(list.state().error, undefined);
    assertEquals(
      server.podList.urls.map((url) => url.includes("resourceVersion=0")),
      [true, true, false],
    );
    assertEquals(log.lines, [
      "warn nearly all agents are gone from the list, asking again",
      "info the list of the agents is back",
    ]);
    assertEquals(log.fields[0], { before: 2, now: 0 });
  }));

Deno.test("agentList() does not believe a list of which the next says otherwise", () =>
  keeping(async ({ clock, server, list }) => {
    server.pods = many(40);
    await clock.advance(10_000);
    server.podList.answer = () => listOf([pod(1)]);
    await clock.advance(10_000);
    assertEquals(names(list).length, 40);
    server.podList.answer = undefined;
    await clock.advance(4_000);
    assertEquals(names(list).length, 40);
    assertEquals(list.state().asOf, 24_000);
  }));

for (
  const [before, now] of [[40, 5], [40, 39], [9, 1], [1, 40], [2, 1]] as const
) {
  Deno.test(`agentList() believes that there are ${now} agents after ${before}`, () =>
    keeping(async ({ clock, server, list }) => {
      server.pods = many(before);
      await clock.advance(10_000);
      server.pods = many(now);
      await clock.advance(10_000);
      assertEquals(names(list).length, now);
    }));
}

for (const [before, now] of [[40, 4], [10, 1]] as const) {
  Deno.test(`agentList() does not believe at once that there are ${now} agents after ${before}`, () =>
    keeping(async ({ clock, server, list }) => {
      server.pods = many(before);
      await clock.advance(10_000);
      server.pods = many(now);
      await clock.advance(10_000);
      assertEquals(names(list).length, before);
    }));
}

function many(n: number): readonly Pod[] {
  return Array.from({ length: n }, (_, i) => pod(i + 1));
}

Deno.test("found() replaces what is known of one node, and keeps its zone", () =>
  keeping(async ({ clock, server, list }) => {
    const labels = { "topology.kubernetes.io/zone": "zone-a" };
    server.pods = [pod(1), pod(2, { metadata: { name: "b", labels } }), pod(3)];
    await clock.advance(10_000);
    list.found("node-2", [agent(4, { nodeName: "node-2" })]);
    const found = list.state().agents.map((
      { podName, zone },
    ) => [podName, zone]);
    assertEquals(found, [["kubenurse-1", ""], ["kubenurse-3", ""], [
      "kubenurse-4",
      "zone-a",
    ]]);
    list.found("node-3", []);
    assertEquals(names(list), ["kubenurse-1", "kubenurse-4"]);
  }));

Deno.test("agentList() says that the first attempt has ended when it failed, too", async () => {
  const clock = fakeClock();
  using _ = clock.takeOverTimeouts();
  const server = fakeApiServer(clock);
  server.podList.answer = refused;
  const stop = new AbortController();
  const list = agentList({
    source: podSource({ api: server.client, namespace: "n", selector: "a" }),
    clock,
    random: Math.random,
    log: fakeLog(),
  });
  const running = list.run(stop.signal);
  await list.first;
  assertEquals(list.state().asOf, undefined);
  assertEquals(list.state().agents, []);
  stop.abort();
  await running;
});
