/**
 * The effects that the program needs from outside, as values to pass along.
 *
 * @module
 */

/** Time. Tests pass one that they move themselves. */
export interface Clock {
  /** Monotonic time, milliseconds; only differences mean something. */
  now(): number;
  /** Wall-clock time, milliseconds since 1970; may jump. */
  wall(): number;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A timer that is longer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine's clock; a sleep ends after 24 days at the latest. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  sleep(ms, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      function done() {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      }
      const timer = setTimeout(done, Math.min(Math.max(0, ms), MAX_TIMER_MS));
      signal?.addEventListener("abort", done);
    });
  },
};

/** A number from 0 up to, but not including, 1. */
export type Random = () => number;

/** What went wrong, in words, whatever was thrown. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
