import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseConfig, unknownSettings } from "../../lib/config/config.ts";
import type { Config } from "../../lib/config/config.ts";
import { helpText, SETTINGS } from "../../lib/config/settings.ts";
import { createCa } from "../../lib/demo/certificates.ts";
import { ConfigError } from "../../lib/config/values.ts";

type Env = Record<string, string | undefined>;

const PEM = (await createCa()).cert;
const IN_POD = { KUBERNETES_SERVICE_HOST: "10.96.0.1" };

function readFile(path: string): string {
  if (path === "/ca.pem") return PEM;
  if (path === "/broken.pem") {
    return `${PEM}\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`;
  }
  if (path === "/key.pem") return "-----BEGIN PRIVATE KEY-----\n";
  throw new Error(`No such file: ${path}`);
}

function parsed(env: Env): Config {
  return parseConfig({ ...IN_POD, ...env }, readFile);
}

function errorsOf(env: Env): string[] {
  const error = assertThrows(
    () => parseConfig({ ...IN_POD, ...env }, readFile),
    AggregateError,
  );
  assert(error.errors.every((one) => one instanceof ConfigError));
  return error.errors.map((one) => one.message);
}

const DEFAULTS: Config = {
  listen: { host: "", port: 8080 },
  nodeName: undefined,
  podName: undefined,
  namespace: undefined,
  apiServerDirect: "https://10.96.0.1:443",
  apiServerDns: "https://kubernetes.default.svc.cluster.local:443",
  ingressUrl: undefined,
  serviceUrl: undefined,
  neighbourFilter: "app.kubernetes.io/name=kubenurse",
  discovery: "auto",
  headlessService: "kubenurse-headless",
  neighbourLimit: 10,
  allowUnschedulable: false,
  checks: {
    apiServerDirect: true,
    apiServerDns: true,
    meIngress: true,
    meService: true,
    neighbourhood: true,
  },
  mtuRounds: 12,
  checkUdp: false,
  sweep: 1,
  extraChecks: [],
  intervalMs: 5_000,
  timeoutMs: 5_000,
  shutdownMs: 5_000,
  reuseConnections: false,
  insecure: false,
  extraCaFile: undefined,
  tls: undefined,
  histogramBuckets: [.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10],
  exposeMetadata: true,
  trace: "failures",
  logFormat: "text",
};

Deno.test("parseConfig() has the documented defaults", () => {
  assertEquals(parsed({}), DEFAULTS);
});

Deno.test("parseConfig() takes an empty or blank variable for one that is not set", () => {
  const blank = SETTINGS.map(({ name }) => [name, "  "]);
  assertEquals(parsed({ ...Object.fromEntries(blank), ...IN_POD }), DEFAULTS);
  const empty = SETTINGS.map(({ name }) => [name, ""]);
  assertEquals(parsed({ ...Object.fromEntries(empty), ...IN_POD }), DEFAULTS);
});

Deno.test("parseConfig() cannot be changed afterwards", () => {
  assert(Object.isFrozen(parsed({})));
});

