/**
 * Makes the copies of the alert rules and of the dashboard that kustomize and
 * Helm need in their own folders: neither takes files from elsewhere.
 *
 *     deno run --allow-read --allow-write manifests/generate.ts
 *
 * A test checks that the copies are up to date.
 *
 * @module
 */

const HEADER =
  "# Made by manifests/generate.ts from manifests/alerts/rules.yaml.\n";

const PROMETHEUS_RULE = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: kubenurse
  labels:
    app.kubernetes.io/name: kubenurse
    app.kubernetes.io/instance: kubenurse
spec:
`;

/**
 * All copies, by their path below `manifests/`.
 *
 * @param read Reads a file, by its path below `manifests/`.
 */
export function copies(
  read: (path: string) => string,
): Readonly<Record<string, string>> {
  const rules = read("alerts/rules.yaml");
  const groups = rules.slice(rules.indexOf("groups:\n"));
  return {
    "components/prometheus-operator/prometheus-rule.yaml": HEADER +
      PROMETHEUS_RULE + groups.replace(/^(?=.)/gm, "  "),
    "helm/kubenurse/files/rules.yaml": HEADER + groups,
    "helm/kubenurse/files/dashboard.json": read("grafana/dashboard.json"),
  };
}

if (import.meta.main) {
  const here = (path: string) => new URL(path, import.meta.url);
  const all = copies((path) => Deno.readTextFileSync(here(path)));
  for (const [path, text] of Object.entries(all)) {
    Deno.writeTextFileSync(here(path), text);
  }
}
