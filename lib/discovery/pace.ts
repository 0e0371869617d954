/**
 * How often the API server is asked, so that what all agents together ask of it
 * stays bounded, however many they are.
 *
 * @module
 */

/**
 * All agents together receive no more than this from their polls, bytes per
 * second, where the longest interval allows.
 */
export const FLEET_BYTES_PER_S = 4_000_000;
/** Polls of a small cluster, and of one in which Pods start and stop. */
const SHORTEST_MS = 10_000;
const SHORTEST_UNSETTLED_MS = 3_000;
/** Below the half hour after which an old list is an alert, jitter included. */
const LONGEST_MS = 1_500_000;
/** Longer answers are compressed by the API server ... */
const COMPRESSED_BYTES = 128 * 1024;
/** ... and shrink by this at least: lists of Pods and EndpointSlices repeat themselves. */
const COMPRESSION = 5;
/** Over the fleet, look-ups of one cause come no denser than one in so many milliseconds for each agent. */
const SPREAD_MS = 5;
const LONGEST_SPREAD_MS = 60_000;
/** Below that many agents there is no need to wait for each other. */
const SMALL = 250;

/**
 * Time between two polls, milliseconds.
 *
 * @param n How many agents poll.
 * @param bytes Length of a list, not compressed.
 * @param settled Whether no Pod is starting or stopping.
 */
export function pollMs(n: number, bytes: number, settled = true): number {
  const wire = bytes > COMPRESSED_BYTES ? bytes / COMPRESSION : bytes;
  const ms = Math.min(wire * n / FLEET_BYTES_PER_S * 1e3, LONGEST_MS);
  return Math.max(settled ? SHORTEST_MS : SHORTEST_UNSETTLED_MS, ms);
}

/**
 * Over how long the agents spread what they all do for the same reason,
 * milliseconds; 0 in a small cluster.
 *
 * @param n How many agents there are.
 */
export function spreadMs(n: number): number {
  return n <= SMALL ? 0 : Math.min(n * SPREAD_MS, LONGEST_SPREAD_MS);
}
