import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  agents,
  alive,
  clusterTest,
  counts,
  eventually,
  failing,
  tool,
} from "./cluster.ts";
import type { AgentPod } from "./cluster.ts";

/** The failing checks of paths; others may meet the same packets by chance. */
async function paths(agent: AgentPod): Promise<string[]> {
  return (await failing(agent)).filter((type) => type.startsWith("path_"));
}

clusterTest(
  "a path MTU black hole: named within 90 s on exactly the pairs that touch the node, gone after it",
  async () => {
    const found = await agents();
    const [a, b, c] = found as [AgentPod, AgentPod, AgentPod];
    await tool("mtu", b.node, "1400");
    try {
      await eventually("both sides of both pairs see it", 90, async () => {
        assertEquals(await paths(a), [`path_${b.node}`]);
        assertEquals(await paths(b), [`path_${a.node}`, `path_${c.node}`]);
        assertEquals(await paths(c), [`path_${b.node}`]);
        return true;
      });
      for (const [agent, other] of [[a, b], [b, a], [b, c], [c, b]] as const) {
        assertStringIncludes(
          (await alive(agent))[`path_${other.node}`],
          "small requests pass, full-sized packets do not: path MTU",
        );
      }
    } finally {
      await tool("heal");
    }
    await eventually("all is well again", 30, async () => {
      for (const agent of found) assertEquals(await failing(agent), []);
      return true;
    });
    for (const [agent, other] of [[a, c], [c, a]] as const) {
      const errors = await counts(agent, "kubenurse_errors");
      assertEquals(errors[`path_${other.node}`], 0);
    }
  },
  { breaks: true },
);
