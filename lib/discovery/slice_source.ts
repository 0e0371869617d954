/**
 * The agents from the EndpointSlices of their headless Service: some 300 bytes
 * for each, 50 compressed, with node, zone and readiness, but without the address
 * of the node and the phase of the Pod.
 *
 * @module
 */
import { isIP } from "node:net";
import { ApiError } from "../kubernetes/client.ts";
import { list, name as nameOf, portNumber, text } from "./fields.ts";
import { DEFAULT_PORT } from "./neighbours.ts";
import type { Agent } from "./neighbours.ts";
import { explained, listQuery } from "./source.ts";
import type { Source, SourceDeps } from "./source.ts";

/** Of an EndpointSlice, only what is used; as in `discovery.k8s.io/v1`. */
export interface EndpointSlice {
  readonly endpoints?: readonly Endpoint[] | null;
  readonly ports?:
    | readonly { readonly name?: string; readonly port?: number }[]
    | null;
}

interface Endpoint {
  readonly addresses?: readonly string[];
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
  readonly targetRef?: {
    readonly kind?: string;
    readonly name?: string;
    readonly uid?: string;
  };
  readonly nodeName?: string;
  readonly zone?: string;
}

/** Makes the source. */
export function sliceSource(
  { api, namespace, service }: SourceDeps & {
    /** Name of the headless Service. */
    readonly service: string;
  },
): Source {
  const path =
    `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  return {
    async list(signal, fresh) {
      const query = listQuery(`kubernetes.io/service-name=${service}`, fresh);
      let found: { items: readonly (readonly Agent[])[]; bytes: number };
      try {
        found = await api.list(`${path}?${query}`, signal, toAgents);
      } catch (error) {
        throw explained(error, "endpointslices");
      }
      const agents = merged(found.items.flat());
      if (agents.length > 0) return { agents, bytes: found.bytes };
      throw new ApiError(
        `the Service ${service} in the namespace ${namespace} has no endpoints: is it there, and does it select the agents?`,
        404,
      );
    },
  };
}

/**
 * The agents of one EndpointSlice; whatever is garbage is left out. They are taken
 * for running: Pods that have failed are in no slice.
 */
export function toAgents(slice: EndpointSlice): Agent[] {
  function port(name: string): number | undefined {
    return portNumber(
      list(slice?.ports).find((one) => one?.name === name)?.port,
    );
  }
  return list(slice?.endpoints).flatMap((endpoint) => {
    const { addresses, conditions, targetRef, nodeName, zone } = endpoint ?? {};
    if (targetRef?.kind !== "Pod" || !nameOf(targetRef.name)) return [];
    return {
      podName: nameOf(targetRef.name),
      uid: text(targetRef.uid),
      nodeName: nameOf(nodeName),
      zone: text(zone),
      ips: list(addresses).filter((ip) => isIP(ip) && !ip.includes("%")),
      hostIp: "",
      port: port("http") ?? DEFAULT_PORT,
      tlsPort: port("https"),
      phase: "Running",
      terminating: conditions?.terminating === true,
      // of a Service that publishes those that are not ready, all are "ready"
      ready: (conditions?.serving ?? conditions?.ready) !== false,
      created: 0,
    };
  });
}

/** A Pod has an endpoint for each address family, in slices of their own. */
function merged(agents: readonly Agent[]): Agent[] {
  const byPod = new Map<string, Agent>();
  for (const agent of agents) {
    const key = `${agent.podName} ${agent.uid}`;
    const other = byPod.get(key);
    const ips = other && [...new Set([...other.ips, ...agent.ips])];
    byPod.set(key, ips ? { ...other, ips } : agent);
  }
  return [...byPod.values()];
}
