/**
 * One agent with the real code on real sockets: an API server, neighbours, a
 * Service and an Ingress around it that do what a test wants and remember what
 * they were asked.
 *
 * @module
 */
import { createAgent } from "../../lib/agent.ts";
import type { Agent } from "../../lib/agent.ts";
import { parseConfig } from "../../lib/config/config.ts";
import { startApiServer } from "../../lib/demo/api_server.ts";
import type { DemoApiServer, DemoPod } from "../../lib/demo/api_server.ts";
import { createCa } from "../../lib/demo/certificates.ts";
import type { KeyPair } from "../../lib/demo/certificates.ts";
import { startEndpoint } from "../../lib/demo/endpoint.ts";
import type { Endpoint } from "../../lib/demo/endpoint.ts";
import { readOwnCertificate } from "../../lib/tls/own_certificate.ts";
import { apiFetch, serviceAccount } from "../../lib/kubernetes/access.ts";
import { jumpClock } from "./jump_clock.ts";
import type { JumpClock } from "./jump_clock.ts";
import { fakeLog } from "./log.ts";
import type { FakeLog } from "./log.ts";
import { LONG_AGO } from "./pods.ts";

/** Deadline of a check, milliseconds. */
export const TIMEOUT_MS = 500;
/** The token that the API server accepts at the start. */
export const TOKEN = "token-of-the-agent";

/** A server that is probed. */
export interface Peer {
  readonly endpoint: Endpoint;
  /** Headers of the requests so far. */
  readonly requests: Headers[];
  /** Given instead of 200 while it is set. */
  answer: "hang" | number | undefined;
  /** Requests to this path hang. */
  stalls?: string;
  close(): Promise<void>;
}

/** What a file of the ServiceAccount holds. */
export type Mounted = "token" | "ca.crt";

/** The agent and what is around it. */
export interface LoneAgent {
  readonly clock: JumpClock;
  readonly log: FakeLog;
  readonly agent: Agent;
  readonly api: DemoApiServer;
  /** By the name of the node. */
  readonly neighbours: ReadonlyMap<string, Peer>;
  readonly service: Peer;
  readonly ingress: Peer;
  /** Base URL of its endpoints. */
  readonly url: string;
  /** Replaces a file of its ServiceAccount, as the kubelet does. */
  mount(file: Mounted, text: string): Promise<void>;
  alive(): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Value of a series, by its name with its labels; `undefined`: not there. */
  metric(series: string): Promise<number | undefined>;
}

/** How to start it. */
export interface LoneAgentOptions {
  /** Names of the neighbours' nodes. */
  readonly nodes?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Names in the certificate that all agents share; none: plain HTTP. */
  readonly certificateNames?: readonly string[];
  /** Before the agent starts. */
  readonly prepare?: (around: {
    readonly api: DemoApiServer;
    readonly neighbours: ReadonlyMap<string, Peer>;
    readonly service: Peer;
    readonly ingress: Peer;
  }) => Promise<void> | void;
}

/** Shared by all tests: making one takes time. */
export const authority = await createCa();

