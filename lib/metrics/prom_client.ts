/**
 * The parts of prom-client that are used, by their own files: its index also
 * loads what measures Node.js, clusters of processes and push gateways, which
 * costs 6 MB of resident memory. The types are those of the index.
 *
 * @module
 */
import type * as prom from "prom-client";
import counter from "prom-client/lib/counter.js";
import gauge from "prom-client/lib/gauge.js";
import histogram from "prom-client/lib/histogram.js";
import registry from "prom-client/lib/registry.js";
import summary from "prom-client/lib/summary.js";

/** See prom-client. */
export const Counter = counter as unknown as typeof prom.Counter;
/** See prom-client. */
export const Gauge = gauge as unknown as typeof prom.Gauge;
/** See prom-client. */
export const Histogram = histogram as unknown as typeof prom.Histogram;
/** See prom-client. */
export const Registry = registry as unknown as typeof prom.Registry;
/** See prom-client. */
export const Summary = summary as unknown as typeof prom.Summary;
