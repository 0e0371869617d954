/**
 * Answers the packets of other agents, and nobody else's.
 *
 * A UDP packet can name any sender. So an agent is given a cookie over TCP, where
 * it has to be at its address to read it, and only a packet with that cookie from
 * that address is answered: with as many bytes as it has, and at a limited rate.
 *
 * @module
 */
import { tokenBucket } from "./bucket.ts";
import { BURST_PACKETS } from "./burst.ts";
import { answerTo, COOKIE_BYTES, cookieOf } from "./packet.ts";

/** Answers of `/alwayshappy` to other agents carry the cookie. */
export const COOKIE_HEADER = "KUBENURSE-UDP";

/** Why a packet is not answered. */
export type Refusal = "malformed" | "cookie" | "rate";

/** One agent's end that answers. */
export interface Echo {
  /**
   * The cookie of the agent at an address, in hexadecimal digits: the same one as
   * long as it is asked for, so that another one means another process.
   */
  cookie(address: string): string;
  /** The answer to a packet from an address; `undefined`: none. */
  answer(packet: Uint8Array, address: string): Uint8Array | undefined;
}

/** What it needs. */
export interface EchoDeps {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** A packet was not answered. */
  readonly refused: (why: Refusal) => void;
}

/** Packets from one address: two bursts at once, and more than one a second. */
const SOURCE_CAPACITY = 2 * BURST_PACKETS;
const SOURCE_PER_S = 1.25 * BURST_PACKETS;
/** Packets from all: 100 bursts at once, and as many each second. */
const TOTAL_PER_S = 100 * BURST_PACKETS;
/** An agent that has not asked for so long is forgotten, milliseconds. */
const FORGET_MS = 3_600_000;

interface Guest {
  readonly cookie: Uint8Array;
  /** Takes one of the answers that this address may have. */
  readonly take: () => boolean;
  /** When it last asked. */
  at: number;
}

/** Makes one that knows nobody. The caller says to whom to give a cookie. */
export function createEcho({ now, refused }: EchoDeps): Echo {
  /** By address, who asked last at the end. */
  const guests = new Map<string, Guest>();
  const take = tokenBucket(TOTAL_PER_S, TOTAL_PER_S, now);

  function dropOld() {
    for (const [address, { at }] of guests) {
      if (now() - at <= FORGET_MS) return;
      guests.delete(address);
    }
  }

  function refusal(packet: Uint8Array, address: string): Refusal | undefined {
    const cookie = cookieOf(packet);
    if (!cookie) return "malformed";
    const guest = guests.get(address);
    if (!guest || !isSame(cookie, guest.cookie)) return "cookie";
    return guest.take() && take() ? undefined : "rate";
  }

  return {
    cookie(address) {
      dropOld();
      const guest = guests.get(address) ?? {
        cookie: crypto.getRandomValues(new Uint8Array(COOKIE_BYTES)),
        take: tokenBucket(SOURCE_CAPACITY, SOURCE_PER_S, now),
        at: now(),
      };
      guest.at = now();
      guests.delete(address);
      guests.set(address, guest);
      return guest.cookie.toHex();
    },
    answer(packet, address) {
      const why = refusal(packet, address);
      if (why === undefined) return answerTo(packet);
      refused(why);
      return undefined;
    },
  };
}

/** Takes as long whether they differ at the start or at the end. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.reduce((differing, byte, i) => differing | (byte ^ b[i]!), 0) === 0;
}

/** The cookie in the header of an answer; `undefined`: none that can be used. */
export function cookieFrom(header: string | undefined): Uint8Array | undefined {
  return header !== undefined && header.length === 2 * COOKIE_BYTES &&
      /^[\da-f]+$/.test(header)
    ? Uint8Array.fromHex(header)
    : undefined;
}
