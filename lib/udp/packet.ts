/**
 * The one kind of packet, 64 bytes there and 64 bytes back:
 *
 * | bytes | what                                         |
 * | ----- | -------------------------------------------- |
 * | 0-3   | `knuQ` on the way there, `knuA` on the way back |
 * | 4-19  | the cookie that the other agent gave         |
 * | 20-27 | which burst, at random                       |
 * | 28-31 | number within the burst, from 0              |
 * | 32-63 | zeros                                        |
 *
 * @module
 */

/** Size of every packet. */
export const PACKET_BYTES = 64;
/** Size of a cookie. */
export const COOKIE_BYTES = 16;

const ASK = 0x6b6e7551;
const ANSWER = 0x6b6e7541;
const COOKIE_AT = 4;
const BURST_AT = COOKIE_AT + COOKIE_BYTES;
const NUMBER_AT = BURST_AT + 8;

/** The packet to send. */
export function ask(
  cookie: Uint8Array,
  burst: bigint,
  number: number,
): Uint8Array {
  const packet = new Uint8Array(PACKET_BYTES);
  const view = viewOf(packet);
  view.setUint32(0, ASK);
  packet.set(cookie, COOKIE_AT);
  view.setBigUint64(BURST_AT, burst);
  view.setUint32(NUMBER_AT, number);
  return packet;
}

/** The cookie of a packet that asks for an answer; `undefined`: it is none. */
export function cookieOf(packet: Uint8Array): Uint8Array | undefined {
  return isOfKind(packet, ASK)
    ? packet.subarray(COOKIE_AT, BURST_AT)
    : undefined;
}

/** The answer to a packet that asks for one: as long, and never asking itself. */
export function answerTo(packet: Uint8Array): Uint8Array {
  const answer = packet.slice();
  viewOf(answer).setUint32(0, ANSWER);
  return answer;
}

/** The number of an answer within the burst; `undefined`: it is none of that burst. */
export function numberOf(
  packet: Uint8Array,
  burst: bigint,
): number | undefined {
  return isOfKind(packet, ANSWER) &&
      viewOf(packet).getBigUint64(BURST_AT) === burst
    ? viewOf(packet).getUint32(NUMBER_AT)
    : undefined;
}

function isOfKind(packet: Uint8Array, kind: number): boolean {
  return packet.length === PACKET_BYTES && viewOf(packet).getUint32(0) === kind;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
