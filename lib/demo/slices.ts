/**
 * EndpointSlices of a headless Service that publishes Pods that are not ready, as
 * the endpoint slice controller makes them of Pods.
 *
 * @module
 */
import { toAgent } from "../discovery/neighbours.ts";
import type { Pod } from "../discovery/neighbours.ts";
import type { EndpointSlice } from "../discovery/slice_source.ts";

/** So many endpoints are in a slice, as the controller has it. */
const MOST = 100;

/** One slice or more for each port that the Pods have. */
export function slicesOf(pods: readonly Pod[]): EndpointSlice[] {
  const agents = pods.map(toAgent).filter(({ ips, phase }) =>
    ips.length > 0 && phase !== "Failed" && phase !== "Succeeded"
  );
  return [...Map.groupBy(agents, ({ port }) => port)].flatMap(
    ([port, members]) => {
      const slices: EndpointSlice[] = [];
      for (let at = 0; at < members.length; at += MOST) {
        const endpoints = members.slice(at, at + MOST).map((agent) => ({
          addresses: agent.ips.slice(0, 1),
          conditions: {
            ready: true,
            serving: agent.ready,
            terminating: agent.terminating,
          },
          targetRef: { kind: "Pod", name: agent.podName, uid: agent.uid },
          nodeName: agent.nodeName,
          zone: agent.zone,
        }));
        slices.push({ endpoints, ports: [{ name: "http", port }] });
      }
      return slices;
    },
  );
}
