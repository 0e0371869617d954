import { assert, assertEquals } from "@std/assert";
import { jumpClock } from "./jump_clock.ts";

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };

Deno.test(
  "jumpClock() wakes those whose time a leap reaches",
  SANITIZERS,
  async () => {
    const clock = jumpClock();
    const woken: string[] = [];
    const stop = new AbortController();
    const minute = clock.sleep(60_000).then(() => woken.push("minute"));
    const hour = clock.sleep(3_600_000, stop.signal).then(() =>
      woken.push("hour")
    );
    const before = [clock.now(), clock.wall()] as const;
    clock.jump(60_000);
    await minute;
    assertEquals(woken, ["minute"]);
    assert(clock.now() - before[0] >= 60_000);
    assert(clock.wall() - before[1] >= 60_000);
    stop.abort();
    await hour;
  },
);

Deno.test("jumpClock() leaves short sleeps alone", SANITIZERS, async () => {
  const clock = jumpClock();
  const started = performance.now();
  const sleep = clock.sleep(50);
  clock.jump(60_000);
  await sleep;
  assert(performance.now() - started >= 45);
});

Deno.test(
  "jumpClock() can decide about AbortSignal.timeout",
  SANITIZERS,
  async () => {
    const clock = jumpClock();
    const real = AbortSignal.timeout;
    {
      using _ = clock.takeOverTimeouts();
      const signal = AbortSignal.timeout(10_000);
      clock.jump(9_000);
      assertEquals(signal.aborted, false);
      clock.jump(1_000);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      assertEquals(signal.reason.name, "TimeoutError");
    }
    assertEquals(AbortSignal.timeout, real);
  },
);
