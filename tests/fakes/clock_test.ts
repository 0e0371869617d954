import { assertEquals, assertRejects } from "@std/assert";
import { fakeClock } from "./clock.ts";

Deno.test("fakeClock() wakes sleepers in the order of their times", async () => {
  const clock = fakeClock();
  const woken: string[] = [];
  for (const ms of [30, 10, 20]) {
    clock.sleep(ms).then(() => woken.push(`${ms} at ${clock.now()}`));
  }
  await clock.advance(25);
  assertEquals(woken, ["10 at 10", "20 at 20"]);
  assertEquals(clock.now(), 25);
  assertEquals(clock.sleeping(), 1);
});

Deno.test("fakeClock() lets a sleeper sleep again within one advance", async () => {
  const clock = fakeClock();
  const woken: number[] = [];
  async function ticks() {
    for (let i = 0; i < 3; i++) {
      await clock.sleep(10);
      woken.push(clock.now());
    }
  }
  const done = ticks();
  await clock.advance(30);
  await done;
  assertEquals(woken, [10, 20, 30]);
});

Deno.test("fakeClock() ends a sleep when its signal aborts", async () => {
  const clock = fakeClock();
  const stop = new AbortController();
  const sleep = clock.sleep(1_000, stop.signal);
  stop.abort();
  await sleep;
  await clock.sleep(1_000, stop.signal);
  assertEquals(clock.now(), 0);
  assertEquals(clock.sleeping(), 0);
});

Deno.test("fakeClock() moves both kinds of time", async () => {
  const clock = fakeClock(1_000_000);
  await clock.advance(500);
  assertEquals([clock.now(), clock.wall()], [500, 1_000_500]);
  clock.setWall(0);
  await clock.advance(500);
  assertEquals([clock.now(), clock.wall()], [1_000, 500]);
});

Deno.test("fakeClock() reports a loop that does not wait", async () => {
  const clock = fakeClock();
  const stop = new AbortController();
  async function busy() {
    while (!stop.signal.aborted) await clock.sleep(0, stop.signal);
  }
  const running = busy();
  await assertRejects(() => clock.advance(1), Error, "busy loop at 0 ms");
  stop.abort();
  await running;
});

Deno.test("fakeClock() can decide about AbortSignal.timeout", async () => {
  const clock = fakeClock();
  using _ = clock.takeOverTimeouts();
  const signal = AbortSignal.timeout(1_000);
  await clock.advance(999);
  assertEquals(signal.aborted, false);
  await clock.advance(1);
  assertEquals(signal.reason.name, "TimeoutError");
});
