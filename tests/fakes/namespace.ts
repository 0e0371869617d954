/**
 * A network of a test's own: a namespace in which packets vanish and in which
 * the test is the name server. Linux only; it goes with its process.
 *
 * @module
 */
import type { Outcome } from "../../lib/checks/check.ts";
import type { NameServerManner } from "./peers.ts";
import type { Way, Whom } from "./ways.ts";

/** In the namespace nothing comes through to this port: SYNs are dropped. */
export const DROPPED_PORT = 81;

/** What to do there. */
export interface Errand {
  /** How the Pod's name server, 127.0.0.1, answers; for every name with 127.0.0.1. */
  readonly nameServer: NameServerManner;
  /** Options of `/etc/resolv.conf`. */
  readonly options: string;
  readonly probes: readonly {
    readonly way: Way;
    readonly whom: Whom;
  }[];
  readonly timeoutMs: number;
}

/** The loopback interface up, the rule, the resolver; then the rest of the arguments. */
const PREPARE = `set -e
ip link set lo up
nft "add table inet peers; add chain inet peers input { type filter hook input priority 0; }; add rule inet peers input tcp dport ${DROPPED_PORT} drop"
mount --bind "$1" /etc/resolv.conf
shift
exec "$@"`;

function inNamespace(resolvConf: string, program: readonly string[]) {
  const user = Deno.uid() === 0 ? [] : ["--map-root-user"];
  const args = [...user, "--net", "--mount", "sh", "-c", PREPARE];
  return new Deno.Command("unshare", {
    args: [...args, "sh", resolvConf, ...program],
    stdin: "null",
  }).output();
}

/** Why there can be no namespace here; `undefined`: there can. */
export async function whyNoNamespace(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "Linux";
  try {
    const { success, stderr } = await inNamespace("/dev/null", ["true"]);
    if (success) return undefined;
    const words = new TextDecoder().decode(stderr).trim().split("\n")[0];
    return `namespaces, ip and nft: ${words}`;
  } catch {
    return "unshare";
  }
}

/** Makes probes in a namespace; their outcomes, in the same order. */
export async function probeInNamespace(errand: Errand): Promise<Outcome[]> {
  const resolvConf = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(
      resolvConf,
      `nameserver 127.0.0.1\noptions ${errand.options}\n`,
    );
    const { success, stdout, stderr } = await inNamespace(resolvConf, [
      Deno.execPath(),
      ...["run", "--quiet", "--no-check", "--allow-all"],
      new URL("namespace_probes.ts", import.meta.url).pathname,
      JSON.stringify(errand),
    ]);
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(resolvConf);
  }
}
