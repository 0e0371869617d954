/**
 * What upstream kubenurse 1.15 and its early versions promise to those who read
 * them: the table by which compatibility is tested, and `docs/migrating.md` too.
 *
 * @module
 */

/** A metric. */
export interface UpstreamMetric {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram" | "summary";
  readonly labels: readonly string[];
  /** The versions that have it. */
  readonly of: "1.15" | "early versions";
  /** Where it has to be asked for here. */
  readonly setting?: string;
}

/** All metrics but those of the Go runtime and the process. */
export const METRICS: readonly UpstreamMetric[] = [
  {
    name: "kubenurse_httpclient_request_duration_seconds",
    kind: "histogram",
    labels: ["type"],
    of: "1.15",
  },
  {
    name: "kubenurse_httpclient_requests_total",
    kind: "counter",
    labels: ["type", "code"],
    of: "1.15",
  },
  {
    name: "kubenurse_httpclient_trace_request_duration_seconds",
    kind: "histogram",
    labels: ["type", "event"],
    of: "1.15",
    setting: "KUBENURSE_TRACE=always",
  },
  {
    name: "kubenurse_errors_total",
    kind: "counter",
    labels: ["type", "event"],
    of: "1.15",
  },
  {
    name: "kubenurse_neighbourhood_incoming_checks",
    kind: "gauge",
    labels: [],
    of: "1.15",
  },
  {
    name: "kubenurse_errors",
    kind: "counter",
    labels: ["type"],
    of: "early versions",
  },
  {
    name: "kubenurse_request",
    kind: "summary",
    labels: ["type"],
    of: "early versions",
  },
];

/** Values of the label `type`; `path_` is followed by the name of a node. */
export const TYPES = [
  "api_server_direct",
  "api_server_dns",
  "me_ingress",
  "me_service",
  "path_",
] as const;

/** Values of the label `event` of the trace. */
export const TRACE_EVENTS = [
  "dns_start",
  "dns_done",
  "connect_start",
  "connect_done",
  "tls_handshake_start",
  "tls_handshake_done",
  "got_conn",
  "wrote_request",
  "got_first_resp_byte",
] as const;

/** Bounds of the histograms' buckets, the label `le`, unless others are set. */
export const BUCKETS = [
  ...["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5"],
  ...["1", "2.5", "5", "10", "+Inf"],
];

/** Quantiles of the summary. */
export const QUANTILES = ["0.5", "0.9", "0.99"];

/** Paths on port 8080, and the status of each when all is well. */
export const ENDPOINTS = [
  { path: "/", status: 200, answer: "JSON about this node" },
  { path: "/alive", status: 200, answer: "JSON about this node" },
  { path: "/alwayshappy", status: 200, answer: "always, and cheaply" },
  { path: "/metrics", status: 200, answer: "Prometheus text format" },
  {
    path: "/ready",
    status: 200,
    answer: "once the first round is done; 503 before and while shutting down",
  },
] as const;

/** Keys of `/alive`, in this order; others follow. */
export const ALIVE_KEYS = [
  "api_server_direct",
  "api_server_dns",
  "me_ingress",
  "me_service",
  "hostname",
  "neighbourhood_state",
  "neighbourhood",
  "headers",
];

/** Keys of a neighbour. */
export const NEIGHBOUR_KEYS = [
  "PodName",
  "PodIP",
  "HostIP",
  "NodeName",
  "Phase",
];

/** An environment variable. */
export interface UpstreamVariable {
  readonly name: string;
  /** A value that is accepted; a placeholder is for what a test has to start first. */
  readonly example: string;
  /** By what one sees that it works. */
  readonly effect: string;
}

