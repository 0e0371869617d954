/**
 * What an agent with ten neighbours costs, beside a server that does nothing,
 * and how much a check adds to what it measures, beside curl. Everything in one
 * run; Linux only. `deno task bench [seconds]`, default 60.
 *
 * @module
 */
import https from "node:https";
import { apiServerProbe } from "../lib/checks/api_server.ts";
import { httpProbe } from "../lib/checks/http_probe.ts";
import type { Outcome } from "../lib/checks/check.ts";
import { startApiServer } from "../lib/demo/api_server.ts";
import { apiFetch } from "../lib/kubernetes/access.ts";
import { systemClock } from "../lib/platform.ts";
import { bundled, measured, seconds, table } from "./process.ts";
import type { Measured } from "./process.ts";

const NEIGHBOURS = 10;
const MINUTE = Number(Deno.args[0] ?? 60);
const PROBES = 10_000;
const TOKEN = "token-of-the-benchmark";

function say(text: string) {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
}

const folder = await Deno.makeTempDir();
await using others = measured(await bundled("bench/neighbours.ts"), [
  String(NEIGHBOURS + 1),
]);
const ports: number[] = JSON.parse((await others.lines.next()).value);
await using api = await startApiServer({
  token: TOKEN,
  nodes: ports.map((_, i) => `node-${i}`),
  pods: ports.map((port, i) => ({
    metadata: {
      name: `kubenurse-${i}`,
      namespace: "kube-system",
      uid: `uid-${i}`,
      labels: { "app.kubernetes.io/name": "kubenurse" },
    },
    spec: {
      nodeName: `node-${i}`,
      containers: [{ ports: [{ name: "http", containerPort: port }] }],
    },
    status: {
      phase: "Running",
      podIP: "127.0.0.1",
      hostIP: "127.0.0.1",
      conditions: [{ type: "Ready", status: "True" }],
    },
  })),
});
await Deno.writeTextFile(`${folder}/token`, TOKEN);
await Deno.writeTextFile(`${folder}/ca.crt`, api.ca);
const agentBundle = await bundled("bench/agent.ts");
const bareBundle = await bundled("bench/bare.ts");

/** An agent on node 0, whose neighbours are the others. */
async function agent(interval: string, trace: "failures" | "always") {
  const service = `http://127.0.0.1:${ports[0]}`;
  const started = performance.now();
  const child = measured(agentBundle, [folder], {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: String(api.port),
    KUBERNETES_SERVICE_DNS: "localhost",
    KUBENURSE_INGRESS_URL: service,
    KUBENURSE_SERVICE_URL: service,
    KUBENURSE_LISTEN_ADDRESS: "127.0.0.1:0",
    KUBENURSE_CHECK_INTERVAL: interval,
    KUBENURSE_TRACE: trace,
    NODE_NAME: "node-0",
    POD_NAME: "kubenurse-0",
  });
  let address = "";
  for (;;) {
    const { value } = await child.lines.next();
    address = /address=(\S+)/.exec(value)?.[1] ?? address;
    if (/the first round is done/.test(value)) break;
  }
  const firstRoundMs = performance.now() - started;
  const metrics = async () =>
    await (await fetch(`http://${address}/metrics`)).text();
  return { child, firstRoundMs, metrics };
}

function sum(metrics: string, name: string): number {
  return [...metrics.matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, "gm"))]
    .reduce((total, [, value]) => total + Number(value), 0);
}

/** What an agent costs in a minute at 5 s: a column of the table. */
async function usualCost(trace: "failures" | "always") {
  const { child, firstRoundMs, metrics } = await agent("5s", trace);
  let cpu = 0;
  return {
    child,
    begin: () => void (cpu = child.cpu()),
    async column() {
      const cpuPerS = ((child.cpu() - cpu) / MINUTE).toFixed(1);
      const rss = child.rss().toFixed(0);
      const text = await metrics();
      const series = text.split("\n").filter((line) => /^[a-z]/.test(line));
      return {
        rss,
        cpuPerS,
        series: series.length,
        bytes: text.length,
        firstRoundMs: firstRoundMs.toFixed(0),
        failed: sum(text, "kubenurse_errors"),
      };
    },
  };
}

/** An agent that has made many checks. */
async function after(checks: number, trace: "failures" | "always") {
  const { child, metrics } = await agent("250ms", trace);
  let made = 0;
  while (made < checks) {
    await seconds(2);
    made = sum(await metrics(), "kubenurse_httpclient_requests_total");
  }
  const [rss, peak] = [child.rss(), child.peak()].map((mb) => mb.toFixed(0));
  await child[Symbol.asyncDispose]();
  return { rss, peak };
}

