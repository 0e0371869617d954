/**
 * A probe of a DNS server: does it answer for a name?
 *
 * @module
 */
import { wordsOf } from "../platform.ts";
import type { RecordType } from "../config/extra_checks.ts";
import type { Outcome } from "./check.ts";
import { isIp } from "./words.ts";

/** What to ask, and whom. */
export interface DnsRequest {
  readonly resolver:
    | { readonly host: string; readonly port: number }
    | undefined;
  readonly name: string;
  readonly recordType: RecordType;
}

/**
 * Asks once.
 *
 * @param timeoutMs Deadline, milliseconds.
 * @returns Ok with at least one record; never rejects.
 */
export async function dnsProbe(
  { resolver, name, recordType }: DnsRequest,
  timeoutMs: number,
  now: () => number = () => performance.now(),
): Promise<Outcome> {
  const start = now();
  const asked = resolver ? `${resolver.host}:${resolver.port}` : "";
  const seconds = () => (now() - start) / 1e3;
  function failed(words: string): Outcome {
    const message =
      `dns://${asked}/${name}?type=${recordType}: looking up the name: ${words}`;
    return { state: "failed", seconds: seconds(), phase: "dns", message };
  }

  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), timeoutMs);
  try {
    const nameServer = resolver && {
      ipAddr: await addressOf(resolver.host, over.signal),
      port: resolver.port,
    };
    const records = await Deno.resolveDns(name, recordType, {
      ...(nameServer ? { nameServer } : {}),
      signal: over.signal,
    });
    return records.length > 0
      ? { state: "ok", seconds: seconds() }
      : failed("no record of this type");
  } catch (error) {
    if (over.signal.aborted) {
      return failed(`no answer within ${timeoutMs / 1e3} s`);
    }
    return failed(
      error instanceof Deno.errors.NotFound
        ? "the name does not exist, or has no record of this type"
        : wordsOf(error),
    );
  } finally {
    clearTimeout(timer);
  }
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
  throw new Error(`the resolver ${host} has no address`);
}
