/**
 * The agents that are simulated: a part of all, spread evenly over the nodes. The
 * others are there to be probed, and what they would ask is what these ask.
 *
 * @module
 */
import type { ApiClient } from "../../lib/kubernetes/client.ts";
import type { Clock, Random } from "../../lib/platform.ts";
import { runAgent } from "./agent.ts";
import type { World } from "./world.ts";

/** The agents. */
export interface Fleet {
  /** How many agents of the cluster each of them stands for. */
  readonly weight: number;
  /** Starts them one by one over `overMs` milliseconds. */
  start(overMs: number): Promise<void>;
  /** The process on a node ends; there may be none. */
  stop(node: number): void;
  /** A new one starts on a node, if that is one of those that are simulated. */
  restart(node: number): void;
  /** Failures that counted, of a node that was well. */
  wrong(): number;
  /** Failures that counted, of a node that had gone. */
  right(): number;
  /** Ends all. */
  end(): Promise<void>;
}

/** What it needs. */
export interface FleetDeps {
  readonly world: World;
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly intervalMs: number;
  /** How many agents to simulate. */
  readonly agents: number;
  /** Whether a node is lost to the network. */
  readonly isLost: (node: string) => boolean;
}

/** Makes it. */
export function createFleet(deps: FleetDeps): Fleet {
  const { world, clock, agents, isLost } = deps;
  const weight = world.size / agents;
  const nodes = new Set(
    Array.from({ length: agents }, (_, i) => Math.floor((i + 0.5) * weight)),
  );
  const running = new Map<number, AbortController>();
  const ending: Promise<void>[] = [];
  let wrong = 0;
  let right = 0;

  function restart(node: number) {
    if (!nodes.has(node)) return;
    const stop = new AbortController();
    running.set(node, stop);
    ending.push(runAgent(node, {
      ...deps,
      failed: (name) => void (isLost(name) ? right++ : wrong++),
    }, stop.signal));
  }
  function stop(node: number) {
    running.get(node)?.abort();
    running.delete(node);
  }

  return {
    weight,
    async start(overMs) {
      for (const node of nodes) {
        restart(node);
        await clock.sleep(overMs / nodes.size);
      }
    },
    stop,
    restart,
    wrong: () => wrong,
    right: () => right,
    async end() {
      for (const node of [...running.keys()]) stop(node);
      await Promise.all(ending);
    },
  };
}