const { checks } = DEFAULTS;
/** A variable, a value and what it changes. */
const READ: readonly [string, string, Partial<Config>][] = [
  ["KUBENURSE_INGRESS_URL", "https://k.example/", {
    ingressUrl: "https://k.example",
  }],
  ["KUBENURSE_SERVICE_URL", "http://k:8080", { serviceUrl: "http://k:8080" }],
  ["KUBENURSE_NAMESPACE", "kube-system", { namespace: "kube-system" }],
  ["KUBENURSE_NEIGHBOUR_FILTER", "app=nurse", { neighbourFilter: "app=nurse" }],
  ["KUBENURSE_DISCOVERY", "EndpointSlices", { discovery: "endpointslices" }],
  ["KUBENURSE_DISCOVERY", "pods", { discovery: "pods" }],
  ["KUBENURSE_HEADLESS_SERVICE", "nurses", { headlessService: "nurses" }],
  ["KUBENURSE_NEIGHBOUR_LIMIT", "0", { neighbourLimit: 0 }],
  ["KUBENURSE_ALLOW_UNSCHEDULABLE", "true", { allowUnschedulable: true }],
  ["KUBENURSE_CHECK_API_SERVER_DIRECT", "false", {
    checks: { ...checks, apiServerDirect: false },
  }],
  ["KUBENURSE_CHECK_API_SERVER_DNS", "false", {
    checks: { ...checks, apiServerDns: false },
  }],
  ["KUBENURSE_CHECK_ME_INGRESS", "false", {
    checks: { ...checks, meIngress: false },
  }],
  ["KUBENURSE_CHECK_ME_SERVICE", "false", {
    checks: { ...checks, meService: false },
  }],
  ["KUBENURSE_CHECK_NEIGHBOURHOOD", "false", {
    checks: { ...checks, neighbourhood: false },
  }],
  ["KUBENURSE_CHECK_MTU", "0", { mtuRounds: 0 }],
  ["KUBENURSE_CHECK_MTU", "60", { mtuRounds: 60 }],
  ["KUBENURSE_CHECK_MTU", "false", { mtuRounds: 0 }],
  ["KUBENURSE_CHECK_MTU", "True", { mtuRounds: 12 }],
  ["KUBENURSE_CHECK_UDP", "true", { checkUdp: true }],
  ["KUBENURSE_SWEEP", "3", { sweep: 3 }],
  ["KUBENURSE_REUSE_CONNECTIONS", "true", { reuseConnections: true }],
  ["KUBENURSE_USE_TLS", "false", {}],
  ["KUBENURSE_CERT_FILE", "/ca.pem", {}],
  ["KUBENURSE_CERT_KEY", "/key.pem", {}],
  ["KUBENURSE_VICTORIAMETRICS_HISTOGRAM", "false", {}],
  ["KUBENURSE_EXPOSE_METADATA", "false", { exposeMetadata: false }],
  ["KUBENURSE_EXTRA_CHECKS", "db:tcp://db:5432", {
    extraChecks: [{
      name: "db",
      target: { kind: "tcp", host: "db", port: 5432 },
    }],
  }],
  ["KUBENURSE_CHECK_INTERVAL", "100ms", { intervalMs: 100 }],
  ["KUBENURSE_INSECURE", "true", { insecure: true }],
  ["KUBENURSE_EXTRA_CA", "/ca.pem", { extraCaFile: "/ca.pem" }],
  ["KUBENURSE_HISTOGRAM_BUCKETS", ".1,1", { histogramBuckets: [0.1, 1] }],
  ["KUBENURSE_SHUTDOWN_DURATION", "0s", { shutdownMs: 0 }],
  ["KUBENURSE_LISTEN_ADDRESS", "[::1]:9", { listen: { host: "::1", port: 9 } }],
  ["KUBENURSE_TRACE", "always", { trace: "always" }],
  ["KUBENURSE_LOG_FORMAT", "json", { logFormat: "json" }],
  ["NODE_NAME", "node-1.example.com", { nodeName: "node-1.example.com" }],
  ["POD_NAME", "kubenurse-x2bwx", { podName: "kubenurse-x2bwx" }],
  ["HOSTNAME", "kubenurse-x2bwx", { podName: "kubenurse-x2bwx" }],
  ["KUBERNETES_SERVICE_HOST", "fd00::1", {
    apiServerDirect: "https://[fd00::1]:443",
  }],
  ["KUBERNETES_SERVICE_PORT", "6443", {
    apiServerDirect: "https://10.96.0.1:6443",
    apiServerDns: "https://kubernetes.default.svc.cluster.local:6443",
  }],
  ["KUBERNETES_SERVICE_DNS", "k.example", {
    apiServerDns: "https://k.example:443",
  }],
];
for (const [name, value, change] of READ) {
  Deno.test(`parseConfig() reads ${name}=${value}`, () => {
    assertEquals(parsed({ [name]: value }), { ...DEFAULTS, ...change });
  });
}

Deno.test("parseConfig() prefers POD_NAME to HOSTNAME", () => {
  assertEquals(parsed({ POD_NAME: "pod", HOSTNAME: "host" }).podName, "pod");
});

Deno.test("parseConfig() reads the files for KUBENURSE_USE_TLS", () => {
  const { tls } = parsed({
    KUBENURSE_USE_TLS: "true",
    KUBENURSE_CERT_FILE: "/ca.pem",
    KUBENURSE_CERT_KEY: "/key.pem",
  });
  assertEquals(tls, { certFile: "/ca.pem", keyFile: "/key.pem" });
});

Deno.test("parseConfig() wants both files with KUBENURSE_USE_TLS", () => {
  const shown = errorsOf({ KUBENURSE_USE_TLS: "true" });
  assertEquals(shown.map((text) => text.split("=")[0]), [
    "Cannot read KUBENURSE_CERT_FILE",
    "Cannot read KUBENURSE_CERT_KEY",
  ]);
});

const BOOLEAN = '"true" or "false"';
const URL_TEXT = 'a URL such as "https://kubenurse.example.com"';
const NAME =
  "the name of a Kubernetes object (lower case letters, digits, - and .)";
