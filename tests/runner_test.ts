import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
} from "@std/assert";
import { runRounds } from "../lib/runner.ts";
import type { RunnerDeps } from "../lib/runner.ts";
import { check, ok } from "./fakes/checks.ts";
import { fakeClock } from "./fakes/clock.ts";
import type { FakeClock } from "./fakes/clock.ts";
import { seeded } from "./fakes/random.ts";
import { OPTIONS, path, ranFor, run } from "./fakes/rounds.ts";

for (
  const [random, second] of [[0, 5_000], [0.5, 2_500], [0.9, 4_500]] as const
) {
  Deno.test(`runRounds() starts at once, then on a grid with phase ${random}`, async () => {
    const { starts } = await ranFor(
      18_000,
      (clock) => [check("me", clock, 10)],
      { random: () => random },
    );
    assertEquals(starts.slice(0, 4), [
      0,
      second,
      second + 5_000,
      second + 10_000,
    ]);
  });
}

Deno.test("runRounds() keeps its grid whatever the phase and the interval", async () => {
  const random = seeded(1);
  for (let i = 0; i < 200; i++) {
    const phase = 0.1 + 0.8 * random();
    const intervalMs = 100 + 10_000 * random();
    const { starts } = await ranFor(
      intervalMs * 12.5,
      (clock) => [check("me", clock, 0)],
      { random: () => phase, intervalMs },
    );
    for (let j = 2; j < starts.length; j++) {
      assertLess(Math.abs(starts[j]! - starts[j - 1]! - intervalMs), 1e-6);
    }
    assertEquals(starts.length, 2 + Math.floor(12.5 - phase));
  }
});

Deno.test("runRounds() makes no round more for a timer that fires early", async () => {
  const clock = fakeClock();
  const early: FakeClock = {
    ...clock,
    sleep: (ms, signal) => clock.sleep(Math.floor(ms - 1), signal),
  };
  const { starts } = await ranFor(20_000, () => [check("me", clock, 0)], {
    clock: early,
    random: () => 0.30001,
  }, clock);
  assertEquals(starts.length, 5);
});

Deno.test("runRounds() never has two rounds at a time", async () => {
  let running = 0;
  let most = 0;
  const { starts } = await ranFor(60_000, (clock) => [{
    type: "slow",
    async run() {
      most = Math.max(most, ++running);
      await clock.sleep(7_000);
      running--;
      return ok();
    },
  }]);
  assertEquals(most, 1);
  assert(starts.length > 5);
});

Deno.test("runRounds() starts the next round at once when one took too long", async () => {
  const { starts, seconds } = await ranFor(
    20_000,
    (clock, round) => [{
      type: "me",
      async run() {
        await clock.sleep(round === 0 ? 11_000 : 10);
        return ok();
      },
    }],
    { random: () => 0 },
  );
  assertEquals(starts, [0, 11_000, 15_000, 20_000]);
  assertEquals(seconds.slice(0, 2), [11, 0.01]);
});

Deno.test("runRounds() delays no check for one that hangs, which fails at its deadline", async () => {
  const { outcomes, ends } = await ranFor(5_000, (clock) => [
    check("hangs", clock, Infinity),
    check("a", clock, 10),
    path(clock, 20),
    check("b", clock, 30),
  ], { random: () => 0.99 });
  assertEquals(outcomes.slice(0, 4), [
    ["a ok", 10],
    ["path_node-2 ok", 20],
    ["b ok", 30],
    ["hangs failed", 5_000],
  ]);
  assertEquals(ends, [5_000]);
});

Deno.test("runRounds() makes no more checks at a time than it is told", async () => {
  let running = 0;
  let most = 0;
  const { outcomes, ends } = await ranFor(
    4_000,
    (clock) =>
      Array.from({ length: 25 }, (_, i) => ({
        type: `check ${i}`,
        async run() {
          most = Math.max(most, ++running);
          await clock.sleep(100);
          running--;
          return ok();
        },
      })),
    { concurrency: 10, random: () => 0.99 },
  );
  assertEquals(most, 10);
  assertEquals(outcomes.length, 25);
  assertEquals(ends, [300]);
});

Deno.test("runRounds() does without checks", async () => {
  const { starts, seconds } = await ranFor(6_000, () => []);
  assertEquals(starts, [0, 2_500]);
  assertEquals(seconds, [0, 0]);
});

Deno.test("runRounds() takes the checks anew for each round", async () => {
  const { outcomes } = await ranFor(
    3_000,
    (clock, round) => [check(`check ${round}`, clock, 10)],
  );
  assertEquals(outcomes.map(([what]) => what), ["check 0 ok", "check 1 ok"]);
});

Deno.test("runRounds() stops between two rounds at once", async () => {
  const { ran, clock, stop, done } = run((clock) => [check("me", clock, 10)]);
  await clock.advance(100);
  stop.abort();
  await done;
  assertEquals(ran.running, false);
  await clock.advance(60_000);
  assertEquals(ran.starts, [0]);
  assertEquals(clock.sleeping(), 0);
});

Deno.test("runRounds() is over once the checks under way are, whose outcomes do not count", async () => {
  const { ran, clock, stop, done } = run(
    (clock) =>
      Array.from({ length: 20 }, (_, i) => check(`check ${i}`, clock, 1_000)),
    {
      concurrency: 5,
    },
  );
  await clock.advance(500);
  stop.abort();
  await clock.settle();
  assertEquals(ran.running, true);
  await clock.advance(500);
  await done;
  assertEquals(ran.outcomes, []);
  assertEquals(ran.ends, []);
  assertLessOrEqual(clock.now(), 1_000);
});

Deno.test("runRounds() does nothing when it was stopped before", async () => {
  const stop = AbortSignal.abort();
  const clock = fakeClock();
  const deps = { clock, random: Math.random } as unknown as RunnerDeps;
  await runRounds(deps, OPTIONS, stop);
});
