/**
 * The life of the process: listen, run, and leave in order.
 *
 * @module
 */
import type { Agent } from "./agent.ts";
import type { Config } from "./config/config.ts";
import type { Log } from "./log.ts";
import { wordsOf } from "./platform.ts";
import type { Clock } from "./platform.ts";
import { listenUdp } from "./udp/listen.ts";
import type { UdpPort } from "./udp/listen.ts";

/** Answers that are under way get so long after the shutdown duration. */
const DRAIN_MS = 5_000;

/**
 * Runs the agent and its endpoints until `stop` aborts: then `/ready` says no at
 * once, checks stop, everything else is answered for the shutdown duration, and
 * what is under way is finished.
 *
 * @throws {Error} When it cannot listen.
 */
export async function serve(
  agent: Agent,
  config: Config,
  { log, clock, stop }: { log: Log; clock: Clock; stop: AbortSignal },
): Promise<void> {
  const server = listen(agent, config.listen);
  const address = addressText({
    host: server.addr.hostname,
    port: server.addr.port,
  });
  log.info("listening", { address });
  const udp = await echo(agent, server);
  if (udp) log.info("answering UDP packets of other agents", { address });
  const running = agent.run(stop).catch((error) =>
    log.warn("internal error, no more checks", { error: wordsOf(error) })
  );
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener("abort", () => resolve(), { once: true });
  });
  agent.retire();
  log.info("shutting down", { seconds: config.shutdownMs / 1e3 });
  await clock.sleep(config.shutdownMs);
  await Promise.race([
    Promise.all([running, server.shutdown()]),
    clock.sleep(DRAIN_MS),
  ]);
  udp?.close();
  log.info("stopped");
}

/** Where UDP is measured, its port has the number of the other one. */
async function echo(
  agent: Agent,
  server: Deno.HttpServer<Deno.NetAddr>,
): Promise<UdpPort | undefined> {
  if (!agent.echo) return undefined;
  const { hostname: address, port } = server.addr;
  try {
    return await listenUdp(agent.echo, { address, port }, peerOf);
  } catch (error) {
    await server.shutdown();
    throw new Error(`UDP: ${wordsOf(error)}`);
  }
}

/** On `[::]` a socket takes IPv4 too; a machine without IPv6 has `0.0.0.0` alone. */
function listen(
  agent: Agent,
  { host, port }: Config["listen"],
): Deno.HttpServer<Deno.NetAddr> {
  function on(hostname: string) {
    return Deno.serve(
      {
        hostname,
        port,
        onListen() {},
        onError(error) {
          const words = wordsOf(error).slice(0, 200);
          return new Response(`internal error: ${words}\n`, { status: 500 });
        },
      },
      (request, { remoteAddr }) =>
        agent.handler(request, peerOf(remoteAddr.hostname)),
    );
  }
  if (host !== "") return on(host);
  try {
    return on("::");
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return on("0.0.0.0");
  }
}

/** On a socket for both families an IPv4 address is written as an IPv6 one. */
export function peerOf(address: string): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/, "");
}

/** An address to show; no host means all. */
export function addressText(
  { host, port }: { readonly host: string; readonly port: number },
): string {
  const shown = host === "" ? "::" : host;
  return shown.includes(":") ? `[${shown}]:${port}` : `${shown}:${port}`;
}
