/**
 * Things that go on in a cluster while an agent is measured.
 *
 * @module
 */

/** Something that happens again and again. */
export interface Repeated {
  /** How often it has happened. */
  done(): number;
  /** Ends it; rejects if it has failed once. */
  stop(): Promise<void>;
}

/** Calls `act` so many times a second, also while earlier calls are under way. */
export function repeat(perSecond: number, act: () => Promise<void>): Repeated {
  let [begun, done] = [0, 0];
  let failure: unknown;
  const running = new Set<Promise<void>>();
  const start = performance.now();
  const timer = setInterval(() => {
    const due = (performance.now() - start) / 1e3 * perSecond;
    for (; begun < due; begun++) {
      const one = act().then(
        () => void done++,
        (error) => void (failure ??= error),
      ).finally(() => running.delete(one));
      running.add(one);
    }
  }, 20);
  return {
    done: () => done,
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
      if (failure) throw failure;
    },
  };
}
