/**
 * What is known of the cluster: the agents, the cordoned nodes, and whether a
 * neighbour that does not answer is still there.
 *
 * @module
 */
import type { ApiClient } from "../kubernetes/client.ts";
import type { Log } from "../log.ts";
import type { Clock, Random } from "../platform.ts";
import { agentList } from "./agent_list.ts";
import { autoSource } from "./auto_source.ts";
import { cordonedNodes } from "./cordoned.ts";
import { lookUps } from "./look_ups.ts";
import {
  choiceHoldsUntil,
  chooseNeighbours,
  ownPod,
  toNeighbour,
} from "./neighbours.ts";
import type { Agent, Chosen, Neighbour } from "./neighbours.ts";
import { spreadMs } from "./pace.ts";
import { podSource } from "./pod_source.ts";
import { rememberedFollowers } from "./ring.ts";
import { seeker } from "./seeker.ts";
import { sliceSource } from "./slice_source.ts";
import type { Source } from "./source.ts";
import { createVerdicts, keyOf } from "./verdicts.ts";

/** How the neighbours are known. */
export interface Discovery {
  /** Whom to probe now. */
  neighbours(): readonly Neighbour[];
  /** All others that could be neighbours, in the order of the ring from this agent on. */
  others(): readonly Agent[];
  /** Whether so many of them turned out to be gone that it is no use to go on before the next list. */
  isOutdated(): boolean;
  /** An agent with the address to probe. */
  asNeighbour(agent: Agent): Neighbour;
  /** Why the newest attempt to list them failed; `undefined`: it did not. */
  error(): string | undefined;
  /** Age of the list, seconds; `undefined`: there is none yet. */
  ageSeconds(): number | undefined;
  /** Whether an agent, known to the newest list, has this IP address. */
  isAgent(address: string): boolean;
  /** Name of this agent's node; `undefined`: not known (yet). */
  nodeName(): string | undefined;
  /** IP addresses of this agent's Pod; empty: not known (yet). */
  ownIps(): readonly string[];
  /** Whether this agent's node is cordoned and cordoned nodes do not count. */
  isCordoned(): boolean;
  /**
   * Whether a neighbour that seems to fail is still one: asks the API server,
   * unless that is known from a short time ago. Resolves within three seconds in
   * a small cluster; in a large one the agents take turns, for up to a minute.
   */
  isStillThere(neighbour: Neighbour): Promise<boolean>;
  /** A neighbour answered, so it is there; its next failure is a new one. */
  answered(neighbour: Neighbour): void;
  /** Resolves after the first attempt to list the agents. */
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
  /** Where to list the agents. */
  readonly discovery: "auto" | "pods" | "endpointslices";
  readonly namespace: string;
  /** Label selector of the agents' Pods. */
  readonly selector: string;
  /** Name of the agents' headless Service. */
  readonly service: string;
  readonly podName: string | undefined;
  readonly nodeName: string | undefined;
  readonly limit: number;
  readonly allowUnschedulable: boolean;
  /** Whether agents answer by TLS. */
  readonly tls: boolean;
}

/** Others that were gone, until all are taken for outdated. */
const OUTDATED = 5;

