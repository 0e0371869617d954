import { assert, assertEquals } from "@std/assert";
import { parseConfig, unknownSettings } from "../../lib/config/config.ts";
import { READABLE } from "../../lib/config/files.ts";
import { SETTINGS } from "../../lib/config/settings.ts";
import { createDiscovery } from "../../lib/discovery/discovery.ts";
import type { ApiClient } from "../../lib/kubernetes/client.ts";
import { envOf, kustomize, only, toolTest } from "./tools.ts";
import type { KubeObject } from "./tools.ts";

const FOLDERS = [
  "manifests",
  ...["namespace", "tls", "prometheus-operator", "network-policy", "kind"]
    .map((overlay) => `manifests/overlays/${overlay}`),
];

const KINDS = [
  "ClusterRole",
  "ClusterRoleBinding",
  "DaemonSet",
  "Ingress",
  "Role",
  "RoleBinding",
  "Service",
  "Service",
  "ServiceAccount",
];

/** What the kubelet would put in place of a reference. */
const DOWNWARD: Record<string, string> = {
  "spec.nodeName": "node-1",
  "metadata.name": "kubenurse-abcde",
  "metadata.namespace": "kube-system",
};

/** The environment as the container sees it. */
function environment(objects: readonly KubeObject[]): Record<string, string> {
  const env: Record<string, string> = { KUBERNETES_SERVICE_HOST: "10.96.0.1" };
  for (const { name, value, valueFrom } of envOf(objects)) {
    env[name] = valueFrom
      ? DOWNWARD[valueFrom.fieldRef.fieldPath]!
      // as the kubelet does: only variables that come before are known
      : value!.replace(/\$\((\w+)\)/g, (whole, other) => env[other] ?? whole);
  }
  return env;
}

for (const folder of FOLDERS) {
  toolTest(`${folder} sets what the agent accepts`, ["kubectl"], async () => {
    const objects = await kustomize(folder);
    const env = environment(objects);
    const known = new Set<string>(SETTINGS.map(({ name }) => name));
    const others = envOf(objects).map(({ name }) => name)
      .filter((name) => !known.has(name));
    assertEquals(others, []);
    assertEquals(unknownSettings(env), []);
    const config = parseConfig(env, () => "");
    assertEquals(config.nodeName, "node-1");
    assertEquals(
      config.serviceUrl,
      "http://kubenurse.kube-system.svc.cluster.local:8080",
    );
  });
}

toolTest("manifests holds these objects, all in kube-system", [
  "kubectl",
], async () => {
  const objects = await kustomize("manifests");
  assertEquals(objects.map(({ kind }) => kind).sort(), KINDS);
  for (const { kind, metadata } of objects) {
    assertEquals(metadata.name.replace(/-headless$/, ""), "kubenurse");
    const wanted = kind.startsWith("Cluster") ? undefined : "kube-system";
    assertEquals(metadata.namespace, wanted, kind);
  }
});

toolTest("manifests gives exactly the permissions that discovery uses", [
  "kubectl",
], async () => {
  const used = await permissionsUsed();
  const objects = await kustomize("manifests");
  const given = ["Role", "ClusterRole"].flatMap((kind) =>
    only(objects, kind).rules.flatMap((
      rule: { apiGroups: string[]; resources: string[]; verbs: string[] },
    ) =>
      rule.resources.flatMap((resource) =>
        rule.verbs.map((verb) =>
          `${kind} ${rule.apiGroups}/${resource} ${verb}`
        )
      )
    )
  );
  assertEquals(given.sort(), [...used].sort());
});

/** Lets discovery run and notes what it asks the API server. */
async function permissionsUsed(): Promise<Set<string>> {
  const used = new Set<string>();
  const stop = new AbortController();
  function note(path: string, verb: string) {
    const [, group = "", namespaced, resource] =
      /^\/apis?(?:\/([a-z.0-9]+))?\/v1\/(namespaces\/[^/]+\/)?([a-z]+)\?/
        .exec(path)!;
    const role = namespaced ? "Role" : "ClusterRole";
    used.add(`${role} ${group}/${resource} ${verb}`);
  }
  const api: ApiClient = {
    list(path) {
      note(path, "list");
      return Promise.resolve({ items: [], resourceVersion: "1", bytes: 0 });
    },
    // deno-lint-ignore require-yield -- a stream without events
    async *watch(path) {
      note(path, "watch");
      stop.abort();
    },
  };
  await createDiscovery({
    api,
    clock: { now: () => 0, wall: () => 0, sleep: () => Promise.resolve() },
    random: () => 0,
    log: { info() {}, warn() {} },
    discovery: "auto",
    service: "kubenurse-headless",
    namespace: "kube-system",
    selector: "app.kubernetes.io/name=kubenurse",
    podName: "kubenurse-abcde",
    nodeName: "node-1",
    limit: 10,
    allowUnschedulable: false,
    tls: false,
  }).run(stop.signal);
  return used;
}

