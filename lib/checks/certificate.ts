/**
 * A look at a certificate that could not be verified. The runtime does not tell
 * one that has expired from one of an unknown CA.
 *
 * @module
 */
import tls from "node:tls";
import { dayOf, isIp } from "./words.ts";

/**
 * Shakes hands once more, accepts any certificate and sends nothing.
 *
 * @param timeoutMs Deadline, milliseconds.
 * @returns What is wrong with the certificate; `undefined`: it did not come.
 */
export function lookAtCertificate(
  { host, port }: { readonly host: string; readonly port: number },
  timeoutMs: number,
  wall: () => number = Date.now,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = tls.connect({
      host,
      port,
      ...(isIp(host) ? {} : { servername: host }),
      rejectUnauthorized: false,
    });
    function settle(words?: string) {
      clearTimeout(timer);
      resolve(words);
      socket.destroy();
    }
    const timer = setTimeout(settle, timeoutMs);
    socket.on("error", () => settle());
    socket.on("close", () => settle());
    socket.on("secureConnect", () => {
      const { valid_from, valid_to, issuer, subject } = socket
        .getPeerCertificate();
      const [from, to] = [Date.parse(valid_from), Date.parse(valid_to)];
      if (to < wall()) return settle(`it expired on ${dayOf(to / 1e3)}`);
      if (from > wall()) {
        return settle(`it is not valid before ${dayOf(from / 1e3)}`);
      }
      const name = issuer?.CN ?? issuer?.O;
      if (name === undefined) return settle("its issuer is not trusted");
      const own = name === (subject?.CN ?? subject?.O);
      settle(
        `${own ? "it is signed by itself," : "its issuer"} ${
          JSON.stringify(name).slice(0, 100)
        }${own ? ", which" : ""} is not trusted`,
      );
    });
  });
}
