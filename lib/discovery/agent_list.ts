/**
 * Keeps the list of the agents: polled at an interval that grows with their
 * number, brought up to date by look-ups, and never forgotten.
 *
 * @module
 */
import { backoffMs } from "../backoff.ts";
import { ApiError } from "../kubernetes/client.ts";
import type { Log } from "../log.ts";
import { wordsOf } from "../platform.ts";
import type { Clock, Random } from "../platform.ts";
import type { Agent } from "./neighbours.ts";
import { pollMs } from "./pace.ts";
import type { Listing, Source } from "./source.ts";

/** What is known of the agents. */
export interface AgentListState {
  readonly agents: readonly Agent[];
  /** When the newest good answer was asked for, on the monotonic clock; `undefined`: never. */
  readonly asOf: number | undefined;
  /** Why the newest attempt failed; `undefined`: it did not. */
  readonly error: string | undefined;
}

/** The list and its keeper. */
export interface AgentList {
  state(): AgentListState;
  /** Replaces what is known of one node by what a look-up has found there. */
  found(node: string, agents: readonly Agent[]): void;
  /** Resolves once the first attempt has ended. */
  readonly first: Promise<void>;
  /** Keeps the list until `signal` aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** What the keeper needs. */
export interface AgentListDeps {
  readonly source: Source;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The first retry comes after a second, and in a large cluster after this part of what its interval is longer. */
const FIRST_RETRY = 3;
/** Polls in a row that come faster because Pods start or stop. */
const UNSETTLED_POLLS = 20;
/** A list that is hard to believe is asked for again after this, half more or less. */
const RECHECK_MS = 4_000;
/** A list of fewer may well lose nearly all of them at once. */
const HANDFUL = 10;

/** Makes the keeper; nothing happens before {@linkcode AgentList.run}. */
export function agentList(deps: AgentListDeps): AgentList {
  const { source, clock, random, log } = deps;
  let state: AgentListState = { agents: [], asOf: undefined, error: undefined };
  let usualMs = pollMs(0, 0);
  let failures = 0;
  let unsettled = 0;
  const { promise: first, resolve: firstEnded } = Promise.withResolvers<void>();

  /** A list that has lost nearly all agents is believed when another says so too. */
  async function believable(signal: AbortSignal) {
    let asOf = clock.now();
    let listing = await source.list(signal, false);
    const [before, now] = [state.agents.length, listing.agents.length];
    if (isDoubtful(before, now)) {
      const error = `the newest list has ${now} agents instead of ${before}`;
      log.warn("nearly all agents are gone from the list, asking again", {
        before,
        now,
      });
      state = { ...state, error };
      await clock.sleep(RECHECK_MS * (0.5 + random()), signal);
      asOf = clock.now();
      listing = await source.list(signal, true);
    }
    return { asOf, listing };
  }

  /** One attempt; returns how long to wait before the next, milliseconds. */
  async function attempt(signal: AbortSignal): Promise<number> {
    try {
      const { asOf, listing } = await believable(signal);
      if (state.error !== undefined) {
        log.info("the list of the agents is back", {
          agents: listing.agents.length,
        });
      }
      const agents = withDetails(listing.agents, state.agents);
      state = { agents, asOf, error: undefined };
      failures = 0;
      return waitMs(listing) * (0.9 + random() / 5);
    } catch (error) {
      const words = wordsOf(error);
      if (state.error === undefined && !signal.aborted) {
        const use = state.asOf === undefined
          ? "there is no list yet"
          : "the last list stays in use";
        log.warn(`cannot list the agents, ${use}`, { error: words });
      }
      state = { ...state, error: words };
      failures++;
      const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
      const again = Math.max(1_000, (usualMs - pollMs(0, 0)) / FIRST_RETRY);
      return backoffMs(failures, usualMs, random, asked, again);
    } finally {
      firstEnded();
    }
  }

  function waitMs({ agents, bytes }: Listing): number {
    const settled = agents.every((a) => a.ready && !a.terminating);
    unsettled = settled ? 0 : unsettled + 1;
    usualMs = pollMs(agents.length, bytes);
    return unsettled > 0 && unsettled <= UNSETTLED_POLLS
      ? pollMs(agents.length, bytes, false)
      : usualMs;
  }

  return {
    state: () => state,
    found(node, agents) {
      const others = state.agents.filter((one) => one.nodeName !== node);
      const former = state.agents.find((one) => one.nodeName === node);
      const here = agents.map((agent) => ({
        ...agent,
        zone: agent.zone || (former?.zone ?? ""), // not every Pod tells it
      }));
      state = { ...state, agents: [...others, ...here] };
    },
    first,
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(await attempt(signal), signal);
      }
    },
  };
}

/** Whether a list of `now` agents after one of `before` is hard to believe. */
function isDoubtful(before: number, now: number): boolean {
  return now === 0 ? before > 0 : before >= HANDFUL && now <= before / 10;
}

/** EndpointSlices do not tell all: what a look-up has found goes on to hold. */
function withDetails(
  agents: readonly Agent[],
  former: readonly Agent[],
): readonly Agent[] {
  const known = new Map(
    former.filter(({ hostIp, phase }) => hostIp !== "" && phase === "Running")
      .map((agent) => [agent.uid, agent]),
  );
  return agents.map((agent) => {
    const detailed = agent.hostIp === "" ? known.get(agent.uid) : undefined;
    const isSame = detailed &&
      agent.ips.every((ip) => detailed.ips.includes(ip));
    if (!isSame) return agent;
    const { ready, terminating, zone } = agent;
    return { ...detailed, ready, terminating, zone };
  });
}
