/**
 * Outcomes and checks that do what a test wants.
 *
 * @module
 */
import type { Check, Failed, Ok, Outcome } from "../../lib/checks/check.ts";
import type { Clock } from "../../lib/platform.ts";

/** A request that was answered with 200. */
export function ok(seconds = 0.01): Ok {
  return { state: "ok", seconds, code: 200 };
}

/** A request that was not. */
export function failed(changes: Partial<Failed> = {}): Failed {
  return {
    state: "failed",
    seconds: 0.01,
    phase: "connect",
    message: "GET http://10.0.0.2:8080/alwayshappy: connecting: refused",
    ...changes,
  };
}

/** A check that has this outcome after `ms`, or fails at its deadline before that. */
export function check(
  type: string,
  clock: Clock,
  ms: number,
  outcome: Outcome = ok(ms / 1e3),
  changes: Partial<Check> = {},
): Check {
  return {
    type,
    async run(timeoutMs) {
      await clock.sleep(Math.min(ms, timeoutMs));
      if (ms < timeoutMs) return outcome;
      return failed({ seconds: timeoutMs / 1e3, message: "no answer" });
    },
    ...changes,
  };
}
