/**
 * What an agent costs in a large cluster: the compiled binary beside a real API
 * server that holds fake Nodes and Pods. Linux, root; `deno task bench:scale
 * --help`. What it does and what it found: docs/scaling.md.
 *
 * @module
 */
import { serviceAccountFolder, startAgent } from "./scale/agent.ts";
import { adminApi } from "./scale/api.ts";
import { median, per, received, scaleRows } from "./scale/figures.ts";
import { seriesIn, since, sumOf } from "./scale/figures.ts";
import type { Counted, Figures } from "./scale/figures.ts";
import { repeat } from "./scale/load.ts";
import { network, run } from "./scale/network.ts";
import { parseOptions, USAGE } from "./scale/options.ts";
import type { Options } from "./scale/options.ts";
import { population, sizes } from "./scale/population.ts";
import { relay } from "./scale/relay.ts";
import { seconds, table } from "./process.ts";

const SCRAPES = 50;

function say(text: string) {
  Deno.stderr.writeSync(new TextEncoder().encode(text + "\n"));
}

function print(text: string) {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
}

/** Ends the program when what it needs is missing. */
function fail(text: string): never {
  say(text);
  Deno.exit(2);
}

async function checkPlace(options: Options): Promise<string> {
  const tool = Deno.env.get("KUBENURSE_CLUSTER_TOOL");
  if (!tool || !Deno.env.has("KUBECONFIG")) {
    fail(
      "bench:scale needs a test cluster of its own: KUBECONFIG, and KUBENURSE_CLUSTER_TOOL, the program that can stop its kube-controller-manager; see docs/scaling.md",
    );
  }
  if (await run("ip", ["route", "show", "default"]) !== "") {
    fail(
      "bench:scale changes routes and must run in the network namespace of the test cluster, but this one has a default route; see docs/scaling.md",
    );
  }
  await Deno.stat(options.binary).catch(() =>
    fail(`bench:scale needs ${options.binary}: run "deno task build" first`)
  );
  return tool;
}

const options = (() => {
  if (Deno.args.includes("--help")) {
    print(USAGE);
    Deno.exit(0);
  }
  try {
    return parseOptions(Deno.args);
  } catch (error) {
    fail((error as Error).message);
  }
})();
const tool = await checkPlace(options);
say("stopping kube-controller-manager, deploying the manifests ...");
await run(tool, ["stop", "kube-controller-manager"]);
await run("kubectl", ["apply", "-k", "manifests/base"]);

const api = await adminApi();
const { clusterIP } =
  (await api.get("/api/v1/namespaces/default/services/kubernetes")).spec;
await using net = await network(clusterIP);
await using meter = relay({
  listen: { hostname: clusterIP, port: 443 },
  to: { hostname: api.host, port: api.port },
  name: "kubernetes.default.svc",
});
const serviceAccount = await serviceAccountFolder(api);
const fakes = await population(api, net);

function counted(): Counted {
  return { named: meter.named(), others: meter.others() };
}

/** Measures one agent among `nodes`, all of them there already. */
async function measure(nodes: number): Promise<Figures> {
  const beats = repeat(options.heartbeatsPerS, fakes.beat);
  const restarts = repeat(options.restartsPerS, fakes.restart);
  await seconds(2);
  const before = counted();
  await using agent = await startAgent({
    binary: options.binary,
    serviceAccount,
    apiServer: clusterIP,
    self: fakes.pods[0]!,
    service: fakes.pods[0]!.ip,
    env: options.env,
  });
  await seconds(2);
  await meter.quiet(1_000); // between two rounds
  const started = counted();
  const [cpu, beatsBefore, restartsBefore, at] = [
    agent.process.cpu(),
    beats.done(),
    restarts.done(),
    performance.now(),
  ];
  await seconds(options.seconds);
  await meter.quiet(1_000);
  const ended = counted();
  const measuredS = (performance.now() - at) / 1e3;
  const cpuMs = agent.process.cpu() - cpu;
  const [beatsDone, restartsDone] = [beats.done(), restarts.done()];
  const rssMb = agent.process.rss();
  const peakMb = agent.process.peak();
  await Promise.all([beats.stop(), restarts.stop()]);

  const times: number[] = [];
  let metrics = "";
  const scrapeCpu = agent.process.cpu();
  for (let i = 0; i < SCRAPES; i++) {
    const asked = performance.now();
    metrics = await agent.ask("/metrics");
    times.push(performance.now() - asked);
  }
  const alive = JSON.parse(await agent.ask("/alive"));
  return {
    nodes,
    neighbours: alive.neighbourhood.length,
    firstRoundMs: agent.firstRoundMs,
    peakMb,
    rssMb,
    cpuMsPerS: cpuMs / measuredS,
    start: received(since(before, started)),
    steady: per(measuredS, received(since(started, ended))),
    series: seriesIn(metrics),
    metricsBytes: metrics.length,
    metricsMs: median(times),
    metricsCpuMs: (agent.process.cpu() - scrapeCpu) / SCRAPES,
    failedChecks: sumOf(metrics, "kubenurse_errors"),
    heartbeatsPerS: (beatsDone - beatsBefore) / measuredS,
    restartsPerS: (restartsDone - restartsBefore) / measuredS,
  };
}

const figures: Figures[] = [];
for (const nodes of options.sizes) {
  say(`${nodes} nodes: creating them ...`);
  const asked = performance.now();
  await fakes.grow(nodes);
  const took = ((performance.now() - asked) / 1e3).toFixed(0);
  say(
    `${nodes} nodes: after ${took} s; measuring for ${options.seconds} s ...`,
  );
  await seconds(3); // until the API server's caches have them
  figures.push(await measure(nodes));
  say(table(scaleRows(figures)) + "\n");
}
const { node, pod, slices } = await sizes(api, fakes);
print(
  `A Node has ${node} bytes of JSON, a Pod ${pod}, all EndpointSlices ${slices}.\n`,
);
print(table(scaleRows(figures)));
Deno.exit(0);
