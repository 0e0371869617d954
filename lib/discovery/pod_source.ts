/**
 * The agents from their Pods, by label selector. A Pod of some 5 KB for each: for
 * small clusters, and for a node at a time in large ones.
 *
 * @module
 */
import { toAgent } from "./neighbours.ts";
import type { Agent } from "./neighbours.ts";
import { explained, listQuery } from "./source.ts";
import type { Source, SourceDeps } from "./source.ts";

/** Lists Pods. */
export interface PodSource extends Source {
  /**
   * The agents on one node, from the API server's cache, which has an index for that.
   *
   * @throws {ApiError}
   */
  onNode(node: string, signal: AbortSignal): Promise<readonly Agent[]>;
}

/** Makes the source. */
export function podSource(
  { api, namespace, selector }: SourceDeps & {
    /** Label selector of the agents' Pods. */
    readonly selector: string;
  },
): PodSource {
  async function list(query: string, signal: AbortSignal) {
    try {
      const path = `/api/v1/namespaces/${namespace}/pods?${query}`;
      const { items, bytes } = await api.list(path, signal, toAgent);
      return { agents: items, bytes };
    } catch (error) {
      throw explained(error, "pods");
    }
  }
  return {
    list: (signal, fresh) => list(listQuery(selector, fresh), signal),
    async onNode(node, signal) {
      const onNode = { fieldSelector: `spec.nodeName=${node}` };
      const query = listQuery(selector, false, onNode);
      return (await list(query, signal)).agents;
    },
  };
}
