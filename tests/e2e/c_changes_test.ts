import { assert, assertEquals } from "@std/assert";
import {
  agents,
  alive,
  allOk,
  ask,
  clusterTest,
  eventually,
  get,
  kubectl,
  tool,
} from "./cluster.ts";
import type { AgentPod } from "./cluster.ts";
import { errorsDuring } from "./errors.ts";

clusterTest("kubectl rollout restart: not one error on any node", async () => {
  const before = await agents();
  const failed = await errorsDuring(async () => {
    for (const _ of ["first", "second"]) { // the Pods go in another order
      await kubectl("-n", "kube-system", "rollout", "restart", "ds/kubenurse");
      await kubectl(
        ...["-n", "kube-system", "rollout", "status", "ds/kubenurse"],
        "--timeout=120s",
      );
    }
  });
  assertEquals(failed, []);
  const names = new Set((await agents()).map(({ uid }) => uid));
  assert(before.every(({ uid }) => !names.has(uid)));
});

clusterTest(
  "a Pod deleted with force comes back at another address without an error",
  async () => {
    const [victim] = await agents() as [AgentPod];
    const failed = await errorsDuring(async () => {
      await kubectl(
        ...["-n", "kube-system", "delete", "pod", victim.name],
        ...["--force", "--grace-period=0"],
      );
      await eventually("another Pod is there", 30, async () => {
        const now = (await agents()).find(({ node }) => node === victim.node);
        return now && now.uid !== victim.uid && now.ready ? now : undefined;
      });
    });
    assertEquals(failed, []);
    const found = await agents();
    const moved = found.find(({ node }) => node === victim.node)!;
    assert(moved.ip !== victim.ip, `${victim.ip} was used again`);
    for (const agent of found.filter((other) => other !== moved)) {
      const { neighbourhood } = await alive(agent);
      const seen = neighbourhood.find((n: { NodeName: string }) =>
        n.NodeName === moved.node
      );
      assertEquals(seen.PodIP, moved.ip);
    }
  },
);

clusterTest(
  "kubectl cordon: the node is no neighbour and its agent not ready within 10 s, and back after uncordon",
  async () => {
    const found = await agents();
    const victim = found[1]!;
    async function neighboursOf(agent: AgentPod): Promise<string[]> {
      const { neighbourhood } = await alive(agent);
      return neighbourhood.map((n: { NodeName: string }) => n.NodeName).sort();
    }
    await kubectl("cordon", victim.node);
    try {
      await eventually("nobody probes it and it is not ready", 10, async () => {
        const ready = await ask(victim, "/ready");
        assertEquals(ready.text, "not ready: this node is cordoned\n");
        assertEquals(ready.status, 503);
        for (const agent of found.filter((other) => other !== victim)) {
          assert(!(await neighboursOf(agent)).includes(victim.node));
        }
        return true;
      });
    } finally {
      await kubectl("uncordon", victim.node);
    }
    await eventually("it is back", 10, async () => {
      assertEquals((await ask(victim, "/ready")).status, 200);
      for (const agent of found) {
        assertEquals((await neighboursOf(agent)).length, 2);
      }
      return true;
    });
    await allOk(20);
  },
);

clusterTest(
  "a node whose kubelet has stopped stays a neighbour and its paths ok",
  async () => {
    const found = await agents();
    const victim = found[2]!;
    await tool("stop", "kubelet", victim.node);
    try {
      await eventually("the node is not ready", 90, async () => {
        const pod = await get("pods", "-n", "kube-system", victim.name);
        const ready = pod.status.conditions.find((c: { type: string }) =>
          c.type === "Ready"
        );
        return ready.status === "True" ? undefined : true;
      });
      const failed = await errorsDuring(
        async () => {},
        () => Promise.resolve(),
      );
      assertEquals(failed, []);
      for (const agent of found.filter((other) => other !== victim)) {
        assertEquals((await alive(agent))[`path_${victim.node}`], "ok");
      }
    } finally {
      await tool("start", "kubelet", victim.node);
    }
    await allOk(60);
  },
  { breaks: true },
);
