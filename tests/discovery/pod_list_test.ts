import { assertEquals } from "@std/assert";
import { podList, pollMs } from "../../lib/discovery/pod_list.ts";
import type { PodList } from "../../lib/discovery/pod_list.ts";
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
import type { FakeLog } from "../fakes/log.ts";
import { pod } from "../fakes/pods.ts";

interface Setup {
  readonly clock: FakeClock;
  readonly server: FakeApiServer;
  readonly log: FakeLog;
  readonly pods: PodList;
  readonly stop: () => void;
}

/** Runs a keeper of two Pods' list while `test` runs. */
async function keeping(test: (setup: Setup) => Promise<void>, random = 0.5) {
  const clock = fakeClock();
  using _ = clock.takeOverTimeouts();
  const server = fakeApiServer(clock);
  server.pods = [pod(1), pod(2)];
  const log = fakeLog();
  const pods = podList({
    api: server.client,
    clock,
    random: () => random,
    log,
    namespace: "kube-system",
    selector: "app in (a, b)",
  });
  const stop = new AbortController();
  const running = pods.run(stop.signal);
  await clock.settle();
  try {
    await test({ clock, server, log, pods, stop: () => stop.abort() });
  } finally {
    stop.abort();
    await running;
  }
}

function names(pods: PodList): string[] {
  return pods.state().agents.map(({ podName }) => podName);
}

Deno.test("podList() lists at once what the selector finds, from the cache", () =>
  keeping(async ({ server, pods }) => {
    await pods.first;
    assertEquals(names(pods), ["kubenurse-1", "kubenurse-2"]);
    assertEquals(pods.state().error, undefined);
    assertEquals(server.podList.urls, [
      "/api/v1/namespaces/kube-system/pods?labelSelector=app+in+%28a%2C+b%29&resourceVersion=0",
    ]);
  }));

Deno.test("podList() polls a small cluster every ten seconds", () =>
  keeping(async ({ clock, server, pods }) => {
    server.pods = [pod(3)];
    await clock.advance(30_000);
    assertEquals(server.podList.asked, [0, 10_000, 20_000, 30_000]);
    assertEquals(names(pods), ["kubenurse-3"]);
    assertEquals(pods.state().asOf, 30_000);
  }));

for (const [random, want] of [[0, 9_000], [0.999, 10_998]] as const) {
  Deno.test(`podList() puts jitter on its polls: ${want} ms`, () =>
    keeping(async ({ clock, server }) => {
      await clock.advance(want + 1);
      assertEquals(server.podList.asked.map(Math.round), [0, want]);
    }, random));
}

Deno.test("podList() polls faster while Pods start, but not for ever", () =>
  keeping(async ({ clock, server }) => {
    server.pods = [pod(1, { status: { conditions: [] } })];
    await clock.advance(10_000 + 200_000);
    const gaps = server.podList.asked.map((at, i, all) =>
      at - (all[i - 1] ?? 0)
    );
    assertEquals(gaps.slice(2, 22), Array(20).fill(3_000));
    assertEquals(gaps.slice(22, 26), Array(4).fill(10_000));
  }));

for (
  const [n, ms] of [
    [0, 10_000],
    [10, 10_000],
    [200, 10_000],
    [1_000, 250_000],
    [1_900, 900_000],
    [20_000, 900_000],
  ] as const
) {
  Deno.test(`pollMs() of ${n} Pods is ${ms}`, () =>
    assertEquals(pollMs(n), ms));
}

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
    error: "tcp connect error: Connection refused",
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
  Deno.test(`podList() keeps the last good list when the API server ${name}`, () =>
    keeping(async ({ clock, server, log, pods }) => {
      server.podList.answer = answer;
      await clock.advance(120_000);
      assertEquals(names(pods), ["kubenurse-1", "kubenurse-2"]);
      assertEquals(pods.state().asOf, 0);
      assertEquals(
        pods.state().error,
        `GET https://api.example/api/v1/namespaces/kube-system/pods: ${error}`,
      );
      assertEquals(log.lines, [
        "warn cannot list the agents' Pods, the last list stays in use",
      ]);
      assertEquals(log.fields, [{ error: pods.state().error! }]);

      server.podList.answer = undefined;
      await clock.advance(11_000);
      assertEquals(pods.state().error, undefined);
      assertEquals(log.lines.slice(1), [
        "info the list of the agents' Pods is back",
      ]);
    }));
}

Deno.test("podList() gives up on an answer that does not come within ten seconds", () =>
  keeping(async ({ clock, server, pods }) => {
    server.podList.answer = never;
    await clock.advance(19_999);
    assertEquals(pods.state().error, undefined);
    await clock.advance(1);
    assertEquals(
      pods.state().error,
      "GET https://api.example/api/v1/namespaces/kube-system/pods: no answer within 10 s",
    );
    assertEquals(names(pods), ["kubenurse-1", "kubenurse-2"]);
  }));

