/**
 * What is known of the cluster: the agents, the cordoned nodes, and whether a
 * neighbour that does not answer is still there.
 *
 * @module
 */
import type { ApiClient } from "../kubernetes/client.ts";
import type { Log } from "../log.ts";
import type { Clock, Random } from "../platform.ts";
import { cordonedNodes } from "./cordoned.ts";
import { choiceHoldsUntil, chooseNeighbours, ownPod } from "./neighbours.ts";
import type { Neighbour } from "./neighbours.ts";
import { podList } from "./pod_list.ts";

/** How the neighbours are known. */
export interface Discovery {
  /** Whom to probe now. */
  neighbours(): readonly Neighbour[];
  /** Why the newest attempt to list them failed; `undefined`: it did not. */
  error(): string | undefined;
  /** Age of the list, seconds; `undefined`: there is none yet. */
  ageSeconds(): number | undefined;
  /** Whether an agent, known to the newest list, has this IP address. */
  isAgent(address: string): boolean;
  /** Name of this agent's node; `undefined`: not known (yet). */
  nodeName(): string | undefined;
  /** Whether this agent's node is cordoned and cordoned nodes do not count. */
  isCordoned(): boolean;
  /**
   * Whether a neighbour that seems to fail is still one: asks the API server,
   * unless that is known from a short time ago. Resolves within a few seconds.
   *
   * @param fine Aborts when the neighbour has answered after all.
   */
  isStillThere(neighbour: Neighbour, fine?: AbortSignal): Promise<boolean>;
  /** A neighbour answered: its next failure is a new one. */
  answered(neighbour: Neighbour): void;
  /** Resolves after the first attempt to list the Pods. */
  readonly first: Promise<void>;
  /** Keeps what is known until `signal` aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** What it needs and how to choose. */
export interface DiscoveryDeps {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly namespace: string;
  readonly selector: string;
  readonly podName: string | undefined;
  readonly nodeName: string | undefined;
  readonly limit: number;
  readonly allowUnschedulable: boolean;
}

/** Longest wait for the API server before a failure counts. */
const CONFIRM_MS = 3_000;
/** A neighbour that was confirmed to fail is looked up again after this, doubling ... */
const LOOK_AGAIN_MS = 10_000;
/** ... up to this. */
const LOOK_AGAIN_CAP_MS = 160_000;

/** Makes it; nothing happens before {@linkcode Discovery.run}. */
export function createDiscovery(deps: DiscoveryDeps): Discovery {
  const { clock } = deps;
  const pods = podList(deps);
  const cordoned = cordonedNodes(deps);
  /** By Pod: when to look again, on the monotonic clock, and the wait after that. */
  const failing = new Map<string, { until: number; waitMs: number }>();

  function nodeName(): string | undefined {
    return deps.nodeName ?? ownPod(pods.state().agents, deps.podName)?.nodeName;
  }

  /** The newest choice; it takes all Pods to choose, and each round and page asks. */
  let chosen: {
    readonly of: readonly unknown[];
    /** Milliseconds since 1970. */
    readonly until: number;
    readonly neighbours: readonly Neighbour[];
  } | undefined;

  function neighbours(): readonly Neighbour[] {
    const { agents } = pods.state();
    const node = nodeName();
    const of = [agents, cordoned.nodes(), node];
    const wall = clock.wall();
    if (
      !chosen || wall > chosen.until ||
      of.some((one, i) => one !== chosen!.of[i])
    ) {
      const neighbours = chooseNeighbours(
        { agents, cordoned: cordoned.nodes() },
        { ...deps, nodeName: node, wall },
      );
      chosen = { of, until: choiceHoldsUntil(agents, wall), neighbours };
    }
    return chosen.neighbours;
  }

  async function isStillThere(
    neighbour: Neighbour,
    fine?: AbortSignal,
  ): Promise<boolean> {
    const key = keyOf(neighbour);
    const known = failing.get(key);
    if (known && clock.now() < known.until) return listed(neighbour);
    if (pods.state().error === undefined) {
      const waited = new AbortController();
      await Promise.race([
        pods.refresh(),
        clock.sleep(CONFIRM_MS, waited.signal),
      ]);
      waited.abort();
    }
    if (fine?.aborted) return true; // its next failure is a new one
    if (!listed(neighbour)) {
      failing.delete(key);
      return false;
    }
    for (const [other, { until }] of failing) {
      if (until + LOOK_AGAIN_CAP_MS < clock.now()) failing.delete(other);
    }
    const waitMs = known?.waitMs ?? LOOK_AGAIN_MS;
    failing.set(key, {
      until: clock.now() + waitMs,
      waitMs: Math.min(waitMs * 2, LOOK_AGAIN_CAP_MS),
    });
    return true;
  }

  /** By the whole list, not by the choice: a new node must not excuse a failing one. */
  function listed(neighbour: Neighbour): boolean {
    return chooseNeighbours(
      { agents: pods.state().agents, cordoned: cordoned.nodes() },
      { ...deps, nodeName: nodeName(), limit: 0, wall: clock.wall() },
    ).some((other) => keyOf(other) === keyOf(neighbour));
  }

  return {
    neighbours,
    error: () => pods.state().error,
    ageSeconds() {
      const { asOf } = pods.state();
      return asOf === undefined ? undefined : (clock.now() - asOf) / 1e3;
    },
    isAgent: (address) =>
      pods.state().agents.some(({ ips }) => ips.includes(address)),
    nodeName,
    isCordoned() {
      const node = nodeName();
      return !deps.allowUnschedulable && node !== undefined &&
        cordoned.nodes().has(node);
    },
    isStillThere,
    answered: (neighbour) => void failing.delete(keyOf(neighbour)),
    first: pods.first,
    async run(signal) {
      await Promise.all([
        pods.run(signal),
        deps.allowUnschedulable ? undefined : cordoned.run(signal),
      ]);
    },
  };
}

function keyOf({ podName, uid, ip }: Neighbour): string {
  return `${podName} ${uid} ${ip}`;
}
