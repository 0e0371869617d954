/**
 * An agent as a process of its own, with real neighbours, a Service, an Ingress
 * and an API server around it.
 *
 * @module
 */
import { startApiServer } from "../../lib/demo/api_server.ts";
import type { DemoPod } from "../../lib/demo/api_server.ts";
import { createCa } from "../../lib/demo/certificates.ts";
import { eventually } from "./eventually.ts";
import { podOf, startPeer } from "./lone_agent.ts";
import type { Peer } from "./lone_agent.ts";
import { startProgram } from "./process.ts";
import type { Running } from "./process.ts";

const TOKEN = "token-of-the-program";
const UPSTREAM_FILTER = { "app.kubernetes.io/name": "kubenurse" };

/** What is around an agent. */
export interface Around {
  readonly folder: string;
  readonly apiPort: number;
  readonly neighbour: Peer;
  readonly service: Peer;
  /** Behind a certificate of a CA that is not the cluster's; `extra-ca.crt` in the folder. */
  readonly ingress: Peer;
  /** The agent's own address; `tls.crt` and `tls.key` in the folder are for it, of the same CA. */
  readonly host: string;
  /** That CA, PEM. */
  readonly extraCa: string;
}

/** An agent that runs. */
export interface Program extends Running {
  readonly url: string;
  readonly around: Around;
}

/** Environment variables. */
export type Env = Readonly<Record<string, string>>;

/** Pods of several namespaces and labels, on nodes of which the fourth is cordoned. */
function podsOf(peer: Peer): DemoPod[] {
  const pod = (node: string, namespace: string, labels: Env): DemoPod => {
    const one = podOf(node, peer);
    return { ...one, metadata: { ...one.metadata, namespace, labels } };
  };
  return [
    pod("node-2", "kube-system", UPSTREAM_FILTER),
    pod("node-3", "kube-system", UPSTREAM_FILTER),
    pod("node-4", "kube-system", UPSTREAM_FILTER),
    pod("node-5", "kube-system", { app: "nurse" }),
    pod("node-6", "monitoring", UPSTREAM_FILTER),
  ];
}

/** An address that no other test listens on: the port of TLS is always the same. */
function ownAddress(): string {
  const byte = () => 1 + Math.floor(Math.random() * 250);
  return `127.${byte()}.${byte()}.${byte()}`;
}

/** Runs an agent whose settings are the defaults and those of `env`. */
export async function withProgram(
  test: (program: Program) => Promise<void>,
  env: (around: Around) => Env = () => ({}),
) {
  await using open = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  open.defer(() => Deno.remove(folder, { recursive: true }));
  const stranger = await createCa("a stranger");
  const [neighbour, service, ingress] = [
    await startPeer(),
    await startPeer(),
    await startPeer(await stranger.issue(["127.0.0.1"])),
  ];
  for (const peer of [neighbour, service, ingress]) {
    open.defer(() => peer.close());
  }
  const api = open.use(
    await startApiServer({
      token: TOKEN,
      nodes: ["node-1", "node-2", "node-3", "node-4", "node-5", "node-6"],
      pods: podsOf(neighbour),
    }),
  );
  api.cordon("node-4");
  await Deno.writeTextFile(`${folder}/token`, TOKEN);
  await Deno.writeTextFile(`${folder}/ca.crt`, api.ca);
  await Deno.writeTextFile(`${folder}/extra-ca.crt`, stranger.cert);
  const host = ownAddress();
  const { cert, key } = await stranger.issue([host], 30);
  await Deno.writeTextFile(`${folder}/tls.crt`, cert);
  await Deno.writeTextFile(`${folder}/tls.key`, key);
  const peers = { neighbour, service, ingress };
  const extraCa = stranger.cert;
  const around = { folder, apiPort: api.port, ...peers, host, extraCa };
  const running = startProgram("bench/agent.ts", [folder], {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: String(api.port),
    KUBERNETES_SERVICE_DNS: "localhost",
    KUBENURSE_LISTEN_ADDRESS: `${host}:0`,
    KUBENURSE_CHECK_INTERVAL: "200ms",
    KUBENURSE_SHUTDOWN_DURATION: "500ms",
    NODE_NAME: "node-1",
    POD_NAME: "kubenurse-1",
    ...env(around),
  });
  let over = false;
  open.defer(async () => {
    if (!over) running.kill("SIGKILL");
    await running.ended();
  });
  const [, address] = await eventually(
    () => /listening address=(\S+)/.exec(running.lines.join("\n")) ?? [],
    ([all]) => all !== undefined,
  );
  const url = `http://${address}`;
  await eventually(
    async () => await status(`${url}/ready`),
    (code) => code === 200,
  );
  await test({
    ...running,
    url,
    around,
    async ended() {
      const ended = await running.ended();
      over = true;
      return ended;
    },
  });
}

/** Of the answer to GET. */
export async function status(url: string): Promise<number> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
}

/** What `/alive` answers. */
export async function alive(
  { url }: Program,
): Promise<Record<string, unknown>> {
  return await (await fetch(`${url}/alive`)).json();
}

/** What `/metrics` answers. */
export async function metrics({ url }: Program): Promise<string> {
  return await (await fetch(`${url}/metrics`)).text();
}

/** Value of a series, by its name with its labels; `undefined`: not there. */
export async function metric(
  program: Program,
  series: string,
): Promise<number | undefined> {
  const lines = (await metrics(program)).split("\n");
  const line = lines.find((line) => line.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}
