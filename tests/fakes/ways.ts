/**
 * The ways to probe a peer, put together as the agent does.
 *
 * @module
 */
import { apiServerProbe } from "../../lib/checks/api_server.ts";
import { lookAtCertificate } from "../../lib/checks/certificate.ts";
import type { Outcome } from "../../lib/checks/check.ts";
import { dnsProbe } from "../../lib/checks/dns_probe.ts";
import { httpProbe } from "../../lib/checks/http_probe.ts";
import type { HttpRequest } from "../../lib/checks/http_probe.ts";
import { socketProbe } from "../../lib/checks/socket_probe.ts";
import type { SocketRequest } from "../../lib/checks/socket_probe.ts";
import { httpsServer, serverOf, trusting } from "../../lib/checks/trust.ts";
import { apiFetch } from "../../lib/kubernetes/access.ts";
import { systemClock } from "../../lib/platform.ts";

/** A kind of probe: of a neighbour, Service or Ingress, of the API server, or an extra check. */
export type Way =
  | "http"
  | "https"
  | "api"
  | "tcp"
  | "tls"
  | "dns"
  /** The Pod's own resolver. */
  | "resolver";

/** Whom to probe and trust. */
export interface Whom {
  readonly host: string;
  readonly port: number;
  /** Certificate of a CA, PEM. */
  readonly ca?: string;
}

/** Probes once; `dns` asks that host for `example.com`, `resolver` its own for the host. */
export async function probeBy(
  way: Way,
  { host, port, ca }: Whom,
  timeoutMs: number,
): Promise<Outcome> {
  const cas = () => Promise.resolve(ca === undefined ? [] : [ca]);
  switch (way) {
    case "http":
    case "https": {
      const probe = trusting<HttpRequest>(httpProbe, {
        server: httpsServer,
        ca: cas,
        insecure: false,
        look: ({ url }, ms) => lookAtCertificate(serverOf(url), ms),
      });
      const url = `${way}://${host}:${port}/alwayshappy`;
      return await probe({ url }, timeoutMs);
    }
    case "api": {
      const server = `https://${host}:${port}`;
      const headers = () => Promise.resolve({ authorization: "Bearer none" });
      const fetch = apiFetch({ headers, ca: cas }, [server]);
      const trace = async (url: string, ms: number) =>
        await httpProbe({ url, ca: await cas() }, ms);
      const deps = { fetch, trace, clock: systemClock };
      const outcome = await apiServerProbe(server, deps, timeoutMs);
      fetch.close();
      return outcome;
    }
    case "tcp":
      return await socketProbe({ kind: "tcp", host, port }, timeoutMs);
    case "tls": {
      const probe = trusting<SocketRequest>(socketProbe, {
        server: () => host,
        ca: cas,
        insecure: false,
        look: lookAtCertificate,
      });
      return await probe({ kind: "tls", host, port }, timeoutMs);
    }
    case "dns": {
      const resolver = { host, port };
      const request = {
        resolver,
        name: "example.com",
        recordType: "A",
      } as const;
      return await dnsProbe(request, timeoutMs);
    }
    case "resolver": {
      const request = { name: host, recordType: "A" } as const;
      return await dnsProbe({ ...request, resolver: undefined }, timeoutMs);
    }
  }
}
