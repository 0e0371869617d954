/**
 * Which certificates the checks of services and neighbours trust: those of the
 * cluster's CA, those of an extra CA, and the well-known ones.
 *
 * @module
 */
import type { Outcome } from "./check.ts";
import type { HttpRequest } from "./http_probe.ts";

/** One HTTP request. */
export type Probe = (
  request: HttpRequest,
  timeoutMs: number,
) => Promise<Outcome>;

/**
 * Adds trust to a probe.
 *
 * A CA given to a TLS connection replaces the well-known ones, and handing over
 * both costs several MB and milliseconds each time. So a server is asked with the
 * cluster's CA first; if that does not vouch for it, with the well-known ones, and
 * what worked is remembered for the server. Only the try that worked, or else the
 * first one, is reported.
 *
 * @param ca PEM certificates of the cluster and the extra CA, read anew each time.
 */
export function trusting(
  probe: Probe,
  ca: () => Promise<readonly string[]>,
  insecure: boolean,
): Probe {
  const wellKnown = new Set<string>(); // origins, as many as there are settings
  return async (request, timeoutMs) => {
    if (!request.url.startsWith("https:")) {
      return await probe(request, timeoutMs);
    }
    const certificates = await ca().catch(() => []);
    if (insecure) {
      return await probe({ ...request, ca: certificates, insecure }, timeoutMs);
    }
    const { origin } = new URL(request.url);
    const trusts = [{ ...request, ca: certificates }, request];
    const tries = wellKnown.has(origin) ? trusts.reverse() : trusts;
    const first = await probe(tries[0]!, timeoutMs);
    if (first.state !== "failed" || !isUnknownIssuer(first.message)) {
      return first;
    }
    const leftMs = timeoutMs - first.seconds * 1e3;
    if (certificates.length === 0 || leftMs <= 0) return first;
    const second = await probe(tries[1]!, leftMs);
    if (second.state === "failed" && second.phase === "tls") return first;
    if (tries[1] === request) wellKnown.add(origin);
    else wellKnown.delete(origin);
    return second;
  };
}

function isUnknownIssuer(message: string): boolean {
  return /unable to (verify|get)|self[- ]signed|UnknownIssuer/i.test(message);
}
