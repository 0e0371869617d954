/**
 * The newest outcome of each check and since when it has been failing: what
 * pages and the log read.
 *
 * @module
 */
import type { Outcome } from "./checks/check.ts";

/** What is known of one check. */
export interface Result {
  readonly type: string;
  readonly outcome: Outcome;
  /** When it ended, milliseconds since 1970. */
  readonly at: number;
  /** Start of the present run of failures, milliseconds since 1970. */
  readonly failingSince: number | undefined;
  /** Length of the present run of failures. */
  readonly failures: number;
}

/** A check that began or ceased to fail. */
export interface Change {
  readonly kind: "failing" | "recovered";
  readonly result: Result;
  /** The result before; of a check that recovered, its last failure. */
  readonly before: Result | undefined;
}

/** The results of one agent. */
export interface Results {
  /** Keeps an outcome; tells whether it changed the state of the check. */
  record(type: string, outcome: Outcome, wall: number): Change | undefined;
  /** Drops the checks that are not among `types`; those of them that were failing. */
  keepOnly(types: ReadonlySet<string>): readonly Result[];
  /** Newest results, in the order in which the checks first came. */
  all(): readonly Result[];
  get(type: string): Result | undefined;
  /** Whether a round has ended. */
  isComplete(): boolean;
  /** Says that a round has ended. */
  completed(): void;
}

/** Makes an empty store. */
export function createResults(): Results {
  const results = new Map<string, Result>();
  let complete = false;
  return {
    record(type, outcome, wall) {
      const before = results.get(type);
      const failed = outcome.state === "failed";
      const result: Result = {
        type,
        outcome,
        at: wall,
        failingSince: failed ? before?.failingSince ?? wall : undefined,
        failures: failed ? (before?.failures ?? 0) + 1 : 0,
      };
      results.set(type, result);
      const wasFailing = before?.outcome.state === "failed";
      if (failed === wasFailing) return undefined;
      return { kind: failed ? "failing" : "recovered", result, before };
    },
    keepOnly(types) {
      const dropped = [...results.values()].filter((r) => !types.has(r.type));
      for (const { type } of dropped) results.delete(type);
      return dropped.filter(({ outcome }) => outcome.state === "failed");
    },
    all: () => [...results.values()],
    get: (type) => results.get(type),
    isComplete: () => complete,
    completed: () => void (complete = true),
  };
}
