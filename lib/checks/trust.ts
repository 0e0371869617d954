/**
 * Which certificates the checks of services and neighbours trust: those of the
 * cluster's CA, those of an extra CA, and the well-known ones.
 *
 * @module
 */
import type { Failed, Outcome } from "./check.ts";
import { UNVERIFIED } from "./words.ts";

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

/** What a look at a certificate tells. */
export interface Seen {
  /** What is wrong with it. */
  readonly words: string;
  /** As that of an outcome. */
  readonly certificateDays?: number;
}

/** What trust depends on. */
export interface TrustOptions<Request extends Trust> {
  /** The server that shows a certificate, for example an origin; `undefined`: no TLS. */
  readonly server: (request: Request) => string | undefined;
  /** PEM certificates of the cluster and the extra CA, read anew each time. */
  readonly ca: () => Promise<readonly string[]>;
  readonly insecure: boolean;
  /** Looks at the certificate that a server shows, where nobody vouches for it. */
  readonly look: (
    request: Request,
    timeoutMs: number,
  ) => Promise<Seen | undefined>;
}

/**
 * Adds trust to a probe.
 *
 * A CA given to a TLS connection replaces the well-known ones, and handing over
 * both costs several MB and milliseconds each time. So a server is asked with the
 * cluster's CA first; if that does not vouch for it, with the well-known ones, and
 * what worked is remembered for the server. Only the try that worked, or else the
 * first one, is reported, with what a look at the certificate tells.
 */
export function trusting<Request extends Trust>(
  probe: Probe<Request>,
  { server, ca, insecure, look }: TrustOptions<Request>,
): Probe<Request> {
  const wellKnown = new Set<string>(); // servers, as many as there are settings

  async function looked(
    request: Request,
    failed: Failed,
    leftMs: number,
  ): Promise<Outcome> {
    const seen = leftMs > 0 && failed.message.endsWith(UNVERIFIED)
      ? await look(request, leftMs)
      : undefined;
    if (seen === undefined) return failed;
    const { words, ...more } = seen;
    return { ...failed, ...more, message: `${failed.message}: ${words}` };
  }

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
    if (leftMs <= 0) return first;
    if (certificates.length === 0) return await looked(request, first, leftMs);
    const second = await probe(tries[1]!, leftMs);
    if (second.state === "failed" && second.phase === "tls") {
      return await looked(request, first, leftMs - second.seconds * 1e3);
    }
    if (tries[1] === request) wellKnown.add(name);
    else wellKnown.delete(name);
    return second;
  };
}

/**
 * The origin of an `https` URL, for {@linkcode TrustOptions.server}; neighbours,
 * which come and go, are known by the name that they share.
 */
export function httpsServer(
  { url, serverName }: { readonly url: string; readonly serverName?: string },
) {
  if (!url.startsWith("https:")) return undefined;
  return serverName ?? new URL(url).origin;
}

/** Host and port of an `https` URL. */
export function serverOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port) || 443,
  };
}

function isUnknownIssuer(message: string): boolean {
  return message.includes(UNVERIFIED);
}
