import { assertEquals } from "@std/assert";
import { lookUps } from "../../lib/discovery/look_ups.ts";
import type { LookUps } from "../../lib/discovery/look_ups.ts";
import type { Agent } from "../../lib/discovery/neighbours.ts";
import { fakeClock } from "../fakes/clock.ts";
import type { FakeClock } from "../fakes/clock.ts";
import { fakeLog } from "../fakes/log.ts";
import type { FakeLog } from "../fakes/log.ts";
import { agent } from "../fakes/pods.ts";

interface Setup {
  readonly clock: FakeClock;
  readonly log: FakeLog;
  readonly looking: LookUps;
  /** Node and time of each request. */
  readonly asked: [string, number][];
  readonly found: [string, readonly Agent[]][];
  /** What the API server answers. */
  answer: () => Promise<readonly Agent[]>;
}

function setup(): Setup {
  const clock = fakeClock();
  const log = fakeLog();
  const all: Setup = {
    clock,
    log,
    asked: [],
    found: [],
    answer: () => Promise.resolve([agent(1)]),
    looking: lookUps({
      clock,
      log,
      random: () => 0.5,
      onNode(node) {
        all.asked.push([node, clock.now()]);
        return all.answer();
      },
      found: (node, agents) => void all.found.push([node, agents]),
    }),
  };
  return all;
}

Deno.test("ask() looks a node up and tells what was found", async () => {
  const { clock, looking, asked, found } = setup();
  const done = looking.ask("node-1", 4_000);
  await clock.advance(2_000);
  await done;
  assertEquals(asked, [["node-1", 2_000]]);
  assertEquals(found, [["node-1", [agent(1)]]]);
});

Deno.test("ask() is shared until the look-up begins, and not content with one that has begun", async () => {
  const all = setup();
  const { clock, looking, asked } = all;
  all.answer = async () => {
    await clock.sleep(500);
    return [];
  };
  for (const wait of [0, 900, 200]) {
    await clock.advance(wait);
    looking.ask("node-1", 2_000);
  }
  await clock.advance(5_000);
  assertEquals(asked, [["node-1", 1_000], ["node-1", 2_100]]);
});

Deno.test("ask() lets 40 through at once, then ten a second", async () => {
  const { clock, looking, asked } = setup();
  for (let i = 0; i < 60; i++) looking.ask(`node-${i}`, 0);
  await clock.advance(10_000);
  const times = asked.map(([, at]) => at);
  assertEquals(times.filter((at) => at === 0).length, 40);
  assertEquals(times.slice(40, 43), [100, 200, 300]);
  assertEquals(times.at(-1), 2_000);
});

Deno.test("ask() says once that it cannot, and leaves what is known as it is", async () => {
  const all = setup();
  const { clock, looking, found, log } = all;
  all.answer = () => Promise.reject(new Error("no"));
  for (let i = 0; i < 3; i++) {
    const done = looking.ask("node-1", 0);
    await clock.advance(1_000);
    await done;
  }
  assertEquals(found, []);
  assertEquals(log.lines, [
    "warn cannot look a node up, the last list decides",
  ]);
  assertEquals(log.fields, [{ node: "node-1", error: "no" }]);
});

Deno.test("stop() ends what waits", async () => {
  const { looking, asked, log } = setup();
  const done = looking.ask("node-1", 4_000);
  looking.stop();
  await done;
  await looking.ask("node-2", 0);
  assertEquals(asked, []);
  assertEquals(log.lines, []);
});
