/**
 * Failures in the words of an operator.
 *
 * @module
 */
import { wordsOf } from "../platform.ts";
import type { Phase } from "./check.ts";

/** What was being done in a phase when it failed. */
export const DOING: Readonly<Record<Phase, string>> = {
  dns: "looking up the name",
  connect: "connecting",
  tls: "in the TLS handshake",
  request: "sending the request",
  response: "waiting for the answer",
  status: "",
};

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by the other side",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ETIMEDOUT: "connection timed out",
  EPIPE: "the other side closed the connection",
  ENOTFOUND: "the name does not exist",
  EAI_AGAIN: "the DNS server did not answer",
  CERT_HAS_EXPIRED: "the certificate has expired",
};

/** What a socket's error means. */
export function why(error: Error): string {
  const code = (error as { code?: string }).code ?? "";
  return WORDS[code] ?? wordsOf(error);
}

/** Whether an error is about TLS: some runtimes tell of a bad certificate only after `secureConnect`. */
export function isTls(error: Error): boolean {
  const code = (error as { code?: string }).code ?? "";
  return /^(ERR_TLS|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code) ||
    /certificate/i.test(error.message);
}

/** Whether a host is an address and needs no look-up. */
export function isIp(host: string): boolean {
  return host.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
