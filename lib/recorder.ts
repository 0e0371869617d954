/**
 * What becomes of an outcome: whether it counts, and whom it is told to, the
 * metrics, the results and the log.
 *
 * @module
 */
import type { Backends } from "./backends.ts";
import { countedAs, eventOf } from "./checks/check.ts";
import type { Check, Failed, Outcome } from "./checks/check.ts";
import { pathType } from "./checks/sources.ts";
import type { Sweep } from "./discovery/sweep.ts";
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
  readonly sweep: Pick<Sweep, "failed" | "answered" | "failing">;
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
  const { clock, log, metrics, results, backends, sweep } = deps;
  /** When each type of check was last made, monotonic milliseconds. */
  const lastMade = new Map<string, number>();
  const succeeded = new Set<string>();
  let startedAt = Infinity;

  /** What counts of an outcome: see {@linkcode STARTING_MS}. */
  function counted({ type, throughService }: Check, outcome: Outcome): Outcome {
    if (!throughService) return outcome;
    if (outcome.state === "ok") succeeded.add(type);
    const starting = !succeeded.has(type) &&
      clock.now() - startedAt < STARTING_MS;
    return starting && outcome.state === "failed"
      ? { state: "skipped", reason: `starting: ${outcome.message}` }
      : outcome;
  }

  /** Of the sweep, only what fails is kept, and what has just ceased to. */
  function isKept(type: string, node: string, outcome: Outcome): boolean {
    if (outcome.state !== "failed") {
      sweep.answered(node);
      return results.get(type)?.outcome.state === "failed";
    }
    if (sweep.failed(node)) return true;
    log.warn("check is failing, one of too many to be made again", {
      type,
      ...words(outcome),
    });
    return false;
  }

  /** Checks that are made no more leave the results at once, the metrics later. */
  function forget(checks: readonly Check[]) {
    const types = new Set([
      ...checks.filter((check) => !check.sweep).map(({ type }) => type),
      ...sweep.failing().map(pathType), // some are told after their round
    ]);
    for (const { type, failures } of results.keepOnly(types)) {
      log.info(
        "check has ended while it was failing: it is no neighbour any more",
        { type, failures },
      );
    }
    for (const check of checks) lastMade.set(countedAs(check), clock.now());
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
      metrics.observe(countedAs(check), result);
      const { type, sweep, neighbour } = check;
      if (sweep && !isKept(type, neighbour?.nodeName ?? "", result)) return;
      const change = results.record(type, result, clock.wall());
      if (change) tell(log, change);
    },
    round(checks, seconds) {
      metrics.round(seconds);
      forget(checks);
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
    log.warn("check is failing", { type, ...words(outcome) });
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

function words(failure: Failed) {
  return {
    event: eventOf(failure),
    phase: failure.phase,
    error: failure.message,
  };
}
