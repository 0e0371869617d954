import { assert, assertEquals } from "@std/assert";
import { backoffMs } from "../lib/backoff.ts";
import { below, seeded } from "./fakes/random.ts";

const CAP = 60_000;

for (
  const { failures, from, to } of [
    { failures: 1, from: 500, to: 1_000 },
    { failures: 2, from: 1_000, to: 2_000 },
    { failures: 5, from: 8_000, to: 16_000 },
    { failures: 7, from: 30_000, to: 60_000 },
    { failures: 1_000_000, from: 30_000, to: 60_000 },
  ]
) {
  Deno.test(`backoffMs() after ${failures} failures is between ${from} and ${to}`, () => {
    assertEquals(backoffMs(failures, CAP, () => 0), from);
    assertEquals(backoffMs(failures, CAP, () => 1), to);
  });
}

Deno.test("backoffMs() begins with what it is told to", () => {
  const waits = [1, 2, 3].map((n) => backoffMs(n, CAP, () => 1, 0, 20_000));
  assertEquals(waits, [20_000, 40_000, 60_000]);
});

Deno.test("backoffMs() waits at least as long as the server asked, and not in step", () => {
  assertEquals(backoffMs(1, CAP, () => 0, 30_000), 30_500);
  assertEquals(backoffMs(1, CAP, () => 1, 30_000), 31_000);
  assertEquals(backoffMs(1, CAP, () => 0, -5), 500);
});

Deno.test("backoffMs() never exceeds its cap and never hurries", () => {
  const random = seeded(1);
  for (let i = 0; i < 10_000; i++) {
    const cap = 1_000 + below(1e6, random);
    const ms = backoffMs(1 + below(100, random), cap, random);
    assert(ms >= 500 && ms <= cap, `${ms} of ${cap}`);
  }
});