Deno.test("podList() counts the age of a list from when it was asked for", () =>
  keeping(async ({ clock, server, pods }) => {
    server.podList.answer = async () => {
      await clock.sleep(4_000);
      return list([pod(5)]);
    };
    await clock.advance(14_000);
    assertEquals(names(pods), ["kubenurse-5"]);
    assertEquals(pods.state().asOf, 10_000);
  }));

Deno.test("podList() backs off from one second to the usual interval", () =>
  keeping(async ({ clock, server }) => {
    server.podList.answer = refused;
    await clock.advance(60_000);
    const gaps = server.podList.asked.map((at, i, all) =>
      at - (all[i - 1] ?? 0)
    );
    assertEquals(gaps.slice(1, 7), [10_000, 750, 1_500, 3_000, 6_000, 7_500]);
  }));

for (const [random, want] of [[0, 500], [1, 1_000]] as const) {
  Deno.test(`podList() puts jitter on its back-off: ${want} ms`, () =>
    keeping(async ({ clock, server }) => {
      server.podList.answer = refused;
      await clock.advance(30_000);
      const [, first, second] = server.podList.asked;
      assertEquals(second! - first!, want);
    }, random));
}

Deno.test("podList() waits as long as Retry-After says", () =>
  keeping(async ({ clock, server }) => {
    server.podList.answer = () => status(429, "", { "retry-after": "30" });
    await clock.advance(10_000 + 30_749);
    assertEquals(server.podList.asked, [0, 10_000]);
    await clock.advance(1);
    assertEquals(server.podList.asked, [0, 10_000, 40_750]);
  }));

Deno.test("podList() does not wait for days because Retry-After says so", () =>
  keeping(async ({ clock, server, pods }) => {
    server.podList.answer = () =>
      status(503, "", { "retry-after": "999999999" });
    await clock.advance(10_000);
    server.podList.answer = undefined;
    await clock.advance(901_000);
    assertEquals(pods.state().error, undefined);
  }));

Deno.test("refresh() asks at once for a list that is older than a second", () =>
  keeping(async ({ clock, server, pods }) => {
    await clock.advance(1_000);
    server.pods = [pod(9)];
    const refreshed = pods.refresh();
    await clock.advance(0);
    await refreshed;
    assertEquals(names(pods), ["kubenurse-9"]);
    assertEquals(server.podList.asked, [0, 1_000]);
  }));

Deno.test("refresh() is shared by all that ask, no more than every second", () =>
  keeping(async ({ clock, server, pods }) => {
    let done = 0;
    for (let i = 0; i < 50; i++) {
      for (let j = 0; j < 10; j++) pods.refresh().then(() => done++);
      await clock.advance(100);
    }
    assertEquals(server.podList.asked, [0, 1_000, 2_000, 3_000, 4_000, 5_000]);
    assertEquals(done, 500);
    await clock.advance(5_000); // nobody asks any more
    assertEquals(server.podList.asked.length, 6);
  }));

Deno.test("refresh() is not content with a list that is under way", () =>
  keeping(async ({ clock, server, pods }) => {
    const answers: ((response: Response) => void)[] = [];
    server.podList.answer = () =>
      new Promise((resolve) => answers.push(resolve));
    await clock.advance(10_000);
    let done = false;
    const refreshed = pods.refresh().then(() => done = true);
    answers[0]!(list([pod(1)]));
    await clock.settle();
    assertEquals(done, false);
    await clock.advance(2_000);
    answers[1]!(list([pod(5)]));
    await refreshed;
    assertEquals(names(pods), ["kubenurse-5"]);
  }));

Deno.test("refresh() does not cut a back-off short", () =>
  keeping(async ({ clock, server, pods }) => {
    server.podList.answer = () => status(429, "", { "retry-after": "60" });
    await clock.advance(10_000);
    let done = false;
    pods.refresh().then(() => done = true);
    await clock.advance(59_000);
    assertEquals([server.podList.asked.length, done], [2, false]);
    await clock.advance(2_000);
    assertEquals([server.podList.asked.length, done], [3, true]);
  }));

Deno.test("refresh() resolves when the keeper stops", () =>
  keeping(async ({ pods, stop }) => {
    const refreshed = pods.refresh();
    stop();
    await refreshed;
  }));

Deno.test("podList() says that the first attempt has ended when it failed, too", async () => {
  const clock = fakeClock();
  using _ = clock.takeOverTimeouts();
  const server = fakeApiServer(clock);
  server.podList.answer = refused;
  const stop = new AbortController();
  const pods = podList({
    api: server.client,
    clock,
    random: Math.random,
    log: fakeLog(),
    namespace: "n",
    selector: "a",
  });
  const running = pods.run(stop.signal);
  await pods.first;
  assertEquals(pods.state().asOf, undefined);
  assertEquals(pods.state().agents, []);
  stop.abort();
  await running;
});
