/**
 * Who answered the checks that go through a Service: a Service that always picks
 * one Pod, or never one of them, is seen by that.
 *
 * @module
 */
import type { Outcome } from "./checks/check.ts";

/** Answers of an agent carry its node and its Pod. */
export const NODE_HEADER = "KUBENURSE-NODE";
/** See {@linkcode NODE_HEADER}. */
export const POD_HEADER = "KUBENURSE-POD";

/** Who answered the newest checks of a type. */
export interface Answers {
  /** Checks that were answered, by the node that did; most first. */
  readonly by_node: Readonly<Record<string, number>>;
  /** Checks that failed: which backend they were sent to is not known. */
  readonly failed: number;
  /** Nodes with a ready agent that answered none of the newest checks, so many that chance does not explain it. */
  readonly never: readonly string[];
}

/** The answers of one agent's checks. */
export interface Backends {
  /** Keeps who answered. */
  record(type: string, outcome: Outcome): void;
  /** How many nodes have answered lately; `undefined`: nothing is known. */
  distinct(type: string): number | undefined;
  /**
   * @param nodes All nodes that have a ready agent; `undefined`: not all are known.
   */
  view(nodes: readonly string[] | undefined): Record<string, Answers>;
}

/** Newest outcomes that are kept of a type: ten minutes of rounds of 5 s. */
const KEPT = 120;
/** Older ones say nothing about now, milliseconds. */
const WINDOW_MS = 600_000;
/** With so many checks for each node, chance leaves one out once in 20,000 times. */
const TRIES_PER_NODE = 10;

/** Makes an empty store; `now` is monotonic, in milliseconds. */
export function createBackends(now: () => number): Backends {
  const kept = new Map<string, Answer[]>();

  function newest(type: string) {
    const from = now() - WINDOW_MS;
    return (kept.get(type) ?? []).filter(({ at }) => at >= from);
  }

  return {
    record(type, outcome) {
      if (outcome.state === "skipped") return;
      const node = outcome.state === "ok"
        ? outcome.headers?.[NODE_HEADER.toLowerCase()]
        : undefined;
      if (outcome.state === "ok" && node === undefined) return; // not ours
      kept.set(type, [...newest(type), { at: now(), node }].slice(-KEPT));
    },
    distinct(type) {
      if (!kept.has(type)) return undefined;
      return new Set(newest(type).flatMap(({ node }) => node ?? [])).size;
    },
    view(nodes) {
      return Object.fromEntries([...kept.keys()].map((type) => {
        const outcomes = newest(type);
        const counts = new Map<string, number>();
        for (const { node } of outcomes) {
          if (node !== undefined) counts.set(node, (counts.get(node) ?? 0) + 1);
        }
        const sorted = [...counts].sort(([, a], [, b]) => b - a);
        return [type, {
          by_node: Object.fromEntries(sorted),
          failed: outcomes.filter(({ node }) => node === undefined).length,
          never: silent(outcomes, nodes),
        }];
      }));
    },
  };
}

interface Answer {
  readonly at: number;
  /** `undefined`: the check failed. */
  readonly node: string | undefined;
}

/** Not by all that is kept: a node that has just fallen silent is to be seen soon. */
function silent(
  outcomes: readonly Answer[],
  nodes: readonly string[] | undefined,
): string[] {
  const wanted = TRIES_PER_NODE * (nodes?.length ?? 0);
  if (nodes === undefined || outcomes.length < wanted) return [];
  const answered = new Set(
    outcomes.slice(outcomes.length - wanted).map(({ node }) => node),
  );
  return nodes.filter((node) => !answered.has(node));
}
