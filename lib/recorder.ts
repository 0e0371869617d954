/**
 * What becomes of an outcome: whether it counts, and whom it is told to, the
 * metrics, the results and the log.
 *
 * @module
 */
import type { Backends } from "./backends.ts";
import { eventOf } from "./checks/check.ts";
import type { Check, Outcome } from "./checks/check.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { Clock } from "./platform.ts";
import type { Change, Results } from "./results.ts";

/** Takes the outcomes of one agent. */
export interface Recorder {
  /** The first round starts now. */
  started(): void;
  /** An outcome that counts, unless the agent is still starting. */
  outcome(check: Check, outcome: Outcome): void;
  /** A round of these checks has ended after `seconds`. */
  round(checks: readonly Check[], seconds: number): void;
}

/** Whom it tells. */
export interface RecorderDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "observe" | "round" | "forget">;
  readonly results: Results;
  readonly backends: Pick<Backends, "record">;
}

/** Series of a node that has left go after this, so that a last scrape sees them. */
const FORGET_MS = 300_000;

/**
 * Until an agent is ready, seen to be so, and put behind its Service, checks
 * through the Service may fail without meaning anything.
 */
const STARTING_MS = 15_000;

/** Makes the recorder of one agent. */
export function createRecorder(deps: RecorderDeps): Recorder {
  const { clock, log, metrics, results, backends } = deps;
  /** When each type of check was last made, monotonic milliseconds. */
  const lastMade = new Map<string, number>();
  const succeeded = new Set<string>();
  let startedAt = Infinity;

  /** What counts of an outcome: see {@linkcode STARTING_MS}. */
  function counted({ type, throughService }: Check, outcome: Outcome): Outcome {
    if (outcome.state === "ok") succeeded.add(type);
    const starting = throughService && !succeeded.has(type) &&
      clock.now() - startedAt < STARTING_MS;
    return starting && outcome.state === "failed"
      ? { state: "skipped", reason: `starting: ${outcome.message}` }
      : outcome;
  }

  /** Checks that are made no more leave the results at once, the metrics later. */
  function forget(types: ReadonlySet<string>) {
    for (const { type, failures } of results.keepOnly(types)) {
      log.info(
        "check has ended while it was failing: it is no neighbour any more",
        { type, failures },
      );
    }
    for (const type of types) lastMade.set(type, clock.now());
    for (const [type, at] of lastMade) {
      if (clock.now() - at <= FORGET_MS) continue;
      metrics.forget(type);
      lastMade.delete(type);
    }
  }

  return {
    started: () => void (startedAt = clock.now()),
    outcome(check, outcome) {
      const result = counted(check, outcome);
      if (check.throughService) backends.record(check.type, result);
      metrics.observe(check.type, result);
      const change = results.record(check.type, result, clock.wall());
      if (change) tell(log, change);
    },
    round(checks, seconds) {
      metrics.round(seconds);
      forget(new Set(checks.map(({ type }) => type)));
      if (!results.isComplete()) {
        const states = results.all().map(({ outcome }) => outcome.state);
        log.info("the first round is done", {
          checks: states.filter((state) => state !== "skipped").length,
          failing: states.filter((state) => state === "failed").length,
          seconds: Number(seconds.toFixed(3)),
        });
      }
      results.completed();
    },
  };
}

/** A check is logged when it begins and when it ceases to fail. */
function tell(log: Log, { kind, result, before }: Change) {
  const { type, outcome } = result;
  if (kind === "failing" && outcome.state === "failed") {
    log.warn("check is failing", {
      type,
      event: eventOf(outcome),
      phase: outcome.phase,
      error: outcome.message,
    });
  } else if (kind === "recovered" && before) {
    log.info("check has recovered", {
      type,
      failures: before.failures,
      seconds: Math.round(
        (result.at - (before.failingSince ?? result.at)) / 1e3,
      ),
    });
  }
}
