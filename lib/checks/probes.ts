/**
 * The probes of one agent, with its clock, the trust that its settings give and
 * the connections that it keeps.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { ApiAccess, ApiFetch } from "../kubernetes/access.ts";
import type { Clock } from "../platform.ts";
import { lookAtCertificate } from "./certificate.ts";
import { dnsProbe } from "./dns_probe.ts";
import { httpProbe } from "./http_probe.ts";
import type { HttpRequest } from "./http_probe.ts";
import { keeping } from "./kept.ts";
import type { KeptProbe } from "./kept.ts";
import { socketProbe } from "./socket_probe.ts";
import type { SocketRequest } from "./socket_probe.ts";
import type { CheckDeps } from "./sources.ts";
import { httpsServer, serverOf, trusting } from "./trust.ts";

/** What the probes touch outside. */
export interface ProbeDeps {
  readonly clock: Clock;
  /** The API server, by whatever origin the settings give it. */
  readonly apiFetch: ApiFetch;
  /** The same for checks, where these keep their connections. */
  readonly keptApiFetch?: ApiAccess | undefined;
  /** CA certificates of the cluster, PEM, read anew at each call. */
  readonly clusterCa: () => Promise<readonly string[]>;
  /** CA certificates of `KUBENURSE_EXTRA_CA`, likewise. */
  readonly extraCa: () => Promise<readonly string[]>;
}

/** The probes, and the end of the connections that they keep. */
export type Probes =
  & Pick<
    CheckDeps,
    "fetch" | "forgetConnections" | "trace" | "http" | "socket" | "dns"
  >
  & { close(): void };

/** Makes them; nothing is sent before one is called. */
export function createProbes(
  config: Pick<Config, "insecure" | "intervalMs" | "reuseConnections">,
  { clock, apiFetch, keptApiFetch, clusterCa, extraCa }: ProbeDeps,
): Probes {
  async function ca() {
    const none = () => [] as readonly string[]; // one must not cost the other
    return [
      ...await clusterCa().catch(none),
      ...await extraCa().catch(none),
    ];
  }
  const trust = { ca, insecure: config.insecure };
  const fresh: KeptProbe = (request, timeoutMs, kept) =>
    httpProbe(request, timeoutMs, clock.now, kept);
  const kept = config.reuseConnections
    ? keeping(fresh, { intervalMs: config.intervalMs, now: clock.now })
    : undefined;
  return {
    fetch: keptApiFetch ?? apiFetch,
    forgetConnections: () => keptApiFetch?.forget(),
    trace: async (url, timeoutMs) =>
      await httpProbe({ url, ca: await clusterCa() }, timeoutMs, clock.now),
    http: trusting<HttpRequest>(kept?.probe ?? fresh, {
      ...trust,
      server: httpsServer,
      async look({ url }, ms) {
        const seen = await lookAtCertificate(serverOf(url), ms, clock.wall);
        return seen && { words: seen.words };
      },
    }),
    socket: trusting<SocketRequest>(
      (request, timeoutMs) =>
        socketProbe(request, timeoutMs, clock.now, clock.wall),
      {
        ...trust,
        server: ({ kind, host, port }) =>
          kind === "tls" ? `${host}:${port}` : undefined,
        look: (request, ms) => lookAtCertificate(request, ms, clock.wall),
      },
    ),
    dns: (request, timeoutMs) => dnsProbe(request, timeoutMs, clock.now),
    close: () => kept?.close(),
  };
}
