import { assert, assertEquals } from "@std/assert";
import {
  agents,
  alive,
  allOk,
  apply,
  applyManifests,
  clusterTest,
  counts,
  eventually,
  kubectl,
  logs,
  manifests,
} from "./cluster.ts";

clusterTest(
  "kubectl apply -k: agents on all nodes are ready within 30 s and find each other",
  async () => {
    await kubectl("-n", "kube-system", "delete", "daemonset", "kubenurse");
    await eventually("all Pods are gone", 30, async () => {
      const pods = await kubectl(
        ...["-n", "kube-system", "get", "pods", "-o", "name"],
        ...["-l", "app.kubernetes.io/name=kubenurse"],
      );
      return pods === "" ? true : undefined;
    });
    await applyManifests();
    const found = await allOk(30);
    assertEquals(found.map(({ node }) => node), ["node-1", "node-2", "node-3"]);
    for (const agent of found) {
      const { neighbourhood, ...rest } = await alive(agent);
      const others = found.filter((other) => other !== agent)
        .map((other) => `${other.node} ${other.name} ${other.ip}`).sort();
      assertEquals(
        neighbourhood.map((n: Record<string, string>) =>
          `${n.NodeName} ${n.PodName} ${n.PodIP}`
        ).sort(),
        others,
      );
      for (const key of ["api_server_direct", "api_server_dns"]) {
        assertEquals(rest[key], "ok");
      }
      const errors = await counts(agent, "kubenurse_errors");
      assert(Object.keys(errors).includes("api_server_dns"));
      assertEquals(increased0(errors), [], `${agent.node}: errors`);
      assertEquals(agent.restarts, 0);
      const lines = (await logs(agent)).trim().split("\n");
      const expected =
        /INFO (kubenurse starts|listening|the first round is done)/;
      assertEquals(lines.filter((line) => !expected.test(line)), []);
    }
  },
);

function increased0(errors: Record<string, number>): string[] {
  return Object.keys(errors).filter((type) => errors[type]! > 0);
}

clusterTest(
  "a namespace that enforces the restricted Pod Security level accepts the Pods, and no others",
  async () => {
    const namespace = "kubenurse-restricted";
    await apply({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: {
        name: namespace,
        labels: { "pod-security.kubernetes.io/enforce": "restricted" },
      },
    });
    try {
      const daemonSet = (await manifests()).find((o) => o.kind === "DaemonSet");
      const { metadata, spec } = daemonSet.spec.template;
      const pod = (name: string, extra: Record<string, unknown>) => ({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { ...metadata, name, namespace },
        spec: { ...spec, serviceAccountName: "default", ...extra },
      });
      assert((await apply(pod("fits", {}))).includes("created"));
      const refused = await apply(pod("does-not", { hostNetwork: true })).catch(
        String,
      );
      assert(refused.includes("violates PodSecurity"), refused);
    } finally {
      await kubectl("delete", "namespace", namespace, "--wait=false");
    }
  },
);

clusterTest(
  "the agents' Pods stay as they are while nothing happens",
  async () => {
    const before = await agents();
    await applyManifests(); // the same again changes nothing
    assertEquals((await agents()).map((a) => a.uid), before.map((a) => a.uid));
  },
);
