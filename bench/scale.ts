/**
 * What an agent costs in a large cluster: the compiled binary beside a real API
 * server that holds fake Nodes and Pods. Linux, root; `deno task bench:scale
 * --help`. What it does and what it found: docs/scaling.md.
 *
 * @module
 */
import { serviceAccountFolder } from "./scale/agent.ts";
import { adminApi } from "./scale/api.ts";
import { scaleRows } from "./scale/figures.ts";
import type { Figures } from "./scale/figures.ts";
import { measure } from "./scale/measure.ts";
import type { Place } from "./scale/measure.ts";
import { network, run } from "./scale/network.ts";
import { OptionError, parseOptions, USAGE } from "./scale/options.ts";
import type { Options } from "./scale/options.ts";
import { population, sizes } from "./scale/population.ts";
import { relay } from "./scale/relay.ts";
import {
  agentVariants,
  binaryOf,
  RUNTIME,
  settingsRows,
} from "./scale/settings.ts";
import type { Variant } from "./scale/settings.ts";
import { MALLOC, seconds, table } from "./process.ts";

function say(text: string) {
  Deno.stderr.writeSync(new TextEncoder().encode(text + "\n"));
}

function print(text: string) {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
}

/** Something is missing, which no stack trace would explain. */
class Missing extends Error {}

/** The program that can stop parts of the cluster, if all is there that is needed. */
async function clusterTool({ binary }: Options): Promise<string> {
  const tool = Deno.env.get("KUBENURSE_CLUSTER_TOOL");
  if (!tool || !Deno.env.has("KUBECONFIG")) {
    throw new Missing(
      "bench:scale needs a test cluster of its own: KUBECONFIG, and KUBENURSE_CLUSTER_TOOL, the program that can stop its kube-controller-manager; see docs/scaling.md",
    );
  }
  if (await run("ip", ["route", "show", "default"]) !== "") {
    throw new Missing(
      "bench:scale changes routes and must run in the network namespace of the test cluster, but this one has a default route; see docs/scaling.md",
    );
  }
  await Deno.stat(binary).catch(() => {
    throw new Missing(`bench:scale needs ${binary}: deno task build`);
  });
  return tool;
}

async function main(options: Options) {
  const tool = await clusterTool(options);
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
  const fakes = await population(api, net);
  const serviceAccount = await serviceAccountFolder(api);
  const place: Place = {
    fakes,
    meter,
    agent: {
      binary: options.binary,
      serviceAccount,
      apiServer: clusterIP,
      malloc: MALLOC,
      env: options.env,
    },
  };
  const variants = options.settings ? RUNTIME : agentVariants(options.vary);
  if (variants.length > 1) await compareSettings(place, options, variants);
  else await compareSizes(place, options);
  const { node, pod, slices } = await sizes(api, fakes);
  print(
    `\nBytes of JSON: a Node ${node}, a Pod ${pod}, all EndpointSlices ${slices}.`,
  );
  await Deno.remove(serviceAccount, { recursive: true });
}

async function grow({ fakes }: Place, nodes: number) {
  say(`${nodes} nodes: creating them ...`);
  await fakes.grow(nodes);
  await seconds(5); // until the API server's caches have them
}

async function compareSizes(place: Place, options: Options) {
  const figures: Figures[] = [];
  for (const nodes of options.sizes) {
    await grow(place, nodes);
    say(`${nodes} nodes: measuring for ${options.seconds} s ...`);
    figures.push(await measure(place, options));
    say(table(scaleRows(figures)));
  }
  print(table(scaleRows(figures)));
}

/** All variants once, then all again, so that what drifts meets all of them. */
async function compareSettings(
  place: Place,
  options: Options,
  variants: readonly Variant[],
) {
  const measured = new Map<Variant, Figures[]>();
  await grow(place, options.sizes.at(-1)!);
  for (let run = 1; run <= options.runs; run++) {
    for (const variant of variants) {
      say(`${variant.name}, run ${run} of ${options.runs} ...`);
      const agent = {
        ...place.agent,
        binary: await binaryOf(variant, options.binary),
        malloc: variant.malloc,
        env: { ...options.env, ...variant.env },
      };
      const figures = await measure({ ...place, agent }, options);
      measured.set(variant, [...measured.get(variant) ?? [], figures]);
      say(table(settingsRows(measured)));
    }
  }
  print(table(settingsRows(measured)));
}

if (Deno.args.includes("--help")) {
  print(USAGE);
  Deno.exit(0);
}
try {
  await main(parseOptions(Deno.args));
} catch (error) {
  if (!(error instanceof Missing || error instanceof OptionError)) throw error;
  say(error.message);
  Deno.exit(2);
}
Deno.exit(0); // with the watch of an agent that has just ended
