import { assertEquals } from "@std/assert";
import type { RunnerDeps } from "../lib/runner.ts";
import { check, failed, ok } from "./fakes/checks.ts";
import { fakeClock } from "./fakes/clock.ts";
import type { FakeClock } from "./fakes/clock.ts";
import { path, ranFor } from "./fakes/rounds.ts";

Deno.test("runRounds() reports a hanging neighbour at its deadline, though the look-up takes long", async () => {
  let clock!: FakeClock;
  const { outcomes, lookups } = await ranFor(5_000, (c) => {
    clock = c;
    return [path(c, Infinity), path(c, 10, ok(), 3)];
  }, {
    random: () => 0.99,
    isStillThere: async () => {
      await clock.sleep(3_000);
      return true;
    },
  });
  assertEquals(lookups[0], ["node-2", 1_000]);
  assertEquals(outcomes.slice(0, 2), [
    ["path_node-3 ok", 10],
    ["path_node-2 failed", 5_000],
  ]);
});

Deno.test("runRounds() does not count the failure of a neighbour that was replaced", async () => {
  const { outcomes, lookups, answered, ends } = await ranFor(
    2_000,
    (clock) => [path(clock, 10, failed()), check("me", clock, 10)],
    { isStillThere: () => Promise.resolve(false) },
  );
  assertEquals(outcomes, [["me ok", 10]]);
  assertEquals(lookups, [["node-2", 10]]);
  assertEquals(answered, []);
  assertEquals(ends, [10]);
});

Deno.test("runRounds() counts the failure of a neighbour that is still there, once that is known", async () => {
  let clock!: FakeClock;
  const { outcomes } = await ranFor(2_400, (c) => {
    clock = c;
    return [path(c, 10, failed())];
  }, {
    isStillThere: async () => {
      await clock.sleep(300);
      return true;
    },
  });
  assertEquals(outcomes, [["path_node-2 failed", 310]]);
});

Deno.test("runRounds() looks nobody up who answers, and says that they did", async () => {
  const { lookups, answered } = await ranFor(2_000, (clock) => [
    path(clock, 10),
    path(clock, 999, ok(), 3),
  ]);
  assertEquals(lookups, []);
  assertEquals(answered, ["node-2", "node-3"]);
});

Deno.test("runRounds() counts a neighbour that answers late, though it was looked up", async () => {
  const { outcomes, lookups, answered } = await ranFor(
    2_000,
    (clock) => [path(clock, 1_500)],
    { isStillThere: () => Promise.resolve(false) },
  );
  assertEquals(outcomes, [["path_node-2 ok", 1_500]]);
  assertEquals(lookups, [["node-2", 1_000]]);
  assertEquals(answered, ["node-2"]);
});

Deno.test("runRounds() does not look up what is no neighbour", async () => {
  const { lookups, outcomes } = await ranFor(2_000, (clock) => [
    check("me", clock, 1_500, failed()),
  ]);
  assertEquals(lookups, []);
  assertEquals(outcomes, [["me failed", 1_500]]);
});

Deno.test("runRounds() goes on when a check rejects, which none should", async () => {
  const { outcomes } = await ranFor(2_000, (clock) => [
    { ...path(clock, 10), run: () => Promise.reject(new Error("a bug")) },
    path(clock, 20, ok(), 3),
  ]);
  assertEquals(outcomes, [["path_node-2 failed", 0], ["path_node-3 ok", 20]]);
});

/** Verdicts that take so long, as in a large cluster. */
function slowly(
  ms: number,
  isThere: boolean,
): [Partial<RunnerDeps>, FakeClock] {
  const clock = fakeClock();
  return [{
    random: () => 0.99,
    isStillThere: async () => {
      await clock.sleep(ms);
      return isThere;
    },
  }, clock];
}

Deno.test("runRounds() does not wait for a verdict that takes long, and counts the failures when it comes", async () => {
  const [deps, clock] = slowly(20_000, true);
  const { ends, outcomes } = await ranFor(
    29_000,
    (clock) => [path(clock, 10, failed()), path(clock, 10, ok(), 3)],
    deps,
    clock,
  );
  assertEquals(ends.slice(0, 2), [3_010, 7_960]);
  const failures = outcomes.filter(([words]) => words.endsWith("failed"));
  assertEquals(failures, [["path_node-2 failed", 20_010], [
    "path_node-2 failed",
    24_960,
  ]]);
});

Deno.test("runRounds() counts no failure for which the verdict comes late and says no", async () => {
  const [deps, clock] = slowly(20_000, false);
  const { outcomes } = await ranFor(
    60_000,
    (clock) => [path(clock, 10, failed())],
    deps,
    clock,
  );
  assertEquals(outcomes, []);
});

Deno.test("runRounds() tells of earlier failures before it tells that the neighbour has answered", async () => {
  const clock = fakeClock();
  const answered = Promise.withResolvers<boolean>();
  const { outcomes } = await ranFor(
    12_000,
    (clock, round) => [path(clock, 10, round < 2 ? failed() : ok())],
    {
      random: () => 0.99,
      isStillThere: () => answered.promise,
      answered: () => answered.resolve(true),
    },
    clock,
  );
  assertEquals(outcomes, [
    ["path_node-2 failed", 9_960],
    ["path_node-2 failed", 9_960],
    ["path_node-2 ok", 9_960],
  ]);
});
