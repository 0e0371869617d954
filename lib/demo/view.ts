/**
 * What the demo shows, read from the agents.
 *
 * @module
 */
import type { Cluster, ClusterNode } from "./cluster.ts";
import type { Row } from "./table.ts";

/** The addresses to open, one line for each node and one for the rest. */
export function addressLines(cluster: Cluster): string[] {
  const { nodes, serviceUrl, ingressUrl } = cluster;
  return [
    ...nodes.map(({ name, url }) => `${name}  ${url}/alive  ${url}/metrics`),
    `service ${serviceUrl}  ingress ${ingressUrl}`,
  ];
}

/** A row of the table for each node. */
export function rowsOf({ nodes }: Cluster): Promise<Row[]> {
  return Promise.all(nodes.map(async (node) => ({
    node: node.name,
    broken: node.isBroken(),
    cells: new Map(
      node.agent.results().map(({ type, outcome }) => [
        type,
        CELLS[outcome.state],
      ]),
    ),
    errors: await errorsOf(node),
  })));
}

const CELLS = { ok: "ok", failed: "FAIL", skipped: "-" } as const;

/** The counters as Prometheus would read them, whether or not the node answers others. */
async function errorsOf({ agent, url }: ClusterNode): Promise<number> {
  const response = await agent.handler(new Request(`${url}/metrics`));
  const text = await response.text();
  return [...text.matchAll(/^kubenurse_errors\{.*\} (\d+)$/gm)]
    .reduce((sum, [, count]) => sum + Number(count), 0);
}
