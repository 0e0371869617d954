/**
 * Time that stands still until a test moves it.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../../lib/platform.ts";

/** A clock for tests; nothing in it ever waits for real time. */
export interface FakeClock extends Clock {
  /**
   * Moves both kinds of time by `ms`. Sleepers wake one by one, in the order of
   * their times, and what follows from each has happened before the next wakes.
   */
  advance(ms: number): Promise<void>;
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
  /** How many sleep now. */
  sleeping(): number;
  /** Makes the wall clock jump, as when somebody sets it. */
  setWall(wall: number): void;
  /** Lets this clock decide when `AbortSignal.timeout` fires, until disposed of. */
  takeOverTimeouts(): Disposable;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** More wake-ups than this without time moving are a loop that does not wait. */
const MAX_AT_ONCE = 1_000;

/**
 * Makes a clock.
 *
 * @param wall Its wall-clock time at the start, milliseconds since 1970.
 */
export function fakeClock(wall = Date.UTC(2024, 0, 1)): FakeClock {
  let now = 0;
  let wallMinusNow = wall;
  let sleepers: Sleeper[] = [];

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      function wake() {
        signal?.removeEventListener("abort", wake);
        sleepers = sleepers.filter((other) => other !== sleeper);
        resolve();
      }
      const sleeper = { at: now + Math.max(0, ms), wake };
      signal?.addEventListener("abort", wake);
      sleepers.push(sleeper);
    });
  }

  /** The one that wakes first; of several at the same time, who slept first. */
  function earliest(): Sleeper | undefined {
    return sleepers.reduce<Sleeper | undefined>(
      (best, one) => best === undefined || one.at < best.at ? one : best,
      undefined,
    );
  }

  async function advance(ms: number) {
    const end = now + ms;
    let atOnce = 0;
    await settle();
    for (let next = earliest(); next && next.at <= end; next = earliest()) {
      atOnce = next.at > now ? 0 : atOnce + 1;
      if (atOnce > MAX_AT_ONCE) throw new Error(`busy loop at ${now} ms`);
      now = Math.max(now, next.at);
      next.wake();
      await settle();
    }
    now = end;
  }

  function takeOverTimeouts(): Disposable {
    const real = AbortSignal.timeout;
    AbortSignal.timeout = (ms) => {
      const controller = new AbortController();
      sleep(ms).then(() =>
        controller.abort(new DOMException("Signal timed out.", "TimeoutError"))
      );
      return controller.signal;
    };
    return { [Symbol.dispose]: () => void (AbortSignal.timeout = real) };
  }

  return {
    now: () => now,
    wall: () => wallMinusNow + now,
    sleep,
    advance,
    settle,
    sleeping: () => sleepers.length,
    setWall: (wall) => void (wallMinusNow = wall - now),
    takeOverTimeouts,
  };
}

/** A turn of the event loop ends all chains of promises; streams need a few. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
