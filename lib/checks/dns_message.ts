/**
 * Questions to a name server and what its answers say (RFC 1035, section 4).
 *
 * @module
 */
import type { RecordType } from "../config/extra_checks.ts";

const TYPES: Readonly<Record<RecordType, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
};

const HEADER_BYTES = 12;
const CLASS_IN = 1;

/**
 * The packet that asks for records of a name.
 *
 * @param id 16 bits that the answer repeats.
 * @returns `undefined`: a name cannot be like that.
 */
export function question(
  id: number,
  name: string,
  recordType: RecordType,
): Uint8Array | undefined {
  const labels = name.replace(/\.$/, "").split(".")
    .map((label) => new TextEncoder().encode(label));
  if (labels.some(({ length }) => length === 0 || length > 63)) {
    return undefined;
  }
  return new Uint8Array([
    ...[id >> 8, id & 0xff, 1, 0], // recursion desired
    ...[0, 1, 0, 0, 0, 0, 0, 0], // one question
    ...labels.flatMap((label) => [label.length, ...label]),
    ...[0, 0, TYPES[recordType], 0, CLASS_IN],
  ]);
}

/** What a name server says when it has no records. */
const CODES: Readonly<Record<number, string>> = {
  1: "the DNS server calls the question malformed (FORMERR)",
  2: "the DNS server failed (SERVFAIL)",
  3: "the name does not exist (NXDOMAIN)",
  4: "the DNS server does not do that (NOTIMP)",
  5: "the DNS server refused to answer (REFUSED)",
};

/**
 * Reads an answer.
 *
 * @returns `""`: there is a record; `undefined`: no answer to that question;
 * else why there is none.
 */
export function answerWords(
  packet: Uint8Array,
  asked: Uint8Array,
  recordType: RecordType,
): string | undefined {
  if (packet.length < HEADER_BYTES) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const flags = view.getUint16(2);
  const isAnswer = (flags & 0x8000) !== 0;
  if (!isAnswer || packet[0] !== asked[0] || packet[1] !== asked[1]) {
    return undefined;
  }
  const code = flags & 0xf;
  if (code !== 0) return CODES[code] ?? `the DNS server answered code ${code}`;
  const isCut = (flags & 0x0200) !== 0; // more than fits in a packet
  if (isCut) {
    return view.getUint16(6) > 0
      ? ""
      : "the answer was cut off and has no record";
  }
  try {
    return hasRecord(view, TYPES[recordType])
      ? ""
      : "the name has no record of this type";
  } catch (error) {
    if (error instanceof RangeError) return "the DNS server answered garbage";
    throw error;
  }
}

/** @throws {RangeError} When the packet is shorter than it says. */
function hasRecord(view: DataView, type: number): boolean {
  let at = HEADER_BYTES;
  for (let left = view.getUint16(4); left > 0; left--) {
    at = afterName(view, at) + 4;
  }
  for (let left = view.getUint16(6); left > 0; left--) {
    at = afterName(view, at);
    if (view.getUint16(at) === type) return true;
    at += 10 + view.getUint16(at + 8); // type, class, time to live, length
  }
  return false;
}

function afterName(view: DataView, at: number): number {
  for (;;) {
    const length = view.getUint8(at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2; // the rest is elsewhere
    at += length + 1;
  }
}
