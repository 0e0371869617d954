import { assertEquals } from "@std/assert";
import { createIncoming } from "../../lib/http/incoming.ts";
import { fakeClock } from "../fakes/clock.ts";

Deno.test("createIncoming() counts distinct names", () => {
  const incoming = createIncoming(() => 0);
  for (const name of ["a", "b", "a", "c", "a"]) incoming.seen(name);
  assertEquals(incoming.count(), 3);
});

Deno.test("createIncoming() forgets a name a minute after it was last seen", async () => {
  const clock = fakeClock();
  const incoming = createIncoming(clock.now);
  incoming.seen("a");
  await clock.advance(30_000);
  incoming.seen("b");
  incoming.seen("a");
  await clock.advance(30_000);
  incoming.seen("b");
  await clock.advance(30_000);
  assertEquals(incoming.count(), 2);
  await clock.advance(1);
  assertEquals(incoming.count(), 1);
  await clock.advance(30_000);
  assertEquals(incoming.count(), 0);
});

Deno.test("createIncoming() counts nobody who gives no name, or one that is too long", () => {
  const incoming = createIncoming(() => 0);
  incoming.seen("");
  incoming.seen("x".repeat(254));
  assertEquals(incoming.count(), 0);
  incoming.seen("x".repeat(253));
  assertEquals(incoming.count(), 1);
});

Deno.test("createIncoming() is not filled by one that invents names", async () => {
  const clock = fakeClock();
  const incoming = createIncoming(clock.now);
  incoming.seen("real");
  for (let i = 0; i < 100_000; i++) incoming.seen(`invented-${i}`);
  assertEquals(incoming.count(), 8_192);
  await clock.advance(30_000);
  incoming.seen("real");
  await clock.advance(30_001);
  assertEquals(incoming.count(), 1);
  incoming.seen("other");
  assertEquals(incoming.count(), 2);
});
