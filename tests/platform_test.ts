import { assertEquals } from "@std/assert";
import { systemClock, wordsOf } from "../lib/platform.ts";

Deno.test("wordsOf() finds words in whatever was thrown", () => {
  assertEquals(wordsOf(new Error("no")), "no");
  assertEquals(wordsOf(new TypeError("")), "TypeError");
  assertEquals(wordsOf("text"), "text");
  assertEquals(wordsOf(undefined), "undefined");
});

Deno.test("systemClock does not sleep when its signal has aborted", async () => {
  await systemClock.sleep(3_600_000, AbortSignal.abort());
});

Deno.test("systemClock ends a sleep when its signal aborts", async () => {
  const stop = new AbortController();
  const sleep = systemClock.sleep(3_600_000, stop.signal);
  stop.abort();
  await sleep;
});

Deno.test("systemClock does not take a sleep of more than 24 days for none", () => {
  const asked: unknown[] = [];
  const real = globalThis.setTimeout;
  try {
    globalThis.setTimeout = ((_: unknown, ms: unknown) => {
      asked.push(ms);
    }) as unknown as typeof setTimeout;
    systemClock.sleep(1e12);
  } finally {
    globalThis.setTimeout = real;
  }
  assertEquals(asked, [2 ** 31 - 1]);
});
