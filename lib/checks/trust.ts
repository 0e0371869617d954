/**
 * Which certificates the checks of services and neighbours trust: those of the
 * cluster's CA, those of an extra CA, and the well-known ones.
 *
 * @module
 */
import type { Outcome } from "./check.ts";

/** The part of a request that says whom to trust. */
export interface Trust {
  /** CA certificates, PEM, in place of the well-known ones; none: the well-known ones. */
  readonly ca?: readonly string[];
  /** Accept any certificate. */
  readonly insecure?: boolean;
}

/** One try. */
export type Probe<Request extends Trust> = (
  request: Request,
  timeoutMs: number,
) => Promise<Outcome>;

/** What trust depends on. */
export interface TrustOptions<Request extends Trust> {
  /** The server that shows a certificate, for example an origin; `undefined`: no TLS. */
  readonly server: (request: Request) => string | undefined;
  /** PEM certificates of the cluster and the extra CA, read anew each time. */
  readonly ca: () => Promise<readonly string[]>;
  readonly insecure: boolean;
}

/**
 * Adds trust to a probe.
 *
 * A CA given to a TLS connection replaces the well-known ones, and handing over
 * both costs several MB and milliseconds each time. So a server is asked with the
 * cluster's CA first; if that does not vouch for it, with the well-known ones, and
 * what worked is remembered for the server. Only the try that worked, or else the
 * first one, is reported.
 */
export function trusting<Request extends Trust>(
  probe: Probe<Request>,
  { server, ca, insecure }: TrustOptions<Request>,
): Probe<Request> {
  const wellKnown = new Set<string>(); // servers, as many as there are settings
  return async (request, timeoutMs) => {
    const name = server(request);
    if (name === undefined) return await probe(request, timeoutMs);
    const certificates = await ca().catch(() => []);
    if (insecure) {
      return await probe({ ...request, ca: certificates, insecure }, timeoutMs);
    }
    const trusts = [{ ...request, ca: certificates }, request];
    const tries = wellKnown.has(name) ? trusts.reverse() : trusts;
    const first = await probe(tries[0]!, timeoutMs);
    if (first.state !== "failed" || !isUnknownIssuer(first.message)) {
      return first;
    }
    const leftMs = timeoutMs - first.seconds * 1e3;
    if (certificates.length === 0 || leftMs <= 0) return first;
    const second = await probe(tries[1]!, leftMs);
    if (second.state === "failed" && second.phase === "tls") return first;
    if (tries[1] === request) wellKnown.add(name);
    else wellKnown.delete(name);
    return second;
  };
}

/** The origin of an `https` URL, for {@linkcode TrustOptions.server}. */
export function httpsOrigin({ url }: { readonly url: string }) {
  return url.startsWith("https:") ? new URL(url).origin : undefined;
}

function isUnknownIssuer(message: string): boolean {
  return /unable to (verify|get)|self[- ]signed|UnknownIssuer/i.test(message);
}
