/**
 * The metrics of the loss of UDP packets, where that is measured.
 *
 * @module
 */
import type { Refusal } from "../udp/echo.ts";
import type { Burst } from "../udp/tally.ts";
import { Counter, Gauge } from "./prom_client.ts";
import { DEFINITIONS } from "./definitions.ts";
import { WindowSummary } from "./window_summary.ts";

/** Counts what UDP packets do. */
export interface UdpMetrics {
  /** A burst to a neighbour that counts. */
  burst(type: string, burst: Burst): void;
  /** A packet from elsewhere was not answered. */
  refused(why: Refusal): void;
  /** Drops all series of a path. */
  forget(type: string): void;
}

/** A family's options for prom-client. */
type OptionsOf = (definition: typeof DEFINITIONS[keyof typeof DEFINITIONS]) => {
  name: string;
  help: string;
  labelNames: string[];
};

const REFUSALS: readonly Refusal[] = ["malformed", "cookie", "rate"];

/**
 * Makes them.
 *
 * @param losses Share of packets lost, by type.
 */
export function createUdpMetrics(
  options: OptionsOf,
  losses: () => readonly (readonly [type: string, ratio: number])[],
): UdpMetrics {
  new Gauge({
    ...options(DEFINITIONS.udpLoss),
    collect() {
      this.reset();
      for (const [type, ratio] of losses()) this.set({ type }, ratio);
    },
  });
  const sent = new Counter(options(DEFINITIONS.udpSent));
  const lost = new Counter(options(DEFINITIONS.udpLost));
  const duplicates = new Counter(options(DEFINITIONS.udpDuplicates));
  const reordered = new Counter(options(DEFINITIONS.udpReordered));
  const roundTrip = new WindowSummary(options(DEFINITIONS.udpRoundTrip));
  const refused = new Counter(options(DEFINITIONS.udpRefused));
  for (const reason of REFUSALS) refused.inc({ reason }, 0);

  return {
    burst(type, burst) {
      sent.inc({ type }, burst.sent);
      lost.inc({ type }, burst.lost);
      duplicates.inc({ type }, burst.duplicates);
      reordered.inc({ type }, burst.reordered);
      for (const seconds of burst.roundTrips) {
        roundTrip.observe({ type }, seconds);
      }
    },
    refused: (reason) => refused.inc({ reason }),
    forget(type) {
      for (const one of [sent, lost, duplicates, reordered, roundTrip]) {
        one.remove({ type });
      }
    },
  };
}
