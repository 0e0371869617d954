/**
 * The one table of all environment variables: their names, defaults and
 * meanings. `--help` prints it, `docs/configuration.md` is checked against it.
 *
 * @module
 */

/** One environment variable. */
export interface Setting {
  readonly name: string;
  /** Text that is read when the variable is not set or empty; `""`: no value. */
  readonly default: string;
  /** What it does, one sentence, for `--help` and the documentation. */
  readonly help: string;
}

/** All variables that the agent reads, in the order in which the help shows them. */
export const SETTINGS = [
  {
    name: "KUBENURSE_INGRESS_URL",
    default: "",
    help:
      "URL of the Ingress in front of the agents; not set: me_ingress is skipped.",
  },
  {
    name: "KUBENURSE_SERVICE_URL",
    default: "",
    help:
      "URL of the Service in front of the agents; not set: me_service is skipped.",
  },
  {
    name: "KUBENURSE_NAMESPACE",
    default: "",
    help: "Namespace of the agents' Pods; not set: that of the ServiceAccount.",
  },
  {
    name: "KUBENURSE_NEIGHBOUR_FILTER",
    default: "app.kubernetes.io/name=kubenurse",
    help: "Label selector of the agents' Pods.",
  },
  {
    name: "KUBENURSE_DISCOVERY",
    default: "auto",
    help:
      'Where to find the other agents: "pods", "endpointslices" of the headless Service, or "auto", which takes the latter beyond 50 agents, where it can.',
  },
  {
    name: "KUBENURSE_HEADLESS_SERVICE",
    default: "kubenurse-headless",
    help: "Name of the agents' headless Service.",
  },
  {
    name: "KUBENURSE_NEIGHBOUR_LIMIT",
    default: "10",
    help: "How many neighbours each agent probes; 0: all.",
  },
  {
    name: "KUBENURSE_ALLOW_UNSCHEDULABLE",
    default: "false",
    help: "Whether Pods on cordoned nodes are neighbours too.",
  },
  {
    name: "KUBENURSE_CHECK_API_SERVER_DIRECT",
    default: "true",
    help: "Whether to check the API server by its Service address.",
  },
  {
    name: "KUBENURSE_CHECK_API_SERVER_DNS",
    default: "true",
    help: "Whether to check the API server by its DNS name.",
  },
  {
    name: "KUBENURSE_CHECK_ME_INGRESS",
    default: "true",
    help: "Whether to check the Ingress.",
  },
  {
    name: "KUBENURSE_CHECK_ME_SERVICE",
    default: "true",
    help: "Whether to check the Service.",
  },
  {
    name: "KUBENURSE_CHECK_NEIGHBOURHOOD",
    default: "true",
    help: "Whether to look for neighbours and check the paths to them.",
  },
  {
    name: "KUBENURSE_CHECK_MTU",
    default: "12",
    help:
      "Every how many rounds to send full-sized packets to each neighbour, which a path with too small an MTU swallows; 0: never.",
  },
  {
    name: "KUBENURSE_CHECK_UDP",
    default: "false",
    help:
      "Whether to measure the loss of UDP packets to neighbours, on the UDP port of the same number.",
  },
  {
    name: "KUBENURSE_SWEEP",
    default: "1",
    help:
      "To how many agents besides the neighbours to check the path in each round, in turn, so that every pair has its turn; 0: none.",
  },
  {
    name: "KUBENURSE_EXTRA_CHECKS",
    default: "",
    help:
      "Further checks, name:url with | between them; besides http and https: tcp://host:port, tls://host:port, dns://resolver/name?type=A.",
  },
  {
    name: "KUBENURSE_CHECK_INTERVAL",
    default: "5s",
    help:
      "Time from the start of a round to the start of the next, 100ms or more.",
  },
  {
    name: "KUBENURSE_REUSE_CONNECTIONS",
    default: "false",
    help:
      "Whether checks may keep connections open for the next round instead of making new ones.",
  },
  {
    name: "KUBENURSE_INSECURE",
    default: "false",
    help:
      "Whether to accept any certificate of the Ingress, the Service and neighbours; the API server's is always verified.",
  },
  {
    name: "KUBENURSE_EXTRA_CA",
    default: "",
    help: "PEM file with further CA certificates to trust.",
  },
  {
    name: "KUBENURSE_USE_TLS",
    default: "false",
    help:
      "Whether to answer by https on port 8443 too, and to check neighbours that way.",
  },
  {
    name: "KUBENURSE_CERT_FILE",
    default: "",
    help: "PEM file with the certificate for KUBENURSE_USE_TLS.",
  },
  {
    name: "KUBENURSE_CERT_KEY",
    default: "",
    help: "PEM file with the key of that certificate.",
  },
  {
    name: "KUBENURSE_HISTOGRAM_BUCKETS",
    default: ".005,.01,.025,.05,.1,.25,.5,1,2.5,5,10",
    help:
      "Bucket bounds, in seconds, of kubenurse_httpclient_request_duration_seconds.",
  },
  {
    name: "KUBENURSE_VICTORIAMETRICS_HISTOGRAM",
    default: "false",
    help:
      'Not supported: "true", which asks for buckets with the label vmrange, stops the start.',
  },
  {
    name: "KUBENURSE_EXPOSE_METADATA",
    default: "true",
    help: "Whether /metrics has the lines # HELP and # TYPE.",
  },
  {
    name: "KUBENURSE_TRACE",
    default: "failures",
    help:
      'When to tell the steps of requests apart: "failures", or "always", which exposes kubenurse_httpclient_trace_request_duration_seconds.',
  },
  {
    name: "KUBENURSE_SHUTDOWN_DURATION",
    default: "5s",
    help: "How long to go on answering after SIGTERM, while /ready says 503.",
  },
  {
    name: "KUBENURSE_LISTEN_ADDRESS",
    default: ":8080",
    help: "Address and port to listen on; no address: all, IPv6 and IPv4.",
  },
  {
    name: "KUBENURSE_LOG_FORMAT",
    default: "text",
    help: 'Form of the log: "text" or "json".',
  },
  {
    name: "NODE_NAME",
    default: "",
    help: "Name of this node (downward API); not set: read from the own Pod.",
  },
  {
    name: "POD_NAME",
    default: "",
    help: "Name of this Pod (downward API); not set: the host name.",
  },
  {
    name: "KUBERNETES_SERVICE_HOST",
    default: "",
    help: "Address of the API server; every Pod has it.",
  },
  {
    name: "KUBERNETES_SERVICE_PORT",
    default: "443",
    help: "Port of the API server; every Pod has it.",
  },
  {
    name: "KUBERNETES_SERVICE_DNS",
    default: "kubernetes.default.svc.cluster.local",
    help: "DNS name of the API server.",
  },
] as const satisfies readonly Setting[];

/** Name of a variable in the table. */
export type SettingName = typeof SETTINGS[number]["name"];

/** The text of `--help`. */
export function helpText(version: string): string {
  const rows = SETTINGS.map(({ name, default: value, help }) =>
    `  ${name}${value === "" ? "" : ` (${value})`}\n      ${help}\n`
  );
  return `kubenurse ${version}: probes the cluster's network from this node.

usage: kubenurse [--help | --version]

Everything is set by environment variables (default in brackets):

${rows.join("")}
Exit codes: 0 after SIGTERM or SIGINT, 1 when it cannot listen, 2 for wrong settings.
`;
}
