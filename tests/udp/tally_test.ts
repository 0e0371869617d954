import { assert, assertEquals } from "@std/assert";
import { createTally } from "../../lib/udp/tally.ts";
import type { Burst } from "../../lib/udp/tally.ts";
import { below, seeded, shuffled } from "../fakes/random.ts";

/** A burst whose packets are sent 10 ms apart and answered in this order, 1 ms apart, from 100 ms on. */
function burst(count: number, answers: readonly number[]): Burst {
  const tally = createTally(count);
  for (let i = 0; i < count; i++) tally.sent(i, i * 10);
  answers.forEach((number, i) => tally.answered(number, 100 + i));
  return tally.result();
}

const CASES: [string, number[], Partial<Burst>][] = [
  ["all in order", [0, 1, 2, 3], { lost: 0, duplicates: 0, reordered: 0 }],
  ["none", [], { lost: 4, duplicates: 0, reordered: 0, roundTrips: [] }],
  ["the first lost", [1, 2, 3], { lost: 1, duplicates: 0, reordered: 0 }],
  ["the last lost", [0, 1, 2], { lost: 1, duplicates: 0, reordered: 0 }],
  ["two swapped", [0, 2, 1, 3], { lost: 0, duplicates: 0, reordered: 1 }],
  ["backwards", [3, 2, 1, 0], { lost: 0, duplicates: 0, reordered: 3 }],
  ["one late", [1, 2, 3, 0], { lost: 0, duplicates: 0, reordered: 1 }],
  ["one twice", [0, 1, 1, 2, 3], { lost: 0, duplicates: 1, reordered: 0 }],
  ["one twice, late", [0, 1, 2, 3, 0], {
    lost: 0,
    duplicates: 1,
    reordered: 0,
  }],
  ["one three times, the others lost", [2, 2, 2], { lost: 3, duplicates: 2 }],
  ["numbers that were not sent", [4, 4_294_967_295], { lost: 4 }],
];

for (const [name, answers, want] of CASES) {
  Deno.test(`createTally() counts ${name}`, () => {
    const result = burst(4, answers);
    assertEquals({ ...result, ...want, sent: 4 }, result);
  });
}

Deno.test("createTally() times a packet from its sending to its first answer", () => {
  assertEquals(burst(3, [1, 0, 1]).roundTrips, [0.090, 0.101]);
});

Deno.test("createTally() misses what is not sent yet", () => {
  const tally = createTally(2);
  tally.sent(0, 0);
  tally.answered(1, 5); // an answer before its question is nobody's
  tally.answered(0, 5);
  assertEquals(tally.missing(), 1);
  tally.sent(1, 10);
  tally.answered(1, 15);
  assertEquals(tally.missing(), 0);
});

Deno.test("createTally() counts whatever a network does to a burst", () => {
  const random = seeded(7);
  for (let i = 0; i < 500; i++) {
    const count = 1 + below(60, random);
    const numbers = Array.from({ length: count }, (_, number) => number);
    const kept = numbers.filter(() => random() < 0.8);
    const twice = kept.filter(() => random() < 0.2);
    const firsts = shuffled(kept, random);
    // a second answer anywhere after the first one of its number
    const answers = [...firsts];
    for (const number of twice) {
      const after = answers.indexOf(number) + 1;
      answers.splice(
        after + below(answers.length - after + 1, random),
        0,
        number,
      );
    }
    const result = burst(count, answers);
    assertEquals(result.sent, count);
    assertEquals(result.lost, count - kept.length);
    assertEquals(result.duplicates, twice.length);
    assertEquals(
      result.reordered,
      firsts.filter((number, at) =>
        firsts.slice(0, at).some((earlier) => earlier > number)
      ).length,
    );
    assertEquals(result.roundTrips.length, kept.length);
    assert(result.lost + result.roundTrips.length === result.sent);
  }
});
