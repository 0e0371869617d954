import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { eventOf } from "../../lib/checks/check.ts";
import type { Failed, Outcome, Phase } from "../../lib/checks/check.ts";
import {
  createPathMtu,
  FULL_SIZE_BYTES,
  PATH_MTU,
} from "../../lib/checks/path_mtu.ts";
import { failed, ok } from "../fakes/checks.ts";
import { neighbour } from "../fakes/pods.ts";

const TIMEOUT_MS = 5_000;

function silent(phase: Phase, changes: Partial<Failed> = {}): Failed {
  return failed({
    phase,
    timedOut: true,
    message: "POST http://10.0.0.2:8080/path-mtu: no answer within 4 s",
    ...changes,
  });
}

/** An agent whose requests are answered as told, one answer for each. */
function looking(
  {
    rounds = 12,
    random = 0,
    large = ok() as Outcome,
    small = [ok()] as Outcome[],
  } = {},
) {
  let time = 0;
  const asked: [string, number, number][] = [];
  const smalls: number[] = [];
  const mtu = createPathMtu({ rounds, now: () => time, random: () => random });
  const around = {
    large,
    small,
    async round(node = 2): Promise<Outcome> {
      let i = 0;
      return await mtu.probe(
        neighbour(node),
        (ms) => {
          smalls.push(ms);
          time += 10.4;
          const at = Math.min(i++, around.small.length - 1);
          return Promise.resolve(around.small[at]!);
        },
        (path, ms, body) => {
          asked.push([path, ms, body?.length ?? 0]);
          if (around.large.state === "failed") time += ms;
          return Promise.resolve(around.large);
        },
        TIMEOUT_MS,
      );
    },
    asked,
    smalls,
    pass: (ms: number) => void (time += ms),
  };
  return around;
}

Deno.test("a full-sized request goes out every so many rounds, within the deadline", async () => {
  const one = looking({ rounds: 12 });
  for (let i = 0; i < 25; i++) assertEquals(await one.round(), ok());
  assertEquals(one.asked, [
    [PATH_MTU, 3992, FULL_SIZE_BYTES],
    [PATH_MTU, 3992, FULL_SIZE_BYTES],
    [PATH_MTU, 3992, FULL_SIZE_BYTES],
  ]);
  assertEquals(one.smalls.length, 25);
});

Deno.test("the first looks are spread over the rounds", async () => {
  for (const [random, round] of [[0, 0], [0.5, 6], [0.99, 11]] as const) {
    const one = looking({ rounds: 12, random });
    let first = -1;
    for (let i = 0; i < 12; i++) {
      await one.round();
      if (first < 0 && one.asked.length > 0) first = i;
    }
    assertEquals(first, round);
  }
});

Deno.test("with 0 rounds there is no full-sized request", async () => {
  const one = looking({ rounds: 0, large: silent("request") });
  for (let i = 0; i < 30; i++) assertEquals(await one.round(), ok());
  assertEquals(one.asked, []);
});

Deno.test("two looks in a row that stall are a black hole, told every round until one passes", async () => {
  const one = looking({ rounds: 3, large: silent("response") });
  assertEquals((await one.round()).state, "ok"); // one stall may be bad luck
  for (let i = 0; i < 3; i++) {
    const outcome = await one.round();
    assert(outcome.state === "failed");
    assertEquals(eventOf(outcome), "path_mtu");
    assertEquals(outcome.phase, "response");
    assertStringIncludes(
      outcome.message,
      "small requests pass, full-sized packets do not: path MTU (lost on the way there; 32 KiB each way: POST http://10.0.0.2:8080/path-mtu: no answer",
    );
    assert(outcome.seconds * 1e3 <= TIMEOUT_MS);
  }
  one.large = ok();
  assertEquals(await one.round(), ok());
  const before = one.asked.length;
  for (let i = 0; i < 2; i++) await one.round();
  assertEquals(one.asked.length, before); // the usual pace again
});

Deno.test("an answer that has begun says that the way back is the one", async () => {
  const one = looking({
    rounds: 1,
    large: silent("response", { trace: { got_first_resp_byte: 0.01 } }),
  });
  await one.round();
  const outcome = await one.round();
  assert(outcome.state === "failed");
  assertStringIncludes(outcome.message, "path MTU (lost on the way back;");
});

const REFUSED = failed({ phase: "connect", message: "refused" });
/** What is no black hole, whatever becomes of the full-sized request. */
const OTHERS: readonly [string, Outcome][] = [
  ["an older agent", failed({ phase: "status", code: 404, message: "404" })],
  ["a connection reset", failed({ phase: "response", message: "reset" })],
  ["a connection that is not made", silent("connect")],
];
for (const [name, large] of OTHERS) {
  Deno.test(`${name} is no black hole`, async () => {
    const one = looking({ rounds: 1, large });
    for (let i = 0; i < 5; i++) assertEquals((await one.round()).state, "ok");
  });
}

Deno.test("a neighbour that no longer answers at all fails as that", async () => {
  const one = looking({
    rounds: 1,
    large: silent("request"),
    small: [ok(), REFUSED],
  });
  await one.round();
  assertEquals(await one.round(), REFUSED);
  one.small = [REFUSED];
  const before = one.asked.length;
  assertEquals(await one.round(), REFUSED);
  assertEquals(one.asked.length, before);
});

Deno.test("each neighbour has its own rounds, and is forgotten after it has gone", async () => {
  const one = looking({ rounds: 1, large: silent("request") });
  await one.round(2);
  assertEquals((await one.round(3)).state, "ok");
  assertEquals((await one.round(2)).state, "failed");
  one.pass(300_001);
  assertEquals((await one.round(2)).state, "ok"); // the first stall again
});
