/**
 * The nodes of the simulated cluster and the agents' Pods on them, as they are,
 * whatever anybody knows of them.
 *
 * @module
 */
import type { Agent } from "../../lib/discovery/neighbours.ts";

/** The cluster. */
export interface World {
  readonly size: number;
  /** The Pod on a node, by its number; `undefined`: none is listed. */
  podOn(node: number): Agent | undefined;
  /** The same by the node's name. */
  onNode(name: string): Agent | undefined;
  /** All Pods, as EndpointSlices have them; the same array until something changes. */
  endpoints(): readonly Agent[];
  /** What a request to this address on a node meets: one that is starting refuses it. */
  stateOf(name: string, ip: string): "well" | "starting" | "gone";
  /** Changes the Pod on a node. */
  change(node: number, changes: Partial<Agent>): void;
  /** Another Pod in place of the one on a node. */
  replace(node: number, wall: number): void;
  /** A node loses its network and power. */
  vanish(node: number): void;
  /** A node is deleted, its Pod with it. */
  remove(node: number): void;
}

/** Names of nodes as they are given by clouds. */
export function nodeName(node: number): string {
  return `ip-10-${node >> 8}-${node & 255}.eu-west-1.compute.internal`;
}

/** Makes `size` nodes in three zones, each with an agent that is ready. */
export function createWorld(size: number, zones = 3): World {
  const pods: (Agent | undefined)[] = [];
  const byName = new Map<string, number>();
  const dead = new Set<number>();
  let replaced = 0;
  let endpoints: Agent[] | undefined;
  for (let node = 0; node < size; node++) {
    byName.set(nodeName(node), node);
    pods.push(podOf(node, 0, `zone-${node % zones}`, 0));
  }

  function change(node: number, changes: Partial<Agent>) {
    const pod = pods[node];
    if (pod) pods[node] = { ...pod, ...changes };
    endpoints = undefined;
  }

  return {
    size,
    podOn: (node) => pods[node],
    onNode: (name) => pods[byName.get(name)!],
    endpoints() {
      endpoints ??= pods.flatMap((pod) =>
        pod ? [{ ...pod, hostIp: "", created: 0 }] : []
      );
      return endpoints;
    },
    stateOf(name, ip) {
      const node = byName.get(name)!;
      const pod = pods[node];
      if (pod?.ips[0] !== ip || dead.has(node) || pod.terminating) {
        return "gone";
      }
      return pod.ready ? "well" : "starting";
    },
    change,
    replace(node, wall) {
      const zone = pods[node]?.zone ?? "";
      pods[node] = podOf(node, ++replaced, zone, wall);
      endpoints = undefined;
    },
    vanish: (node) => void dead.add(node),
    remove(node) {
      pods[node] = undefined;
      endpoints = undefined;
    },
  };
}

function podOf(node: number, n: number, zone: string, created: number): Agent {
  return {
    podName: `kubenurse-${node}-${n}`,
    uid: `uid-${node}-${n}`,
    nodeName: nodeName(node),
    zone,
    // never that of its predecessor: that one would seem to answer again
    ips: [`10.${n === 0 ? 0 : 1 + n % 199}.${node >> 8}.${node & 255}`],
    hostIp: `192.168.${node >> 8}.${node & 255}`,
    port: 8080,
    tlsPort: undefined,
    phase: "Running",
    terminating: false,
    ready: true,
    created,
  };
}
