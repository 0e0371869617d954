/**
 * After how many rounds every pair of nodes was probed.
 *
 * @module
 */
import { followers } from "../../lib/discovery/ring.ts";
import { createSweep } from "../../lib/discovery/sweep.ts";
import type { Random } from "../../lib/platform.ts";
import { nodeName } from "./world.ts";

/** One way for agents to live. */
export interface SweepRounds {
  readonly name: string;
  /** Until the last of the agents had probed the last of the others. */
  readonly rounds: number;
}

/** What to simulate. */
export interface SweepRoundsOptions {
  readonly nodes: number;
  /** How many agents to follow. */
  readonly agents: number;
  readonly random: Random;
}

const LIMIT = 10;
const INTERVAL_MS = 5_000;

/** Follows agents that live undisturbed, and others that do not. */
export function sweepRounds(options: SweepRoundsOptions): SweepRounds[] {
  return [
    { name: "every pair probed, undisturbed", rounds: longest(options, 0, 1) },
    {
      name: "every pair probed, each agent restarted every 500 rounds",
      rounds: longest(options, 500, 1),
    },
    {
      name: "every pair probed, one node in ten away for an hour at a time",
      rounds: longest(options, 0, 0.9),
    },
  ];
}

/** Rounds from one change of the list to the next. */
const LIST_ROUNDS = 720;

function longest(
  { nodes, agents, random }: SweepRoundsOptions,
  restartRounds: number,
  share: number,
): number {
  const all = Array.from({ length: nodes }, (_, i) => ({
    node: nodeName(i),
    zone: `zone-${i % 3}`,
  }));
  const rounds = Array.from({ length: agents }, (_, i) => {
    const self = all[Math.floor((i + 0.5) * nodes / agents)]!;
    const left = new Set(all.map(({ node }) => node));
    left.delete(self.node);
    let wall = Date.UTC(2024, 0, 1) + random() * INTERVAL_MS;
    const start = () =>
      createSweep({ perRound: 1, intervalMs: INTERVAL_MS, wall: () => wall });
    let sweep = start();
    let others: { nodeName: string }[] = [];
    let round = 0;
    for (; left.size > 0; round++, wall += INTERVAL_MS) {
      if (round % LIST_ROUNDS === 0 && (round === 0 || share < 1)) {
        const here = all.filter(() => random() < share);
        const found = followers(self, here, LIMIT);
        others = found.others.map((nodeName) => ({ nodeName }));
        found.chosen.forEach((node) => left.delete(node));
      }
      if (restartRounds > 0 && round % restartRounds === restartRounds - 1) {
        wall += 4 * INTERVAL_MS * random(); // until it is back
        sweep = start();
      }
      for (const { nodeName } of sweep.partners(others)) left.delete(nodeName);
    }
    return round;
  });
  return Math.max(...rounds);
}
