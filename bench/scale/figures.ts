/**
 * What was measured at one size, and the table of all sizes beside the budgets.
 *
 * @module
 */

/** Figures of one agent in a cluster of `nodes`. */
export interface Figures {
  readonly nodes: number;
  readonly neighbours: number;
  readonly firstRoundMs: number;
  /** Resident memory, MB: the most, and at the end. */
  readonly peakMb: number;
  readonly rssMb: number;
  readonly cpuMsPerS: number;
  /** From the API server, with the checks of it. */
  readonly start: Received;
  /** After the start, per second and per minute. */
  readonly steady: Received;
  readonly series: number;
  readonly metricsBytes: number;
  readonly metricsMs: number;
  readonly metricsCpuMs: number;
  readonly failedChecks: number;
  readonly heartbeatsPerS: number;
  readonly restartsPerS: number;
}

/** Bytes and requests of discovery, and of the two checks of the API server. */
export interface Received {
  readonly discoveryBytes: number;
  readonly discoveryRequests: number;
  readonly checkBytes: number;
  readonly checkRequests: number;
}

/** What a relay counted on two occasions, or between them. */
export interface Counted {
  /** Connections by the API server's DNS name: one of the two checks. */
  readonly named: { readonly connections: number; readonly bytes: number };
  /** Connections by its address: the other check, and discovery. */
  readonly others: { readonly connections: number; readonly bytes: number };
}

/** What was counted after `before`. */
export function since(before: Counted, after: Counted): Counted {
  const less = (key: keyof Counted) => ({
    connections: after[key].connections - before[key].connections,
    bytes: after[key].bytes - before[key].bytes,
  });
  return { named: less("named"), others: less("others") };
}

/**
 * Tells discovery from checks. The check by address sends and receives the same
 * as the one by name; what is left is discovery's. Both must have run equally
 * often, so this holds between rounds only.
 */
export function received({ named, others }: Counted): Received {
  return {
    discoveryBytes: others.bytes - named.bytes,
    discoveryRequests: others.connections - named.connections,
    checkBytes: 2 * named.bytes,
    checkRequests: 2 * named.connections,
  };
}

/** Per unit of time. */
export function per(units: number, total: Received): Received {
  return {
    discoveryBytes: total.discoveryBytes / units,
    discoveryRequests: total.discoveryRequests / units,
    checkBytes: total.checkBytes / units,
    checkRequests: total.checkRequests / units,
  };
}

/** A row of the table. */
interface Row {
  readonly what: string;
  readonly value: (figures: Figures) => number;
  readonly digits?: number;
  readonly budget?: Budget;
}

/** The most, by number of nodes; `all`: whatever their number. */
type Budget = { readonly [nodes: number]: number; readonly all?: number };

const ROWS: readonly Row[] = [
  { what: "neighbours", value: (f) => f.neighbours },
  {
    what: "RSS, peak, MB",
    value: (f) => f.peakMb,
    budget: { 5000: 110 },
  },
  {
    what: "RSS at the end, MB",
    value: (f) => f.rssMb,
    budget: { 10: 75 },
  },
  {
    what: "CPU, ms per s",
    value: (f) => f.cpuMsPerS,
    digits: 1,
    budget: { 10: 6, 5000: 8 },
  },
  {
    what: "start to first round, ms",
    value: (f) => f.firstRoundMs,
    budget: { all: 1000 },
  },
  {
    what: "discovery, first 30 s, KB received",
    value: (f) => f.start.discoveryBytes / 1e3,
    digits: 1,
    budget: { 5000: 500 },
  },
  {
    what: "discovery, bytes received per s",
    value: (f) => f.steady.discoveryBytes,
    budget: { 5000: 1000 },
  },
  {
    what: "discovery, requests per minute",
    value: (f) => f.steady.discoveryRequests * 60,
    digits: 1,
  },
  {
    what: "API-server checks, bytes received per s",
    value: (f) => f.steady.checkBytes,
  },
  {
    what: "API-server checks, requests per minute",
    value: (f) => f.steady.checkRequests * 60,
    digits: 1,
  },
  { what: "series", value: (f) => f.series, budget: { all: 350 } },
  { what: "/metrics, KB", value: (f) => f.metricsBytes / 1e3, digits: 1 },
  {
    what: "/metrics, ms to answer (median)",
    value: (f) => f.metricsMs,
    digits: 1,
  },
  { what: "/metrics, ms of CPU each", value: (f) => f.metricsCpuMs, digits: 1 },
  { what: "checks that failed", value: (f) => f.failedChecks },
  {
    what: "node heartbeats per s",
    value: (f) => f.heartbeatsPerS,
    digits: 1,
  },
  { what: "pod restarts per s", value: (f) => f.restartsPerS, digits: 1 },
];

/** Rows for a Markdown table; what exceeds its budget is marked `(over)`. */
export function scaleRows(sizes: readonly Figures[]): string[][] {
  const head = [
    "what",
    "budget",
    ...sizes.map(({ nodes }) => `${nodes.toLocaleString("en")} nodes`),
  ];
  return [head, ...ROWS.map((row) => cells(row, sizes))];
}

function cells(
  { what, value, digits = 0, budget = {} }: Row,
  sizes: readonly Figures[],
) {
  const limit = (nodes: number) => budget[nodes] ?? budget.all;
  const values = sizes.map((figures) => {
    const number = value(figures);
    const most = limit(figures.nodes);
    const text = number.toFixed(digits);
    return most !== undefined && number > most ? `${text} (over)` : text;
  });
  return [what, budgetText(budget), ...values];
}

function budgetText(budget: Budget): string {
  if (budget.all !== undefined) return String(budget.all);
  return Object.entries(budget)
    .map(([nodes, most]) => `${most} at ${Number(nodes).toLocaleString("en")}`)
    .join(", ");
}

/** The middle one of some numbers, the upper of two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** The sum of all samples of a metric in Prometheus text format. */
export function sumOf(metrics: string, name: string): number {
  return [
    ...metrics.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm")),
  ]
    .reduce((sum, [, value]) => sum + Number(value), 0);
}

/** How many samples there are. */
export function seriesIn(metrics: string): number {
  return metrics.split("\n").filter((line) => /^[a-z]/.test(line)).length;
}
