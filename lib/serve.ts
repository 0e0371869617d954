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
import type { KeptCertificate } from "./tls/own_certificate.ts";
import { serveTls } from "./tls/server.ts";
import type { Answer } from "./tls/server.ts";
import { listenUdp } from "./udp/listen.ts";
import type { UdpPort } from "./udp/listen.ts";

/** Port for `KUBENURSE_USE_TLS`, as in upstream. */
const TLS_PORT = 8443;

/** Answers that are under way get so long after the shutdown duration. */
const DRAIN_MS = 5_000;

/** What serving needs. */
export interface ServeDeps {
  readonly log: Log;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** Shown on a port of its own, if there is one. */
  readonly certificate?: KeptCertificate | undefined;
}

/** What listens, by TLS or not. */
interface Listening {
  readonly addr: Deno.NetAddr;
  shutdown(): Promise<void>;
}

/** It cannot listen. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  constructor(readonly address: string, cause: unknown) {
    super(wordsOf(cause));
  }
}

/**
 * Runs the agent and its endpoints until `stop` aborts: then `/ready` says no at
 * once, checks stop, everything else is answered for the shutdown duration, and
 * what is under way is finished.
 *
 * @throws {ListenError} When it cannot listen.
 */
export async function serve(
  agent: Agent,
  config: Config,
  { log, clock, stop, certificate }: ServeDeps,
): Promise<void> {
  const { listen: address } = config;
  function tellListening(server: Listening) {
    log.info("listening", { address: shownAddress(server) });
  }
  const plain = listen(address, (on) => servePlain(agent, on));
  const servers = [plain];
  tellListening(plain);
  const udp = await echo(agent, plain);
  if (udp) {
    log.info("answering UDP packets of other agents", {
      address: shownAddress(plain),
    });
  }
  let renewing: Promise<void> | undefined;
  if (certificate) {
    const tls = listen(
      { ...address, port: TLS_PORT },
      (on) =>
        serveTls(on, certificate.current(), {
          answer: answering(agent),
          onError,
          clock,
        }),
    );
    servers.push(tls);
    tellListening(tls);
    renewing = certificate.run(stop, tls.renew);
  }
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
    Promise.all([
      running,
      renewing,
      ...servers.map((server) => server.shutdown()),
    ]),
    clock.sleep(DRAIN_MS),
  ]);
  udp?.close();
  log.info("stopped");
}

/** Where UDP is measured, its port has the number of the other one. */
async function echo(
  agent: Agent,
  server: Listening,
): Promise<UdpPort | undefined> {
  if (!agent.echo) return undefined;
  const { hostname: address, port } = server.addr;
  try {
    return await listenUdp(agent.echo, { address, port }, peerOf);
  } catch (error) {
    throw new ListenError(
      shownAddress(server),
      new Error(`UDP: ${wordsOf(error)}`),
    );
  }
}

type Address = { readonly hostname: string; readonly port: number };

function servePlain(agent: Agent, address: Address): Listening {
  const answer = answering(agent);
  return Deno.serve(
    { ...address, onListen() {}, onError },
    (request, { remoteAddr }) => answer(request, remoteAddr.hostname),
  );
}

function answering({ handler }: Agent): Answer {
  return (request, peer) => handler(request, peerOf(peer));
}

function onError(error: unknown): Response {
  const words = wordsOf(error).slice(0, 200);
  return new Response(`internal error: ${words}\n`, { status: 500 });
}

/** On `[::]` a socket takes IPv4 too; a machine without IPv6 has `0.0.0.0` alone. */
function listen<T>(
  address: Config["listen"],
  on: (address: Address) => T,
): T {
  const { host, port } = address;
  try {
    if (host !== "") return on({ hostname: host, port });
    try {
      return on({ hostname: "::", port });
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) throw error;
      return on({ hostname: "0.0.0.0", port });
    }
  } catch (error) {
    throw new ListenError(addressText(address), error);
  }
}

/** On a socket for both families an IPv4 address is written as an IPv6 one. */
export function peerOf(hostname: string): string {
  return hostname.replace(/^::ffff:(?=[\d.]+$)/, "");
}

function shownAddress({ addr }: Listening): string {
  return addressText({ host: addr.hostname, port: addr.port });
}

/** An address to show; no host means all. */
function addressText(
  { host, port }: { readonly host: string; readonly port: number },
): string {
  const shown = host === "" ? "::" : host;
  return shown.includes(":") ? `[${shown}]:${port}` : `${shown}:${port}`;
}
