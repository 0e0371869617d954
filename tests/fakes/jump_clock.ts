/**
 * Time that goes by as it does, for tests with sockets, and that jumps ahead
 * where a test would have to wait.
 *
 * @module
 */
import { systemClock } from "../../lib/platform.ts";
import type { Clock } from "../../lib/platform.ts";

/** The machine's clock with leaps. */
export interface JumpClock extends Clock {
  /**
   * Leaps ahead. Sleeps of a second or less go on as before: they are deadlines
   * of requests, which are under way in real time.
   */
  jump(ms: number): void;
  /** Lets leaps make `AbortSignal.timeout` fire, until disposed of. */
  takeOverTimeouts(): Disposable;
}

const SHORT_MS = 1_000;

/** Makes a clock that has not leapt. */
export function jumpClock(): JumpClock {
  let ahead = 0;
  let leap = new AbortController();
  const now = () => systemClock.now() + ahead;

  async function sleep(ms: number, signal?: AbortSignal) {
    if (ms <= SHORT_MS) return await systemClock.sleep(ms, signal);
    const end = now() + ms;
    while (!signal?.aborted && now() < end) {
      const either = AbortSignal.any(
        [leap.signal, signal].filter((one) => one !== undefined),
      );
      await systemClock.sleep(end - now(), either);
    }
  }

  return {
    now,
    wall: () => systemClock.wall() + ahead,
    sleep,
    jump(ms) {
      ahead += ms;
      const former = leap;
      leap = new AbortController();
      former.abort();
    },
    takeOverTimeouts() {
      const real = AbortSignal.timeout;
      const over = new AbortController();
      AbortSignal.timeout = (ms) => {
        const controller = new AbortController();
        sleep(ms, over.signal).then(() =>
          controller.abort(
            new DOMException("Signal timed out.", "TimeoutError"),
          )
        );
        return controller.signal;
      };
      return {
        [Symbol.dispose]() {
          AbortSignal.timeout = real;
          over.abort();
        },
      };
    },
  };
}
