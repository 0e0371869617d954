import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { cordonedNodes } from "../../lib/discovery/cordoned.ts";
import type { Cordoned } from "../../lib/discovery/cordoned.ts";
import { fakeApiServer, never, refused, status } from "../fakes/api_server.ts";
import type { Answer, FakeApiServer } from "../fakes/api_server.ts";
import { fakeClock } from "../fakes/clock.ts";
import type { FakeClock } from "../fakes/clock.ts";
import { fakeLog } from "../fakes/log.ts";
import type { FakeLog } from "../fakes/log.ts";

interface Setup {
  readonly clock: FakeClock;
  readonly server: FakeApiServer;
  readonly log: FakeLog;
  readonly cordoned: Cordoned;
}

/** Runs a keeper that knows `node-1` is cordoned while `test` runs. */
async function keeping(
  test: (setup: Setup) => Promise<void>,
  agents = 3,
) {
  const clock = fakeClock();
  using _ = clock.takeOverTimeouts();
  const server = fakeApiServer(clock);
  server.cordoned = ["node-1"];
  const log = fakeLog();
  const cordoned = cordonedNodes({
    api: server.client,
    clock,
    random: () => 0.5,
    log,
    size: () => agents,
  });
  const stop = new AbortController();
  const running = cordoned.run(stop.signal);
  await clock.settle();
  try {
    await test({ clock, server, log, cordoned });
  } finally {
    stop.abort();
    await running;
  }
}

function node(name: string) {
  return { metadata: { name, resourceVersion: "8" } };
}

function names(cordoned: Cordoned): string[] {
  return [...cordoned.nodes()].sort();
}

Deno.test("cordonedNodes() asks for cordoned nodes alone, and for their metadata alone", () =>
  keeping(({ server, cordoned }) => {
    assertEquals(names(cordoned), ["node-1"]);
    const only = "/api/v1/nodes?fieldSelector=spec.unschedulable%3Dtrue";
    assertEquals(server.nodeList.urls, [`${only}&resourceVersion=0`]);
    assertEquals(server.nodeWatch.urls, [
      `${only}&watch=true&allowWatchBookmarks=true&timeoutSeconds=270&resourceVersion=7`,
    ]);
    assert(
      server.nodeList.accepts[0]?.includes("as=PartialObjectMetadataList;"),
    );
    assert(server.nodeWatch.accepts[0]?.includes("as=PartialObjectMetadata;"));
    return Promise.resolve();
  }));

Deno.test("cordonedNodes() follows the events", () =>
  keeping(async ({ clock, server, cordoned }) => {
    const watch = server.watch();
    watch.send("ADDED", node("node-2"));
    await clock.settle();
    assertEquals(names(cordoned), ["node-1", "node-2"]);
    watch.send("MODIFIED", node("node-2"));
    watch.send("BOOKMARK", { metadata: { resourceVersion: "9" } });
    watch.send("DELETED", node("node-1"));
    watch.send("DELETED", node("node-7"));
    await clock.settle();
    assertEquals(names(cordoned), ["node-2"]);
    assertEquals(server.nodeList.asked.length, 1);
  }));

Deno.test("cordonedNodes() lists again a moment after the server has ended a watch", () =>
  keeping(async ({ clock, server, cordoned, log }) => {
    await bookmarked(240_000, clock, server);
    server.cordoned = ["node-3"];
    server.watch().end();
    await clock.advance(999);
    assertEquals(server.nodeList.asked.length, 1);
    await clock.advance(1);
    assertEquals(names(cordoned), ["node-3"]);
    assertEquals(log.lines, []);
  }));

Deno.test("cordonedNodes() gives up on a watch that outlives what was asked for", () =>
  keeping(async ({ clock, server }) => {
    await bookmarked(240_000, clock, server);
    assertEquals(server.nodeWatch.asked.length, 1);
    await clock.advance(30_000 + 15_000 + 1_000);
    assertEquals(server.nodeWatch.asked.length, 2);
  }));

Deno.test("cordonedNodes() gives up on a watch of which nothing is heard for two minutes", () =>
  keeping(async ({ clock, server, cordoned, log }) => {
    await bookmarked(60_000, clock, server);
    server.cordoned = ["node-8"];
    await clock.advance(119_999);
    assertEquals(server.nodeWatch.asked.length, 1);
    await clock.advance(1 + 750);
    assertEquals(server.nodeWatch.asked.length, 2);
    assertEquals(names(cordoned), ["node-8"]);
    assertEquals(log.lines, []);
  }));

/** Lets time pass in which the server says each minute that it is there. */
async function bookmarked(ms: number, clock: FakeClock, server: FakeApiServer) {
  for (let passed = 0; passed < ms; passed += 60_000) {
    await clock.advance(60_000);
    server.watch().send("BOOKMARK", node(""));
  }
  await clock.settle();
}

for (
  const { name, ending } of [
    { name: "ends it early", ending: "end" },
    { name: "breaks it", ending: "break" },
  ] as const
) {
  Deno.test(`cordonedNodes() of a large cluster comes back with time to spare when the server ${name}`, () =>
    keeping(async ({ clock, server, cordoned }) => {
      server.cordoned = ["node-3"];
      server.watch()[ending]();
      await clock.advance(12_500); // half of what 5,000 agents take, and ...
      assertEquals(names(cordoned), ["node-1"]);
      await clock.advance(1_000);
      assertEquals(names(cordoned), ["node-3"]);
    }, 5_000));
}

