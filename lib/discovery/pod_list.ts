/**
 * Keeps the list of the agents' Pods: polled at an interval that grows with
 * their number, refreshed on request, and never forgotten.
 *
 * @module
 */
import { backoffMs } from "../backoff.ts";
import type { ApiClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/client.ts";
import type { Log } from "../log.ts";
import { wordsOf } from "../platform.ts";
import type { Clock, Random } from "../platform.ts";
import { toAgent } from "./neighbours.ts";
import type { Agent } from "./neighbours.ts";

/** What is known of the agents. */
export interface PodListState {
  readonly agents: readonly Agent[];
  /** When the newest good answer was asked for, on the monotonic clock; `undefined`: never. */
  readonly asOf: number | undefined;
  /** Why the newest attempt failed; `undefined`: it did not. */
  readonly error: string | undefined;
}

/** The list and its keeper. */
export interface PodList {
  state(): PodListState;
  /**
   * Asks for a list that is fetched from now on, not one that is under way.
   * Resolves when it is there or has failed, at the latest when the keeper stops.
   */
  refresh(): Promise<void>;
  /** Resolves once the first attempt has ended. */
  readonly first: Promise<void>;
  /** Keeps the list until `signal` aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** What the keeper needs. */
export interface PodListDeps {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly namespace: string;
  /** Label selector. */
  readonly selector: string;
}

/** Refreshes that are asked for come no faster than this. */
const REFRESH_GAP_MS = 1_000;
/** While Pods start or stop, for so many polls in a row. */
const UNSETTLED_MS = 3_000;
const UNSETTLED_POLLS = 20;

/**
 * Time between two polls, in milliseconds, for a list of `n` Pods of some 5 KB:
 * all agents together then receive less than 20 MB/s up to 1,900 Pods. Above,
 * a poll every 15 minutes; a failing neighbour is looked up at once anyway.
 */
export function pollMs(n: number): number {
  return Math.min(900_000, Math.max(10_000, n * n / 4));
}

/** Makes the keeper; nothing happens before {@linkcode PodList.run}. */
export function podList(deps: PodListDeps): PodList {
  const { api, clock, random, log } = deps;
  let state: PodListState = { agents: [], asOf: undefined, error: undefined };
  let waiting: (() => void)[] = [];
  let wake = new AbortController();
  let failures = 0;
  let unsettled = 0;
  const { promise: first, resolve: firstEnded } = Promise.withResolvers<void>();

  const path = `/api/v1/namespaces/${deps.namespace}/pods?` +
    new URLSearchParams({
      labelSelector: deps.selector,
      resourceVersion: "0", // from the API server's cache, not from etcd
    });

  /** One attempt; returns how long to wait before the next, milliseconds. */
  async function attempt(signal: AbortSignal): Promise<number> {
    const served = waiting;
    waiting = [];
    wake = new AbortController();
    const asOf = clock.now();
    try {
      const { items: agents } = await api.list(path, signal, toAgent);
      if (state.error !== undefined) {
        log.info("the list of the agents' Pods is back", {
          pods: agents.length,
        });
      }
      state = { agents, asOf, error: undefined };
      failures = 0;
      return settledMs(agents) * (0.9 + random() / 5);
    } catch (error) {
      const words = errorWords(error);
      if (state.error === undefined && !signal.aborted) {
        log.warn("cannot list the agents' Pods, the last list stays in use", {
          error: words,
        });
      }
      state = { ...state, error: words };
      failures++;
      const cap = pollMs(state.agents.length);
      const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
      return backoffMs(failures, cap, random, asked);
    } finally {
      served.forEach((resolve) => resolve());
      firstEnded();
    }
  }

  function settledMs(agents: readonly Agent[]): number {
    const settled = agents.every((a) => a.ready && !a.terminating);
    unsettled = settled ? 0 : unsettled + 1;
    const usual = pollMs(agents.length);
    return unsettled > 0 && unsettled <= UNSETTLED_POLLS
      ? Math.max(UNSETTLED_MS, usual / 4)
      : usual;
  }

  return {
    state: () => state,
    first,
    refresh() {
      return new Promise((resolve) => {
        waiting.push(resolve);
        wake.abort();
      });
    },
    async run(signal) {
      while (!signal.aborted) {
        const started = clock.now();
        const wait = await attempt(signal);
        const woken = AbortSignal.any([signal, wake.signal]);
        await clock.sleep(wait, woken);
        if (signal.aborted) break;
        // a refresh does not cut a back-off short: the API server needs it
        const least = state.error === undefined
          ? Math.min(wait, REFRESH_GAP_MS)
          : wait;
        await clock.sleep(started + least - clock.now(), signal);
      }
      waiting.forEach((resolve) => resolve());
    },
  };
}

function errorWords(error: unknown): string {
  const words = wordsOf(error);
  return error instanceof ApiError && error.status === 403
    ? `${words} (the Role of the ServiceAccount needs list on pods)`
    : words;
}