const LISTEN = 'an address to listen on such as ":8080" or "[::]:8080"';
const CA = "a readable PEM file with at least one certificate";
/** A variable, a wrong value and what is wanted instead. */
const REFUSED: readonly [string, string, string][] = [
  ["KUBENURSE_INGRESS_URL", "kubenurse.example.com", URL_TEXT],
  [
    "KUBENURSE_INGRESS_URL",
    "https://k/?x=1",
    "a URL without a ?query or a #fragment",
  ],
  ["KUBENURSE_SERVICE_URL", "tcp://10.0.0.1:8080", URL_TEXT],
  ["KUBENURSE_NAMESPACE", "Kube_System", NAME],
  ["KUBENURSE_NAMESPACE", "../default", NAME],
  [
    "KUBENURSE_NEIGHBOUR_FILTER",
    "app=kube nurse",
    'a label selector such as "app.kubernetes.io/name=kubenurse"',
  ],
  [
    "KUBENURSE_DISCOVERY",
    "watch",
    '"auto" or "pods" or "endpointslices"',
  ],
  [
    "KUBENURSE_HEADLESS_SERVICE",
    "a/b",
    "the name of a Kubernetes object (lower case letters, digits, - and .)",
  ],
  ["KUBENURSE_NEIGHBOUR_LIMIT", "ten", "a whole number from 0 to 1000000"],
  ["KUBENURSE_NEIGHBOUR_LIMIT", "-1", "a whole number from 0 to 1000000"],
  ["KUBENURSE_NEIGHBOUR_LIMIT", "1000001", "a whole number from 0 to 1000000"],
  ["KUBENURSE_ALLOW_UNSCHEDULABLE", "yes", BOOLEAN],
  ["KUBENURSE_CHECK_API_SERVER_DIRECT", "no", BOOLEAN],
  ["KUBENURSE_CHECK_API_SERVER_DNS", "off", BOOLEAN],
  ["KUBENURSE_CHECK_ME_INGRESS", "disabled", BOOLEAN],
  ["KUBENURSE_CHECK_ME_SERVICE", "2", BOOLEAN],
  ["KUBENURSE_CHECK_NEIGHBOURHOOD", "flase", BOOLEAN],
  ["KUBENURSE_CHECK_MTU", "12s", "a whole number from 0 to 100000"],
  ["KUBENURSE_CHECK_UDP", "8080", BOOLEAN],
  ["KUBENURSE_SWEEP", "101", "a whole number from 0 to 100"],
  ["KUBENURSE_REUSE_CONNECTIONS", "always", BOOLEAN],
  ["KUBENURSE_USE_TLS", "8443", BOOLEAN],
  ["KUBENURSE_CERT_FILE", "/key.pem", CA],
  [
    "KUBENURSE_CERT_KEY",
    "/ca.pem",
    "a readable PEM file with a private key",
  ],
  [
    "KUBENURSE_CERT_KEY",
    "/missing.pem",
    "a readable PEM file with a private key (No such file: /missing.pem)",
  ],
  [
    "KUBENURSE_VICTORIAMETRICS_HISTOGRAM",
    "true",
    '"false": buckets with the label vmrange are not supported, those with le are always there',
  ],
  ["KUBENURSE_EXPOSE_METADATA", "none", BOOLEAN],
  ["KUBENURSE_CHECK_INTERVAL", "5", 'a duration such as "5s" or "1m30s"'],
  ["KUBENURSE_CHECK_INTERVAL", "99ms", "a duration of 100ms or more"],
  ["KUBENURSE_CHECK_INTERVAL", "0", "a duration of 100ms or more"],
  ["KUBENURSE_INSECURE", "tru", BOOLEAN],
  ["KUBENURSE_EXTRA_CA", "/broken.pem", `${CA} (number 2 of 2 cannot be read)`],
  ["KUBENURSE_LISTEN_ADDRESS", "256.1.1.1:80", LISTEN],
  ["KUBENURSE_LISTEN_ADDRESS", "[:::]:80", LISTEN],
  [
    "KUBENURSE_CHECK_INTERVAL",
    `${"9".repeat(320)}h`,
    "a duration of 24h or less",
  ],
  ["KUBENURSE_SHUTDOWN_DURATION", "25h", "a duration of 24h or less"],
  ["KUBENURSE_EXTRA_CA", "/missing.pem", `${CA} (No such file: /missing.pem)`],
  ["KUBENURSE_EXTRA_CA", "/key.pem", CA],
  [
    "KUBENURSE_HISTOGRAM_BUCKETS",
    "1,.5",
    'rising numbers of seconds such as ".005,.01,.1,1"',
  ],
  [
    "KUBENURSE_EXTRA_CHECKS",
    "web",
    'entries such as "name:https://example.com", with | between them',
  ],
  ["KUBENURSE_SHUTDOWN_DURATION", "-1s", 'a duration such as "5s" or "1m30s"'],
  [
    "KUBENURSE_LISTEN_ADDRESS",
    "8080",
    'an address to listen on such as ":8080" or "[::]:8080"',
  ],
  ["KUBENURSE_TRACE", "never", '"failures" or "always"'],
  ["KUBENURSE_LOG_FORMAT", "xml", '"text" or "json"'],
  ["NODE_NAME", "node 1", NAME],
  ["POD_NAME", "-x", NAME],
  ["KUBERNETES_SERVICE_HOST", "10.96.0.1:443", "a host name or an IP address"],
  [
    "KUBERNETES_SERVICE_HOST",
    "",
    'the address of the API server; every Pod has it, outside a cluster use "deno task dev"',
  ],
  ["KUBERNETES_SERVICE_PORT", "0", "a whole number from 1 to 65535"],
  ["KUBERNETES_SERVICE_PORT", "https", "a whole number from 1 to 65535"],
  [
    "KUBERNETES_SERVICE_DNS",
    "https://kubernetes",
    "a host name or an IP address",
  ],
];
for (const [name, value, wanted] of REFUSED) {
  Deno.test(`parseConfig() refuses ${name}=${value}`, () => {
    assertEquals(errorsOf({ [name]: value }), [
      `Cannot read ${name}=${JSON.stringify(value)}: expected ${wanted}`,
    ]);
  });
}

