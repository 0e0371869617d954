/**
 * Failures in the words of an operator.
 *
 * @module
 */
import { wordsOf } from "../platform.ts";
import { shownUrl } from "../shown.ts";
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

/** What is said of a certificate that no CA vouches for; what is known of why may follow. */
export const UNVERIFIED = "the certificate cannot be verified";

const NO_NAME = "the name does not exist, or has no address";
const NO_RESOLVER = "the DNS server did not answer, or could not tell";
const CLOSED = "the other side closed the connection";

/** By the error's code. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by the other side",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ETIMEDOUT: "connection timed out",
  EPIPE: CLOSED,
  ENOTFOUND: NO_NAME,
  EAI_AGAIN: NO_RESOLVER,
  CERT_HAS_EXPIRED: "the certificate has expired",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNVERIFIED,
  UNABLE_TO_GET_ISSUER_CERT: UNVERIFIED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNVERIFIED,
  SELF_SIGNED_CERT_IN_CHAIN: UNVERIFIED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNVERIFIED,
};

/** What has no code, or one that says less: `node:http`, rustls, hyper and glibc, in their words. */
const SAID: readonly [RegExp, (found: RegExpExecArray) => string][] = [
  [
    /socket hang up|before secure TLS/, // it does not tell which
    () => "the other side closed or reset the connection",
  ],
  [/handshake eof|before message completed/, () => CLOSED],
  [/Parse Error|invalid HTTP version/, () => "what came is not HTTP"],
  [
    /InvalidContentType|wrong version number/,
    () => "the other side does not speak TLS",
  ],
  [/error reading a body/, () => "the answer broke off"],
  [
    /certificate expired: .* not valid after (\d+)/,
    ([, seconds]) => `the certificate expired on ${dayOf(Number(seconds))}`,
  ],
  [
    /certificate not valid for name "(.+?)"; .* only valid for (.+)/,
    ([, host, names]) =>
      wrongName(
        host!,
        [...names!.matchAll(/\("?(.+?)"?\)/g)].map(([, name]) => name!),
      ),
  ],
  [/UnknownIssuer/, () => `${UNVERIFIED}: its issuer is not trusted`],
  [/Connection refused/, () => WORDS.ECONNREFUSED!],
  [/Connection reset by peer/, () => WORDS.ECONNRESET!],
  [/No route to host/, () => WORDS.EHOSTUNREACH!],
  [/Network is unreachable/, () => WORDS.ENETUNREACH!],
  [/Name or service not known|No address associated/, () => NO_NAME],
  [/Temporary failure in name resolution/, () => NO_RESOLVER],
];

/** What the words of a library mean; its own where nothing better is known. */
export function plainly(words: string): string {
  for (const [pattern, say] of SAID) {
    const found = pattern.exec(words);
    if (found) return say(found);
  }
  return words;
}

/** What a socket's error means. */
export function why(error: Error): string {
  const { code = "", host, cert } = error as {
    code?: string;
    host?: string;
    cert?: { subjectaltname?: string };
  };
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" && host !== undefined) {
    const names = cert?.subjectaltname?.split(/, */) ?? [];
    return wrongName(host, names.map((name) => name.replace(/^[\w ]+:/, "")));
  }
  const words = wordsOf(error);
  const plain = plainly(words);
  return plain === words ? WORDS[code] ?? words : plain;
}

/** More names of a certificate are left out. */
const MAX_NAMES = 5;

function wrongName(host: string, names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(", ") || "no name";
  const more = names.length > MAX_NAMES ? ", ..." : "";
  return `the certificate is for ${shown}${more}, not for ${host}`;
}

/** For example `"2026-11-22"`, of seconds since 1970. */
export function dayOf(seconds: number): string {
  return new Date(seconds * 1e3).toISOString().slice(0, 10);
}

/** Whether an error is about TLS: some runtimes tell of a bad certificate only after `secureConnect`. */
export function isTls(error: Error): boolean {
  const code = (error as { code?: string }).code ?? "";
  return /^(ERR_TLS|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code) ||
    /certificate/i.test(error.message);
}

/** That a deadline of so many milliseconds has passed. */
export function noAnswerWithin(ms: number): string {
  return `no answer within ${shortSeconds(ms)}`;
}

/** For example `"5 s"`; what is left of a deadline is no round number. */
export function shortSeconds(ms: number): string {
  return `${Number((ms / 1e3).toPrecision(2))} s`;
}

/** Why a status is a failure. */
export function statusWords(status: string, location?: string | null): string {
  return location
    ? `answered ${status}, a redirect to ${
      shownUrl(location).slice(0, 200)
    }, not followed`
    : `answered ${status}, expected 200`;
}

/** Whether a host is an address and needs no look-up. */
export function isIp(host: string): boolean {
  return host.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
