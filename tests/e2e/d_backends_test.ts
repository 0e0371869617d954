import { assert, assertEquals } from "@std/assert";
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

clusterTest(
  "every backend of the Service answers, and both sides count it",
  async () => {
    const found = await agents();
    const nodes = found.map(({ node }) => node);
    const [a, , c] = found as [AgentPod, AgentPod, AgentPod];
    const before = await counts(c, "kubenurse_answered_checks_total");
    await eventually("every node answers", 120, async () => {
      const { me_service: answers } = (await alive(a)).answered_by;
      assertEquals(Object.keys(answers.by_node).sort(), nodes);
      assertEquals(answers.never, []);
      return true;
    });
    assertEquals(
      (await counts(a, "kubenurse_backends")).me_service,
      nodes.length,
    );
    await eventually("others' checks are counted", 60, async () => {
      const now = await counts(c, "kubenurse_answered_checks_total");
      return now.me_service! > before.me_service! || undefined;
    });
  },
);

clusterTest(
  "a Service that fails towards one node alone is seen as that",
  async () => {
    const found = await agents();
    const [a, b] = found as [AgentPod, AgentPod];
    await tool("partition", a.node, b.node);
    try {
      // 30 checks that it does not answer, one every 5 s
      await eventually("the silent node is named", 240, async () => {
        const { me_service: answers } = (await alive(a)).answered_by;
        assertEquals(answers.never, [b.node]);
        assert(answers.failed > 0);
        return true;
      });
    } finally {
      await tool("heal");
    }
    await eventually("all is well again", 60, async () => {
      assertEquals((await alive(a)).answered_by.me_service.never, []);
      for (const agent of found) assertEquals(await failing(agent), []);
      return true;
    });
  },
  { breaks: true },
);
