/**
 * From outcomes to numbers. Together with `prom_client.ts` all that knows prom-client.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "./prom_client.ts";
import { eventOf, TRACE_EVENTS } from "../checks/check.ts";
import type { Outcome } from "../checks/check.ts";
import { DEFINITIONS } from "./definitions.ts";
import { createUdpMetrics } from "./udp.ts";
import type { UdpMetrics } from "./udp.ts";
import { WindowSummary } from "./window_summary.ts";

/** What is read when `/metrics` is asked for. */
export interface Readings {
  /** Distinct neighbours that probed this Pod in the last minute. */
  incomingChecks(): number;
  neighbours(): number;
  /** Seconds, or `undefined` before the first list. */
  listAgeSeconds(): number | undefined;
  /** Nodes that answered the checks of a type lately; `undefined`: nothing is known. */
  backends(type: string): number | undefined;
  /** Share of UDP packets lost, by type; without it there are no metrics of UDP. */
  udpLoss?(): readonly (readonly [type: string, ratio: number])[];
  /** Nodes that failed in the sweep, a few at most. */
  sweepFailing(): readonly string[];
  /** How long this agent's own certificate is still valid, days; `undefined`: it has none. */
  readonly ownCertificateDays?: (() => number) | undefined;
  /** Seconds of CPU time of this process. */
  cpuSeconds(): number;
  /** Bytes. */
  memory(): { readonly rss: number; readonly heapTotal: number };
}

/** Numbers that do not change. */
export interface MetricsOptions {
  readonly version: string;
  readonly denoVersion: string;
  /** Start of the process, seconds since 1970. */
  readonly startSeconds: number;
  /** Bucket bounds, seconds. */
  readonly buckets: readonly number[];
  /** Whether to expose the steps of requests. */
  readonly trace: boolean;
  /** Whether the text has `# HELP` and `# TYPE`. */
  readonly metadata: boolean;
}

/** The metrics of one agent. */
export interface Metrics {
  /** The only place where an outcome becomes a number. */
  observe(type: string, outcome: Outcome): void;
  round(seconds: number): void;
  /** A check of this type, through the Service, was answered by this agent. */
  answered(type: string): void;
  /** Where UDP is measured. */
  readonly udp?: Pick<UdpMetrics, "burst" | "refused">;
  /** Drops all series of a check. */
  forget(type: string): void;
  /** Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Checks that go through the Service, the only ones whose answers are counted. */
const THROUGH_SERVICE = ["me_ingress", "me_service"];

/** Makes the metrics in a registry of their own. */
export function createMetrics(
  readings: Readings,
  { version, denoVersion, startSeconds, buckets, trace, metadata }:
    MetricsOptions,
): Metrics {
  const registry = new Registry();
  const registers = [registry];

  function options({ name, help, labels }: {
    readonly name: string;
    readonly help: string;
    readonly labels: readonly string[];
  }) {
    return { name, help, labelNames: [...labels], registers };
  }
  function reading(
    definition: typeof DEFINITIONS[keyof typeof DEFINITIONS],
    read: () => number,
  ) {
    const { kind } = definition;
    if (kind === "counter") {
      new Counter({
        ...options(definition),
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    } else {
      new Gauge({
        ...options(definition),
        collect() {
          this.set(read());
        },
      });
    }
  }

  const errors = new Counter(options(DEFINITIONS.errors));
  const request = new WindowSummary(options(DEFINITIONS.request));
  const duration = new Histogram({
    ...options(DEFINITIONS.duration),
    buckets: [...buckets],
  });
  const steps = trace
    ? new Histogram({
      ...options(DEFINITIONS.trace),
      buckets: [...buckets],
    })
    : undefined;
  const requests = new Counter(options(DEFINITIONS.requests));
  const certificate = new Gauge(options(DEFINITIONS.certificate));
  const answered = new Counter(options(DEFINITIONS.answered));
  for (const type of THROUGH_SERVICE) answered.inc({ type }, 0);
  new Gauge({
    ...options(DEFINITIONS.backends),
    collect() {
      for (const type of THROUGH_SERVICE) {
        const nodes = readings.backends(type);
        if (nodes !== undefined) this.set({ type }, nodes);
      }
    },
  });
  new Gauge({
    ...options(DEFINITIONS.sweepFailing),
    collect() {
      this.reset();
      for (const node of readings.sweepFailing()) {
        this.set({ target_node: node }, 1);
      }
    },
  });
  const errorEvents = new Counter(options(DEFINITIONS.errorEvents));
  const udp = readings.udpLoss
    ? createUdpMetrics(options, readings.udpLoss)
    : undefined;
  const round = new Gauge(options(DEFINITIONS.round));
  const rounds = new Counter(options(DEFINITIONS.rounds));
  new Gauge(options(DEFINITIONS.build)).set({ version, deno: denoVersion }, 1);
  reading(DEFINITIONS.start, () => startSeconds);
  reading(DEFINITIONS.incoming, readings.incomingChecks);
  reading(DEFINITIONS.neighbours, readings.neighbours);
  reading(DEFINITIONS.listAge, () => readings.listAgeSeconds() ?? NaN);
  if (readings.ownCertificateDays) {
    reading(DEFINITIONS.ownCertificate, readings.ownCertificateDays);
  }
  reading(DEFINITIONS.cpu, readings.cpuSeconds);
  reading(DEFINITIONS.memory, () => readings.memory().rss);
  reading(DEFINITIONS.heap, () => readings.memory().heapTotal);

  /** The second labels that a type has been seen with, to be able to forget them. */
  const seen = new Map<string, { codes: Set<string>; events: Set<string> }>();
  function seenWith(type: string) {
    let found = seen.get(type);
    if (!found) {
      found = { codes: new Set(), events: new Set() };
      seen.set(type, found);
      errors.inc({ type }, 0); // so that the first failure is an increase
    }
    return found;
  }

  return {
    udp,
    observe(type, outcome) {
      if (outcome.state === "skipped") return;
      const { codes, events } = seenWith(type);
      for (const [event, seconds] of Object.entries(outcome.trace ?? {})) {
        steps?.observe({ type, event }, seconds);
      }
      if (outcome.code !== undefined) {
        const code = String(outcome.code);
        codes.add(code);
        requests.inc({ type, code });
        duration.observe({ type }, outcome.seconds);
      }
      if (outcome.certificateDays !== undefined) {
        certificate.set({ type }, outcome.certificateDays);
      }
      if (outcome.state === "ok") {
        request.observe({ type }, outcome.seconds);
        return;
      }
      const event = eventOf(outcome);
      events.add(event);
      errors.inc({ type });
      errorEvents.inc({ type, event });
    },
    answered(type) {
      if (THROUGH_SERVICE.includes(type)) answered.inc({ type });
    },
    round(seconds) {
      round.set(seconds);
      rounds.inc();
    },
    forget(type) {
      udp?.forget(type);
      const found = seen.get(type);
      if (!found) return;
      for (const metric of [errors, request, duration, certificate]) {
        metric.remove({ type });
      }
      for (const event of TRACE_EVENTS) steps?.remove({ type, event });
      for (const code of found.codes) requests.remove({ type, code });
      for (const event of found.events) errorEvents.remove({ type, event });
      seen.delete(type);
    },
    async text() {
      const text = (await registry.metrics()).replaceAll(/ Nan$/gm, " NaN");
      return metadata ? text : text.replaceAll(/^#.*\n|^\n/gm, "");
    },
    contentType: registry.contentType,
  };
}
