import { assertEquals } from "@std/assert";
import type { Check, Outcome } from "../../lib/checks/check.ts";
import type { Target } from "../../lib/udp/burst.ts";
import { createUdpLoss } from "../../lib/udp/loss.ts";
import type { Burst } from "../../lib/udp/tally.ts";
import { failed, ok } from "../fakes/checks.ts";
import { fakeClock } from "../fakes/clock.ts";
import { neighbour } from "../fakes/pods.ts";

const COOKIE = "00112233445566778899aabbccddeeff";
const OTHER_COOKIE = "ff112233445566778899aabbccddeeff";
const TYPE = "path_node-2";

/** A burst of 40 packets. */
function burst(lost = 0, changes: Partial<Burst> = {}): Burst {
  return {
    sent: 40,
    lost,
    duplicates: 0,
    reordered: 0,
    roundTrips: Array.from({ length: 40 - lost }, (_, i) => (i + 1) / 1e3),
    ...changes,
  };
}

function path(n = 2): Check {
  return {
    type: `path_node-${n}`,
    neighbour: neighbour(n),
    run: () => Promise.resolve(ok()),
  };
}

function withCookie(cookie: string | undefined = COOKIE): Outcome {
  return { ...ok(), headers: { "kubenurse-udp": cookie } };
}

/** An agent whose bursts end as told, each half a second after its start. */
function measuring() {
  const clock = fakeClock();
  const sent: [number, Target][] = [];
  const counted: [string, Burst][] = [];
  const around = {
    next: burst() as Burst | Error,
    clock,
    sent,
    counted,
    loss: createUdpLoss({
      clock,
      async send(target, signal): Promise<Burst | undefined> {
        sent.push([clock.now(), target]);
        const { next } = around;
        await clock.sleep(500, signal);
        if (signal.aborted) return undefined;
        if (next instanceof Error) throw next;
        return next;
      },
      counted: (type, burst) => void counted.push([type, burst]),
      windowMs: 120_000,
    }),
    /** A round whose check of the path has this outcome, and the burst after it. */
    async round(outcome = withCookie(), check = path()) {
      around.loss.checked(check, outcome);
      await clock.advance(5_000);
    },
    state: () => around.loss.view()[TYPE]?.state,
  };
  return around;
}

Deno.test("checked() sends a burst to the neighbour, with the cookie that it gave", async () => {
  const one = measuring();
  await one.round();
  await one.round();
  const target = {
    address: "10.0.0.2",
    port: 8080,
    cookie: Uint8Array.fromHex(COOKIE),
  };
  assertEquals(one.sent, [[0, target], [5_000, target]]);
  assertEquals(one.counted, [[TYPE, burst()], [TYPE, burst()]]);
  assertEquals(one.loss.ratios(), [[TYPE, 0]]);
  assertEquals(one.loss.view(), {
    [TYPE]: {
      state: "ok",
      sent: 80,
      lost: 0,
      duplicates: 0,
      reordered: 0,
      loss: 0,
      rtt_ms: 21,
    },
  });
});

const UNMEASURED: [string, Outcome, string][] = [
  [
    "an older agent, or one that has it off",
    ok(),
    "not measured: it gave no cookie: KUBENURSE_CHECK_UDP is off there, or it does not know the address that this agent's requests come from (yet)",
  ],
  [
    "garbage",
    withCookie("8080"),
    "not measured: it gave no cookie: KUBENURSE_CHECK_UDP is off there, or it does not know the address that this agent's requests come from (yet)",
  ],
  [
    "a check that fails",
    failed(),
    "not measured: the check by HTTP fails",
  ],
];
for (const [name, outcome, words] of UNMEASURED) {
  Deno.test(`checked() sends nothing after ${name}, and says so`, async () => {
    const one = measuring();
    await one.round(outcome);
    assertEquals(one.sent, []);
    assertEquals(one.counted, []);
    assertEquals(one.loss.ratios(), []);
    assertEquals(one.state(), words);
  });
}

Deno.test("checked() sends nothing for what is no neighbour, or was not checked", async () => {
  const one = measuring();
  one.loss.checked(
    { type: "me_service", run: () => Promise.resolve(ok()) },
    withCookie(),
  );
  one.loss.checked(path(), { state: "skipped", reason: "switched off" });
  one.loss.checked({ ...path(3), sweep: true }, withCookie());
  await one.clock.advance(5_000);
  assertEquals(one.sent, []);
  assertEquals(one.loss.view(), {});
});

Deno.test("the first burst is under way", () => {
  const one = measuring();
  one.loss.checked(path(), withCookie());
  assertEquals(one.state(), "not measured: no burst has ended yet");
});

Deno.test("lost packets count when the same process has answered the next check", async () => {
  const one = measuring();
  one.next = burst(4);
  await one.round();
  assertEquals(one.counted, []);
  await one.round();
  assertEquals(one.counted, [[TYPE, burst(4)]]);
  assertEquals(one.loss.ratios(), [[TYPE, 0.1]]);
  assertEquals(one.state(), "10 % lost");
});

