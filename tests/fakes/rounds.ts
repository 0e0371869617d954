/**
 * Rounds of checks, and what happened in them.
 *
 * @module
 */
import type { Check, Outcome } from "../../lib/checks/check.ts";
import { runRounds } from "../../lib/runner.ts";
import type { RunnerDeps, RunnerOptions } from "../../lib/runner.ts";
import { check, ok } from "./checks.ts";
import { fakeClock } from "./clock.ts";
import type { FakeClock } from "./clock.ts";
import { neighbour } from "./pods.ts";

/** As in production. */
export const OPTIONS: RunnerOptions = {
  intervalMs: 5_000,
  timeoutMs: 5_000,
  concurrency: 128,
};

/** What happened, in order. */
export interface Ran {
  /** When each round started, milliseconds. */
  readonly starts: number[];
  readonly ends: number[];
  readonly seconds: number[];
  /** `"type state"`, and when. */
  readonly outcomes: [string, number][];
  readonly lookups: [string, number][];
  readonly answered: string[];
  running: boolean;
}

/** Rounds that are under way. */
export interface Rounds {
  readonly ran: Ran;
  readonly clock: FakeClock;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** Starts rounds of checks that are made anew for each. */
export function run(
  checks: (clock: FakeClock, round: number) => readonly Check[],
  changes: Partial<RunnerDeps & RunnerOptions> = {},
  clock = fakeClock(),
): Rounds {
  const stop = new AbortController();
  const ran: Ran = {
    starts: [],
    ends: [],
    seconds: [],
    outcomes: [],
    lookups: [],
    answered: [],
    running: true,
  };
  const deps: RunnerDeps = {
    clock,
    random: () => 0.5,
    checks() {
      ran.starts.push(clock.now());
      return checks(clock, ran.starts.length - 1);
    },
    isStillThere: () => Promise.resolve(true),
    answered: ({ nodeName }) => void ran.answered.push(nodeName),
    outcome: ({ type }, { state }) =>
      void ran.outcomes.push([`${type} ${state}`, clock.now()]),
    round(_, seconds) {
      ran.ends.push(clock.now());
      ran.seconds.push(seconds);
    },
    ...changes,
  };
  const lookedUp: RunnerDeps = {
    ...deps,
    isStillThere(neighbour) {
      ran.lookups.push([neighbour.nodeName, clock.now()]);
      return deps.isStillThere(neighbour);
    },
  };
  const done = runRounds(lookedUp, { ...OPTIONS, ...changes }, stop.signal)
    .then(() => void (ran.running = false));
  return { ran, clock, stop, done };
}

/** Runs for some time and stops. */
export async function ranFor(
  ms: number,
  ...args: Parameters<typeof run>
): Promise<Ran> {
  const { ran, clock, stop, done } = run(...args);
  await clock.advance(ms);
  stop.abort();
  await clock.advance(10_000);
  await done;
  return ran;
}

/** The check of the path to `node-n`. */
export function path(
  clock: FakeClock,
  ms: number,
  outcome: Outcome = ok(),
  n = 2,
): Check {
  return check(`path_node-${n}`, clock, ms, outcome, {
    neighbour: neighbour(n),
  });
}
