import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  agents,
  alive,
  allOk,
  clusterTest,
  counts,
  eventually,
  failing,
  increased,
  tool,
} from "./cluster.ts";
import type { AgentPod } from "./cluster.ts";

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1e3));
}

function withoutService(checks: string[]): string[] {
  return checks.filter((type) => type !== "me_service");
}

clusterTest(
  "a partition between two nodes: exactly those two paths fail, on both ends, within 10 s",
  async () => {
    const found = await agents();
    const [a, b, c] = found as [AgentPod, AgentPod, AgentPod];
    await tool("partition", a.node, b.node);
    try {
      await eventually("both ends see it", 10, async () => {
        assertEquals(withoutService(await failing(a)), [`path_${b.node}`]);
        assertEquals(withoutService(await failing(b)), [`path_${a.node}`]);
        return true;
      });
      const message: string = (await alive(a))[`path_${b.node}`];
      assertStringIncludes(
        message,
        `http://${b.ip}:8080/alwayshappy: connecting:`,
      );
      assertStringIncludes(message, "phase connect, failing since ");
      await wait(12); // two more rounds: nothing else fails
      assertEquals(withoutService(await failing(a)), [`path_${b.node}`]);
      assertEquals(withoutService(await failing(b)), [`path_${a.node}`]);
      assertEquals(await failing(c), []);
    } finally {
      await tool("heal");
    }
    await eventually("all is well again", 10, async () => {
      for (const agent of found) assertEquals(await failing(agent), []);
      return true;
    });
    for (const [agent, other] of [[a, b], [b, a]] as const) {
      const events = await counts(agent, "kubenurse_errors_total");
      assertEquals(
        withoutService(increased({}, events)).filter((type) =>
          type === `path_${other.node}`
        ),
        [`path_${other.node}`],
      );
    }
  },
  { breaks: true },
);

clusterTest(
  "CoreDNS stopped: api_server_dns fails in phase dns, api_server_direct stays ok",
  async () => {
    const found = await agents();
    await tool("stop", "coredns");
    try {
      await eventually("every agent sees it", 20, async () => {
        for (const agent of found) {
          const { api_server_dns: dns, api_server_direct: direct } =
            await alive(
              agent,
            );
          assertStringIncludes(dns, "(phase dns, ");
          assertEquals(direct, "ok");
          for (const other of found.filter((o) => o !== agent)) {
            assertEquals((await alive(agent))[`path_${other.node}`], "ok");
          }
        }
        return true;
      });
    } finally {
      await tool("start", "coredns");
    }
    await allOk(30);
  },
  { breaks: true },
);

clusterTest(
  "the API server stopped for two minutes: only its checks fail, and all is ok within 15 s of its return",
  async () => {
    const found = await agents();
    const before = await Promise.all(
      found.map((agent) => counts(agent, "kubenurse_errors")),
    );
    await tool("stop-apiserver");
    try {
      await eventually("every agent sees it", 15, async () => {
        for (const agent of found) {
          assertEquals((await failing(agent)).slice(0, 2), [
            "api_server_direct",
            "api_server_dns",
          ]);
        }
        return true;
      });
      await wait(105);
      for (const [i, agent] of found.entries()) {
        const checks = increased(
          before[i]!,
          await counts(agent, "kubenurse_errors"),
        );
        assertEquals(checks, ["api_server_direct", "api_server_dns"]);
        const { neighbourhood, neighbourhood_state: state } = await alive(
          agent,
        );
        assertEquals(neighbourhood.length, 2);
        assertStringIncludes(state, "the list in use is ");
      }
    } finally {
      await tool("start-apiserver");
    }
    await eventually("all is well again", 15, async () => {
      for (const agent of found) assertEquals(await failing(agent), []);
      return true;
    });
  },
  { breaks: true },
);
