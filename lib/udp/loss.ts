/**
 * The loss of UDP packets to each neighbour: a burst after each check of the path
 * by HTTP, whose answer brings the cookie for it.
 *
 * A burst that lost packets waits for its verdict: it counts once the next check
 * has been answered by the same process. So a neighbour that restarts, or that is
 * gone, loses no packets; and an outage counts when it is over.
 *
 * @module
 */
import type { Check, Outcome } from "../checks/check.ts";
import { wordsOf } from "../platform.ts";
import type { Clock } from "../platform.ts";
import type { Target } from "./burst.ts";
import { COOKIE_HEADER, cookieFrom } from "./echo.ts";
import type { Burst } from "./tally.ts";

/** What `/alive` says of the path to a neighbour. */
export interface PathLoss {
  /** `"ok"`, or what is wrong in words. */
  readonly state: string;
  /** Packets within the window. */
  readonly sent?: number;
  readonly lost?: number;
  /** `lost` / `sent`. */
  readonly loss?: number;
  readonly duplicates?: number;
  readonly reordered?: number;
  /** Median of the newest burst, milliseconds. */
  readonly rtt_ms?: number;
}

/** The losses that one agent sees. */
export interface UdpLoss {
  /** A check has this outcome; sends a burst if it is a neighbour's and went well. */
  checked(check: Check, outcome: Outcome): void;
  /** After a round of these checks: drops the paths that are to no neighbours any more. */
  keepOnly(checks: readonly Check[]): void;
  /** Share of packets lost within the window, by type; those without any are not there. */
  ratios(): [string, number][];
  view(): Record<string, PathLoss>;
  /** Cuts the bursts under way short; resolves when there are none. */
  stop(): Promise<void>;
}

/** What it needs. */
export interface UdpLossOptions {
  readonly clock: Pick<Clock, "now">;
  /** See `sendBurst`. */
  readonly send: (
    target: Target,
    signal: AbortSignal,
  ) => Promise<Burst | undefined>;
  /** A burst that counts. */
  readonly counted: (type: string, burst: Burst) => void;
  /** How long a burst is remembered, milliseconds. */
  readonly windowMs: number;
}

/** Bursts to one neighbour do not start faster, milliseconds. */
const GAP_MS = 1_000;
/** Less is not worth a word: docs/metrics.md. */
const NOTABLE_LOSS = 0.01;

interface Path {
  /** Bursts that count, oldest first. */
  bursts: { readonly burst: Burst; readonly at: number }[];
  /** A burst with losses that waits for its verdict. */
  pending?: {
    readonly burst: Burst;
    readonly at: number;
    readonly cookie: string;
  };
  /** When the newest burst started. */
  startedAt: number;
  underWay: boolean;
  /** Why there was no burst after the newest check. */
  unmeasured?: string;
}

const NO_COOKIE =
  "it gave no cookie: KUBENURSE_CHECK_UDP is off there, or it does not know the address that this agent's requests come from (yet)";

/** Makes one that knows no path. */
export function createUdpLoss(
  { clock, send, counted, windowMs }: UdpLossOptions,
): UdpLoss {
  const paths = new Map<string, Path>();
  const underWay = new Set<Promise<void>>();
  const stopped = new AbortController();

  function pathOf(type: string): Path {
    const path = paths.get(type) ??
      { bursts: [], startedAt: -Infinity, underWay: false };
    paths.set(type, path);
    return path;
  }

  function isRecent({ at }: { readonly at: number }): boolean {
    return clock.now() - at <= windowMs;
  }

  function count(type: string, path: Path, burst: Burst, at: number) {
    path.bursts = [...path.bursts.filter(isRecent), { burst, at }];
    counted(type, burst);
  }

  async function start(type: string, path: Path, target: Target) {
    path.underWay = true;
    path.startedAt = clock.now();
    const burst = await send(target, stopped.signal).catch((error) => {
      path.unmeasured = `internal error: ${wordsOf(error)}`;
    });
    path.underWay = false;
    if (!burst || paths.get(type) !== path) return;
    const at = clock.now();
    if (burst.lost === 0) count(type, path, burst, at);
    else path.pending = { burst, at, cookie: target.cookie.toHex() };
  }

  return {
    checked({ type, neighbour, sweep }, outcome) {
      if (!neighbour || sweep || outcome.state === "skipped") return;
      const path = pathOf(type);
      if (outcome.state === "failed") {
        path.unmeasured = "the check by HTTP fails";
        return;
      }
      const cookie = cookieFrom(outcome.headers?.[COOKIE_HEADER.toLowerCase()]);
      path.unmeasured = cookie ? undefined : NO_COOKIE;
      if (!cookie) return;
      const { pending } = path;
      path.pending = undefined;
      if (pending?.cookie === cookie.toHex() && isRecent(pending)) {
        count(type, path, pending.burst, pending.at);
      }
      if (path.underWay || clock.now() - path.startedAt < GAP_MS) return;
      const { ip: address, port } = neighbour;
      const burst = start(type, path, { address, port, cookie });
      underWay.add(burst);
      burst.finally(() => underWay.delete(burst));
    },
    keepOnly(checks) {
      const types = new Set(
        checks.filter(({ sweep }) => !sweep).map(({ type }) => type),
      );
      for (const type of paths.keys()) {
        if (!types.has(type)) paths.delete(type);
      }
    },
    ratios: () =>
      [...paths].flatMap(([type, path]) => {
        const { sent, lost } = sums(path.bursts.filter(isRecent));
        return sent > 0 ? [[type, lost / sent]] : [];
      }),
    view: () =>
      Object.fromEntries(
        [...paths].map(([type, path]) => [
          type,
          shown(path, path.bursts.filter(isRecent)),
        ]),
      ),
    async stop() {
      stopped.abort();
      await Promise.all(underWay);
    },
  };
}

function sums(bursts: Path["bursts"]) {
  const sum = (of: (burst: Burst) => number) =>
    bursts.reduce((total, { burst }) => total + of(burst), 0);
  return {
    sent: sum(({ sent }) => sent),
    lost: sum(({ lost }) => lost),
    duplicates: sum(({ duplicates }) => duplicates),
    reordered: sum(({ reordered }) => reordered),
  };
}

function shown({ unmeasured }: Path, bursts: Path["bursts"]): PathLoss {
  const newest = bursts.at(-1)?.burst;
  if (!newest) {
    return { state: `not measured: ${unmeasured ?? "no burst has ended yet"}` };
  }
  const { sent, lost, ...others } = sums(bursts);
  const rtt = median(newest.roundTrips);
  return {
    state: wordsFor(lost / sent, newest) +
      (unmeasured ? `; not measured any more: ${unmeasured}` : ""),
    sent,
    lost,
    loss: rounded(lost / sent, 4),
    ...others,
    ...(rtt === undefined ? {} : { rtt_ms: rounded(rtt * 1e3, 3) }),
  };
}

function wordsFor(loss: number, newest: Burst): string {
  if (newest.error !== undefined) {
    // the runtime does not tell the system's reason
    return `cannot send: ${newest.error}: is there a route, and does this node's firewall let UDP out?`;
  }
  if (newest.lost === newest.sent) {
    return "no packet comes back: is the UDP port open between the nodes?";
  }
  return loss < NOTABLE_LOSS ? "ok" : `${rounded(loss * 100, 1)} % lost`;
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
