import { assert, assertEquals } from "@std/assert";
import { READABLE } from "../../lib/config/files.ts";
import { CHART, helm, run, toolTest } from "./tools.ts";

const CERT_FILE = "cert_file=/etc/kubenurse/tls/tls.crt";
const CERT_KEY = "cert_key=/etc/kubenurse/tls/tls.key";
const NEEDS_FILES = "use_tls=true needs cert_file and cert_key";
const FILES = ["extra_ca", "cert_file", "cert_key"];

/** Values with which every agent would stop at once, and what Helm says. */
const REFUSED: readonly { set: string; says: string }[] = [
  { set: "insecure=maybe", says: "/insecure" },
  { set: "neighbour_limit=-1", says: "/neighbour_limit" },
  { set: "neighbour_limit=1000001", says: "/neighbour_limit" },
  { set: "check_mtu=100001", says: "/check_mtu" },
  { set: "check_interval=5", says: "/check_interval" },
  { set: "check_interval=1.2.3s", says: "/check_interval" },
  { set: "check_interval=.s", says: "/check_interval" },
  {
    set: "check_interval=50ms",
    says: "check_interval=50ms: expected a duration from 100ms to 24h",
  },
  {
    set: "check_interval=99999us",
    says: "check_interval=99999us: expected a duration from 100ms to 24h",
  },
  {
    set: "check_interval=24h1ms",
    says: "check_interval=24h1ms: expected a duration from 100ms to 24h",
  },
  { set: "shutdown_duration=1..5s", says: "/shutdown_duration" },
  {
    set: "shutdown_duration=25h",
    says: "shutdown_duration=25h: expected a duration of 24h or less",
  },
  { set: "service.port=0", says: "/service/port" },
  { set: "service.name=longer-than-fifteen", says: "/service/name" },
  { set: "daemonset.tolerations=all", says: "/daemonset/tolerations" },
  { set: "networkPolicy.extraEgress=all", says: "/networkPolicy/extraEgress" },
  ...[
    "ftp://a.example",
    "http://u:p@a.example",
    "u@a.example",
    "https://",
    "https://a.example?b",
    "https://a.example/#b",
    "a.example:port",
    "a b",
  ].map((url) => ({ set: `ingress.url=${url}`, says: "/ingress/url" })),
  ...[
    "a.example",
    "ftp://a.example",
    "http://u:p@a.example",
    "http://",
    "http://a.example/?b",
  ].map((url) => ({ set: `service_url=${url}`, says: "/service_url" })),
  ...FILES.map((key) => ({ set: `${key}=/tls/a.pem`, says: `/${key}` })),
  { set: "extra_ca=/etc/kubenurse/../a.pem", says: "/extra_ca" },
  { set: "extra_ca=/etc/sslother/a.pem", says: "/extra_ca" },
  { set: "use_tls=true", says: NEEDS_FILES },
  { set: `use_tls=true,${CERT_FILE}`, says: NEEDS_FILES },
  { set: `use_tls=true,${CERT_KEY}`, says: NEEDS_FILES },
  {
    set: "victoriametrics_histogram=true",
    says:
      'victoriametrics_histogram=true: expected "false": buckets with the label vmrange are not supported, those with le are always there',
  },
  ...["app nurse", "app=a b", "app in a", "=nurse", "a=b\\,", "a b=c"].map((
    selector,
  ) => ({
    set: `neighbour_filter=${selector}`,
    says: "expected a label selector such as",
  })),
];

for (const { set, says } of REFUSED) {
  toolTest(`the chart refuses ${set}`, ["helm"], async () => {
    const { code, stderr } = await run(
      "helm",
      "template",
      CHART,
      `--set=${set}`,
    );
    assertEquals(code, 1);
    // Helm writes a value's path with dots or slashes, depending on its version
    assert(`${stderr}\n${stderr.replaceAll(".", "/")}`.includes(says), stderr);
  });
}

const ACCEPTED = [
  ...FILES.flatMap((key) =>
    READABLE.map((folder) => `${key}=${folder}/tls/a.pem`)
  ),
  `use_tls=true,${CERT_FILE},${CERT_KEY}`,
  // as good as the values of the same names
  "use_tls=true,daemonset.extraEnvs[0].name=KUBENURSE_CERT_FILE," +
  `daemonset.extraEnvs[1].name=KUBENURSE_CERT_KEY`,
  ...["100ms", "100000us", ".1s", "1.s", "1m30s", "24h"].map((interval) =>
    `check_interval=${interval}`
  ),
  "shutdown_duration=0s",
  ...[
    "app=nurse",
    "app==nurse",
    "app!=nurse",
    "app = nurse",
    "app in (a\\, b)\\,!c",
    "app notin (a)\\, d",
    "app=",
    "app",
    "",
  ].map((selector) => `neighbour_filter=${selector}`),
  ...[
    "https://a.example:8443/b",
    "http://a.$(KUBENURSE_NAMESPACE).svc:8080",
    "http://[fd00::1]:80",
    "",
  ].map((url) => `service_url=${url}`),
  ...["a.example:8443", "https://a.example/", "[fd00::1]:80"].map((url) =>
    `ingress.url=${url}`
  ),
  ...["ingress.url", "service_url", "extra_ca", "neighbour_filter"]
    .concat("check_interval", "shutdown_duration").map((key) => `${key}=null`),
];

for (const set of ACCEPTED) {
  toolTest(`the chart accepts ${set}`, ["helm"], async () => {
    await helm(`--set=${set}`);
  });
}
