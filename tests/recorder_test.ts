import { assertEquals } from "@std/assert";
import { createBackends } from "../lib/backends.ts";
import type { Outcome } from "../lib/checks/check.ts";
import { createSweep, MOST_FAILING } from "../lib/discovery/sweep.ts";
import { createRecorder } from "../lib/recorder.ts";
import { createResults } from "../lib/results.ts";
import { check, failed, ok } from "./fakes/checks.ts";
import { fakeClock } from "./fakes/clock.ts";
import { fakeLog } from "./fakes/log.ts";
import { neighbour } from "./fakes/pods.ts";

function recording() {
  const clock = fakeClock();
  const log = fakeLog();
  const results = createResults();
  const observed: string[] = [];
  const forgotten: string[] = [];
  const sweep = createSweep({ perRound: 1, intervalMs: 1, wall: () => 0 });
  const recorder = createRecorder({
    clock,
    log,
    metrics: {
      observe: (type, { state }) => void observed.push(`${type} ${state}`),
      round: () => {},
      forget: (type) => void forgotten.push(type),
    },
    results,
    backends: createBackends(clock.now),
    sweep,
  });
  function swept(n: number) {
    const one = { neighbour: neighbour(n), sweep: true };
    return check(`path_node-${n}`, clock, 0, ok(), one);
  }
  return {
    clock,
    log,
    results,
    observed,
    forgotten,
    sweep,
    recorder,
    swept,
    types: () => results.all().map(({ type }) => type),
    outcome: (n: number, outcome: Outcome) =>
      recorder.outcome(swept(n), outcome),
  };
}

Deno.test("createRecorder() counts the sweep under one type and keeps nothing that is well", () => {
  const { outcome, observed, types, log } = recording();
  outcome(7, ok());
  outcome(8, ok());
  assertEquals(observed, ["path_sweep ok", "path_sweep ok"]);
  assertEquals(types(), []);
  assertEquals(log.lines, []);
});

Deno.test("createRecorder() keeps a failure of the sweep until it is well", () => {
  const { outcome, types, log, sweep, recorder, swept } = recording();
  outcome(7, failed());
  recorder.round([swept(7)], 1);
  outcome(7, failed());
  assertEquals(types(), ["path_node-7"]);
  assertEquals(sweep.failing(), ["node-7"]);
  outcome(7, ok());
  recorder.round([swept(7)], 1); // there may be nobody else to check
  assertEquals(sweep.failing(), []);
  assertEquals(types(), []);
  assertEquals(log.lines.filter((line) => line.includes("check")), [
    "warn check is failing",
    "info check has recovered",
  ]);
});

Deno.test("createRecorder() keeps a failure of the sweep that is told after its round", () => {
  const { outcome, types, log, recorder, swept } = recording();
  recorder.round([swept(7)], 1);
  outcome(7, failed());
  recorder.round([swept(8)], 1);
  assertEquals(types(), ["path_node-7"]);
  assertEquals(log.lines.slice(1), ["warn check is failing"]);
});

Deno.test("createRecorder() says so when the node of a failure of the sweep has gone", () => {
  const { outcome, types, log, recorder, swept, sweep } = recording();
  outcome(7, failed());
  recorder.round([swept(7)], 1);
  sweep.partners([neighbour(8)]);
  recorder.round([swept(8)], 1);
  assertEquals(types(), []);
  assertEquals(
    log.lines.at(-1),
    "info check has ended while it was failing: it is no neighbour any more",
  );
});

Deno.test("createRecorder() tells of more failures of the sweep than it keeps", () => {
  const { outcome, types, log, observed } = recording();
  for (let n = 1; n <= MOST_FAILING + 2; n++) outcome(n, failed());
  assertEquals(types().length, MOST_FAILING);
  assertEquals(observed.length, MOST_FAILING + 2);
  assertEquals(log.lines.slice(MOST_FAILING), [
    "warn check is failing, one of too many to be made again",
    "warn check is failing, one of too many to be made again",
  ]);
});

Deno.test("createRecorder() forgets the series of the sweep as one", async () => {
  const { clock, recorder, swept, forgotten } = recording();
  recorder.round([swept(7)], 1);
  await clock.advance(290_000);
  recorder.round([swept(8)], 1);
  await clock.advance(20_000);
  recorder.round([], 1);
  assertEquals(forgotten, []);
  await clock.advance(290_000);
  recorder.round([], 1);
  assertEquals(forgotten, ["path_sweep"]);
});
