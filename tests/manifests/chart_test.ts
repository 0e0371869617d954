import { assert, assertEquals } from "@std/assert";
import { parse } from "yaml";
import { SETTINGS } from "../../lib/config/settings.ts";
import type { SettingName } from "../../lib/config/settings.ts";
import { CHART, envOf, helm, only, read, run, toolTest } from "./tools.ts";

const UPSTREAM = "tests/manifests/upstream-values.yaml";

toolTest("the chart passes helm lint", ["helm"], async () => {
  const { code, stdout, stderr } = await run("helm", "lint", "--strict", CHART);
  assertEquals(code, 0, stdout + stderr);
});

Deno.test("the chart's values.yaml has every key of upstream's", () => {
  const own = new Set(keysOf(parse(read(`${CHART}/values.yaml`))));
  const upstream = keysOf(parse(read(UPSTREAM)));
  assertEquals(upstream.filter((key) => !own.has(key)), []);
});

Deno.test("values.schema.json knows every key of values.yaml", () => {
  const values = parse(read(`${CHART}/values.yaml`));
  const { properties } = JSON.parse(read(`${CHART}/values.schema.json`));
  assertEquals(Object.keys(properties).sort(), Object.keys(values).sort());
});

/** Paths of all values and of the maps that hold them. */
function keysOf(value: unknown, path = ""): string[] {
  const isMap = typeof value === "object" && value !== null &&
    !Array.isArray(value);
  const inner = isMap ? Object.entries(value) : [];
  return [path, ...inner.flatMap(([key, v]) => keysOf(v, `${path}.${key}`))];
}

toolTest("the chart takes upstream's values as they are", [
  "helm",
], async () => {
  const fromUpstream = await helm("-f", UPSTREAM);
  const fromOwn = await helm();
  const [old, own] = [fromUpstream, fromOwn].map((objects) =>
    only(objects, "DaemonSet").spec.template.spec
  );
  assertEquals(old.tolerations, [
    {
      effect: "NoSchedule",
      key: "node-role.kubernetes.io/master",
      operator: "Equal",
    },
    {
      effect: "NoSchedule",
      key: "node-role.kubernetes.io/control-plane",
      operator: "Equal",
    },
  ]);
  // upstream's empty maps leave our security contexts and resources in place
  old.tolerations = own.tolerations;
  // its metrics have no comments unless asked for
  const bare = { name: "KUBENURSE_EXPOSE_METADATA", value: "false" };
  own.containers[0].env.push(bare);
  assertEquals(fromUpstream, fromOwn);
});

const SETTING_VALUES: readonly {
  key: string;
  variable: string;
  other: string;
}[] = [
  { key: "insecure", variable: "KUBENURSE_INSECURE", other: "true" },
  {
    key: "service_url",
    variable: "KUBENURSE_SERVICE_URL",
    other: "http://a.example",
  },
  {
    key: "kubernetes_service_dns",
    variable: "KUBERNETES_SERVICE_DNS",
    other: "kubernetes.default.svc.example",
  },
  {
    key: "allow_unschedulable",
    variable: "KUBENURSE_ALLOW_UNSCHEDULABLE",
    other: "true",
  },
  {
    key: "neighbour_filter",
    variable: "KUBENURSE_NEIGHBOUR_FILTER",
    other: "app=nurse",
  },
  { key: "discovery", variable: "KUBENURSE_DISCOVERY", other: "pods" },
  {
    key: "neighbour_limit",
    variable: "KUBENURSE_NEIGHBOUR_LIMIT",
    other: "1000000",
  },
  {
    key: "histogram_buckets",
    variable: "KUBENURSE_HISTOGRAM_BUCKETS",
    other: ".1",
  },
  { key: "extra_ca", variable: "KUBENURSE_EXTRA_CA", other: "/etc/ssl/a.pem" },
  ...["api_server_direct", "api_server_dns", "me_ingress", "me_service"]
    .concat("neighbourhood").map((check) => ({
      key: `check_${check}`,
      variable: `KUBENURSE_CHECK_${check.toUpperCase()}`,
      other: "false",
    })),
  { key: "check_mtu", variable: "KUBENURSE_CHECK_MTU", other: "60" },
  { key: "check_udp", variable: "KUBENURSE_CHECK_UDP", other: "true" },
  { key: "sweep", variable: "KUBENURSE_SWEEP", other: "2" },
  { key: "check_interval", variable: "KUBENURSE_CHECK_INTERVAL", other: "10s" },
  {
    key: "shutdown_duration",
    variable: "KUBENURSE_SHUTDOWN_DURATION",
    other: "1m",
  },
  { key: "extra_checks", variable: "KUBENURSE_EXTRA_CHECKS", other: "a:b" },
  {
    key: "expose_metadata",
    variable: "KUBENURSE_EXPOSE_METADATA",
    other: "false",
  },
  ...["reuse_connections", "use_tls"].map((key) => ({
    key,
    variable: `KUBENURSE_${key.toUpperCase()}`,
    other: "true",
  })),
  ...["cert_file", "cert_key"].map((key) => ({
    key,
    variable: `KUBENURSE_${key.toUpperCase()}`,
    other: "/etc/kubenurse/a.pem",
  })),
];

/** `--set` needs commas and equal signs escaped. */
function set(values: Record<string, string>): string[] {
  return Object.entries(values).map(([key, value]) =>
    `--set=${key}=${value.replace(/[,=]/g, "\\$&")}`
  );
}

toolTest("the chart passes changed settings on", ["helm"], async () => {
  const env = new Map(
    envOf(
      await helm(
        ...set(Object.fromEntries(SETTING_VALUES.map((s) => [s.key, s.other]))),
      ),
    ).map(({ name, value }) => [name, value]),
  );
  for (const { variable, other } of SETTING_VALUES) {
    assertEquals(env.get(variable), other, variable);
  }
});

