/**
 * Probes of targets that are not HTTP: a TCP connection, a TLS handshake.
 *
 * @module
 */
import net from "node:net";
import tls from "node:tls";
import type { Outcome, Phase, Trace } from "./check.ts";
import { DOING, isIp, noAnswerWithin, why } from "./words.ts";

/** Where to connect to, and with TLS whom to trust. */
export interface SocketRequest {
  readonly kind: "tcp" | "tls";
  readonly host: string;
  readonly port: number;
  /** CA certificates, PEM, in place of the well-known ones; none: the well-known ones. */
  readonly ca?: readonly string[];
  /** Accept any certificate. */
  readonly insecure?: boolean;
}

const DAY_MS = 86_400_000;

/**
 * Connects and closes again.
 *
 * @param timeoutMs Deadline for all of it, milliseconds.
 * @param wall Milliseconds since 1970, for the days that a certificate is still valid.
 * @returns Ok once connected (or the handshake is done); never rejects.
 */
export function socketProbe(
  request: SocketRequest,
  timeoutMs: number,
  now: () => number = () => performance.now(),
  wall: () => number = Date.now,
): Promise<Outcome> {
  const { kind, host, port } = request;
  const start = now();
  const shown = host.includes(":") ? `[${host}]` : host;
  let phase: Phase = isIp(host) ? "connect" : "dns";
  let address = "";
  const trace: Trace = phase === "dns"
    ? { dns_start: 0 }
    : { connect_start: 0 };
  function mark(...events: (keyof Trace)[]) {
    for (const event of events) trace[event] = (now() - start) / 1e3;
  }

  return new Promise((resolve) => {
    const socket = kind === "tcp" ? net.connect({ host, port }) : tls.connect({
      host,
      port,
      ...(isIp(host) ? {} : { servername: host }),
      ...(request.ca?.length ? { ca: [request.ca.join("\n")] } : {}),
      rejectUnauthorized: !request.insecure,
    });
    const timer = setTimeout(
      () => fail(noAnswerWithin(timeoutMs)),
      timeoutMs,
    );
    const seconds = () => (now() - start) / 1e3;
    function settle(outcome: Outcome) {
      clearTimeout(timer);
      resolve(outcome);
      socket.destroy();
    }
    function fail(words: string) {
      const where = address && address !== host ? ` (${address})` : "";
      settle({
        state: "failed",
        seconds: seconds(),
        phase,
        trace,
        message: `${kind}://${shown}:${port}${where}: ${
          DOING[phase]
        }: ${words}`,
      });
    }
    socket.on("error", (error) => fail(why(error)));
    socket.on("close", () => fail("the other side closed the connection"));
    socket.on("lookup", (error, found) => {
      if (error) return;
      address = found;
      phase = "connect";
      mark("dns_done", "connect_start");
    });
    socket.on("connect", () => {
      mark("connect_done", kind === "tls" ? "tls_handshake_start" : "got_conn");
      if (kind === "tls") phase = "tls";
      else settle({ state: "ok", seconds: seconds(), trace });
    });
    if (kind === "tls") {
      socket.on("secureConnect", () => {
        mark("tls_handshake_done", "got_conn");
        const { valid_to } = (socket as tls.TLSSocket).getPeerCertificate();
        const end = Date.parse(valid_to ?? "");
        settle({
          state: "ok",
          seconds: seconds(),
          trace,
          ...(Number.isNaN(end)
            ? {}
            : { certificateDays: (end - wall()) / DAY_MS }),
        });
      });
    }
  });
}
