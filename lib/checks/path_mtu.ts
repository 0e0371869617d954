/**
 * Looks at the path MTU to a neighbour. A path that swallows full-sized packets
 * without a word lets every small probe pass; so once in a while a neighbour is
 * sent several full segments and asked for as many.
 *
 * @module
 */
import type { Neighbour } from "../discovery/neighbours.ts";
import type { Failed, Outcome } from "./check.ts";

/** Where an agent answers them. */
export const PATH_MTU = "/path-mtu";

/**
 * Bytes in each direction: more than three segments even where an MTU is 9000,
 * and less than what a socket takes at once.
 */
export const FULL_SIZE_BYTES = 32 * 1024;

/** Of a deadline, the share for the full-sized request; the rest is for a last small one. */
const LARGE_SHARE = 0.8;
/** Looks that stall one after the other until that counts: one may be bad luck. */
const STALLS = 2;
/** What is known of a neighbour that was not probed for so long goes, milliseconds. */
const FORGET_MS = 300_000;

/** A request to a path below a neighbour's URL. */
export type Request = (
  path: string,
  timeoutMs: number,
  body?: Uint8Array,
) => Promise<Outcome>;

/** The looks of one agent. */
export interface PathMtu {
  /**
   * The outcome of a small request; every so many rounds, and each round while
   * that stalls, also of a full-sized one.
   *
   * @param timeoutMs Deadline for all of it, milliseconds.
   */
  probe(
    neighbour: Neighbour,
    small: (timeoutMs: number) => Promise<Outcome>,
    request: Request,
    timeoutMs: number,
  ): Promise<Outcome>;
}

/** What it needs. */
export interface PathMtuOptions {
  /** From one look to the next; 0: never. */
  readonly rounds: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
}

/** Makes it; `random` spreads the first looks over the rounds. */
export function createPathMtu(
  { rounds, now, random }: PathMtuOptions,
): PathMtu {
  const body = new Uint8Array(FULL_SIZE_BYTES);
  const states = new Map<string, State>();

  function stateOf({ podName, uid, ip }: Neighbour): State {
    const key = `${podName} ${uid} ${ip}`;
    for (const [other, { at }] of states) {
      if (now() - at > FORGET_MS) states.delete(other);
    }
    const state = states.get(key) ??
      { left: Math.floor(random() * rounds), stalls: 0, at: now() };
    states.set(key, state);
    state.at = now();
    return state;
  }

  return {
    async probe(neighbour, small, request, timeoutMs) {
      const start = now();
      const leftMs = () => Math.max(1, start + timeoutMs - now());
      const before = await small(timeoutMs);
      if (rounds === 0 || before.state !== "ok") return before;
      const state = stateOf(neighbour);
      if (state.left-- > 0) return before;
      const largeMs = Math.round(leftMs() * LARGE_SHARE); // shown to people
      const large = await request(PATH_MTU, largeMs, body);
      if (!stalled(large)) {
        state.left = rounds - 1;
        state.stalls = 0;
        return before;
      }
      state.left = 0;
      if (++state.stalls < STALLS) return before;
      const after = await small(leftMs());
      return after.state === "ok"
        ? blackHole(large, (now() - start) / 1e3)
        : after; // nothing passes any more: no matter of size
    },
  };
}

interface State {
  /** Rounds until the next look. */
  left: number;
  stalls: number;
  /** When it was last used. */
  at: number;
}

/**
 * Whether the connection came about and then nothing more. Any answer, such as
 * 404 of an older agent, has come through.
 */
function stalled(outcome: Outcome): outcome is Failed {
  return outcome.state === "failed" && outcome.timedOut === true &&
    (outcome.phase === "request" || outcome.phase === "response");
}

function blackHole(large: Failed, seconds: number): Failed {
  // the answer begins with a small packet, when all of the request has come
  const where = large.trace?.got_first_resp_byte === undefined
    ? "on the way there"
    : "on the way back";
  return {
    ...large,
    seconds,
    event: "path_mtu",
    message:
      `small requests pass, full-sized packets do not: path MTU (lost ${where}; ${
        FULL_SIZE_BYTES / 1024
      } KiB each way: ${large.message})`,
  };
}
