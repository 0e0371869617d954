import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { BURST_PACKETS } from "../../lib/udp/burst.ts";
import { cookieFrom, createEcho } from "../../lib/udp/echo.ts";
import type { Refusal } from "../../lib/udp/echo.ts";
import { answerTo, ask, numberOf, PACKET_BYTES } from "../../lib/udp/packet.ts";
import { below, seeded } from "../fakes/random.ts";

const HERE = "10.0.0.2";
const BURST = 0x0123_4567_89ab_cdefn;

/** An echo that knows the agent at {@linkcode HERE}. */
function echo() {
  let now = 0;
  const refused: Refusal[] = [];
  const made = createEcho({
    now: () => now,
    refused: (why) => void refused.push(why),
  });
  return {
    ...made,
    refused,
    pass: (ms: number) => void (now += ms),
    ask: (address = HERE) => ask(cookieFrom(made.cookie(address))!, BURST, 0),
  };
}

Deno.test("createEcho() answers an agent with as many bytes as it sent, to be told from a question", () => {
  const { answer, ask, refused } = echo();
  const packet = ask();
  const answered = answer(packet, HERE)!;
  assertEquals(answered.length, packet.length);
  assertEquals(numberOf(answered, BURST), 0);
  assertEquals(numberOf(answered, BURST + 1n), undefined);
  assertEquals(numberOf(packet, BURST), undefined);
  assertEquals(refused, []);
});

const { ask: asked } = echo();
const ATTACKS: [string, Refusal, (good: Uint8Array) => Uint8Array, string?][] =
  [
    ["nothing", "malformed", () => new Uint8Array()],
    ["one byte", "malformed", () => Uint8Array.of(1)],
    ["a truncated packet", "malformed", (good) => good.subarray(0, -1)],
    [
      "a packet with a byte more",
      "malformed",
      (good) => Uint8Array.of(...good, 0),
    ],
    ["the greatest packet", "malformed", (good) => {
      const packet = new Uint8Array(65_507);
      packet.set(good);
      return packet;
    }],
    ["zeros", "malformed", () => new Uint8Array(PACKET_BYTES)],
    ["an answer, so that two agents answer each other for ever", "malformed", (
      good,
    ) => answerTo(good)],
    ["another agent's cookie", "cookie", () => asked()],
    [
      "the cookie with its first bit wrong",
      "cookie",
      (good) => good.with(4, good[4]! ^ 128),
    ],
    [
      "the cookie with its last bit wrong",
      "cookie",
      (good) => good.with(19, good[19]! ^ 1),
    ],
    ["no cookie", "cookie", (good) => good.slice().fill(0, 4, 20)],
    [
      "the cookie from an address that has none",
      "cookie",
      (good) => good,
      "10.0.0.66",
    ],
  ];

for (const [name, why, attack, from = HERE] of ATTACKS) {
  Deno.test(`createEcho() does not answer ${name}`, () => {
    const { answer, ask, refused } = echo();
    assertEquals(answer(attack(ask()), from), undefined);
    assertEquals(refused, [why]);
  });
}

Deno.test("createEcho() does not answer the cookie of another known agent", () => {
  const { answer, ask, refused } = echo();
  ask("10.0.0.3");
  assertEquals(answer(ask(HERE), "10.0.0.3"), undefined);
  assertEquals(refused, ["cookie"]);
});

Deno.test("createEcho() never answers more than it was sent, nor what is at random", () => {
  const random = seeded(3);
  const { answer, ask } = echo();
  ask();
  for (let i = 0; i < 2_000; i++) {
    const length = below(2, random) ? PACKET_BYTES : below(200, random);
    const packet = Uint8Array.from({ length }, () => below(256, random));
    if (below(2, random)) packet.set(ask().subarray(0, Math.min(4, length)));
    assertEquals(answer(packet, HERE), undefined);
  }
});

Deno.test("createEcho() answers a packet that is replayed at a limited rate, and others as before", () => {
  const { answer, ask, refused, pass } = echo();
  const packet = ask();
  const other = ask("10.0.0.3");
  let answered = 0;
  for (let ms = 0; ms < 10_000; ms++) { // 10,000 a second for ten seconds
    for (let i = 0; i < 10; i++) if (answer(packet, HERE)) answered++;
    pass(1);
  }
  const limit = 2 * BURST_PACKETS + 10 * 1.25 * BURST_PACKETS;
  assert(answered <= limit && answered > limit - 2, `${answered}`);
  assertEquals(new Set(refused), new Set(["rate"]));
  assertEquals(refused.length, 100_000 - answered);
  for (let i = 0; i < BURST_PACKETS; i++) {
    assert(answer(other, "10.0.0.3"), "another agent's burst");
  }
});

Deno.test("createEcho() limits what all agents together get", () => {
  const { answer, ask } = echo();
  const packets = Array.from({ length: 150 }, (_, n) => {
    const address = `10.0.1.${n}`;
    return { packet: ask(address), address };
  });
  let answered = 0;
  for (const { packet, address } of packets) {
    for (let i = 0; i < BURST_PACKETS; i++) {
      if (answer(packet, address)) answered++;
    }
  }
  assertEquals(answered, 100 * BURST_PACKETS);
});

Deno.test("createEcho() answers a burst every second, for as long as it takes", () => {
  const { answer, ask, cookie, pass, refused } = echo();
  for (let second = 0; second < 7_200; second++) {
    cookie(HERE);
    for (let i = 0; i < BURST_PACKETS; i++) {
      answer(ask(), HERE);
      pass(10);
    }
    pass(1_000 - BURST_PACKETS * 10);
  }
  assertEquals(refused, []);
});

Deno.test("cookie() stays the same while it is asked for, and is another one after that and elsewhere", () => {
  const { cookie, answer, ask, pass, refused } = echo();
  const first = cookie(HERE);
  const packet = ask();
  assert(/^[\da-f]{32}$/.test(first), first);
  for (let minutes = 0; minutes < 180; minutes++) {
    pass(60_000);
    assertEquals(cookie(HERE), first);
  }
  assertNotEquals(cookie("10.0.0.3"), first);
  assertNotEquals(echo().cookie(HERE), first);
  pass(3_600_001);
  assertNotEquals(cookie(HERE), first);
  assertEquals(answer(packet, HERE), undefined);
  assertEquals(refused, ["cookie"]);
});

for (
  const header of [
    undefined,
    "",
    "on",
    "0123456789abcdef0123456789abcde",
    "0123456789abcdef0123456789abcdef0",
    "0123456789ABCDEF0123456789abcdeg",
    "0123456789abcdef0123456789abcde\n",
  ]
) {
  Deno.test(`cookieFrom() cannot use ${JSON.stringify(header)}`, () => {
    assertEquals(cookieFrom(header), undefined);
  });
}