Deno.test("packets to a neighbour that restarts are not lost", async () => {
  const one = measuring();
  one.next = burst(40);
  await one.round(); // the process ends under way
  one.next = burst();
  await one.round(withCookie(OTHER_COOKIE));
  assertEquals(one.counted, [[TYPE, burst()]]);
  await one.round(withCookie(OTHER_COOKIE));
  assertEquals(one.loss.ratios(), [[TYPE, 0]]);
});

Deno.test("an outage counts when it is over", async () => {
  const one = measuring();
  one.next = burst(40);
  await one.round();
  for (let i = 0; i < 6; i++) await one.round(failed());
  assertEquals(one.counted, []);
  assertEquals(one.sent.length, 1);
  one.next = burst();
  await one.round();
  await one.round();
  assertEquals(one.counted, [
    [TYPE, burst(40)],
    [TYPE, burst()],
    [TYPE, burst()],
  ]);
  assertEquals(one.loss.ratios(), [[TYPE, 1 / 3]]);
});

Deno.test("an outage that is longer than the window does not count: the checks by HTTP did", async () => {
  const one = measuring();
  one.next = burst(40);
  await one.round();
  for (let i = 0; i < 30; i++) await one.round(failed());
  one.next = burst();
  await one.round();
  assertEquals(one.counted, [[TYPE, burst()]]);
});

Deno.test("a blocked UDP port is a loss of all packets, in words that name it", async () => {
  const one = measuring();
  one.next = burst(40);
  for (let i = 0; i < 3; i++) await one.round();
  assertEquals(one.loss.ratios(), [[TYPE, 1]]);
  assertEquals(one.loss.view()[TYPE], {
    state: "no packet comes back: is the UDP port open between the nodes?",
    sent: 80,
    lost: 80,
    duplicates: 0,
    reordered: 0,
    loss: 1,
  });
});

Deno.test("a machine that cannot send says why", async () => {
  const one = measuring();
  one.next = burst(40, { error: "send UNKNOWN 10.0.0.2:8080" });
  for (let i = 0; i < 2; i++) await one.round();
  assertEquals(
    one.state(),
    "cannot send: send UNKNOWN 10.0.0.2:8080: is there a route, and does this node's firewall let UDP out?",
  );
});

Deno.test("the ratio is that of the window", async () => {
  const one = measuring();
  one.next = burst(2, { duplicates: 1, reordered: 3 });
  for (let i = 0; i < 13; i++) await one.round(); // the last one has no verdict yet
  one.next = burst();
  for (let i = 0; i < 12; i++) await one.round();
  assertEquals(one.loss.view()[TYPE], {
    state: "2.5 % lost",
    sent: 960,
    lost: 24,
    duplicates: 12,
    reordered: 36,
    loss: 0.025,
    rtt_ms: 21,
  });
  for (let i = 0; i < 12; i++) await one.round();
  assertEquals(one.loss.view()[TYPE]!.lost, 0);
  assertEquals(one.state(), "ok");
  for (let i = 0; i < 6; i++) await one.round(failed());
  assertEquals(
    one.state(),
    "ok; not measured any more: the check by HTTP fails",
  );
  for (let i = 0; i < 24; i++) await one.round(failed());
  assertEquals(one.loss.ratios(), []);
});

Deno.test("bursts to a neighbour do not overlap, nor start twice a second", async () => {
  const one = measuring();
  for (let i = 0; i < 100; i++) {
    one.loss.checked(path(), withCookie());
    await one.clock.advance(100);
  }
  assertEquals(
    one.sent.map(([at]) => at),
    Array.from({ length: 10 }, (_, i) => i * 1_000),
  );
});

Deno.test("a neighbour that has left is forgotten, a burst to it under way too", async () => {
  const one = measuring();
  await one.round();
  await one.round(withCookie(), path(3));
  one.loss.checked(path(), withCookie());
  // in its turn of the sweep it is checked, and not measured
  one.loss.keepOnly([{ ...path(2), sweep: true }, path(3)]);
  await one.clock.advance(1_000);
  assertEquals(Object.keys(one.loss.view()), ["path_node-3"]);
  assertEquals(one.counted.length, 2);
});

Deno.test("a burst that breaks does not break the agent", async () => {
  const one = measuring();
  one.next = new Error("no more sockets");
  await one.round();
  assertEquals(
    one.state(),
    "not measured: internal error: no more sockets",
  );
  one.next = burst();
  await one.round();
  assertEquals(one.state(), "ok");
});

Deno.test("stop() cuts bursts short, which do not count", async () => {
  const one = measuring();
  one.loss.checked(path(), withCookie());
  await one.clock.advance(100);
  await one.loss.stop();
  assertEquals(one.clock.now(), 100);
  assertEquals(one.counted, []);
  await one.round();
  assertEquals(one.counted, []);
});
