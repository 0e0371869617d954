import { assertEquals } from "@std/assert";
import { seeker } from "../../lib/discovery/seeker.ts";
import { fakeClock } from "../fakes/clock.ts";

/** Runs a seeker for `seconds`; when it asked for which node, in seconds. */
async function sought(
  seconds: number,
  { lacking = () => [], isKnown = () => false, seek = [] }: {
    readonly lacking?: (second: number) => readonly string[];
    readonly isKnown?: (node: string, second: number) => boolean;
    readonly seek?: readonly string[];
  },
): Promise<[string, number][]> {
  const clock = fakeClock();
  const asked: [string, number][] = [];
  const second = () => clock.now() / 1e3;
  const one = seeker({
    clock,
    lacking: () => lacking(second()),
    isKnown: (node) => isKnown(node, second()),
    ask: (node) => void asked.push([node, second()]),
  });
  for (const node of seek) one.seek(node);
  const stop = new AbortController();
  const running = one.run(stop.signal);
  await clock.advance(seconds * 1e3);
  stop.abort();
  await running;
  return asked;
}

const times = (asked: [string, number][]) => asked.map(([, at]) => at);

Deno.test("seeker() looks up at once what lacks something, then ever more seldom", async () => {
  const asked = await sought(1_000, { lacking: () => ["node-1"] });
  assertEquals(times(asked), [0, 3, 9, 21, 45, 93, 189, 381, 573, 765, 957]);
});

Deno.test("seeker() looks for a successor after a while, and gives up in the end", async () => {
  const asked = await sought(3_600, { seek: ["node-1", "node-1"] });
  assertEquals(times(asked), [3, 6, 12, 24, 48, 96, 192]);
});

Deno.test("seeker() stops once a node is known", async () => {
  const asked = await sought(1_000, {
    seek: ["node-1", "node-2"],
    isKnown: (node, second) => node === "node-1" && second > 10,
  });
  assertEquals(times(asked.filter(([node]) => node === "node-1")), [3, 6]);
  assertEquals(asked.filter(([node]) => node === "node-2").length, 7);
});

Deno.test("seeker() begins anew with a node that lacks something again", async () => {
  const asked = await sought(300, {
    lacking: (second) => second < 5 || second > 200 ? ["node-1"] : [],
    isKnown: (_, second) => second >= 5 && second <= 200,
  });
  assertEquals(times(asked), [0, 3, 201, 204, 210, 222, 246, 294]);
});