toolTest("manifests has the headless Service that the agent looks for", [
  "kubectl",
], async () => {
  const objects = await kustomize("manifests");
  const { headlessService } = parseConfig(environment(objects), () => "");
  const { spec } = only(objects, "Service", headlessService);
  const { template } = only(objects, "DaemonSet").spec;
  assertEquals(spec.selector, template.metadata.labels);
  assertEquals(spec.clusterIP, "None");
  assertEquals(spec.publishNotReadyAddresses, true);
  assertEquals(spec.ports[0].name, "http");
});

toolTest("manifests joins Service, Pods and Ingress", ["kubectl"], async () => {
  const objects = await kustomize("manifests");
  const { selector, template } = only(objects, "DaemonSet").spec;
  const service = only(objects, "Service", "kubenurse").spec;
  assertEquals(selector.matchLabels, template.metadata.labels);
  assertEquals(service.selector, template.metadata.labels);
  assertEquals(template.metadata.labels["app.kubernetes.io/name"], "kubenurse");
  const [container] = template.spec.containers;
  assertEquals(container.ports, [
    { name: "http", containerPort: 8080, protocol: "TCP" },
  ]);
  assertEquals(service.ports, [
    { name: "http", port: 8080, protocol: "TCP", targetPort: "http" },
  ]);
  const [rule] = only(objects, "Ingress").spec.rules;
  assertEquals(rule.http.paths[0].backend.service, {
    name: "kubenurse",
    port: { number: 8080 },
  });
  const url = new URL(environment(objects).KUBENURSE_INGRESS_URL!);
  assertEquals(url.hostname, rule.host);
});

