/**
 * From the Pods and Nodes of the API server to the neighbours of this agent.
 *
 * @module
 */
import { isIP } from "node:net";
import { list, name as nameOf, portNumber, text } from "./fields.ts";
import { followers } from "./ring.ts";

/** Of a Pod, only what is used; as in `v1.Pod`. */
export interface Pod {
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly {
      readonly ports?: readonly {
        readonly name?: string;
        readonly containerPort?: number;
      }[];
    }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip?: string }[];
    readonly hostIP?: string;
    readonly startTime?: string;
    readonly conditions?: readonly {
      readonly type?: string;
      readonly status?: string;
    }[];
  };
}

/** What is remembered of an agent's Pod: a few short strings. */
export interface Agent {
  readonly podName: string;
  /** Tells a Pod from its successor of the same name. */
  readonly uid: string;
  readonly nodeName: string;
  /** Of its node; empty when not known. */
  readonly zone: string;
  /** All Pod IPs, the primary one first; empty before it has one. */
  readonly ips: readonly string[];
  readonly hostIp: string;
  readonly port: number;
  /** Port by TLS; `undefined`: its Pod names none. */
  readonly tlsPort: number | undefined;
  readonly phase: string;
  readonly terminating: boolean;
  readonly ready: boolean;
  /** Milliseconds since 1970; 0 when not known. */
  readonly created: number;
}

/** An agent that this one probes. */
export interface Neighbour extends Agent {
  /** Base URL of its endpoints. */
  readonly url: string;
  readonly ip: string;
}

/** What is to be known for choosing neighbours. */
export interface Neighbourhood {
  readonly agents: readonly Agent[];
  /** Names of cordoned nodes. */
  readonly cordoned: ReadonlySet<string>;
}

/** Which of them to choose. */
export interface Choice {
  /** Name of this agent's Pod and node; `undefined` when not known. */
  readonly podName: string | undefined;
  readonly nodeName: string | undefined;
  /** Most neighbours; 0: all. */
  readonly limit: number;
  readonly allowUnschedulable: boolean;
  /** Whether agents answer by TLS, as far as their Pods are made for it. */
  readonly tls: boolean;
  /** Milliseconds since 1970. */
  readonly wall: number;
}

/** On a Pod, where the API server copies its node's there (Kubernetes 1.35). */
const ZONE_LABEL = "topology.kubernetes.io/zone";
/** Port of an agent whose Pod names none. */
export const DEFAULT_PORT = 8080;
const DEFAULT_TLS_PORT = 8443;

/** A Pod that is not ready is taken for one that is starting for so long. */
const STARTING_MS = 60_000;

/** Keeps of a Pod what the agent needs; whatever is missing or garbage becomes empty. */
export function toAgent(pod: Pod): Agent {
  const { metadata, spec, status } = pod ?? {};
  const ips = [status?.podIP, ...list(status?.podIPs).map((one) => one?.ip)]
    .map(text).filter((ip) => isIP(ip) && !ip.includes("%")); // no zones
  const ports = list(spec?.containers).flatMap((one) => list(one?.ports));
  function port(name: string): number | undefined {
    return portNumber(ports.find((one) => one?.name === name)?.containerPort);
  }
  return {
    podName: nameOf(metadata?.name),
    uid: text(metadata?.uid),
    nodeName: nameOf(spec?.nodeName),
    zone: text(metadata?.labels?.[ZONE_LABEL]),
    ips: [...new Set(ips)],
    hostIp: text(status?.hostIP),
    port: port("http") ?? DEFAULT_PORT,
    tlsPort: port("https"),
    phase: text(status?.phase) || "Unknown",
    terminating: text(metadata?.deletionTimestamp) !== "",
    ready: list(status?.conditions).some((one) =>
      one?.type === "Ready" && one.status === "True"
    ),
    created: Date.parse(
      text(status?.startTime) || text(metadata?.creationTimestamp),
    ) || 0,
  };
}