say(`agents with ${NEIGHBOURS} neighbours, for ${MINUTE} s ...`);
await using bare = measured(bareBundle);
{
  const [usual, traced] = [
    await usualCost("failures"),
    await usualCost("always"),
  ];
  await using _: Measured = usual.child;
  await using __: Measured = traced.child;
  const bareCpu = bare.cpu();
  usual.begin();
  traced.begin();
  await seconds(MINUTE);
  const bareCpuPerS = ((bare.cpu() - bareCpu) / MINUTE).toFixed(1);
  const columns = [await usual.column(), await traced.column()];

  say(`agents that make ${PROBES} checks ...`);
  const many = await Promise.all([
    after(PROBES, "failures"),
    after(PROBES, "always"),
  ]);
  const bareRss = bare.rss().toFixed(0);
  say("");
  say(table([
    ["what", "agent", "agent, KUBENURSE_TRACE=always", "bare server"],
    [
      `RSS after ${MINUTE} s at 5 s, MB`,
      ...columns.map(({ rss }) => rss),
      bareRss,
    ],
    [`RSS after ${PROBES} checks, MB`, ...many.map(({ rss }) => rss!), ""],
    [
      "RSS, peak of these, MB",
      ...many.map(({ peak }) => peak!),
      bare.peak().toFixed(0),
    ],
    [
      "CPU at 5 s, ms per s",
      ...columns.map(({ cpuPerS }) => cpuPerS),
      bareCpuPerS,
    ],
    ["series", ...columns.map(({ series }) => series), ""],
    ["bytes of /metrics", ...columns.map(({ bytes }) => bytes), ""],
    [
      "start to first round, ms",
      ...columns.map(({ firstRoundMs }) => firstRoundMs),
      "",
    ],
    ["checks that failed", ...columns.map(({ failed }) => failed), ""],
  ]));
}

const BINARY = "dist/kubenurse";

/** From the start of the binary to its first answer, the median of some, in ms. */
async function startToAnswer(): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 7; i++) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const started = performance.now();
    const child = new Deno.Command(BINARY, {
      clearEnv: true,
      env: {
        KUBERNETES_SERVICE_HOST: "127.0.0.1",
        KUBENURSE_NAMESPACE: "kube-system",
        KUBENURSE_LISTEN_ADDRESS: `127.0.0.1:${port}`,
      },
      stdout: "null",
    }).spawn();
    for (;;) {
      try {
        await (await fetch(`http://127.0.0.1:${port}/alwayshappy`)).text();
        break;
      } catch {
        await seconds(0.002); // it does not listen yet
      }
    }
    times.push(performance.now() - started);
    child.kill("SIGKILL");
    await child.status;
  }
  return times.sort((a, b) => a - b)[3]!;
}

const built = await Deno.stat(BINARY).catch(() => undefined);
say(
  built
    ? `\nthe binary, ${
      (built.size / 1e6).toFixed(1)
    } MB: start to first answer ${(await startToAnswer()).toFixed(0)} ms`
    : `\nthe binary is not built: no figures of it`,
);

const ROUNDS = 200;
const { cert, key } = await api.authority.issue(["localhost", "127.0.0.1"]);
const http1 = https.createServer({ cert, key }, (_, response) => {
  response.end("ok");
});
await new Promise<void>((resolve) => http1.listen(0, "127.0.0.1", resolve));
const http1Port = (http1.address() as { port: number }).port;
const http1Url = `https://127.0.0.1:${http1Port}`;
const credentials = {
  headers: () => Promise.resolve({ authorization: `Bearer ${TOKEN}` }),
  ca: () => Promise.resolve([api.ca]),
};
const deps = {
  clock: systemClock,
  fetch: apiFetch(credentials, [api.url, http1Url]),
  trace: (url: string, ms: number) => httpProbe({ url, ca: [api.ca] }, ms),
};

async function curl(url: string): Promise<number> {
  const { stdout } = await new Deno.Command("curl", {
    args: [
      ...["-s", "-o", "/dev/null", "-w", "%{time_total}"],
      ...["--cacert", `${folder}/ca.crt`],
      ...["-H", `Authorization: Bearer ${TOKEN}`, url],
    ],
  }).output();
  return Number(new TextDecoder().decode(stdout)) * 1e3;
}

/** Medians of both, in ms, one after the other in turn. */
async function compare(url: string, check: () => Promise<Outcome>) {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const outcome = await check();
    if (outcome.state !== "ok") throw new Error(JSON.stringify(outcome));
    ours.push(outcome.seconds * 1e3);
    theirs.push(await curl(url));
  }
  const median = (values: number[]) =>
    values.sort((a, b) => a - b)[ROUNDS / 2]!;
  const [a, b] = [median(ours), median(theirs)];
  return [a.toFixed(2), b.toFixed(2), (a / b).toFixed(2)];
}

say(`\n${ROUNDS} checks of each kind, in turn with curl ...\n`);
const plain = `http://127.0.0.1:${ports[1]}/alwayshappy`;
say(table([
  ["check, median of its duration", "ms", "curl, ms", "ratio"],
  [
    "neighbour, plain HTTP (node:http)",
    ...await compare(plain, () => httpProbe({ url: plain }, 5_000)),
  ],
  [
    "ingress, TLS, HTTP/1.1 server (node:https)",
    ...await compare(
      http1Url,
      () => httpProbe({ url: http1Url, ca: [api.ca] }, 5_000),
    ),
  ],
  [
    "ingress, TLS, HTTP/2 server (node:https)",
    ...await compare(
      `${api.url}/version`,
      () =>
        httpProbe({
          url: `${api.url}/version`,
          ca: [api.ca],
          headers: { authorization: `Bearer ${TOKEN}` },
        }, 5_000),
    ),
  ],
  [
    "API server, TLS, HTTP/2 (fetch)",
    ...await compare(
      `${api.url}/version`,
      () => apiServerProbe(api.url, deps, 5_000),
    ),
  ],
  [
    "API server, TLS, HTTP/1.1 server (fetch)",
    ...await compare(
      `${http1Url}/version`,
      () => apiServerProbe(http1Url, deps, 5_000),
    ),
  ],
]));

http1.closeAllConnections();
http1.close();
await Deno.remove(folder, { recursive: true });
await api.close();
// an exit would leave them running
await others[Symbol.asyncDispose]();
await bare[Symbol.asyncDispose]();
Deno.exit(0);
