import { assertEquals } from "@std/assert";
import { CHART, helm, kustomize, toolTest } from "./tools.ts";
import type { EnvVar, KubeObject } from "./tools.ts";

/** Labels by which Helm marks what is its own. */
const HELM_LABELS = [
  "helm.sh/chart",
  "app.kubernetes.io/managed-by",
  "app.kubernetes.io/version",
];

/** Objects by kind and name, without what means nothing: order, Helm's labels. */
function normalised(objects: readonly KubeObject[]) {
  return Object.fromEntries(
    objects.map((object) => {
      const copy = structuredClone(object);
      for (const label of HELM_LABELS) delete copy.metadata.labels?.[label];
      for (const container of copy.spec?.template?.spec.containers ?? []) {
        container.env.sort((a: EnvVar, b: EnvVar) => a.name < b.name ? -1 : 1);
      }
      return [`${object.kind} ${object.metadata.name}`, copy];
    }).sort(),
  );
}

const SAME = ["-f", `${CHART}/ci/kustomize-values.yaml`];
const CASES = [
  { folder: "manifests", values: [] },
  { folder: "manifests/base", values: [] },
  {
    folder: "manifests/overlays/namespace",
    values: ["-n", "kubenurse"],
    kustomizeAlone: ["Namespace"], // Helm: --create-namespace
  },
  {
    folder: "manifests/overlays/tls",
    values: [
      "--set=ingress.url=https://kubenurse.example.com",
      "--set=ingress.tlsSecretName=kubenurse-tls",
    ],
  },
  {
    folder: "manifests/overlays/kind",
    values: [
      "--set=ingress.enabled=false,ingress.url=dummy-kubenurse.example.com",
      "--set=check_me_ingress=false",
      "--set=daemonset.image.repository=localhost/kubenurse",
      "--set=daemonset.image.tag=dev",
    ],
    without: ["KUBENURSE_INGRESS_URL"], // not used: its check is off
  },
  {
    folder: "manifests/overlays/network-policy",
    values: ["--set=networkPolicy.enabled=true"],
  },
  {
    folder: "manifests/overlays/prometheus-operator",
    values: [
      "--set=serviceMonitor.enabled=true,prometheusRule.enabled=true",
    ],
  },
  {
    folder: "tests/manifests/tls",
    values: [
      "--set=networkPolicy.enabled=true,use_tls=true",
      "--set=cert_file=/etc/kubenurse/tls/tls.crt",
      "--set=cert_key=/etc/kubenurse/tls/tls.key",
      "--set=extra_ca=/etc/kubenurse/tls/ca.crt",
      "--set=daemonset.volumes[0].name=tls",
      "--set=daemonset.volumes[0].secret.secretName=kubenurse-agent-tls",
      "--set=daemonset.volumeMounts[0].name=tls",
      "--set=daemonset.volumeMounts[0].mountPath=/etc/kubenurse/tls",
      "--set=daemonset.volumeMounts[0].readOnly=true",
    ],
  },
  {
    folder: "tests/manifests/everything",
    values: [
      "--set=daemonset.priorityClassName=system-node-critical",
      "--set=daemonset.dnsConfig.options[0].name=ndots",
      "--set-string=daemonset.dnsConfig.options[0].value=1",
      "--set=networkPolicy.enabled=true,dashboard.enabled=true",
      "--set=serviceMonitor.enabled=true,prometheusRule.enabled=true",
    ],
  },
];

for (const { folder, values, kustomizeAlone = [], without = [] } of CASES) {
  toolTest(`the chart renders what ${folder} renders`, [
    "helm",
    "kubectl",
  ], async () => {
    const fromKustomize = (await kustomize(folder))
      .filter(({ kind }) => !kustomizeAlone.includes(kind));
    for (const object of fromKustomize) {
      const [container] = object.spec?.template?.spec.containers ?? [];
      if (!container) continue;
      container.env = container.env.filter(({ name }: EnvVar) =>
        !without.includes(name)
      );
    }
    const fromHelm = await helm(...SAME, ...values);
    assertEquals(normalised(fromHelm), normalised(fromKustomize));
  });
}
