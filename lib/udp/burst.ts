/**
 * Sends a burst of packets to another agent and counts what comes back.
 *
 * @module
 */
import dgram from "node:dgram";
import { wordsOf } from "../platform.ts";
import type { Clock } from "../platform.ts";
import { ask, numberOf } from "./packet.ts";
import { createTally } from "./tally.ts";
import type { Burst } from "./tally.ts";

/** Packets in a burst. */
export const BURST_PACKETS = 40;
/** From one packet to the next, milliseconds. */
const GAP_MS = 10;
/** An answer that comes later after the last packet is lost, milliseconds. */
const WAIT_MS = 1_000;

/** To whom. */
export interface Target {
  /** IP address. */
  readonly address: string;
  readonly port: number;
  /** What that agent gave to this one. */
  readonly cookie: Uint8Array;
}

/**
 * Sends {@linkcode BURST_PACKETS} packets from a port of their own, so that each
 * burst may take another one of several ways through the network.
 *
 * @returns What became of them, after a second and a half at most; `undefined`:
 * `signal` has aborted. Never rejects.
 */
export async function sendBurst(
  { address, port, cookie }: Target,
  clock: Clock,
  signal: AbortSignal,
): Promise<Burst | undefined> {
  const [id] = crypto.getRandomValues(new BigUint64Array(1));
  const tally = createTally(BURST_PACKETS);
  const complete = new AbortController();
  let error: string | undefined;
  const failed = (reason: unknown) => void (error ??= wordsOf(reason));

  const socket = dgram.createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("error", failed);
  socket.on("message", (packet) => {
    const number = numberOf(packet, id!);
    if (number === undefined) return; // not ours
    tally.answered(number, clock.now());
    if (tally.missing() === 0) complete.abort();
  });
  for (let number = 0; number < BURST_PACKETS && !signal.aborted; number++) {
    tally.sent(number, clock.now());
    try {
      socket.send(ask(cookie, id!, number), port, address, (reason) => {
        if (reason) failed(reason);
      });
    } catch (reason) {
      failed(reason);
    }
    await clock.sleep(GAP_MS, signal);
  }
  await clock.sleep(WAIT_MS, AbortSignal.any([signal, complete.signal]));
  socket.close();
  if (signal.aborted) return undefined;
  return { ...tally.result(), ...(error === undefined ? {} : { error }) };
}