/** All of upstream's variables that have the same effect here. */
export const VARIABLES: readonly UpstreamVariable[] = [
  {
    name: "KUBENURSE_INGRESS_URL",
    example: "https://kubenurse.example.com",
    effect: "`me_ingress` asks `<url>/alwayshappy`",
  },
  {
    name: "KUBENURSE_SERVICE_URL",
    example: "http://kubenurse.kube-system.svc.cluster.local:8080",
    effect: "`me_service` asks `<url>/alwayshappy`",
  },
  {
    name: "KUBENURSE_NAMESPACE",
    example: "monitoring",
    effect: "neighbours are Pods of that namespace",
  },
  {
    name: "KUBENURSE_NEIGHBOUR_FILTER",
    example: "app=nurse",
    effect: "neighbours are Pods with these labels",
  },
  {
    name: "KUBENURSE_NEIGHBOUR_LIMIT",
    example: "1",
    effect: "at most so many neighbours; 0: all",
  },
  {
    name: "KUBENURSE_ALLOW_UNSCHEDULABLE",
    example: "true",
    effect: "Pods on cordoned nodes are neighbours too",
  },
  {
    name: "KUBENURSE_INSECURE",
    example: "true",
    effect: "any certificate of Ingress, Service and neighbours is accepted",
  },
  {
    name: "KUBENURSE_EXTRA_CA",
    example: "/etc/kubenurse/ca.crt",
    effect: "certificates that this CA vouches for are accepted",
  },
  {
    name: "KUBENURSE_EXTRA_CHECKS",
    example: "intranet:https://intranet.example.com/health",
    effect: "`intranet` in `/alive` and as `type`",
  },
  {
    name: "KUBENURSE_CHECK_API_SERVER_DIRECT",
    example: "false",
    effect: "`api_server_direct` is `skipped`",
  },
  {
    name: "KUBENURSE_CHECK_API_SERVER_DNS",
    example: "false",
    effect: "`api_server_dns` is `skipped`",
  },
  {
    name: "KUBENURSE_CHECK_ME_INGRESS",
    example: "false",
    effect: "`me_ingress` is `skipped`",
  },
  {
    name: "KUBENURSE_CHECK_ME_SERVICE",
    example: "false",
    effect: "`me_service` is `skipped`",
  },
  {
    name: "KUBENURSE_CHECK_NEIGHBOURHOOD",
    example: "false",
    effect: "`neighbourhood_state` is `skipped`, no `path_` checks",
  },
  {
    name: "KUBENURSE_CHECK_INTERVAL",
    example: "300ms",
    effect: "time from round to round, in the log at the start",
  },
  {
    name: "KUBENURSE_REUSE_CONNECTIONS",
    example: "true",
    effect: "checks by HTTP go on the connection of the round before",
  },
  {
    name: "KUBENURSE_USE_TLS",
    example: "true",
    effect:
      "all endpoints by https on port 8443 too; neighbours are asked there",
  },
  {
    name: "KUBENURSE_CERT_FILE",
    example: "/etc/kubenurse/tls.crt",
    effect: "the certificate that is shown there; missing, it stops the start",
  },
  {
    name: "KUBENURSE_CERT_KEY",
    example: "/etc/kubenurse/tls.key",
    effect: "the key of that certificate; missing, it stops the start",
  },
  {
    name: "KUBENURSE_HISTOGRAM_BUCKETS",
    example: ".5,1,2.5",
    effect: "bounds of the histograms' buckets",
  },
  {
    name: "KUBENURSE_EXPOSE_METADATA",
    example: "false",
    effect: "`/metrics` without `# HELP` and `# TYPE`",
  },
  {
    name: "KUBENURSE_SHUTDOWN_DURATION",
    example: "1s",
    effect: "so long it answers after SIGTERM, with `/ready` 503",
  },
  {
    name: "KUBERNETES_SERVICE_HOST",
    example: "10.96.0.1",
    effect: "whom `api_server_direct` asks",
  },
  {
    name: "KUBERNETES_SERVICE_PORT",
    example: "443",
    effect: "the port that both API-server checks ask",
  },
  {
    name: "KUBERNETES_SERVICE_DNS",
    example: "kubernetes.default.svc.cluster.local",
    effect: "whom `api_server_dns` asks",
  },
];
