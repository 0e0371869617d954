import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  agents,
  alive,
  allOk,
  ask,
  clusterTest,
  counts,
  eventually,
  failing,
  kubectl,
  tool,
} from "./cluster.ts";
import type { AgentPod } from "./cluster.ts";

const DAEMON_SET = ["-n", "kube-system", "daemonset/kubenurse"];

/** Sets `KUBENURSE_NEIGHBOUR_LIMIT`, or with `""` leaves it to its default, and waits for the agents. */
async function setLimit(limit: string): Promise<AgentPod[]> {
  const change = `KUBENURSE_NEIGHBOUR_LIMIT${limit ? `=${limit}` : "-"}`;
  await kubectl("set", "env", ...DAEMON_SET, change);
  const [, , name] = DAEMON_SET;
  await kubectl(
    ...["-n", "kube-system", "rollout", "status", name!, "--timeout=120s"],
  );
  return await eventually("every agent is well", 60, async () => {
    const found = await agents();
    for (const agent of found) {
      assertEquals(await failing(agent), []);
      assertEquals((await ask(agent, "/ready")).status, 200);
    }
    return found;
  });
}

/** The node of an agent's only neighbour. */
async function neighbourOf(agent: AgentPod): Promise<string> {
  const { neighbourhood } = await alive(agent);
  assertEquals(neighbourhood.length, 1);
  return neighbourhood[0].NodeName;
}

const SWEEP_FAILING = 'kubenurse_sweep_failing{target_node="';

/** The series by which an agent names what fails in the sweep. */
async function named(agent: AgentPod): Promise<string[]> {
  const { text } = await ask(agent, "/metrics");
  return text.split("\n").filter((line) => line.startsWith(SWEEP_FAILING));
}

function withoutService(checks: string[]): string[] {
  return checks.filter((type) => type !== "me_service");
}

clusterTest(
  "the sweep names a node that is no neighbour and cannot be reached, until it can",
  async () => {
    try {
      const found = await setLimit("1");
      const [a] = found as [AgentPod];
      const { near, far } = await eventually("a ring", 60, async () => {
        const probed = await Promise.all(found.map(neighbourOf));
        assertEquals(new Set(probed).size, found.length, "each by one");
        const near = probed[0];
        const far = found.find(({ node }) => node !== a.node && node !== near)!;
        assertEquals(`path_${far.node}` in await alive(a), false);
        assertEquals(await named(a), []);
        return { near, far };
      });

      await tool("partition", a.node, far.node);
      try {
        await eventually("the sweep sees it", 15, async () => {
          assertEquals(withoutService(await failing(a)), [`path_${far.node}`]);
          return true;
        });
        const { status, text } = await ask(a, "/alive");
        assertEquals(status, 500);
        assertStringIncludes(
          JSON.parse(text)[`path_${far.node}`],
          `http://${far.ip}:8080/alwayshappy: connecting:`,
        );
        assertEquals(await named(a), [`${SWEEP_FAILING}${far.node}"} 1`]);
        const errors = await counts(a, "kubenurse_errors");
        assert(errors.path_sweep! > 0);
        assertEquals(errors[`path_${far.node}`] ?? 0, 0);
        assertEquals(errors[`path_${near}`], 0);
      } finally {
        await tool("heal");
      }
      await eventually("nothing of it is left", 20, async () => {
        for (const agent of found) assertEquals(await failing(agent), []);
        assertEquals(`path_${far.node}` in await alive(a), false);
        assertEquals(await named(a), []);
        return true;
      });
    } finally {
      await setLimit("");
    }
    await allOk(60);
  },
  { breaks: true },
);
