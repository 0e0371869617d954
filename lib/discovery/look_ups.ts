/**
 * Looks single nodes up: who runs there now. Rate-limited for this agent, and
 * spread over all agents.
 *
 * @module
 */
import type { Log } from "../log.ts";
import { wordsOf } from "../platform.ts";
import type { Clock, Random } from "../platform.ts";
import type { Agent } from "./neighbours.ts";

/** Looks nodes up. */
export interface LookUps {
  /**
   * Looks a node up, from now on; all that ask before it begins share it.
   * Resolves when it has ended, well or not, or when all stops.
   *
   * @param spreadMs It begins at a random time within so many milliseconds.
   */
  ask(node: string, spreadMs: number): Promise<void>;
  /** Ends all; nothing is looked up any more. */
  stop(): void;
}

/** What it needs. */
export interface LookUpsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The agents on a node, from the API server. */
  onNode(node: string, signal: AbortSignal): Promise<readonly Agent[]>;
  /** What was found. */
  found(node: string, agents: readonly Agent[]): void;
}

/** An agent's look-ups come no denser than this ... */
const GAP_MS = 100;
/** ... after so many at once. */
const BURST = 40;

/** Makes them. */
export function lookUps(deps: LookUpsDeps): LookUps {
  const { clock, random, log } = deps;
  const stop = new AbortController();
  /** By node; those that have begun are not in it. */
  const waiting = new Map<string, Promise<void>>();
  /** When the next one would be due if they came evenly. */
  let even = -Infinity;
  let told = "";

  /** How long to wait for a turn, milliseconds. */
  function turnMs(): number {
    const now = clock.now();
    even = Math.max(even, now - BURST * GAP_MS) + GAP_MS;
    return Math.max(0, even - now);
  }

  async function lookUp(node: string, spreadMs: number) {
    await clock.sleep(random() * spreadMs, stop.signal);
    const turn = turnMs();
    if (turn > 0) await clock.sleep(turn, stop.signal);
    waiting.delete(node);
    if (stop.signal.aborted) return;
    try {
      deps.found(node, await deps.onNode(node, stop.signal));
      told = "";
    } catch (error) {
      const words = wordsOf(error);
      if (told === words || stop.signal.aborted) return;
      log.warn("cannot look a node up, the last list decides", {
        node,
        error: words,
      });
      told = words;
    }
  }

  return {
    ask(node, spreadMs) {
      const shared = waiting.get(node);
      if (shared) return shared;
      const asked = lookUp(node, spreadMs);
      // unless it has begun and ended already
      waiting.set(node, asked);
      return asked;
    },
    stop: () => stop.abort(),
  };
}
