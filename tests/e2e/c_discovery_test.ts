import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  agents,
  alive,
  allOk,
  applyManifests,
  clusterTest,
  eventually,
  get,
  kubectl,
  logs,
} from "./cluster.ts";
import type { AgentPod } from "./cluster.ts";
import { errorsDuring } from "./errors.ts";

const IN_NAMESPACE = ["-n", "kube-system"];
const DAEMON_SET = "daemonset/kubenurse";

/** Sets a variable of all agents, or removes it with `NAME-`, and waits for them. */
async function setEnv(variable: string): Promise<AgentPod[]> {
  await kubectl(...IN_NAMESPACE, "set", "env", DAEMON_SET, variable);
  await kubectl(
    ...[...IN_NAMESPACE, "rollout", "status", DAEMON_SET, "--timeout=120s"],
  );
  return await allOk(60);
}

/** Lets the agents find each other by EndpointSlices while `fn` runs. */
async function bySlices(fn: () => Promise<void>): Promise<void> {
  await setEnv("KUBENURSE_DISCOVERY=endpointslices");
  try {
    await fn();
  } finally {
    await applyManifests();
    await setEnv("KUBENURSE_DISCOVERY-"); // not in the manifests, so apply leaves it
  }
}

/** The neighbours that an agent shows, and what the API server knows of these Pods. */
async function shownAndTrue(agent: AgentPod) {
  const { neighbourhood } = await alive(agent);
  const { items } = await get(
    ...["pods", ...IN_NAMESPACE, "-l", "app.kubernetes.io/name=kubenurse"],
  );
  // deno-lint-ignore no-explicit-any
  const pods = items.filter((pod: any) => pod.spec.nodeName !== agent.node);
  const byNode = (a: { NodeName: string }, b: { NodeName: string }) =>
    a.NodeName < b.NodeName ? -1 : 1;
  return {
    shown: neighbourhood.sort(byNode),
    // deno-lint-ignore no-explicit-any
    true: pods.map((pod: any) => ({
      PodName: pod.metadata.name,
      PodIP: pod.status.podIP,
      HostIP: pod.status.hostIP,
      NodeName: pod.spec.nodeName,
      Phase: pod.status.phase,
    })).sort(byNode),
  };
}

async function assertAllShown(): Promise<void> {
  await eventually("all neighbours are shown in full", 30, async () => {
    for (const agent of await agents()) {
      const { shown, true: truth } = await shownAndTrue(agent);
      assertEquals(shown, truth);
      assertEquals(shown.length, 2);
    }
    return true;
  });
}

/** Takes the agents' permission to list EndpointSlices away, until the manifests are applied. */
async function forbidSlices(): Promise<void> {
  const { rules } = await get(...IN_NAMESPACE, "role", "kubenurse");
  const patch = JSON.stringify({
    rules: rules.filter((rule: { resources: string[] }) =>
      !rule.resources.includes("endpointslices")
    ),
  });
  await kubectl(
    ...[...IN_NAMESPACE, "patch", "role", "kubenurse", "--type=merge"],
    ...["-p", patch],
  );
}

/** Waits until an agent says that something is wrong with its list of neighbours, of which it still has two. */
async function complaint(agent: AgentPod): Promise<string> {
  const state = await eventually("an agent says so", 60, async () => {
    const { neighbourhood_state: state } = await alive(agent);
    return state === "ok" ? undefined : state;
  });
  const { neighbourhood, ...rest } = await alive(agent);
  assertEquals(neighbourhood.length, 2);
  const paths = Object.keys(rest).filter((key) => key.startsWith("path_"));
  assertEquals(paths.map((path) => rest[path]), ["ok", "ok"]);
  return state;
}

clusterTest(
  "EndpointSlices: neighbours are known in full, and a rolling update or a forced deletion counts no error",
  () =>
    bySlices(async () => {
      await assertAllShown();
      const failed = await errorsDuring(async () => {
        await kubectl(...IN_NAMESPACE, "rollout", "restart", DAEMON_SET);
        await kubectl(
          ...[...IN_NAMESPACE, "rollout", "status", DAEMON_SET],
          "--timeout=120s",
        );
        await allOk(60);
        const [victim] = await agents() as [AgentPod];
        await kubectl(
          ...[...IN_NAMESPACE, "delete", "pod", victim.name],
          ...["--force", "--grace-period=0"],
        );
      });
      assertEquals(failed, []);
      await assertAllShown();
    }),
);

clusterTest(
  "EndpointSlices: without the permission or the Service, agents say so, keep their neighbours and recover",
  () =>
    bySlices(async () => {
      const [agent] = await agents() as [AgentPod];
      await forbidSlices();
      assertStringIncludes(
        await complaint(agent),
        "Role of the ServiceAccount needs list on endpointslices",
      );
      await applyManifests();
      await allOk(60);

      await kubectl(
        ...[...IN_NAMESPACE, "delete", "service", "kubenurse-headless"],
      );
      assertStringIncludes(
        await complaint(agent),
        "the Service kubenurse-headless in the namespace kube-system has no endpoints",
      );
      await applyManifests();
      await allOk(60);
      await assertAllShown();
    }),
);

clusterTest(
  "auto: a small cluster needs neither the permission nor the Service for EndpointSlices",
  async () => {
    await forbidSlices();
    await kubectl(
      ...[...IN_NAMESPACE, "delete", "service", "kubenurse-headless"],
    );
    try {
      const before = await agents();
      const names = before.map(({ name }) => name);
      await kubectl(...IN_NAMESPACE, "delete", "pod", names[0]!);
      const found = await allOk(60);
      const fresh = found.find(({ name }) => !names.includes(name))!;
      assert(!(await logs(fresh)).includes("WARN"));
      await assertAllShown();
    } finally {
      await applyManifests();
    }
  },
);
