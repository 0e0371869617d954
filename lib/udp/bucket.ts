/**
 * A limit of a rate that allows for bursts.
 *
 * @module
 */

/**
 * Makes a full bucket of `capacity` tokens that gets `perSecond` new ones.
 *
 * @param now Monotonic milliseconds.
 * @returns Takes a token; `false`: there is none.
 */
export function tokenBucket(
  capacity: number,
  perSecond: number,
  now: () => number,
): () => boolean {
  let tokens = capacity;
  let at = now();
  return () => {
    tokens = Math.min(capacity, tokens + (now() - at) / 1e3 * perSecond);
    at = now();
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}