Deno.test("the cases above leave out no setting", () => {
  const all = new Set<string>(SETTINGS.map(({ name }) => name));
  assertEquals(all.difference(new Set(READ.map(([name]) => name))), new Set());
  assertEquals(
    all.difference(new Set(REFUSED.map(([name]) => name))),
    new Set(),
  );
});

Deno.test("parseConfig() shows all errors at once", () => {
  const wrong = new Map(REFUSED.map(([name, value]) => [name, value]));
  const shown = errorsOf(Object.fromEntries(wrong));
  const named = shown.map((text) => /^Cannot read (\w+)=/.exec(text)?.[1]);
  assertEquals(named.toSorted(), [...wrong.keys()].sort());
});

Deno.test("parseConfig() shows each error on one line", () => {
  const [text, ...rest] = errorsOf({ KUBENURSE_NAMESPACE: "a\nfake line" });
  assertEquals(rest, []);
  assertEquals(text!.includes("\n"), false);
});

const SERVICE_LINKS = [
  "KUBENURSE_PORT",
  "KUBENURSE_PORT_8080_TCP",
  "KUBENURSE_PORT_8080_TCP_ADDR",
  "KUBENURSE_PORT_8080_TCP_PORT",
  "KUBENURSE_PORT_8080_TCP_PROTO",
  "KUBENURSE_SERVICE_HOST",
  "KUBENURSE_SERVICE_PORT",
  "KUBENURSE_SERVICE_PORT_HTTP",
];
for (const name of SERVICE_LINKS) {
  Deno.test(`unknownSettings() leaves out the Service link ${name}`, () => {
    assertEquals(unknownSettings({ [name]: "x" }), []);
  });
}

Deno.test("unknownSettings() names what looks like a setting and is none, sorted", () => {
  const env = {
    KUBENURSE_SERVICE_URI: "http://kubenurse",
    KUBENURSE_CHEK_INTERVAL: "5s",
    KUBENURSE_SERVICE_URL: "http://kubenurse",
    PATH: "/bin",
    MY_KUBENURSE_X: "1",
  };
  assertEquals(unknownSettings(env), [
    "KUBENURSE_CHEK_INTERVAL",
    "KUBENURSE_SERVICE_URI",
  ]);
});

Deno.test("parseConfig() does not refuse unknown settings", () => {
  assertEquals(parsed({ KUBENURSE_CHEK_INTERVAL: "5s" }), DEFAULTS);
});

Deno.test("helpText() names each setting with its default", () => {
  const text = helpText("1.2.3");
  assert(text.startsWith("kubenurse 1.2.3: "));
  for (const setting of SETTINGS) {
    const shown = setting.default === "" ? "" : ` (${setting.default})`;
    assert(
      text.includes(`\n  ${setting.name}${shown}\n      ${setting.help}\n`),
    );
  }
});
