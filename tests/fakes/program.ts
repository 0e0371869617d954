/**
 * The agent as a process of its own, with an API server and a neighbour around it.
 *
 * @module
 */
import { startApiServer } from "../../lib/demo/api_server.ts";
import { eventually } from "./eventually.ts";
import { podOf, startPeer } from "./lone_agent.ts";
import type { Peer } from "./lone_agent.ts";
import { startProgram } from "./process.ts";
import type { Running } from "./process.ts";

const TOKEN = "token-of-the-process";

/** The process. */
export interface Program extends Running {
  /** `http://<address>:<port>` once it listens. */
  url(): Promise<string>;
  /** Its neighbour. */
  readonly peer: Peer;
}

/** Runs an agent with a neighbour while `test` runs. */
export async function withProgram(
  test: (program: Program) => Promise<void>,
  env: (peer: Peer) => Readonly<Record<string, string>> = () => ({}),
) {
  await using open = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  open.defer(() => Deno.remove(folder, { recursive: true }));
  const peer = await startPeer();
  open.defer(() => peer.close());
  const api = open.use(
    await startApiServer({ token: TOKEN, pods: [podOf("node-2", peer)] }),
  );
  await Deno.writeTextFile(`${folder}/token`, TOKEN);
  await Deno.writeTextFile(`${folder}/ca.crt`, api.ca);
  const running = startProgram("bench/agent.ts", [folder], {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: String(api.port),
    KUBERNETES_SERVICE_DNS: "localhost",
    KUBENURSE_LISTEN_ADDRESS: ":0",
    KUBENURSE_CHECK_INTERVAL: "200ms",
    KUBENURSE_SHUTDOWN_DURATION: "1s",
    NODE_NAME: "node-1",
    POD_NAME: "kubenurse-1",
    ...env(peer),
  });
  let over = false;
  open.defer(async () => {
    if (!over) running.kill("SIGKILL");
    await running.ended();
  });
  await test({
    ...running,
    peer,
    async ended() {
      const ended = await running.ended();
      over = true;
      return ended;
    },
    async url() {
      const line = await eventually(
        () => running.lines.find((line) => line.includes("listening")) ?? "",
        (line) => line !== "",
      );
      const [, host, port] = /address[=":]+([^"]+):(\d+)"?\}?$/.exec(line)!;
      return `http://${/^[1-9]/.test(host!) ? host : "127.0.0.1"}:${port}`;
    },
  });
}

/** The status of an answer. */
export async function status(
  url: string,
  init: RequestInit = {},
): Promise<number> {
  const response = await fetch(url, init);
  await response.body?.cancel();
  return response.status;
}

/** Waits until the agent is ready. */
export async function ready(url: string): Promise<void> {
  await eventually(() => status(`${url}/ready`), (code) => code === 200);
}
