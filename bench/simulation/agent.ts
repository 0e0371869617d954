/**
 * One agent of the simulation: the real discovery, ring, sweep and rounds, with
 * checks that know what the world is like.
 *
 * @module
 */
import type { Check, Outcome } from "../../lib/checks/check.ts";
import { createDiscovery } from "../../lib/discovery/discovery.ts";
import type { Neighbour } from "../../lib/discovery/neighbours.ts";
import { createSweep } from "../../lib/discovery/sweep.ts";
import type { ApiClient } from "../../lib/kubernetes/client.ts";
import type { Clock, Random } from "../../lib/platform.ts";
import { runRounds } from "../../lib/runner.ts";
import type { World } from "./world.ts";

/** What an agent needs. */
export interface SimulatedAgentDeps {
  readonly world: World;
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  /** From one round to the next, milliseconds. */
  readonly intervalMs: number;
  /** A failure that counted, of the path to a node. */
  readonly failed: (node: string) => void;
}

const OK: Outcome = { state: "ok", seconds: 0.001, code: 200 };
const FAILED: Outcome = {
  state: "failed",
  seconds: 5,
  phase: "connect",
  message: "no answer",
  timedOut: true,
};
const TIMEOUT_MS = 5_000;

/** Runs the agent on a node until `signal` aborts. */
export async function runAgent(
  node: number,
  deps: SimulatedAgentDeps,
  signal: AbortSignal,
): Promise<void> {
  const { world, clock, intervalMs } = deps;
  const { podName, nodeName } = world.podOn(node)!;
  const discovery = createDiscovery({
    ...deps,
    log: { info: () => {}, warn: () => {} },
    discovery: "auto",
    namespace: "kube-system",
    selector: "app.kubernetes.io/name=kubenurse",
    service: "kubenurse-headless",
    podName,
    nodeName,
    limit: 10,
    allowUnschedulable: false,
    tls: false,
  });
  const { partners, failed, answered } = createSweep({
    perRound: 1,
    intervalMs,
    wall: clock.wall,
  });

  function check(target: Neighbour, sweep: boolean): Check {
    return {
      type: `path_${target.nodeName}`,
      neighbour: target,
      sweep,
      async run() {
        const state = world.stateOf(target.nodeName, target.ip);
        if (state === "well") return OK;
        if (state === "gone") await clock.sleep(TIMEOUT_MS, signal);
        return FAILED;
      },
    };
  }
  const discovering = discovery.run(signal);
  await discovery.first;
  await runRounds(
    {
      clock,
      random: deps.random,
      checks: () => [
        ...discovery.neighbours().map((one) => check(one, false)),
        ...partners(discovery.others(), discovery.isOutdated())
          .map((one) => check(discovery.asNeighbour(one), true)),
      ],
      isStillThere: discovery.isStillThere,
      answered: discovery.answered,
      outcome({ neighbour, sweep }, { state }) {
        const { nodeName } = neighbour!;
        if (state === "failed") {
          deps.failed(nodeName);
          if (sweep) failed(nodeName);
        } else if (sweep) answered(nodeName);
      },
      round: () => {},
    },
    { intervalMs, timeoutMs: TIMEOUT_MS, concurrency: 128 },
    signal,
  );
  await discovering;
}
