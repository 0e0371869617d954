/**
 * A look at a certificate that could not be verified. The runtime does not tell
 * one that has expired from one of an unknown CA.
 *
 * @module
 */
import tls from "node:tls";
import type { Seen } from "./trust.ts";
import { dayOf, isIp } from "./words.ts";

const DAY_MS = 86_400_000;

/**
 * Shakes hands once more, accepts any certificate and sends nothing.
 *
 * @param timeoutMs Deadline, milliseconds.
 * @returns What the certificate shows; `undefined`: it did not come.
 */
export function lookAtCertificate(
  { host, port }: { readonly host: string; readonly port: number },
  timeoutMs: number,
  wall: () => number = Date.now,
): Promise<Seen | undefined> {
  return new Promise((resolve) => {
    const socket = tls.connect({
      host,
      port,
      ...(isIp(host) ? {} : { servername: host }),
      rejectUnauthorized: false,
    });
    function settle(seen?: Seen) {
      clearTimeout(timer);
      resolve(seen);
      socket.destroy();
    }
    const timer = setTimeout(settle, timeoutMs);
    socket.on("error", () => settle());
    socket.on("close", () => settle());
    socket.on("secureConnect", () => {
      const certificate = socket.getPeerCertificate();
      const ms = Date.parse(certificate.valid_to) - wall();
      settle({
        words: wrongWith(certificate, wall()),
        ...(Number.isNaN(ms) ? {} : { certificateDays: ms / DAY_MS }),
      });
    });
  });
}

function wrongWith(
  { valid_from, valid_to, issuer, subject }: tls.PeerCertificate,
  now: number,
): string {
  const [from, to] = [Date.parse(valid_from), Date.parse(valid_to)];
  if (to < now) return `it expired on ${dayOf(to / 1e3)}`;
  if (from > now) return `it is not valid before ${dayOf(from / 1e3)}`;
  const name = issuer?.CN ?? issuer?.O;
  if (name === undefined) return "its issuer is not trusted";
  const quoted = JSON.stringify(name).slice(0, 100);
  return name === (subject?.CN ?? subject?.O)
    ? `it is signed by itself, ${quoted}, and not trusted`
    : `its issuer ${quoted} is not trusted`;
}
