/**
 * Who has probed this agent lately, told apart by the name they give.
 *
 * @module
 */

/** Counts distinct names within a time. */
export interface Incoming {
  seen(origin: string): void;
  /** Distinct names seen within the last minute. */
  count(): number;
}

const WINDOW_MS = 60_000;
/** A client may invent names: more than these are not told apart. */
const MAX_NAMES = 8_192;
const MAX_NAME_LENGTH = 253; // a DNS name

/** Makes an empty counter; `now` is monotonic, in milliseconds. */
export function createIncoming(now: () => number): Incoming {
  const lastSeen = new Map<string, number>();

  function dropOld() {
    for (const [name, at] of lastSeen) {
      if (now() - at <= WINDOW_MS) return; // oldest first
      lastSeen.delete(name);
    }
  }

  return {
    seen(origin) {
      if (origin === "" || origin.length > MAX_NAME_LENGTH) return;
      lastSeen.delete(origin);
      dropOld();
      if (lastSeen.size < MAX_NAMES) lastSeen.set(origin, now());
    },
    count() {
      dropOld();
      return lastSeen.size;
    },
  };
}
