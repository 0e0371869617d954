/**
 * Connections that are kept from one round to the next, one for each target:
 * `KUBENURSE_REUSE_CONNECTIONS`.
 *
 * @module
 */
import type http from "node:http";
import type { Socket } from "node:net";
import type { Outcome } from "./check.ts";
import type { HttpRequest } from "./http_probe.ts";

/** The connection of one target. */
export interface Kept {
  /** Keeps it; made by the first request. */
  agent?: http.Agent;
  /** Is shown a connection that is made. */
  watch?: (socket: Socket) => void;
  /** Whether the newest request was sent on a connection that was there. */
  reused?: boolean;
}

/** One try, on a kept connection if there is one, else on a fresh one. */
export type KeptProbe = (
  request: HttpRequest,
  timeoutMs: number,
  kept?: Kept,
) => Promise<Outcome>;

/** A probe that keeps connections. */
export interface Keeping {
  probe(request: HttpRequest, timeoutMs: number): Promise<Outcome>;
  /** Closes all. */
  close(): void;
}

/** Of a target that is not probed any more, the connection goes after this. */
const FORGET_MS = 60_000;

interface Entry {
  readonly kept: Kept;
  /** What was trusted when it was made, as text. */
  readonly trust: string;
  usedAt: number;
  /** Whether a request is under way on it. */
  busy: boolean;
}

/**
 * Adds kept connections to a probe.
 *
 * A connection that fails is closed, so that the next probe has a fresh one. If
 * it turns out to have been closed while it was idle, the probe is made again on a
 * fresh one within its deadline: that is no fault. One that is silent is.
 *
 * Requests with a body always have a fresh connection: they are few. So has one
 * that comes while another of the same kind is under way.
 *
 * @param intervalMs From one probe of a target to the next.
 * @param now Monotonic, milliseconds.
 */
export function keeping(
  probe: KeptProbe,
  { intervalMs, now }: {
    readonly intervalMs: number;
    readonly now: () => number;
  },
): Keeping {
  const entries = new Map<string, Entry>();

  function drop(key: string) {
    entries.get(key)?.kept.agent?.destroy();
    entries.delete(key);
  }

  function entryOf(key: string, trust: string): Entry {
    for (const [other, { usedAt }] of entries) {
      if (now() - usedAt > 2 * intervalMs + FORGET_MS) drop(other);
    }
    if (entries.get(key)?.trust !== trust) drop(key);
    const entry = entries.get(key) ??
      { kept: {}, trust, usedAt: 0, busy: false };
    entry.usedAt = now();
    entries.set(key, entry);
    return entry;
  }

  const keeping: Keeping = {
    async probe(request, timeoutMs) {
      const { url, serverName = "", headers = {}, body } = request;
      const { ca = [], insecure = false } = request;
      const start = now();
      // with the headers, by which checks of the same server differ
      const key = `${url} ${serverName} ${JSON.stringify(headers)}`;
      if (body || entries.get(key)?.busy) {
        return await probe(request, timeoutMs);
      }
      const trust = `${insecure} ${ca.join("\n")}`;
      const entry = entryOf(key, trust);
      const { kept } = entry;
      entry.busy = true;
      const outcome = await probe(request, timeoutMs, kept);
      entry.busy = false;
      if (outcome.state === "ok") return outcome;
      drop(key);
      const leftMs = start + timeoutMs - now();
      return kept.reused && wasClosed(outcome) && leftMs > 0
        ? await keeping.probe(request, leftMs)
        : outcome;
    },
    close() {
      for (const key of [...entries.keys()]) drop(key);
    },
  };
  return keeping;
}

/** Whether the other side had nothing to say but that the connection is over. */
function wasClosed(outcome: Outcome): boolean {
  return outcome.state === "failed" && !outcome.timedOut &&
    outcome.phase !== "status" &&
    outcome.trace?.got_first_resp_byte === undefined;
}
