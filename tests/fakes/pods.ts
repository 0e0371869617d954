/**
 * Pods as the API server answers them, and what is kept of them.
 *
 * @module
 */
import { toAgent } from "../../lib/discovery/neighbours.ts";
import type { Agent, Neighbour, Pod } from "../../lib/discovery/neighbours.ts";
import type { EndpointSlice } from "../../lib/discovery/slice_source.ts";

/** When the Pods of the tests started: long ago for {@linkcode fakeClock}. */
export const LONG_AGO = "2023-12-01T00:00:00Z";

/** What makes a Pod differ from a healthy one. */
export interface PodChanges {
  readonly metadata?: Pod["metadata"];
  readonly spec?: Pod["spec"];
  readonly status?: Pod["status"];
}

/** A healthy Pod of an agent: number `n`, on `node-n`, with the address 10.0.0.n. */
export function pod(n: number, changes: PodChanges = {}): Pod {
  return {
    metadata: {
      name: `kubenurse-${n}`,
      uid: `uid-${n}`,
      creationTimestamp: LONG_AGO,
      ...changes.metadata,
    },
    spec: {
      nodeName: `node-${n}`,
      containers: [{ ports: [{ name: "http", containerPort: 8080 }] }],
      ...changes.spec,
    },
    status: {
      phase: "Running",
      podIP: `10.0.0.${n}`,
      podIPs: [{ ip: `10.0.0.${n}` }],
      hostIP: `192.168.0.${n}`,
      startTime: LONG_AGO,
      conditions: [{ type: "Ready", status: "True" }],
      ...changes.status,
    },
  };
}

/** What is kept of {@linkcode pod}. */
export function agent(n: number, changes: Partial<Agent> = {}): Agent {
  return { ...toAgent(pod(n)), ...changes };
}

/** The neighbour on `node-n`. */
export function neighbour(n: number, changes: Partial<Agent> = {}): Neighbour {
  const kept = agent(n, changes);
  const ip = kept.ips[0] ?? "";
  return { ...kept, ip, url: `http://${ip}:${kept.port}` };
}

/** An EndpointSlice with the healthy Pods of these numbers. */
export function slice(...numbers: readonly number[]): EndpointSlice {
  return {
    endpoints: numbers.map((n) => ({
      addresses: [`10.0.0.${n}`],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: "Pod", name: `kubenurse-${n}`, uid: `uid-${n}` },
      nodeName: `node-${n}`,
      zone: `zone-${n % 3}`,
    })),
    ports: [{ name: "http", port: 8080 }],
  };
}
