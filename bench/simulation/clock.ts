/**
 * Time for thousands of agents: it jumps from one wake-up to the next.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../../lib/platform.ts";

/** A clock that moves when it is told to. */
export interface VirtualClock extends Clock {
  /** Lets `ms` milliseconds pass, with all that happens in them. */
  run(ms: number): Promise<void>;
  /** Lets this clock decide when `AbortSignal.timeout` fires, until disposed of. */
  takeOverTimeouts(): Disposable;
}

interface Sleeper {
  readonly at: number;
  wake: (() => void) | undefined;
}

/** Those that wake within so many milliseconds wake at the same time. */
const TOGETHER_MS = 20;

/** Makes a clock that stands at `wall`, milliseconds since 1970. */
export function virtualClock(wall: number): VirtualClock {
  const sleepers = heap();
  let now = 0;

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      function wake() {
        signal?.removeEventListener("abort", wake);
        sleeper.wake = undefined;
        resolve();
      }
      const sleeper: Sleeper = { at: now + Math.max(0, ms), wake };
      signal?.addEventListener("abort", wake);
      sleepers.push(sleeper);
    });
  }

  return {
    now: () => now,
    wall: () => wall + now,
    sleep,
    async run(ms) {
      const end = now + ms;
      await settled();
      while (true) {
        const first = sleepers.first();
        if (!first || first.at > end) break;
        now = Math.max(now, first.at);
        const until = Math.min(now + TOGETHER_MS, end);
        for (
          let next = sleepers.first();
          next && next.at <= until;
          next = sleepers.first()
        ) {
          sleepers.pop();
          now = Math.max(now, next.at);
          next.wake?.();
        }
        await settled();
      }
      now = end;
    },
    takeOverTimeouts() {
      const real = AbortSignal.timeout;
      AbortSignal.timeout = (ms) => {
        const controller = new AbortController();
        sleep(ms).then(() => controller.abort());
        return controller.signal;
      };
      return { [Symbol.dispose]: () => void (AbortSignal.timeout = real) };
    },
  };
}

/** A turn of the event loop ends all chains of promises. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A binary heap: the earliest first. */
function heap() {
  const all: Sleeper[] = [];
  function swap(i: number, j: number) {
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return {
    first: () => all[0],
    push(sleeper: Sleeper) {
      let i = all.push(sleeper) - 1;
      while (i > 0) {
        const parent = (i - 1) >> 1;
        if (all[parent]!.at <= all[i]!.at) break;
        swap(i, parent);
        i = parent;
      }
    },
    pop() {
      const last = all.pop()!;
      if (all.length === 0) return;
      all[0] = last;
      for (let i = 0;;) {
        const left = 2 * i + 1;
        const right = left + 1;
        let least = i;
        if (left < all.length && all[left]!.at < all[least]!.at) least = left;
        if (right < all.length && all[right]!.at < all[least]!.at) {
          least = right;
        }
        if (least === i) break;
        swap(i, least);
        i = least;
      }
    },
  };
}
