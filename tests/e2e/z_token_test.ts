import { assert, assertEquals } from "@std/assert";
import {
  alive,
  clusterTest,
  counts,
  eventually,
  get,
  increased,
  ROTATION,
  toAgentPod,
  TOKEN_SECONDS,
  tool,
} from "./cluster.ts";

/** The token that a Pod has now, as its node's kubelet has written it. */
function tokenOf(node: string, uid: string): Promise<string> {
  const path =
    `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~projected/token/token`;
  return tool("exec", "--on", node, "--", "cat", path);
}

function claims(token: string): { iat: number; exp: number } {
  const part = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(part));
}

clusterTest(
  "the projected token rotates: no request fails, and the first one has expired",
  async () => {
    const pod = await get("pods", "-n", "kube-system", ROTATION);
    const agent = toAgentPod(pod);
    const errors = await counts(agent, "kubenurse_errors");
    const rotated = await eventually(
      "the kubelet has written another token",
      TOKEN_SECONDS,
      async () => {
        const { iat } = claims(await tokenOf(agent.node, agent.uid));
        const started = Date.parse(pod.status.startTime) / 1e3;
        return iat > started + TOKEN_SECONDS / 2 ? iat : undefined;
      },
    );
    // until the token with which the agent began is of no use to anybody
    const began = Date.parse(pod.status.startTime) / 1e3;
    await eventually("the first token has expired", TOKEN_SECONDS, () => {
      const over = Date.now() / 1e3 > began + TOKEN_SECONDS + 30;
      return Promise.resolve(over ? true : undefined);
    });
    assert(rotated > began);
    const now = await counts(agent, "kubenurse_errors");
    assertEquals(increased(errors, now), []);
    const { api_server_direct, api_server_dns, neighbourhood_state } =
      await alive(agent);
    assertEquals([api_server_direct, api_server_dns, neighbourhood_state], [
      "ok",
      "ok",
      "ok",
    ]);
  },
  { breaks: true },
);
