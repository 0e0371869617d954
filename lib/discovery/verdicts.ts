/**
 * Whether a neighbour that seems to fail is one still: what a failure has to wait
 * for before it counts.
 *
 * @module
 */
import type { Clock } from "../platform.ts";
import type { Neighbour } from "./neighbours.ts";

/** Verdicts on neighbours. */
export interface Verdicts {
  /** See `Discovery`. */
  isStillThere(neighbour: Neighbour): Promise<boolean>;
  /** See `Discovery`. */
  answered(neighbour: Neighbour): void;
}

/** What they need. */
export interface VerdictDeps {
  readonly clock: Clock;
  /** Longest time until a look-up begins, milliseconds; `undefined`: the API server is away. */
  spreadMs(): number | undefined;
  /** Looks a node up; resolves when that has ended. */
  lookUp(node: string, spreadMs: number): Promise<void>;
  /** Whether a neighbour is one by all that is known. */
  isListed(neighbour: Neighbour): boolean;
  /** Whether it is checked in every round, and not in its turn of the sweep alone. */
  isChosen(neighbour: Neighbour): boolean;
  /** A neighbour is one no more; `wasChosen` as of when its failure was told. */
  gone(neighbour: Neighbour, wasChosen: boolean): void;
}

/** Longest wait for the API server before a failure counts. */
const CONFIRM_MS = 3_000;
/** A neighbour that was confirmed to fail is looked up again after this, doubling ... */
const LOOK_AGAIN_MS = 10_000;
/** ... up to this. */
const LOOK_AGAIN_CAP_MS = 160_000;
/** Of the sweep, whose failures are ten times as many when a tenth of the nodes fails. */
const LOOK_AGAIN_SWEEP_MS = 600_000;

/** Makes them. */
export function createVerdicts(deps: VerdictDeps): Verdicts {
  const { clock } = deps;
  /** By Pod: when to look again, on the monotonic clock, and the wait after that. */
  const failing = new Map<string, { until: number; waitMs: number }>();
  /** By Pod: what is being asked of it. */
  const asking = new Map<
    string,
    { readonly answered: AbortController; readonly verdict: Promise<boolean> }
  >();

  function ask(neighbour: Neighbour, key: string) {
    const answered = new AbortController();
    const wasChosen = deps.isChosen(neighbour);
    const verdict = lookedUp(neighbour, answered.signal, wasChosen);
    const asked = {
      answered,
      verdict: verdict.then((isThere) => {
        if (asking.get(key) === asked) asking.delete(key);
        return isThere;
      }),
    };
    asking.set(key, asked);
    return asked;
  }

  async function lookedUp(
    neighbour: Neighbour,
    answered: AbortSignal,
    wasChosen: boolean,
  ): Promise<boolean> {
    const spread = deps.spreadMs();
    if (spread !== undefined) {
      const waited = new AbortController();
      await Promise.race([
        deps.lookUp(neighbour.nodeName, spread),
        clock.sleep(
          spread + CONFIRM_MS,
          AbortSignal.any([answered, waited.signal]),
        ),
      ]);
      waited.abort();
    }
    // one that was not ready and answers now was starting
    return answered.aborted ? neighbour.ready : confirmed(neighbour, wasChosen);
  }

  /** By the newest news; remembers that a neighbour fails. */
  function confirmed(neighbour: Neighbour, wasChosen: boolean): boolean {
    const key = keyOf(neighbour);
    if (!deps.isListed(neighbour)) {
      failing.delete(key);
      deps.gone(neighbour, wasChosen);
      return false;
    }
    for (const [other, { until }] of failing) {
      if (until + LOOK_AGAIN_CAP_MS < clock.now()) failing.delete(other);
    }
    const waitMs = !wasChosen
      ? LOOK_AGAIN_SWEEP_MS
      : failing.get(key)?.waitMs ?? LOOK_AGAIN_MS;
    failing.set(key, {
      until: clock.now() + waitMs,
      waitMs: Math.min(waitMs * 2, LOOK_AGAIN_CAP_MS),
    });
    return true;
  }

  return {
    async isStillThere(neighbour) {
      const key = keyOf(neighbour);
      const known = failing.get(key);
      if (known && clock.now() < known.until) return deps.isListed(neighbour);
      const { verdict } = asking.get(key) ?? ask(neighbour, key);
      return await verdict;
    },
    answered(neighbour) {
      const key = keyOf(neighbour);
      failing.delete(key);
      asking.get(key)?.answered.abort();
      asking.delete(key);
    },
  };
}

/** Tells a Pod from its successor, and from itself at another address. */
export function keyOf({ podName, uid, ip }: Neighbour): string {
  return `${podName} ${uid} ${ip}`;
}