toolTest("the chart does not pass on what is the agent's default", [
  "helm",
], async () => {
  const defaults = SETTING_VALUES.map(({ key, variable }) => {
    const setting = SETTINGS.find(({ name }) => name === variable);
    return [key, setting?.default] as const;
  }).filter(([, value]) => value !== undefined);
  const env = envOf(
    await helm(...set(
      Object.fromEntries(defaults) as Record<string, string>,
    )),
  );
  assertEquals(env.map(({ name }) => name), [
    "NODE_NAME",
    "POD_NAME",
    "KUBENURSE_NAMESPACE",
    "KUBENURSE_SERVICE_URL",
    "KUBENURSE_INGRESS_URL",
  ]);
});

Deno.test("values.yaml has the agent's defaults, but for insecure", () => {
  const values = parse(read(`${CHART}/values.yaml`));
  const different = SETTING_VALUES.filter(({ key, variable }) => {
    const setting = SETTINGS.find(({ name }) => name === variable);
    const value = String(values[key]);
    return setting && value !== "" && value !== setting.default;
  }).map(({ variable }) => variable as SettingName);
  assertEquals(different, ["KUBENURSE_INSECURE"]);
});

const GRACE = [
  { duration: "0s", seconds: 10 },
  { duration: "null", seconds: 15 },
  { duration: "5s", seconds: 15 },
  { duration: "1m30s", seconds: 100 },
  { duration: "1500ms", seconds: 12 },
  { duration: "1h", seconds: 3610 },
  { duration: "1200000us", seconds: 12 },
];
for (const { duration, seconds } of GRACE) {
  toolTest(`the chart gives ${seconds} s to stop in ${duration}`, [
    "helm",
  ], async () => {
    const objects = await helm(`--set=shutdown_duration=${duration}`);
    assertEquals(
      only(objects, "DaemonSet").spec.template.spec
        .terminationGracePeriodSeconds,
      seconds,
    );
  });
}

const IMAGES = [
  { set: {}, image: "ghcr.io/kubenurse/kubenurse-ts:0.1.0" },
  {
    set: { "daemonset.image.repository": "a.example/b" },
    image: "a.example/b:0.1.0",
  },
  {
    set: { "daemonset.image.tag": "c" },
    image: "ghcr.io/kubenurse/kubenurse-ts:c",
  },
  {
    set: {
      "daemonset.image.repository": "postfinance/kubenurse",
      "daemonset.image.tag": "v1.7.0",
    },
    image: "ghcr.io/kubenurse/kubenurse-ts:0.1.0",
  },
];
for (const { set: values, image } of IMAGES) {
  toolTest(`the chart runs ${image} with ${JSON.stringify(values)}`, [
    "helm",
  ], async () => {
    const { spec } =
      only(await helm(...set(values as Record<string, string>)), "DaemonSet")
        .spec.template;
    assertEquals(spec.containers[0].image, image);
  });
}

toolTest("the chart's NetworkPolicy takes further rules as they are", [
  "helm",
], async () => {
  const rule = { to: [{ ipBlock: { cidr: "10.0.0.5/32" } }], ports: [] };
  const policy = async (...args: string[]) =>
    only(
      await helm("--set=networkPolicy.enabled=true", ...args),
      "NetworkPolicy",
    );
  const extra = `--set-json=networkPolicy.extraEgress=${
    JSON.stringify([rule])
  }`;
  const own = await policy();
  own.spec.egress.push(rule);
  assertEquals(await policy(extra), own);
});

toolTest("the chart asks for no nodes with allow_unschedulable", [
  "helm",
], async () => {
  const objects = await helm("--set=allow_unschedulable=true");
  assert(!objects.some(({ kind }) => kind.startsWith("ClusterRole")));
});

toolTest("the chart uses an existing ServiceAccount", ["helm"], async () => {
  const objects = await helm(
    "--set=serviceAccount.create=false,serviceAccount.name=other",
  );
  assert(!objects.some(({ kind }) => kind === "ServiceAccount"));
  assertEquals(
    only(objects, "DaemonSet").spec.template.spec.serviceAccountName,
    "other",
  );
  assertEquals(only(objects, "RoleBinding").subjects[0].name, "other");
});

toolTest("the chart's other name is the neighbours' too", [
  "helm",
], async () => {
  const objects = await helm("--set=nameOverride=nurse");
  const { labels } = only(objects, "DaemonSet").spec.template.metadata;
  assertEquals(labels["app.kubernetes.io/name"], "nurse");
  assert(
    envOf(objects).some(({ name, value }) =>
      name === "KUBENURSE_NEIGHBOUR_FILTER" &&
      value === "app.kubernetes.io/name=nurse"
    ),
  );
});

toolTest("the chart makes extra objects, of text or YAML", [
  "helm",
], async () => {
  const objects = await helm(
    '--set-json=extraObjects=[{"kind":"A","at":"{{ .Release.Name }}"},"kind: B"]',
  );
  assertEquals(only(objects, "A").at, "kubenurse");
  only(objects, "B");
});

toolTest("the chart leaves out alerts that are disabled", [
  "helm",
], async () => {
  async function rules(...args: string[]): Promise<{ alert?: string }[]> {
    const objects = await helm("--set=prometheusRule.enabled=true", ...args);
    return only(objects, "PrometheusRule").spec.groups[0].rules;
  }
  const all = await rules();
  const some = await rules(
    "--set=prometheusRule.disabled[0]=KubenurseNoNeighbourList",
  );
  assertEquals(
    some,
    all.filter(({ alert }) => alert !== "KubenurseNoNeighbourList"),
  );
  assertEquals(some.length, all.length - 1);
});