/** This agent's own Pod, by its name. */
export function ownPod(
  agents: readonly Agent[],
  podName: string | undefined,
): Agent | undefined {
  return agents.find((agent) => agent.podName === podName);
}

/** Whom to probe, and whom not; both in the order of the ring, from this agent on. */
export interface Chosen {
  readonly neighbours: readonly Neighbour[];
  /** Those for whom there was no room. */
  readonly others: readonly Agent[];
}

/**
 * The neighbours to probe.
 *
 * A Pod on a node whose kubelet is gone is not ready and is a neighbour still:
 * that node is the one to be told about. Only a young Pod that is not ready is
 * left out, as one that has not started yet.
 */
export function chooseNeighbours(
  { agents, cordoned }: Neighbourhood,
  choice: Choice,
  ring = followers,
): Chosen {
  const own = ownPod(agents, choice.podName);
  const self = choice.nodeName ?? own?.nodeName;

  function usable(agent: Agent): boolean {
    return agent.podName !== choice.podName && agent.nodeName !== self &&
      agent.nodeName !== "" && agent.ips.length > 0 &&
      agent.phase === "Running" && !agent.terminating &&
      (agent.ready || !isYoung(agent, choice.wall)) &&
      (choice.allowUnschedulable || !cordoned.has(agent.nodeName));
  }

  const byNode = new Map<string, Agent>();
  for (const agent of agents.filter(usable)) {
    const other = byNode.get(agent.nodeName);
    if (!other || isBetter(agent, other)) byNode.set(agent.nodeName, agent);
  }
  const { chosen, others } = ring(
    { node: self ?? choice.podName ?? "", zone: own?.zone ?? "" },
    [...byNode].map(([node, { zone }]) => ({ node, zone })),
    choice.limit,
  );
  return {
    neighbours: chosen.map((node) =>
      toNeighbour(byNode.get(node)!, own, choice.tls)
    ),
    others: others.map((node) => byNode.get(node)!),
  };
}

/** Until when a choice holds if nothing else changes, milliseconds since 1970. */
export function choiceHoldsUntil(
  agents: readonly Agent[],
  wall: number,
): number {
  return agents.filter((agent) => !agent.ready)
    .flatMap(({ created }) => [created - STARTING_MS, created + STARTING_MS])
    .filter((at) => at >= wall)
    .reduce((first, at) => Math.min(first, at), Infinity);
}

/** Whether a Pod that is not ready is one that is starting; not if it is from the future: clocks jump. */
function isYoung({ created }: Agent, wall: number): boolean {
  return Math.abs(wall - created) <= STARTING_MS;
}

/** Of two Pods on one node (a rolling update with a surge): the ready, then the newer one. */
function isBetter(a: Agent, b: Agent): boolean {
  if (a.ready !== b.ready) return a.ready;
  if (a.created !== b.created) return a.created > b.created;
  return a.podName < b.podName;
}

/**
 * An agent with the address to probe: of two address families, the one that this
 * agent's Pod has as its first.
 *
 * @param tls Whether agents answer by TLS, as far as their Pods are made for it.
 */
export function toNeighbour(
  agent: Agent,
  own: Agent | undefined,
  tls: boolean,
): Neighbour {
  const wanted = own?.ips[0]?.includes(":");
  const ip = agent.ips.find((ip) => ip.includes(":") === wanted) ??
    agent.ips[0]!;
  const host = ip.includes(":") ? `[${ip}]` : ip;
  const port = tls ? tlsPortOf(agent, own) : undefined;
  const url = port === undefined
    ? `http://${host}:${agent.port}`
    : `https://${host}:${port}`;
  return { ...agent, ip, url };
}

/**
 * The port for TLS that its Pod names. Where none does, it is upstream's; where
 * the own Pod does, a Pod that does not is one from before TLS was switched on,
 * and has plain HTTP alone.
 */
function tlsPortOf(agent: Agent, own: Agent | undefined): number | undefined {
  if (agent.tlsPort !== undefined) return agent.tlsPort;
  return own?.tlsPort === undefined ? DEFAULT_TLS_PORT : undefined;
}
