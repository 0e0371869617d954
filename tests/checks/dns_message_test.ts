import { assert, assertEquals } from "@std/assert";
import { answerWords, question } from "../../lib/checks/dns_message.ts";

const ASKED = question(0x1234, "example.com", "A")!;

/** An answer to {@linkcode ASKED}: flags, then how many records it has, then these. */
function answer(flags: number, records: number, bytes: readonly number[] = []) {
  const head = [0x12, 0x34, flags >> 8, flags & 0xff, 0, 1, 0, records];
  return new Uint8Array([...head, 0, 0, 0, 0, ...ASKED.slice(12), ...bytes]);
}

/** A record of the name that was asked for. */
function record(type: number, data: readonly number[]) {
  return [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data];
}

const A = record(1, [192, 0, 2, 1]);
const CNAME = record(5, [1, 98, 0xc0, 12]);

Deno.test("question() is the packet of RFC 1035", () => {
  assertEquals(
    [...ASKED],
    [
      ...[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      ...[7, ...new TextEncoder().encode("example")],
      ...[3, ...new TextEncoder().encode("com"), 0],
      ...[0, 1, 0, 1],
    ],
  );
  assertEquals(question(0x1234, "example.com.", "A"), ASKED);
});

for (const name of ["", ".", "a..b", "a".repeat(64)]) {
  Deno.test(`question() has none for "${name}"`, () => {
    assertEquals(question(1, name, "A"), undefined);
  });
}

const GARBAGE = "the DNS server answered garbage";
const ANSWERS: readonly [string, Uint8Array, string | undefined][] = [
  ["a record", answer(0x8180, 1, A), ""],
  ["a record behind an alias", answer(0x8180, 2, [...CNAME, ...A]), ""],
  ["more than fits in a packet", answer(0x8380, 1), ""],
  [
    "nothing, cut off",
    answer(0x8380, 0),
    "the answer was cut off and has no record",
  ],
  ["no record", answer(0x8180, 0), "the name has no record of this type"],
  [
    "an alias alone",
    answer(0x8180, 1, CNAME),
    "the name has no record of this type",
  ],
  ["NXDOMAIN", answer(0x8183, 0), "the name does not exist (NXDOMAIN)"],
  ["SERVFAIL", answer(0x8182, 0), "the DNS server failed (SERVFAIL)"],
  [
    "a code of later times",
    answer(0x8189, 0),
    "the DNS server answered code 9",
  ],
  ["fewer records than it says", answer(0x8180, 9, CNAME), GARBAGE],
  ["a record that is cut off", answer(0x8180, 2, CNAME.slice(0, 7)), GARBAGE],
  ["a question", ASKED, undefined],
  ["an answer to another question", answer(0x8180, 1, A).with(0, 9), undefined],
  ["too little", new Uint8Array(3), undefined],
];
for (const [name, packet, want] of ANSWERS) {
  Deno.test(`answerWords() of ${name}`, () => {
    assertEquals(answerWords(packet, ASKED, "A"), want);
  });
}

Deno.test("answerWords() ends with whatever bytes", () => {
  for (let seed = 1; seed < 2_000; seed++) {
    const bytes = Array.from(
      { length: seed % 40 },
      (_, i) => (seed * (i + 7)) & 0xff,
    );
    const words = answerWords(answer(0x8180, seed & 0xff, bytes), ASKED, "A");
    assert(words !== undefined);
  }
});
