/**
 * The demo: starts a cluster, shows what each node sees, breaks and heals nodes.
 *
 * @module
 */
import { createLog } from "../log.ts";
import { systemClock, wordsOf } from "../platform.ts";
import { startCluster } from "./cluster.ts";
import type { Cluster } from "./cluster.ts";
import { readKeys } from "./keys.ts";
import { demoHelp, parseOptions } from "./options.ts";
import type { DemoOptions } from "./options.ts";
import { plainScreen, terminalScreen } from "./screen.ts";
import type { Screen, Write } from "./screen.ts";
import { coloured, plain } from "./table.ts";
import { addressLines, rowsOf } from "./view.ts";

/** Names of the nodes. */
export const NODES: readonly string[] = [
  "node-1",
  "node-2",
  "node-3",
  "node-4",
  "node-5",
];

/** Shorter than in a cluster, for those who wait in front of it. */
const INTERVAL = "2s";
const REDRAW_MS = 250;

/**
 * Runs the demo until Ctrl-C, `q` or the time that a flag gives.
 *
 * @returns The exit code: 0, 1 when it cannot start, 2 for wrong flags.
 */
export async function runDemo(args: readonly string[]): Promise<number> {
  let options: DemoOptions | "help";
  try {
    options = parseOptions(args, NODES);
  } catch (error) {
    writeTo(Deno.stderr)(`${wordsOf(error)}\n`);
    return 2;
  }
  if (options === "help") {
    writeTo(Deno.stdout)(demoHelp(NODES));
    return 0;
  }
  const stop = new AbortController();
  const end = () => stop.abort();
  const SIGNALS = ["SIGINT", "SIGTERM"] as const;
  for (const signal of SIGNALS) Deno.addSignalListener(signal, end);
  try {
    await show(options, stop);
    return 0;
  } catch (error) {
    writeTo(Deno.stderr)(`The demo cannot go on: ${wordsOf(error)}\n`);
    return 1;
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, end);
  }
}

async function show(options: DemoOptions, stop: AbortController) {
  const early: string[] = []; // log lines from before there is a screen
  let log: Screen["log"] = (line) => void early.push(line);
  const cluster = await startCluster({
    nodes: NODES,
    interval: INTERVAL,
    logOf: (node) =>
      createLog("text", (line) => log(withNode(node, line)), Date.now),
  });
  const { screen, keys } = openScreen(cluster);
  log = screen.log;
  early.forEach(log);

  async function breakNode(node: string) {
    log(event(`${node} refuses connections from now on`));
    await cluster.breakNode(node);
  }
  async function heal() {
    for (const node of cluster.nodes.filter((node) => node.isBroken())) {
      await cluster.healNode(node.name);
      log(event(`${node.name} listens again`));
    }
  }
  async function press(key: string) {
    const node = NODES[Number(key) - 1];
    try {
      if (node) await breakNode(node);
      else if (key === "h") await heal();
      else if (key === "q") stop.abort();
    } catch (error) {
      log(event(wordsOf(error))); // for example a port that another process took
    }
  }

  try {
    keys?.start((key) => void press(key));
    await Promise.all([
      redraw(cluster, screen, stop.signal),
      script(
        options,
        { breakNode, heal, end: () => stop.abort() },
        stop.signal,
      ),
    ]);
  } finally {
    keys?.stop();
    screen.close();
    await cluster.close();
  }
}

/** A terminal gets keys and a table that is redrawn in place; a file or pipe, lines. */
function openScreen(cluster: Cluster) {
  const write = writeTo(Deno.stdout);
  const onTerminal = Deno.stdout.isTerminal();
  const hasKeys = onTerminal && Deno.stdin.isTerminal();
  const intro = {
    title:
      `kubenurse demo: five agents that check each other and the cluster every ${INTERVAL}`,
    addresses: addressLines(cluster),
    keys: hasKeys
      ? `1 to ${NODES.length}: break that node   h: heal   q or Ctrl-C: quit`
      : "Ctrl-C ends it.",
  };
  const screen = onTerminal
    ? terminalScreen(
      write,
      Deno.consoleSize,
      intro,
      Deno.noColor ? plain : coloured,
    )
    : plainScreen(write, intro, systemClock.now);
  return { screen, keys: hasKeys ? readKeys() : undefined };
}

async function redraw(cluster: Cluster, screen: Screen, stop: AbortSignal) {
  while (!stop.aborted) {
    screen.show(await rowsOf(cluster));
    await systemClock.sleep(REDRAW_MS, stop);
  }
}

/** Does what the flags say. */
async function script(
  { breaking, exitAfterMs }: DemoOptions,
  cluster: {
    breakNode(node: string): Promise<void>;
    heal(): Promise<void>;
    end(): void;
  },
  stop: AbortSignal,
) {
  async function at(ms: number | undefined, action: () => unknown) {
    if (ms === undefined) return;
    await systemClock.sleep(ms, stop);
    if (!stop.aborted) await action();
  }
  await Promise.all([
    at(exitAfterMs, cluster.end),
    at(breaking?.afterMs, async () => {
      await cluster.breakNode(breaking!.node);
      await at(breaking!.healAfterMs, cluster.heal);
    }),
  ]);
}

/** The agents' lines have the time in full: here the time of day is enough. */
function withNode(node: string, line: string): string {
  return line.replace(/^\S+T(\S+)\.\S+/, `$1 ${node}`);
}

function event(text: string): string {
  return `${new Date().toISOString().slice(11, 19)} ${text}`;
}

function writeTo(to: { writeSync(data: Uint8Array): number }): Write {
  return (text) => {
    const data = new TextEncoder().encode(text);
    for (let at = 0; at < data.length;) at += to.writeSync(data.subarray(at));
  };
}
