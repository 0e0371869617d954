/**
 * Addresses of Pods that are not there, answered by one server, in the network
 * namespace of a test cluster.
 *
 * @module
 */
import { PATH_MTU } from "../../lib/checks/path_mtu.ts";
import { fullSize } from "../../lib/http/full_size.ts";
import { POD_NETWORK, POD_PORT } from "./objects.ts";

/** Runs a program; throws with what it said when that fails. */
export async function run(
  program: string,
  args: readonly string[],
  stdin = "",
): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
  await writer.close().catch(() => {});
  const { success, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (success) return text(stdout);
  throw new Error(`${program} ${args.join(" ")}: ${text(stderr).trim()}`);
}

/** The addresses that answer. */
export interface Network extends AsyncDisposable {
  /** Lets these answer, and those no more: who asks them is told that they are unreachable. */
  change(
    added: readonly string[],
    removed: readonly string[],
  ): Promise<void>;
}

/**
 * Starts the server of all Pods.
 *
 * @param apiServer Address of the API server's Service, which is to be this host's.
 */
export async function network(apiServer: string): Promise<Network> {
  const server = Deno.serve(
    { hostname: "0.0.0.0", port: POD_PORT, onListen() {} },
    (request) =>
      new URL(request.url).pathname === PATH_MTU
        ? fullSize(request)
        : new Response("ok\n"),
  );
  async function clear() {
    await run("ip", ["route", "flush", "table", "local", "root", POD_NETWORK]);
    await run("ip", ["route", "flush", "root", POD_NETWORK]);
    await run("ip", ["address", "flush", "dev", "lo", "to", apiServer]);
  }
  await clear();
  await run("ip", ["route", "add", "unreachable", POD_NETWORK]);
  await run("ip", ["address", "add", `${apiServer}/32`, "dev", "lo"]);
  return {
    async change(added, removed) {
      const lines = [
        ...removed.map((ip) => `route del local ${ip} dev lo`),
        ...added.map((ip) => `route add local ${ip} dev lo`),
      ];
      await run("ip", ["-batch", "-"], lines.join("\n") + "\n");
    },
    async [Symbol.asyncDispose]() {
      await clear();
      await server.shutdown();
    },
  };
}
