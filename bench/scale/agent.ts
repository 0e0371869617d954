/**
 * The compiled binary as in a Pod: with a ServiceAccount's token where the
 * kubelet mounts it, a file system that cannot be written to, and the image's
 * environment.
 *
 * @module
 */
import { SERVICE_ACCOUNT } from "../../lib/kubernetes/access.ts";
import { measuredProgram } from "../process.ts";
import type { Measured } from "../process.ts";
import type { Api } from "./api.ts";
import type { FakePod } from "./objects.ts";
import { POD_PORT } from "./objects.ts";

/** An agent that has done its first round. */
export interface RunningAgent extends AsyncDisposable {
  readonly process: Measured;
  /** From its start to the end of the first round, ms. */
  readonly firstRoundMs: number;
  /** An answer of one of its endpoints. */
  ask(path: string): Promise<string>;
}

/** What to run, and where. */
export interface AgentOptions {
  readonly binary: string;
  /** Folder with `token`, `ca.crt` and `namespace`. */
  readonly serviceAccount: string;
  /** Address of the API server's Service. */
  readonly apiServer: string;
  readonly self: FakePod;
  /** Address of an agent that answers through Service and Ingress. */
  readonly service: string;
  /** Environment for the allocator. */
  readonly malloc: Readonly<Record<string, string>>;
  /** More settings, or others. */
  readonly env: Readonly<Record<string, string>>;
}

/** The agent sees the folder `$0` where the kubelet mounts it; the shell becomes the agent. */
const IN_A_POD = `mkdir -p ${SERVICE_ACCOUNT} &&
  mount --bind "$0" ${SERVICE_ACCOUNT} && exec "$@"`;

/** Starts it and waits for the end of its first round. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const { binary, serviceAccount, apiServer, self, service } = options;
  const started = performance.now();
  const process = measuredProgram("unshare", [
    ...["--mount", "--propagation", "private"],
    ...["sh", "-c", IN_A_POD, serviceAccount, binary],
  ], {
    ...options.malloc,
    PATH: Deno.env.get("PATH") ?? "",
    TMPDIR: "/proc", // no cache of compiled code, as with a read-only root
    KUBERNETES_SERVICE_HOST: apiServer,
    KUBENURSE_INGRESS_URL: `http://${service}:${POD_PORT}`,
    KUBENURSE_SERVICE_URL: `http://${service}:${POD_PORT}`,
    KUBENURSE_LISTEN_ADDRESS: "127.0.0.1:0",
    NODE_NAME: self.node,
    POD_NAME: self.name,
    ...options.env,
  });
  let address = "";
  for (;;) {
    const { value, done } = await process.lines.next();
    if (done) throw new Error("the agent ended before its first round");
    address = /address=(\S+)/.exec(value)?.[1] ?? address;
    if (/the first round is done/.test(value)) break;
  }
  const firstRoundMs = performance.now() - started;
  drain(process.lines);
  return {
    process,
    firstRoundMs,
    ask: async (path) => await (await fetch(`http://${address}${path}`)).text(),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** A log that nobody reads would stop the agent. */
async function drain(lines: AsyncIterator<string>) {
  while (!(await lines.next()).done);
}

/** Puts what the kubelet would mount into a new folder. */
export async function serviceAccountFolder(api: Api): Promise<string> {
  const { status } = await api.post(
    "/api/v1/namespaces/kube-system/serviceaccounts/kubenurse/token",
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: 4 * 3600 },
    },
  );
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/token`, status.token);
  await Deno.writeTextFile(`${folder}/ca.crt`, api.ca);
  await Deno.writeTextFile(`${folder}/namespace`, "kube-system");
  return folder;
}