/** Runs the agent of `node-1` while `test` runs. */
export async function withAgent(
  test: (all: LoneAgent) => Promise<void>,
  { nodes = ["node-2", "node-3"], env = {}, certificateNames, prepare }:
    LoneAgentOptions = {},
): Promise<void> {
  await using open = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  open.defer(() => Deno.remove(folder, { recursive: true }));
  const api = open.use(
    await startApiServer({ token: TOKEN, nodes, authority }),
  );
  async function peer(tls?: KeyPair): Promise<Peer> {
    const one = await startPeer(tls);
    open.defer(() => one.close());
    return one;
  }
  const neighbours = new Map<string, Peer>();
  const pair = certificateNames && await authority.issue(certificateNames);
  const files = { certFile: `${folder}/tls.crt`, keyFile: `${folder}/tls.key` };
  if (pair) {
    await Deno.writeTextFile(files.certFile, pair.cert);
    await Deno.writeTextFile(files.keyFile, pair.key);
  }
  for (const node of nodes) neighbours.set(node, await peer(pair));
  const service = await peer();
  const ingress = await peer(await authority.issue(["127.0.0.1"]));
  api.setPods([...neighbours].map(([node, one]) => podOf(node, one)));
  await prepare?.({ api, neighbours, service, ingress });

  const config = {
    ...parseConfig({
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: String(api.port),
      KUBERNETES_SERVICE_DNS: "localhost",
      KUBENURSE_SERVICE_URL: service.endpoint.url,
      KUBENURSE_INGRESS_URL: ingress.endpoint.url,
      KUBENURSE_CHECK_INTERVAL: "100ms",
      NODE_NAME: "node-1",
      POD_NAME: "kubenurse-1",
      ...env,
    }, Deno.readTextFileSync),
    timeoutMs: TIMEOUT_MS,
    tls: pair && files,
  };
  async function mount(file: Mounted, text: string) {
    await Deno.writeTextFile(`${folder}/next`, text);
    await Deno.rename(`${folder}/next`, `${folder}/${file}`);
  }
  await mount("token", TOKEN);
  await mount("ca.crt", api.ca);
  const credentials = serviceAccount(Deno.readTextFile, folder);
  const servers = [config.apiServerDirect, config.apiServerDns];
  const access = apiFetch(credentials, servers);
  open.defer(access.close);
  const keptAccess = config.reuseConnections
    ? apiFetch(credentials, servers, { keep: true })
    : undefined;
  open.defer(() => keptAccess?.close());

  const clock = jumpClock();
  const log = fakeLog();
  const agent = createAgent(config, {
    clock,
    random: () => 0.5,
    log,
    apiFetch: access,
    keptApiFetch: keptAccess,
    clusterCa: () => credentials.ca(),
    extraCa: () => Promise.resolve([]),
    process: { cpuSeconds: () => 1, memory: Deno.memoryUsage },
    build: { version: "1.2.3", denoVersion: "2.9.6", startSeconds: 0 },
    namespace: "kube-system",
    hostname: "kubenurse-1",
    certificate: pair && (() =>
      readOwnCertificate(files, {
        readFile: Deno.readTextFileSync,
        tryPair() {},
      })),
  });
  const own = await startEndpoint(agent.handler);
  open.defer(() => own.close());
  const stop = new AbortController();
  const running = agent.run(stop.signal);
  open.defer(async () => {
    stop.abort();
    await running;
  });

  const { url } = own;
  await test({
    clock,
    log,
    agent,
    api,
    neighbours,
    service,
    ingress,
    url,
    mount,
    async alive() {
      const response = await fetch(`${url}/alive`);
      return { status: response.status, body: await response.json() };
    },
    async metric(series) {
      const text = await (await fetch(`${url}/metrics`)).text();
      const line = text.split("\n").find((line) =>
        line.startsWith(`${series} `)
      );
      return line === undefined ? undefined : Number(line.split(" ").at(-1));
    },
  });
}

/** Starts a server that is probed, on a free port. */
export async function startPeer(tls?: KeyPair): Promise<Peer> {
  const requests: Headers[] = [];
  const released = Promise.withResolvers<void>();
  const endpoint = await startEndpoint(async (request) => {
    requests.push(request.headers);
    const stalls = new URL(request.url).pathname === peer.stalls;
    if (stalls || peer.answer === "hang") await released.promise;
    const status = typeof peer.answer === "number" ? peer.answer : 200;
    return new Response(`${status}\n`, { status });
  }, tls);
  const peer: Peer = {
    endpoint,
    requests,
    answer: undefined,
    async close() {
      released.resolve();
      await endpoint.close();
    },
  };
  return peer;
}

/** What the API server tells of a neighbour. */
export function podOf(
  node: string,
  { endpoint }: {
    readonly endpoint: Pick<Endpoint, "port"> & Partial<Pick<Endpoint, "url">>;
  },
  name = `kubenurse-on-${node}`,
): DemoPod {
  return {
    metadata: {
      name,
      namespace: "kube-system",
      uid: `uid-of-${name}`,
      creationTimestamp: LONG_AGO,
      labels: { "app.kubernetes.io/name": "kubenurse" },
    },
    spec: {
      nodeName: node,
      containers: [{
        ports: [{
          name: endpoint.url?.startsWith("https:") ? "https" : "http",
          containerPort: endpoint.port,
        }],
      }],
    },
    status: {
      phase: "Running",
      podIP: "127.0.0.1",
      hostIP: "127.0.0.1",
      startTime: LONG_AGO,
      conditions: [{ type: "Ready", status: "True" }],
    },
  };
}
