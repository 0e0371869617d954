import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  agents,
  alive,
  allOk,
  applyManifests,
  clusterTest,
  counts,
  eventually,
  increased,
  kubectl,
  logs,
} from "./cluster.ts";
import type { AgentPod } from "./cluster.ts";

const ACCOUNT = "system:serviceaccount:kube-system:kubenurse";

clusterTest(
  "the ServiceAccount may do what the agent does, and nothing else",
  async () => {
    async function may(...extra: string[]): Promise<string[]> {
      const table = await kubectl(
        ...["auth", "can-i", "--list", "--no-headers", ...extra],
      );
      return table.trim().split("\n").map((row) =>
        row.replace(/\s+/g, " ").trim()
      )
        .sort();
    }
    const inNamespace = ["-n", "kube-system", `--as=${ACCOUNT}`];
    // what everybody who is authenticated may do is not the agent's doing
    const everybody = await may(
      ...["-n", "kube-system", "--as=system:serviceaccount:kube-system:nobody"],
    );
    const own = (await may(...inNamespace)).filter((row) =>
      !everybody.includes(row)
    );
    assertEquals(own, [
      "endpointslices.discovery.k8s.io [] [] [list]",
      "nodes [] [] [list watch]",
      "pods [] [] [list]",
    ]);
  },
);

/** Takes a verb away by a patch of the rules, and gives it back in the end. */
async function without(
  role: string[],
  verbs: string[],
  fn: () => Promise<void>,
): Promise<void> {
  const patch = [{ op: "replace", path: "/rules/0/verbs", value: verbs }];
  await kubectl(
    ...["patch", ...role, "--type=json", "-p", JSON.stringify(patch)],
  );
  try {
    await fn();
  } finally {
    await applyManifests();
  }
}

const ROLE = ["-n", "kube-system", "role", "kubenurse"];
const CLUSTER_ROLE = ["clusterrole", "kubenurse"];

clusterTest(
  "without list on pods: says so, keeps its neighbours and goes on",
  async () => {
    await without(ROLE, ["get"], async () => {
      const [agent] = await agents() as [AgentPod];
      const state = await eventually("the state says so", 40, async () => {
        const { neighbourhood_state: state } = await alive(agent);
        return state === "ok" ? undefined : state;
      });
      assertStringIncludes(state, "answered 403");
      assertStringIncludes(
        state,
        "Role of the ServiceAccount needs list on pods",
      );
      assertEquals((await alive(agent)).neighbourhood.length, 2);
      const before = await counts(agent, "kubenurse_httpclient_requests_total");
      await eventually("the checks go on", 15, async () => {
        const now = await counts(agent, "kubenurse_httpclient_requests_total");
        return increased(before, now).length === 6 ? true : undefined;
      });
      assertStringIncludes(await logs(agent), "cannot list the agents");
    });
    await allOk(30);
  },
);

for (const [lacking, left] of [["list", "watch"], ["watch", "list"]] as const) {
  clusterTest(`without ${lacking} on nodes: says so and goes on`, async () => {
    await without(CLUSTER_ROLE, [left], async () => {
      const [agent] = await agents() as [AgentPod];
      // a watch that is open outlives the permission: start anew
      await kubectl("-n", "kube-system", "delete", "pod", agent.name);
      const found = await allOk(60);
      const log = await eventually("the log says so", 15, async () => {
        const text = await logs(found[0]!);
        return text.includes(`may not ${lacking} nodes`) ? text : undefined;
      });
      assertStringIncludes(
        log,
        lacking === "list"
          ? "needs list and watch on nodes"
          : "needs watch on nodes",
      );
    });
    await allOk(30);
    assert((await agents()).every((agent) => agent.restarts === 0));
  });
}
