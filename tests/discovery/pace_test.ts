import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import {
  FLEET_BYTES_PER_S,
  pollMs,
  spreadMs,
} from "../../lib/discovery/pace.ts";

/** Length of a list, as measured on a real API server: of a Pod, of an endpoint. */
const POD = 5_000;
const ENDPOINT = 300;

const POLLS = [
  { n: 0, each: POD, seconds: 10, unsettled: 3 },
  { n: 10, each: POD, seconds: 10, unsettled: 3 },
  { n: 200, each: POD, seconds: 10, unsettled: 10 },
  { n: 250, each: POD, seconds: 15.625, unsettled: 15.625 },
  { n: 1_000, each: POD, seconds: 250, unsettled: 250 },
  { n: 5_000, each: POD, seconds: 1_500, unsettled: 1_500 },
  { n: 250, each: ENDPOINT, seconds: 10, unsettled: 4.6875 },
  { n: 1_000, each: ENDPOINT, seconds: 15, unsettled: 15 },
  { n: 5_000, each: ENDPOINT, seconds: 375, unsettled: 375 },
  { n: 10_000, each: ENDPOINT, seconds: 1_500, unsettled: 1_500 },
];
for (const { n, each, seconds, unsettled } of POLLS) {
  Deno.test(`pollMs() of ${n} agents of ${each} bytes is ${seconds} s, or ${unsettled} s`, () => {
    assertEquals(pollMs(n, n * each), seconds * 1e3);
    assertEquals(pollMs(n, n * each, false), unsettled * 1e3);
  });
}

Deno.test("pollMs() keeps the fleet below its budget up to 10,000 agents with EndpointSlices", () => {
  for (let n = 1; n <= 10_000; n += 7) {
    const bytes = n * ENDPOINT;
    const wire = bytes > 128 * 1024 ? bytes / 5 : bytes;
    for (const settled of [true, false]) {
      const perSecond = n * wire / pollMs(n, bytes, settled) * 1e3;
      assertLessOrEqual(perSecond, FLEET_BYTES_PER_S + 1);
    }
  }
});

Deno.test("pollMs() leaves each of 5,000 agents less than 1 KB/s", () => {
  assert(5_000 * ENDPOINT / 5 / pollMs(5_000, 5_000 * ENDPOINT) < 1);
});

for (
  const [n, ms] of [[0, 0], [250, 0], [251, 1_255], [5_000, 25_000], [
    20_000,
    60_000,
  ]] as const
) {
  Deno.test(`spreadMs() of ${n} agents is ${ms}`, () =>
    assertEquals(spreadMs(n), ms));
}
