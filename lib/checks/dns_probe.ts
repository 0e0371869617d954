/**
 * A probe of a DNS server: does it answer for a name?
 *
 * @module
 */
import dgram from "node:dgram";
import { wordsOf } from "../platform.ts";
import type { RecordType } from "../config/extra_checks.ts";
import type { Outcome } from "./check.ts";
import { answerWords, question } from "./dns_message.ts";
import { isIp, noAnswerWithin } from "./words.ts";

/** What to ask, and whom. */
export interface DnsRequest {
  readonly resolver:
    | { readonly host: string; readonly port: number }
    | undefined;
  readonly name: string;
  readonly recordType: RecordType;
}

/** Of the Pod's own resolver the runtime tells no more. */
const NO_RECORD =
  "the name does not exist or has no record of this type, or the DNS server could not tell";

/**
 * Asks once.
 *
 * @param timeoutMs Deadline, milliseconds.
 * @returns Ok with at least one record; never rejects.
 */
export async function dnsProbe(
  request: DnsRequest,
  timeoutMs: number,
  now: () => number = () => performance.now(),
): Promise<Outcome> {
  const { resolver, name, recordType } = request;
  const start = now();
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), timeoutMs);
  let address = "";
  let words: string;
  try {
    if (resolver) {
      address = await addressOf(resolver.host, over.signal);
      words = await ask({ address, port: resolver.port }, request, over.signal);
    } else {
      const { signal } = over;
      const records = await Deno.resolveDns(name, recordType, { signal });
      words = records.length > 0 ? "" : NO_RECORD;
    }
  } catch (error) {
    const isNotFound = error instanceof Deno.errors.NotFound;
    words = isNotFound ? NO_RECORD : plain(wordsOf(error));
  } finally {
    clearTimeout(timer);
  }
  const seconds = (now() - start) / 1e3;
  if (words === "") {
    return { state: "ok", seconds, trace: { dns_start: 0, dns_done: seconds } };
  }
  const asked = resolver ? `${shown(resolver.host)}:${resolver.port}` : "";
  const where = address && address !== resolver?.host ? ` (${address})` : "";
  return {
    state: "failed",
    seconds,
    phase: "dns",
    trace: { dns_start: 0 },
    message: `dns://${asked}/${name}?type=${recordType}${where}: ${
      address || !resolver
        ? "looking up the name"
        : "looking up the DNS server's name"
    }: ${over.signal.aborted ? noAnswerWithin(timeoutMs) : words}`,
  };
}

/**
 * One question, one answer. The runtime's own way does not tell a name that does
 * not exist from a server that fails.
 *
 * @returns `""`: there is a record; else why there is none. Rejects when `signal` aborts.
 */
function ask(
  { address, port }: { readonly address: string; readonly port: number },
  { name, recordType }: DnsRequest,
  signal: AbortSignal,
): Promise<string> {
  const [id] = crypto.getRandomValues(new Uint16Array(1));
  const asked = question(id!, name, recordType);
  if (!asked) return Promise.resolve("this cannot be a name");
  const socket = dgram.createSocket(address.includes(":") ? "udp6" : "udp4");
  const answered = new Promise<string>((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
    socket.on("error", reject);
    socket.on("message", (packet, from) => {
      if (from.port !== port) return;
      const words = answerWords(packet, asked, recordType);
      if (words !== undefined) resolve(words);
    });
    socket.send(asked, port, address, (error) => {
      if (error) reject(error);
    });
  });
  return answered.finally(() => socket.close());
}

async function addressOf(host: string, signal: AbortSignal): Promise<string> {
  if (isIp(host)) return host;
  for (const type of ["A", "AAAA"] as const) {
    try {
      const [address] = await Deno.resolveDns(host, type, { signal });
      if (address !== undefined) return address;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Deno.errors.NotFound();
}

function plain(words: string): string {
  return /timed out/.test(words) ? "the DNS server did not answer" : words;
}

function shown(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
