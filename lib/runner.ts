/**
 * The only loop: rounds of checks, one after the other.
 *
 * @module
 */
import type { Check, Outcome } from "./checks/check.ts";
import type { Neighbour } from "./discovery/neighbours.ts";
import { wordsOf } from "./platform.ts";
import type { Clock, Random } from "./platform.ts";

/** What a round needs and whom it tells. */
export interface RunnerDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Checks of the round that starts now. */
  checks(): readonly Check[];
  /** See `Discovery`. */
  isStillThere(neighbour: Neighbour): Promise<boolean>;
  answered(neighbour: Neighbour): void;
  /** An outcome that counts. */
  outcome(check: Check, outcome: Outcome): void;
  /** A round has ended. */
  round(checks: readonly Check[], seconds: number): void;
}

/** When and how much. */
export interface RunnerOptions {
  /** From the start of a round to the start of the next, milliseconds. */
  readonly intervalMs: number;
  /** Deadline of each check, milliseconds. */
  readonly timeoutMs: number;
  /** Most checks at the same time. */
  readonly concurrency: number;
}

/** A neighbour that has not answered after this is looked up while it is waited for. */
const SUSPICIOUS_MS = 1_000;

/** A round waits no longer for a verdict; what comes later counts when it comes. */
const VERDICT_MS = 3_000;

/** A timer may fire a little before its time: that is no round of its own. */
const EARLY_MS = 5;

/**
 * Runs rounds until `signal` aborts; resolves when all is quiet.
 *
 * The first round starts at once, the others on a grid of `intervalMs` whose
 * phase is drawn at random, so that agents that start together do not beat in
 * step. A round that is late starts when the one before has ended.
 */
export async function runRounds(
  deps: RunnerDeps,
  options: RunnerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random } = deps;
  const { intervalMs } = options;
  const held: Held = new Map();
  const origin = clock.now() + random() * intervalMs;
  while (!signal.aborted) {
    const started = clock.now();
    await runRound(deps, options, held, signal);
    // the first place on the grid after this start; in the past if it was overrun
    const next = origin +
      (Math.floor((started + EARLY_MS - origin) / intervalMs) + 1) * intervalMs;
    await clock.sleep(Math.max(0, next - clock.now()), signal);
  }
}

/** One round: all checks at the same time, at most `concurrency`. */
async function runRound(
  deps: RunnerDeps,
  { timeoutMs, concurrency }: RunnerOptions,
  held: Held,
  signal: AbortSignal,
): Promise<void> {
  const started = deps.clock.now();
  const checks = deps.checks();
  const queue = checks.values();
  function outcome(check: Check, outcome: Outcome) {
    if (!signal.aborted) deps.outcome(check, outcome);
  }
  async function worker() {
    for (const check of queue) {
      if (signal.aborted) return;
      await made({ ...deps, outcome }, check, timeoutMs, held);
    }
  }
  await Promise.all(
    Array.from({ length: Math.min(concurrency, checks.length) }, worker),
  );
  if (signal.aborted) return;
  deps.round(checks, (deps.clock.now() - started) / 1e3);
}

/** By neighbour: ends when all its failures so far are told, or known not to count. */
type Held = Map<string, Promise<void>>;

/**
 * Makes a check and tells its outcome. The failure of a neighbour counts only if
 * that is a neighbour still, and has not been replaced and is not stopping.
 */
async function made(
  deps: RunnerDeps,
  check: Check,
  timeoutMs: number,
  held: Held,
): Promise<void> {
  const { neighbour } = check;
  if (!neighbour) return deps.outcome(check, await ran(check, timeoutMs));

  const ended = new AbortController();
  let verdict: Promise<boolean> | undefined;
  deps.clock.sleep(SUSPICIOUS_MS, ended.signal).then(() => {
    if (!ended.signal.aborted) verdict = deps.isStillThere(neighbour);
  });
  const outcome = await ran(check, timeoutMs);
  ended.abort();
  const pod = `${neighbour.uid} ${neighbour.ip}`;
  if (outcome.state !== "failed") {
    deps.answered(neighbour); // which is a verdict
    await held.get(pod);
    return deps.outcome(check, outcome);
  }
  verdict ??= deps.isStillThere(neighbour);
  const told = Promise.all([verdict, held.get(pod)]).then(([isThere]) => {
    if (isThere) deps.outcome(check, outcome);
    if (held.get(pod) === told) held.delete(pod);
  });
  held.set(pod, told);
  const waited = new AbortController();
  await Promise.race([told, deps.clock.sleep(VERDICT_MS, waited.signal)]);
  waited.abort();
}

/** A check never rejects; if one does all the same, the others must go on. */
async function ran(check: Check, timeoutMs: number): Promise<Outcome> {
  try {
    return await check.run(timeoutMs);
  } catch (error) {
    const message = `internal error: ${wordsOf(error)}`;
    return { state: "failed", seconds: 0, phase: "request", message };
  }
}
