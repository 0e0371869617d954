/**
 * The one table of all metrics: names, kinds, labels and meanings. The
 * documentation is checked against it.
 *
 * @module
 */

/** One metric family. */
export interface Definition {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram" | "summary";
  readonly labels: readonly string[];
  readonly help: string;
}

/** All metrics that the agent exposes. */
export const DEFINITIONS = {
  errors: {
    name: "kubenurse_errors",
    kind: "counter",
    labels: ["type"],
    help: "Checks that failed.",
  },
  request: {
    name: "kubenurse_request",
    kind: "summary",
    labels: ["type"],
    help:
      "Durations of checks that succeeded, over the last minute, in seconds.",
  },
  duration: {
    name: "kubenurse_httpclient_request_duration_seconds",
    kind: "histogram",
    labels: ["type"],
    help: "Durations of requests that were answered, whatever the status code.",
  },
  trace: {
    name: "kubenurse_httpclient_trace_request_duration_seconds",
    kind: "histogram",
    labels: ["type", "event"],
    help:
      "Time from the start of a request to each of its steps; with KUBENURSE_TRACE=always only.",
  },
  requests: {
    name: "kubenurse_httpclient_requests_total",
    kind: "counter",
    labels: ["type", "code"],
    help: "Requests that were answered, by status code.",
  },
  errorEvents: {
    name: "kubenurse_errors_total",
    kind: "counter",
    labels: ["type", "event"],
    help:
      "Checks that failed, by what failed: dns_done, connect_done, tls_handshake_done, wrote_request, status_code_<code>, round_trip_error, path_mtu.",
  },
  sweepFailing: {
    name: "kubenurse_sweep_failing",
    kind: "gauge",
    labels: ["target_node"],
    help:
      "1 for each node, at most 10, to which the path failed in its turn of the sweep and has not been well since.",
  },
  certificate: {
    name: "kubenurse_certificate_days_left",
    kind: "gauge",
    labels: ["type"],
    help:
      "Days that the certificate shown to a tls:// check is still valid; below 0: it has expired.",
  },
  ownCertificate: {
    name: "kubenurse_own_certificate_days_left",
    kind: "gauge",
    labels: [],
    help:
      "Days that this agent's own certificate is still valid; with KUBENURSE_USE_TLS only.",
  },
  incoming: {
    name: "kubenurse_neighbourhood_incoming_checks",
    kind: "gauge",
    labels: [],
    help: "Distinct neighbours that probed this Pod in the last minute.",
  },
  answered: {
    name: "kubenurse_answered_checks_total",
    kind: "counter",
    labels: ["type"],
    help:
      "Checks through the Service that this agent answered, me_service and me_ingress, whoever made them.",
  },
  backends: {
    name: "kubenurse_backends",
    kind: "gauge",
    labels: ["type"],
    help:
      "Nodes whose agents answered this agent's checks through the Service, of the newest 120 checks within 10 minutes.",
  },
  udpLoss: {
    name: "kubenurse_udp_loss_ratio",
    kind: "gauge",
    labels: ["type"],
    help:
      "Share of UDP packets to a neighbour that did not come back, over two minutes; this and the others of UDP with KUBENURSE_CHECK_UDP only.",
  },
  udpSent: {
    name: "kubenurse_udp_packets_sent_total",
    kind: "counter",
    labels: ["type"],
    help: "UDP packets that were sent to a neighbour to be answered.",
  },
  udpLost: {
    name: "kubenurse_udp_packets_lost_total",
    kind: "counter",
    labels: ["type"],
    help: "UDP packets of these that were not answered within a second.",
  },
  udpDuplicates: {
    name: "kubenurse_udp_packets_duplicate_total",
    kind: "counter",
    labels: ["type"],
    help: "Answers to UDP packets that had been answered before.",
  },
  udpReordered: {
    name: "kubenurse_udp_packets_reordered_total",
    kind: "counter",
    labels: ["type"],
    help: "UDP packets whose answer came after that of a later one.",
  },
  udpRoundTrip: {
    name: "kubenurse_udp_round_trip_seconds",
    kind: "summary",
    labels: ["type"],
    help:
      "From sending a UDP packet to its answer, over the last minute, in seconds.",
  },
  udpRefused: {
    name: "kubenurse_udp_packets_refused_total",
    kind: "counter",
    labels: ["reason"],
    help:
      "UDP packets that came and were not answered: malformed, cookie (not an agent, or one that was not told to), rate.",
  },
  neighbours: {
    name: "kubenurse_neighbours",
    kind: "gauge",
    labels: [],
    help: "Neighbours that this agent probes.",
  },
  listAge: {
    name: "kubenurse_neighbour_list_age_seconds",
    kind: "gauge",
    labels: [],
    help:
      "Age of the list from which the neighbours are chosen; NaN before the first.",
  },
  round: {
    name: "kubenurse_round_duration_seconds",
    kind: "gauge",
    labels: [],
    help: "Duration of the newest round of checks.",
  },
  rounds: {
    name: "kubenurse_rounds_total",
    kind: "counter",
    labels: [],
    help: "Rounds of checks that have ended.",
  },
  build: {
    name: "kubenurse_build_info",
    kind: "gauge",
    labels: ["version", "deno"],
    help: "Always 1; its labels say what is running.",
  },
  cpu: {
    name: "process_cpu_seconds_total",
    kind: "counter",
    labels: [],
    help: "User and system CPU time spent.",
  },
  memory: {
    name: "process_resident_memory_bytes",
    kind: "gauge",
    labels: [],
    help: "Resident memory size.",
  },
  heap: {
    name: "process_heap_bytes",
    kind: "gauge",
    labels: [],
    help: "Size of the JavaScript heap.",
  },
  start: {
    name: "process_start_time_seconds",
    kind: "gauge",
    labels: [],
    help: "Start of the process, seconds since 1970.",
  },
} as const satisfies Readonly<Record<string, Definition>>;
