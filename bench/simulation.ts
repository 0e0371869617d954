/**
 * What the agents of a large cluster ask of the API server, and how long it takes
 * until every pair of nodes was probed: the real discovery, ring, sweep and rounds
 * on a virtual clock, without sockets.
 *
 *     deno task bench:simulation [--nodes 10000] [--agents 200] [--interval 5]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { simulate } from "./simulation/scenarios.ts";
import type { Measured } from "./simulation/scenarios.ts";
import { sweepRounds } from "./simulation/sweep.ts";
import { seeded } from "../tests/fakes/random.ts";

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "10000" },
    agents: { type: "string", default: "200" },
    interval: { type: "string", default: "5" },
  },
});
const nodes = Number(values.nodes);
const agents = Math.min(Number(values.agents), nodes);
const intervalMs = Number(values.interval) * 1e3;
const started = performance.now();

function print(text: string) {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
}

function tell(words: string) {
  const seconds = Math.round((performance.now() - started) / 1e3);
  print(`[${String(seconds).padStart(4)} s] ${words}`);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(2);
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function table(measured: readonly Measured[]): string {
  const head = [
    "part",
    "minutes",
    "requests/s",
    "fullest 10 s",
    "MB/s",
    "fullest minute",
    "lists/s",
    "look-ups/s",
    "cordoned/s",
    "wrong failures",
  ];
  const rows = measured.map((one) => [
    one.name,
    one.minutes.toFixed(0),
    one.requests.toFixed(0),
    one.peakRequests.toFixed(0),
    megabytes(one.bytes),
    megabytes(one.peakBytes),
    one.lists.toFixed(1),
    one.lookUps.toFixed(0),
    one.cordoned.toFixed(0),
    one.wrong.toFixed(0),
  ]);
  return [head, head.map(() => "---"), ...rows].map(row).join("\n");
}

tell(`${nodes} nodes, ${agents} of their agents`);
const measured = await simulate({
  nodes,
  agents,
  intervalMs,
  random: seeded(1),
  tell,
});
print(`\n${table(measured)}\n`);
for (const one of sweepRounds({ nodes, agents: 20, random: seeded(2) })) {
  print(
    `${one.name}: ${one.rounds} rounds, ${
      (one.rounds * intervalMs / 3_600_000).toFixed(1)
    } h`,
  );
}
tell("done");