Deno.test("cordonedNodes() of a large cluster does not wait after a watch that has had its time", () =>
  keeping(async ({ clock, server }) => {
    await bookmarked(240_000, clock, server);
    server.watch().end();
    await clock.advance(1_000);
    assertEquals(server.nodeWatch.asked.length, 2);
  }, 5_000));

Deno.test("cordonedNodes() gives up on a list that does not come within ten seconds", () =>
  keeping(async ({ clock, server, cordoned }) => {
    server.nodeList.answer = never;
    server.watch().end();
    await clock.advance(1_000);
    server.nodeList.answer = undefined;
    server.cordoned = ["node-4"];
    await clock.advance(12_000);
    assertEquals(names(cordoned), ["node-4"]);
  }));

Deno.test("cordonedNodes() lists at once when a version is too old", () =>
  keeping(async ({ clock, server, cordoned, log }) => {
    server.cordoned = ["node-5"];
    server.watch().send("ERROR", { code: 410, message: "too old" });
    await clock.advance(0);
    assertEquals(names(cordoned), ["node-5"]);
    assertEquals(log.lines, []);
  }));

Deno.test("cordonedNodes() says in plain words what is wrong with a Node that is none", () =>
  keeping(async ({ clock, server, log }) => {
    server.nodeList.answer = () =>
      Response.json({ metadata: {}, items: [null, node("node-2")] });
    server.watch().break();
    await clock.advance(20_000);
    assertEquals(log.fields, [
      { error: "the API server answered a Node without a name" },
    ]);
  }));

const WATCH_FAILURES: readonly { name: string; answer: Answer }[] = [
  { name: "answers 410", answer: () => status(410, "too old") },
  { name: "answers 500", answer: () => status(500, "no") },
  { name: "breaks off", answer: refused },
  { name: "answers garbage", answer: () => new Response("<html>\n") },
  {
    name: "answers events without an object",
    answer: () => new Response('{"type":"ADDED"}\n{"type":"ERROR"}\n'),
  },
  {
    name: "says 410 in an event",
    answer: () =>
      new Response(
        '{"type":"ERROR","object":{"code":410,"message":"too old"}}\n',
      ),
  },
];
for (const { name, answer } of WATCH_FAILURES) {
  Deno.test(`cordonedNodes() backs off and complains once when each watch ${name}`, () =>
    keeping(async ({ clock, server, cordoned, log }) => {
      server.nodeWatch.answer = answer;
      server.cordoned = ["node-6"];
      server.watch().break();
      await clock.advance(120_000);
      assertLessOrEqual(server.nodeList.asked.length, 22);
      assertEquals(names(cordoned), ["node-6"]);
      assertEquals(log.lines, ["warn cannot keep the list of cordoned nodes"]);

      server.nodeWatch.answer = undefined;
      await clock.advance(10_000);
      server.watch().send("BOOKMARK", node(""));
      await clock.settle();
      assertEquals(log.lines.slice(1), [
        "info the list of cordoned nodes is back",
      ]);
    }));
}

const LIST_FAILURES: readonly { name: string; answer: Answer }[] = [
  { name: "is away", answer: refused },
  { name: "answers 401", answer: () => status(401, "Unauthorized") },
  { name: "answers 429", answer: () => status(429, "slow down") },
  {
    name: "answers null items of null",
    answer: () => new Response('{"metadata":{},"items":[null]}'),
  },
];
for (const { name, answer } of LIST_FAILURES) {
  Deno.test(`cordonedNodes() keeps what it knows when the API server ${name}`, () =>
    keeping(async ({ clock, server, cordoned, log }) => {
      server.nodeList.answer = answer;
      server.watch().break();
      await clock.advance(300_000);
      assertEquals(names(cordoned), ["node-1"]);
      assertLessOrEqual(server.nodeList.asked.length, 50);
      assertEquals(log.lines, ["warn cannot keep the list of cordoned nodes"]);
    }));
}

Deno.test("cordonedNodes() says once that it may not, asks each minute, and sees that it may", () =>
  keeping(async ({ clock, server, cordoned, log }) => {
    server.nodeList.answer = () => status(403, "nodes is forbidden");
    server.watch().end();
    await clock.advance(1_000 + 3 * 60_000);
    assertEquals(server.nodeList.asked, [0, 1_000, 61_000, 121_000, 181_000]);
    assertEquals(log.lines, [
      "warn may not list nodes, so cordoned ones count as neighbours: the ClusterRole needs list and watch on nodes",
    ]);
    server.nodeList.answer = undefined;
    server.cordoned = ["node-2"];
    await clock.advance(60_000);
    assertEquals(names(cordoned), ["node-2"]);
  }));

Deno.test("cordonedNodes() waits as long as Retry-After says", () =>
  keeping(async ({ clock, server }) => {
    server.nodeList.answer = () => status(429, "", { "retry-after": "30" });
    server.watch().end();
    await clock.advance(1_000 + 30_000);
    assertEquals(server.nodeList.asked, [0, 1_000]);
    await clock.advance(1_000);
    assertEquals(server.nodeList.asked.length, 3);
  }));
