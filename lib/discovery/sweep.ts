/**
 * The sweep: besides its neighbours an agent checks a few others in each round, in
 * turn, so that every pair of nodes has its turn. A path that failed is checked
 * again in each round until it is well.
 *
 * @module
 */
import { comesBefore } from "./ring.ts";

/** Most paths that are checked again; of more that fail, one hears in their turn. */
export const MOST_FAILING = 10;

/** An agent that was away for up to so many rounds passes nobody over. */
export const CATCH_UP_ROUNDS = 10;

/** The sweep of one agent. */
export interface Sweep {
  /**
   * Whom to check in the round that starts now: those that failed, then the next.
   *
   * @param others All that are no neighbours, in the order of the ring from this
   * agent on. Agents that start from the same list at the same time are then at the
   * same distance: each is checked by as many as it checks.
   * @param paused None but those that failed.
   */
  partners<T extends { readonly nodeName: string }>(
    others: readonly T[],
    paused?: boolean,
  ): T[];
  /** The path to a node failed; whether it will be checked again. */
  failed(node: string): boolean;
  /** The path to a node is well. */
  answered(node: string): void;
  /** The nodes that failed and are checked again. */
  failing(): readonly string[];
}

/** How much, and where to start. */
export interface SweepOptions {
  /** Of all that have not failed, how many in each round; 0: none. */
  readonly perRound: number;
  /** From one round to the next, milliseconds. */
  readonly intervalMs: number;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
}

/**
 * Makes it. The wall clock gives the place where the turn is, one step for each
 * round, so that an agent that is restarted goes on where it was. It starts some
 * rounds before that place, and takes two steps a round until it is there: for the
 * time that it was away. So it does after rounds that were left out. It goes from
 * node to node in the order of the ring: a clock that was set and a list that
 * changed pass nobody over.
 */
export function createSweep(
  { perRound, intervalMs, wall }: SweepOptions,
): Sweep {
  const failing = new Set<string>();
  /** The node that had its turn last. */
  let last: string | undefined;
  /** Where it stood then. */
  let lastAt = 0;
  /** When that was, in rounds since 1970. */
  let lastRound: number | undefined;
  /** How many rounds the turn is behind the clock. */
  let behind = 0;

  /** How many steps to take in this round, for one. */
  function steps(): number {
    const round = Math.floor(wall() / intervalMs);
    const late = lastRound === undefined
      ? CATCH_UP_ROUNDS
      : Math.max(-1, round - lastRound - 1); // -1: a timer came too early
    behind = Math.min(Math.max(-1, behind + late), CATCH_UP_ROUNDS);
    lastRound = round;
    if (behind <= 0) return 1;
    behind--;
    return 2;
  }

  function firstOf(others: readonly { readonly nodeName: string }[]): number {
    const n = others.length;
    if (last === undefined) {
      const round = Math.floor(wall() / intervalMs) - CATCH_UP_ROUNDS;
      return (round * perRound % n + n) % n;
    }
    const at = others[lastAt]?.nodeName === last
      ? lastAt
      : others.findIndex(({ nodeName }) => nodeName === last);
    return at === -1 ? after(last, others) : (at + 1) % n;
  }

  return {
    partners(others, paused = false) {
      const again = failing.size === 0
        ? []
        : others.filter(({ nodeName }) => failing.has(nodeName));
      failing.clear(); // without those that have left
      for (const { nodeName } of again) failing.add(nodeName);
      if (paused) return again;
      const count = Math.min(perRound * steps(), others.length);
      if (count === 0) return again;
      const first = firstOf(others);
      const turn = Array.from(
        { length: count },
        (_, i) => others[(first + i) % others.length]!,
      );
      last = turn.at(-1)!.nodeName;
      lastAt = (first + count - 1) % others.length;
      return [
        ...again,
        ...turn.filter(({ nodeName }) => !failing.has(nodeName)),
      ];
    },
    failed(node) {
      if (failing.size < MOST_FAILING) failing.add(node);
      return failing.has(node);
    },
    answered: (node) => void failing.delete(node),
    failing: () => [...failing],
  };
}

/** Where those begin that come after a node which is not among them any more. */
function after(
  gone: string,
  others: readonly { readonly nodeName: string }[],
): number {
  return others.reduce((best, { nodeName }, i) => {
    const other = others[best]!.nodeName;
    const isLater = comesBefore(gone, nodeName);
    const better = isLater === comesBefore(gone, other)
      ? comesBefore(nodeName, other)
      : isLater;
    return better ? i : best;
  }, 0);
}
