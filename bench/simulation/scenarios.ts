/**
 * What happens to the simulated cluster, and what the API server is asked meanwhile.
 *
 * @module
 */
import type { Random } from "../../lib/platform.ts";
import { simulatedApiServer } from "./api_server.ts";
import type { Asked } from "./api_server.ts";
import { virtualClock } from "./clock.ts";
import { createFleet } from "./fleet.ts";
import { createWorld, nodeName } from "./world.ts";

/** What the API server was asked in one part of the simulation, by all agents of the cluster. */
export interface Measured {
  readonly name: string;
  readonly minutes: number;
  /** Requests a second. */
  readonly requests: number;
  /** The same in the fullest ten seconds. */
  readonly peakRequests: number;
  /** Bytes a second. */
  readonly bytes: number;
  /** The same in the fullest minute. */
  readonly peakBytes: number;
  /** Requests a second, by kind. */
  readonly lists: number;
  readonly lookUps: number;
  readonly cordoned: number;
  /** Failures that were counted of paths to nodes that were well. */
  readonly wrong: number;
}

/** How large, and how much of it to simulate. */
export interface SimulationOptions {
  readonly nodes: number;
  readonly agents: number;
  readonly intervalMs: number;
  readonly random: Random;
  readonly tell: (words: string) => void;
}

const MINUTE_MS = 60_000;
/** From the end of a Pod to its successor's answers. */
const RESTART_MS = 15_000;
/** Restarts of a rolling update, for the whole cluster. */
const RESTARTS_PER_S = 10;
const LOST = 0.1;

/** Runs all parts, one after the other, in one cluster. */
export async function simulate(
  options: SimulationOptions,
): Promise<Measured[]> {
  const { nodes, tell, random } = options;
  const clock = virtualClock(Date.UTC(2024, 0, 1));
  using _ = clock.takeOverTimeouts();
  const world = createWorld(nodes);
  const api = simulatedApiServer(world, clock);
  const lost = new Set<string>();
  const fleet = createFleet({
    ...options,
    world,
    clock,
    api: api.client,
    isLost: (node) => lost.has(node),
  });
  const measured: Measured[] = [];

  /** What is asked from now on for some minutes. */
  async function measure(name: string, minutes: number) {
    tell(name);
    const from = clock.now();
    const wrong = fleet.wrong();
    api.asked.length = 0;
    await clock.run(minutes * MINUTE_MS);
    measured.push({
      ...rates(api.asked, from, minutes, fleet.weight),
      name,
      minutes,
      wrong: (fleet.wrong() - wrong) * fleet.weight,
    });
  }
  async function settle(minutes: number) {
    tell(`waiting for ${minutes} minutes`);
    await clock.run(minutes * MINUTE_MS);
  }

  async function roll() {
    for (let node = 0; node < nodes; node++) {
      restart(node);
      await clock.sleep(1e3 / RESTARTS_PER_S);
    }
  }
  async function restart(node: number) {
    world.change(node, { ready: false, terminating: true });
    fleet.stop(node);
    await clock.sleep(RESTART_MS * random());
    world.replace(node, clock.wall());
    world.change(node, { ready: false });
    fleet.restart(node);
    await clock.sleep(RESTART_MS / 2);
    world.change(node, { ready: true });
  }
  /** Every tenth node; Kubernetes calls its Pod not ready after 50 s, and it is deleted after ten minutes. */
  async function lose() {
    const gone = Array.from({ length: nodes }, (_, node) => node)
      .filter(() => random() < LOST);
    for (const node of gone) {
      lost.add(nodeName(node));
      world.vanish(node);
      fleet.stop(node);
    }
    await clock.sleep(50_000);
    for (const node of gone) world.change(node, { ready: false });
    await clock.sleep(10 * MINUTE_MS - 50_000);
    for (const node of gone) world.remove(node);
  }

  const starting = fleet.start(25 * MINUTE_MS);
  await measure("start of the agents, over 25 minutes", 25);
  await settle(5);
  await starting;
  await measure("steady", 30);
  const rolled = roll();
  const rollMinutes = nodes / RESTARTS_PER_S / 60;
  await measure("rolling update, 10 Pods a second", rollMinutes);
  await measure("after it", 25);
  await rolled;
  await settle(5);
  const losing = lose();
  await measure("a tenth of the nodes vanishes; the first minute", 1);
  await measure("until they are deleted after ten", 9);
  await measure("after it", 15);
  await losing;
  await settle(5);
  api.setAway(true);
  await measure("the API server is away for ten minutes", 10);
  api.setAway(false);
  await measure("it is back; the first minute", 1);
  await measure("after it", 25);
  const ended = fleet.end();
  await clock.run(10 * MINUTE_MS);
  await ended;
  return measured;
}

function rates(
  asked: readonly Asked[],
  from: number,
  minutes: number,
  weight: number,
) {
  const perSecond = (sum: number) => sum * weight / (minutes * 60);
  function fullest(seconds: number, amount: (one: Asked) => number): number {
    const sums = new Map<number, number>();
    for (const one of asked) {
      const at = Math.floor((one.at - from) / (seconds * 1e3));
      sums.set(at, (sums.get(at) ?? 0) + amount(one));
    }
    return Math.max(0, ...sums.values()) * weight / seconds;
  }
  const count = (kind?: Asked["kind"]) =>
    perSecond(asked.filter((one) => !kind || one.kind === kind).length);
  return {
    requests: count(),
    peakRequests: fullest(10, () => 1),
    bytes: perSecond(asked.reduce((sum, { bytes }) => sum + bytes, 0)),
    peakBytes: fullest(60, ({ bytes }) => bytes),
    lists: count("list"),
    lookUps: count("look-up"),
    cordoned: count("cordoned"),
  };
}