toolTest("manifests meets the Pod Security level restricted", [
  "kubectl",
], async () => {
  const { spec } =
    only(await kustomize("manifests"), "DaemonSet").spec.template;
  assertEquals(spec.securityContext, {
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    seccompProfile: { type: "RuntimeDefault" },
  });
  assertEquals(spec.containers[0].securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  for (const field of ["hostNetwork", "hostPID", "hostIPC", "volumes"]) {
    assertEquals(spec[field], undefined, field);
  }
});

toolTest("manifests leaves the agent time to stop", ["kubectl"], async () => {
  const objects = await kustomize("manifests");
  const { shutdownMs } = parseConfig(environment(objects), () => "");
  const { terminationGracePeriodSeconds } =
    only(objects, "DaemonSet").spec.template.spec;
  assert(terminationGracePeriodSeconds * 1e3 >= shutdownMs + 5_000);
});

toolTest("manifests puts an agent on every node, and has it scraped", [
  "kubectl",
], async () => {
  const { updateStrategy, template } = only(
    await kustomize("manifests"),
    "DaemonSet",
  ).spec;
  assertEquals(template.spec.tolerations, [{ operator: "Exists" }]);
  assertEquals(updateStrategy.rollingUpdate, { maxUnavailable: "34%" });
  assertEquals(template.spec.enableServiceLinks, false);
  assertEquals(template.metadata.annotations, {
    "prometheus.io/path": "/metrics",
    "prometheus.io/port": "8080",
    "prometheus.io/scheme": "http",
    "prometheus.io/scrape": "true",
  });
});

toolTest("overlays/namespace moves all, the bindings' subjects too", [
  "kubectl",
], async () => {
  const objects = await kustomize("manifests/overlays/namespace");
  for (const { kind, metadata } of objects) {
    const cluster = kind.startsWith("Cluster") || kind === "Namespace";
    assertEquals(metadata.namespace, cluster ? undefined : "kubenurse", kind);
  }
  for (const kind of ["RoleBinding", "ClusterRoleBinding"]) {
    assertEquals(only(objects, kind).subjects, [
      { kind: "ServiceAccount", name: "kubenurse", namespace: "kubenurse" },
    ]);
  }
});

toolTest("overlays/tls has the Ingress end TLS, and checks it so", [
  "kubectl",
], async () => {
  const objects = await kustomize("manifests/overlays/tls");
  const { rules, tls } = only(objects, "Ingress").spec;
  assertEquals(tls, [{ hosts: [rules[0].host], secretName: "kubenurse-tls" }]);
  assertEquals(
    environment(objects).KUBENURSE_INGRESS_URL,
    `https://${rules[0].host}`,
  );
});

toolTest("components/tls mounts what its settings name, and opens the port", [
  "kubectl",
], async () => {
  const objects = await kustomize("tests/manifests/tls");
  const { volumes, containers } = only(objects, "DaemonSet").spec.template.spec;
  const [{ ports, volumeMounts }] = containers;
  const env = environment(objects);
  assertEquals(env.KUBENURSE_USE_TLS, "true");
  const [mount] = volumeMounts;
  assertEquals(volumes[0].name, mount.name);
  for (const name of ["CERT_FILE", "CERT_KEY", "EXTRA_CA"]) {
    const path = env[`KUBENURSE_${name}`]!;
    assert(path.startsWith(`${mount.mountPath}/`), path);
    assert(READABLE.some((folder) => path.startsWith(`${folder}/`)), path);
  }
  const https = { name: "https", protocol: "TCP" };
  assertEquals(ports[1], { ...https, containerPort: 8443 });
  for (const { kind, spec } of objects) {
    if (kind !== "Service") continue;
    assertEquals(spec.ports[1], { ...https, port: 8443, targetPort: "https" });
  }
});

toolTest("overlays/kind has no Ingress and the local image", [
  "kubectl",
], async () => {
  const objects = await kustomize("manifests/overlays/kind");
  assertEquals(
    objects.map(({ kind }) => kind).sort(),
    KINDS.filter((kind) => kind !== "Ingress"),
  );
  assertEquals(environment(objects).KUBENURSE_CHECK_ME_INGRESS, "false");
  const [container] = only(objects, "DaemonSet").spec.template.spec.containers;
  assertEquals(container.image, "localhost/kubenurse:dev");
});

toolTest("overlays/network-policy is about the agent's Pods", [
  "kubectl",
], async () => {
  const objects = await kustomize("manifests/overlays/network-policy");
  const policy = only(objects, "NetworkPolicy");
  const { labels } = only(objects, "DaemonSet").spec.template.metadata;
  assertEquals(policy.metadata.namespace, "kube-system");
  assertEquals(policy.spec.podSelector.matchLabels, labels);
  const [http, udp] = policy.spec.ingress;
  const [agents] = policy.spec.egress;
  assertEquals(http.from, undefined);
  assertEquals(udp.from[0].podSelector.matchLabels, labels);
  assertEquals(agents.to[0].podSelector.matchLabels, labels);
  const port = { port: 8080, protocol: "UDP" };
  assertEquals(udp.ports, [port]);
  const tcp = [8080, 8443].map((port) => ({ port, protocol: "TCP" }));
  assertEquals(agents.ports, [...tcp, port]);
});

toolTest("overlays/prometheus-operator finds the Service", [
  "kubectl",
], async () => {
  const objects = await kustomize("manifests/overlays/prometheus-operator");
  const monitor = only(objects, "ServiceMonitor");
  const service = only(objects, "Service", "kubenurse");
  assertEquals(monitor.metadata.namespace, service.metadata.namespace);
  assertEquals(monitor.spec.selector.matchLabels, service.metadata.labels);
  // each agent once, though there are two Services
  const headless = only(objects, "Service", "kubenurse-headless");
  const [not] = monitor.spec.selector.matchExpressions;
  assertEquals(not.operator, "NotIn");
  assertEquals(not.values, [headless.metadata.labels![not.key]]);
  assertEquals(service.metadata.labels![not.key], undefined);
  assertEquals(monitor.spec.endpoints[0].port, service.spec.ports[0].name);
  assertEquals(
    only(objects, "PrometheusRule").metadata.namespace,
    service.metadata.namespace,
  );
});
