import { assertEquals } from "@std/assert";
import { tokenBucket } from "../../lib/udp/bucket.ts";

Deno.test("tokenBucket() allows a burst, then the rate, and saves no more than a burst", () => {
  let now = 0;
  const take = tokenBucket(5, 10, () => now);
  const taken = (tries: number) =>
    Array.from({ length: tries }, take).filter(Boolean).length;
  assertEquals(taken(8), 5);
  now += 99;
  assertEquals(taken(3), 0);
  now += 1;
  assertEquals(taken(3), 1);
  now += 250;
  assertEquals(taken(5), 2);
  now += 3_600_000;
  assertEquals(taken(100), 5);
});

Deno.test("tokenBucket() gives no more than its rate over a minute, however it is asked", () => {
  let now = 0;
  const take = tokenBucket(20, 50, () => now);
  let taken = 0;
  for (; now < 60_000; now += 3) if (take()) taken++;
  assertEquals(taken >= 3_000 && taken <= 3_020, true);
});