/** Makes it; nothing happens before {@linkcode Discovery.run}. */
export function createDiscovery(deps: DiscoveryDeps): Discovery {
  const { clock, log } = deps;
  const pods = podSource(deps);
  const slices = sliceSource(deps);
  const source: Source = deps.discovery === "pods"
    ? pods
    : deps.discovery === "endpointslices"
    ? slices
    : autoSource({ pods, slices, log });
  const list = agentList({ ...deps, source });
  const cordoned = cordonedNodes({
    ...deps,
    size: () => list.state().agents.length,
  });
  const looking = lookUps({ ...deps, onNode: pods.onNode, found: list.found });
  const seeking = seeker({
    clock,
    lacking,
    isKnown: (node) =>
      !lacking().includes(node) &&
      (node === nodeName() || on(node).length > 0),
    ask(node) {
      const { agents, error } = list.state();
      if (error === undefined) looking.ask(node, spreadMs(agents.length));
    },
  });
  const verdicts = createVerdicts({
    clock,
    spreadMs() {
      const { agents, error } = list.state();
      return error === undefined ? spreadMs(agents.length) : undefined;
    },
    lookUp: looking.ask,
    isListed: listed,
    isChosen: (neighbour) =>
      choice().neighbours.some((one) => keyOf(one) === keyOf(neighbour)),
    gone({ nodeName }, wasChosen) {
      if (!wasChosen) {
        const { asOf } = list.state();
        gone = { asOf, times: gone.asOf === asOf ? gone.times + 1 : 1 };
      } else if (on(nodeName).length === 0) seeking.seek(nodeName);
    },
  });

  /** How many of the sweep were gone, of those on the list of that time. */
  let gone: { readonly asOf: number | undefined; readonly times: number } = {
    asOf: undefined,
    times: 0,
  };

  /** This agent's own Pod; it takes all Pods to find it, and each round and page asks. */
  let found: { of: readonly Agent[]; own: Agent | undefined } | undefined;

  function own(): Agent | undefined {
    const { agents } = list.state();
    if (found?.of !== agents) {
      found = { of: agents, own: ownPod(agents, deps.podName) };
    }
    return found.own;
  }

  function nodeName(): string | undefined {
    return deps.nodeName ?? own()?.nodeName;
  }

  const ring = rememberedFollowers();
  /** The newest choice; it takes all Pods to choose, and each round and page asks. */
  let chosen: {
    readonly of: readonly unknown[];
    /** Milliseconds since 1970. */
    readonly until: number;
    readonly choice: Chosen;
  } | undefined;

  function choice(): Chosen {
    const { agents } = list.state();
    const node = nodeName();
    const of = [agents, cordoned.nodes(), node];
    const wall = clock.wall();
    if (
      !chosen || wall > chosen.until ||
      of.some((one, i) => one !== chosen!.of[i])
    ) {
      const choice = chooseNeighbours(
        { agents, cordoned: cordoned.nodes() },
        { ...deps, nodeName: node, wall },
        ring,
      );
      chosen = { of, until: choiceHoldsUntil(agents, wall), choice };
    }
    return chosen.choice;
  }

  /**
   * By what is known of its node, not by the choice: a new node must not excuse a
   * failing one. One that has become ready meanwhile was starting when it failed;
   * EndpointSlices do not tell how old those are that are not ready.
   */
  function listed(neighbour: Neighbour): boolean {
    return on(neighbour.nodeName).some((other) =>
      keyOf(other) === keyOf(neighbour) && (neighbour.ready || !other.ready)
    );
  }

  /** Who can be probed on a node: one, or none. */
  function on(node: string): readonly Neighbour[] {
    const { agents } = list.state();
    const { podName } = deps;
    return chooseNeighbours(
      {
        agents: agents.filter((agent) =>
          agent.nodeName === node || agent.podName === podName
        ),
        cordoned: cordoned.nodes(),
      },
      { ...deps, nodeName: nodeName(), limit: 0, wall: clock.wall() },
    ).neighbours;
  }

  /** Nodes of neighbours of which the list alone does not tell all, and this one. */
  function lacking(): readonly string[] {
    const own = ownPod(list.state().agents, deps.podName);
    return [...choice().neighbours, ...(own ? [own] : [])]
      .filter(({ hostIp }) => hostIp === "").map(({ nodeName }) => nodeName);
  }

  return {
    neighbours: () => choice().neighbours,
    others: () => choice().others,
    asNeighbour: (agent) =>
      toNeighbour(
        agent,
        ownPod(list.state().agents, deps.podName),
        deps.tls,
      ),
    isOutdated: () => gone.times >= OUTDATED && gone.asOf === list.state().asOf,
    error: () => list.state().error,
    ageSeconds() {
      const { asOf } = list.state();
      return asOf === undefined ? undefined : (clock.now() - asOf) / 1e3;
    },
    isAgent: (address) =>
      list.state().agents.some(({ ips }) => ips.includes(address)),
    nodeName,
    ownIps: () => ownPod(list.state().agents, deps.podName)?.ips ?? [],
    isCordoned() {
      const node = nodeName();
      return !deps.allowUnschedulable && node !== undefined &&
        cordoned.nodes().has(node);
    },
    isStillThere: verdicts.isStillThere,
    answered: verdicts.answered,
    first: list.first,
    async run(signal) {
      signal.addEventListener("abort", looking.stop, { once: true });
      await Promise.all([
        list.run(signal),
        list.first.then(() => seeking.run(signal)),
        deps.allowUnschedulable ? undefined : cordoned.run(signal),
      ]);
    },
  };
}
