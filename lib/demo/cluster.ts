/**
 * A cluster in one process, on the loopback address: agents with the real code
 * on real sockets, an API server of our own, a stand-in for the Service and one
 * for the Ingress.
 *
 * @module
 */
import process from "node:process";
import { createAgent } from "../agent.ts";
import type { Agent } from "../agent.ts";
import { parseConfig } from "../config/config.ts";
import { apiFetch } from "../kubernetes/access.ts";
import type { Log } from "../log.ts";
import { systemClock } from "../platform.ts";
import { VERSION } from "../version.ts";
import { startApiServer } from "./api_server.ts";
import type { DemoApiServer, DemoPod } from "./api_server.ts";
import { startEndpoint } from "./endpoint.ts";
import type { Endpoint } from "./endpoint.ts";
import { startProxy } from "./proxy.ts";

/** A node and its agent. */
export interface ClusterNode {
  readonly name: string;
  /** Base URL of its agent's endpoints. */
  readonly url: string;
  readonly agent: Pick<Agent, "handler" | "results">;
  /** Whether its agent refuses connections. */
  isBroken(): boolean;
}

/** A running cluster. */
export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  readonly apiServer: DemoApiServer;
  readonly serviceUrl: string;
  readonly ingressUrl: string;
  /** Makes the agent of a node refuse connections; its Pod stays as it is in the API. */
  breakNode(name: string): Promise<void>;
  /** Makes it listen again, on the same port. */
  healNode(name: string): Promise<void>;
  /** Stops everything; resolves when all is quiet. */
  close(): Promise<void>;
}

/** What to start. */
export interface ClusterOptions {
  /** Names of the nodes. */
  readonly nodes: readonly string[];
  /** Time from one round of checks to the next, a Go duration. */
  readonly interval: string;
  /** The log of the agent of a node. */
  readonly logOf: (node: string) => Log;
}

const NAMESPACE = "kube-system";
const HOST = "127.0.0.1";

/** Starts everything; resolves when all listens and the agents probe. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const token = crypto.randomUUID();
  const apiServer = await startApiServer({ token, nodes: options.nodes });
  const members = await Promise.all(options.nodes.map(startMember));
  const started = new Date().toISOString();
  apiServer.setPods(
    members.map(({ name, endpoint }) => podOf(name, endpoint, started)),
  );

  let turn = 0;
  const service = await startProxy(() => {
    const open = members.filter(({ endpoint }) => endpoint.isOpen());
    return open[turn++ % open.length]?.endpoint.url;
  });
  const ingress = await startProxy(
    () => service.url,
    await apiServer.authority.issue([HOST, "localhost"]),
  );

  const stop = new AbortController();
  const nodes = members.map(({ name, endpoint, serve }) => {
    const { agent, disconnect } = agentOn(name, options, {
      apiServer,
      token,
      serviceUrl: service.url,
      ingressUrl: ingress.url,
    });
    serve(agent);
    return {
      name,
      url: endpoint.url,
      agent,
      isBroken: () => !endpoint.isOpen(),
      endpoint,
      stopped: agent.run(stop.signal).then(disconnect),
    };
  });

  function endpointOf(name: string): Endpoint {
    const node = nodes.find((node) => node.name === name);
    if (!node) throw new RangeError(`There is no node ${name}`);
    return node.endpoint;
  }

  return {
    nodes,
    apiServer,
    serviceUrl: service.url,
    ingressUrl: ingress.url,
    breakNode: (name) => endpointOf(name).close(),
    healNode: (name) => endpointOf(name).open(),
    async close() {
      stop.abort();
      await Promise.all(nodes.map(({ stopped }) => stopped));
      await ingress.close();
      await service.close();
      for (const { endpoint } of nodes) await endpoint.close();
      await apiServer.close();
    },
  };
}

/** Listens before there is an agent, whose settings and Pod name the port. */
async function startMember(name: string) {
  let handler: Agent["handler"] | undefined;
  const endpoint = await startEndpoint((request, peer) =>
    handler?.(request, peer) ?? new Response(null, { status: 503 })
  );
  return {
    name,
    endpoint,
    serve: (agent: Agent) => void (handler = agent.handler),
  };
}

/** An agent as a Pod would run it: settings by environment variables and all. */
function agentOn(
  node: string,
  { interval, logOf }: ClusterOptions,
  { apiServer, token, serviceUrl, ingressUrl }: {
    readonly apiServer: DemoApiServer;
    readonly token: string;
    readonly serviceUrl: string;
    readonly ingressUrl: string;
  },
) {
  const config = parseConfig({
    KUBERNETES_SERVICE_HOST: HOST,
    KUBERNETES_SERVICE_PORT: String(apiServer.port),
    KUBERNETES_SERVICE_DNS: "localhost",
    KUBENURSE_SERVICE_URL: serviceUrl,
    KUBENURSE_INGRESS_URL: ingressUrl,
    KUBENURSE_CHECK_INTERVAL: interval,
    NODE_NAME: node,
    POD_NAME: podNameOf(node),
  }, Deno.readTextFileSync);
  const clusterCa = () => Promise.resolve([apiServer.ca]);
  const headers = () => Promise.resolve({ authorization: `Bearer ${token}` });
  const access = apiFetch({ headers, ca: clusterCa }, [
    config.apiServerDirect,
    config.apiServerDns,
  ]);
  const agent = createAgent(config, {
    clock: systemClock,
    random: Math.random,
    log: logOf(node),
    apiFetch: access,
    clusterCa,
    extraCa: () => Promise.resolve([]),
    process: { cpuSeconds, memory: Deno.memoryUsage },
    build: {
      version: VERSION,
      denoVersion: Deno.version.deno,
      startSeconds: Date.now() / 1e3,
    },
    namespace: NAMESPACE,
    hostname: podNameOf(node),
  });
  return { agent, disconnect: access.close };
}

function podNameOf(node: string): string {
  return `kubenurse-on-${node}`;
}

/** What the kubelet would tell the API server of an agent's Pod. */
function podOf(node: string, { port }: Endpoint, started: string): DemoPod {
  return {
    metadata: {
      name: podNameOf(node),
      namespace: NAMESPACE,
      uid: crypto.randomUUID(),
      creationTimestamp: started,
      labels: { "app.kubernetes.io/name": "kubenurse" },
    },
    spec: {
      nodeName: node,
      containers: [{ ports: [{ name: "http", containerPort: port }] }],
    },
    status: {
      phase: "Running",
      podIP: HOST,
      podIPs: [{ ip: HOST }],
      hostIP: HOST,
      startTime: started,
      conditions: [{ type: "Ready", status: "True" }],
    },
  };
}

/** Of the whole process: the agents share it. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
