/**
 * Starts an agent of this process, in a cluster or beside one.
 *
 * @module
 */
import process from "node:process";
import { createAgent } from "./agent.ts";
import type { AgentDeps } from "./agent.ts";
import { parseConfig, unknownSettings } from "./config/config.ts";
import type { Config } from "./config/config.ts";
import { apiFetch } from "./kubernetes/access.ts";
import type { Credentials } from "./kubernetes/access.ts";
import { createLog } from "./log.ts";
import { systemClock, wordsOf } from "./platform.ts";
import { ListenError, serve } from "./serve.ts";
import { outliveStrayErrors } from "./stray_errors.ts";
import { keepCertificate, readOwnCertificate } from "./tls/own_certificate.ts";
import type { OwnCertificate } from "./tls/own_certificate.ts";
import { tryPair } from "./tls/server.ts";
import { VERSION } from "./version.ts";

/** Where the agent runs. */
export interface Place {
  readonly credentials: Credentials;
  /** Namespace where no setting names one. */
  readonly namespace: () => Promise<string>;
  readonly impossible?: AgentDeps["impossible"];
}

/**
 * Reads the settings and runs until SIGTERM or SIGINT.
 *
 * @returns The exit code: 0 after a signal, 1 when it cannot listen, 2 for wrong settings.
 */
export async function start(
  env: Readonly<Record<string, string | undefined>>,
  place: Place,
): Promise<number> {
  const startSeconds = Date.now() / 1e3;
  const certificateDeps = { readFile: Deno.readTextFileSync, tryPair };
  let config: Config;
  let firstCertificate: OwnCertificate | undefined;
  let namespace: string;
  try {
    config = parseConfig(env, Deno.readTextFileSync);
    firstCertificate = config.tls &&
      readOwnCertificate(config.tls, certificateDeps);
    namespace = config.namespace ?? await place.namespace();
  } catch (error) {
    const errors = error instanceof AggregateError ? error.errors : [error];
    for (const one of errors) writeLine(Deno.stderr, wordsOf(one));
    return 2;
  }

  const log = createLog(
    config.logFormat,
    (line) => writeLine(Deno.stdout, line),
    Date.now,
  );
  for (const name of unknownSettings(env)) {
    log.warn("unknown setting, see --help", { name });
  }
  const certificate = firstCertificate && config.tls &&
    keepCertificate(firstCertificate, config.tls, {
      ...certificateDeps,
      clock: systemClock,
      log,
    });
  const { credentials } = place;
  const apiServers = [config.apiServerDirect, config.apiServerDns];
  const agent = createAgent(config, {
    clock: systemClock,
    random: Math.random,
    log,
    apiFetch: apiFetch(credentials, apiServers),
    keptApiFetch: config.reuseConnections
      ? apiFetch(credentials, apiServers, { keep: true })
      : undefined,
    clusterCa: () => credentials.ca(),
    extraCa: async () =>
      config.extraCaFile ? [await Deno.readTextFile(config.extraCaFile)] : [],
    process: {
      cpuSeconds() {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1e6;
      },
      memory: Deno.memoryUsage,
    },
    build: { version: VERSION, denoVersion: Deno.version.deno, startSeconds },
    namespace,
    hostname: config.podName ?? hostname(),
    impossible: place.impossible,
    certificate: certificate?.current,
  });
  log.info("kubenurse starts", {
    version: VERSION,
    namespace,
    interval: `${config.intervalMs / 1e3}s`,
  });
  for (const [type, reason = ""] of Object.entries(place.impossible ?? {})) {
    log.info("check is skipped", { type, reason });
  }

  outliveStrayErrors(log);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => stop.abort());
  }
  try {
    await serve(agent, config, {
      log,
      clock: systemClock,
      stop: stop.signal,
      certificate,
    });
    return 0;
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const { address, message } = error;
    log.warn("cannot listen", { address, error: message });
    return 1;
  }
}

function hostname(): string {
  try {
    return Deno.hostname();
  } catch {
    return "unknown"; // no permission; a Pod has HOSTNAME
  }
}

function writeLine(to: { writeSync(data: Uint8Array): number }, line: string) {
  const data = new TextEncoder().encode(`${line}\n`);
  try {
    for (let at = 0; at < data.length;) at += to.writeSync(data.subarray(at));
  } catch {
    // nobody reads any more; the checks go on
  }
}
