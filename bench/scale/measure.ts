/**
 * One agent in a cluster as it is, for some time.
 *
 * @module
 */
import { seconds } from "../process.ts";
import { startAgent } from "./agent.ts";
import type { AgentOptions } from "./agent.ts";
import { median, per, received, seriesIn, since, sumOf } from "./figures.ts";
import type { Counted, Figures } from "./figures.ts";
import { repeat } from "./load.ts";
import type { Options } from "./options.ts";
import type { Population } from "./population.ts";
import type { Relay } from "./relay.ts";

/**
 * What belongs to the start, seconds after the first round: in a large cluster
 * the agents take turns at looking their neighbours up.
 */
const START_S = 30;
const SCRAPES = 50;

/** Where an agent is measured. */
export interface Place {
  readonly fakes: Population;
  readonly meter: Relay;
  readonly agent: Omit<AgentOptions, "self" | "service">;
}

/** Starts an agent while things go on in the cluster; ends both. */
export async function measure(
  { fakes, meter, agent: options }: Place,
  { heartbeatsPerS, restartsPerS, seconds: length }: Options,
): Promise<Figures> {
  const counted = (): Counted => ({
    named: meter.named(),
    others: meter.others(),
  });
  const beats = repeat(heartbeatsPerS, fakes.beat);
  const restarts = repeat(restartsPerS, fakes.restart);
  await seconds(2);

  const before = counted();
  const self = fakes.pods[0]!;
  await using agent = await startAgent({ ...options, self, service: self.ip });
  const { process } = agent;
  await seconds(START_S);
  await meter.quiet(1_000); // between two rounds
  const reading = () => ({
    at: performance.now(),
    cpu: process.cpu(),
    beats: beats.done(),
    restarts: restarts.done(),
    counted: counted(),
  });

  const from = reading();
  await seconds(length);
  await meter.quiet(1_000);
  const to = reading();
  const [peakMb, rssMb] = [process.peak(), process.rss()];
  await Promise.all([beats.stop(), restarts.stop()]);

  const s = (to.at - from.at) / 1e3;
  const alive = JSON.parse(await agent.ask("/alive"));
  return {
    nodes: fakes.pods.length,
    neighbours: alive.neighbourhood.length,
    firstRoundMs: agent.firstRoundMs,
    peakMb,
    rssMb,
    cpuMsPerS: (to.cpu - from.cpu) / s,
    start: received(since(before, from.counted)),
    steady: per(s, received(since(from.counted, to.counted))),
    heartbeatsPerS: (to.beats - from.beats) / s,
    restartsPerS: (to.restarts - from.restarts) / s,
    ...await scraped(agent),
  };
}

/** What `/metrics` says and costs. */
async function scraped(
  { process, ask }: Awaited<ReturnType<typeof startAgent>>,
) {
  const times: number[] = [];
  let metrics = "";
  const cpu = process.cpu();
  for (let i = 0; i < SCRAPES; i++) {
    const asked = performance.now();
    metrics = await ask("/metrics");
    times.push(performance.now() - asked);
  }
  return {
    series: seriesIn(metrics),
    metricsBytes: metrics.length,
    metricsMs: median(times),
    metricsCpuMs: (process.cpu() - cpu) / SCRAPES,
    failedChecks: sumOf(metrics, "kubenurse_errors"),
  };
}
