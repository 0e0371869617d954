/** Bursts and echoes on real sockets. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import dgram from "node:dgram";
import { systemClock } from "../../lib/platform.ts";
import { BURST_PACKETS, sendBurst } from "../../lib/udp/burst.ts";
import { cookieFrom, createEcho } from "../../lib/udp/echo.ts";
import type { Refusal } from "../../lib/udp/echo.ts";
import { listenUdp } from "../../lib/udp/listen.ts";
import { ask, PACKET_BYTES } from "../../lib/udp/packet.ts";
import { peerOf } from "../../lib/serve.ts";
import { eventually } from "../fakes/eventually.ts";

const NEVER = new AbortController().signal;

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };

/** Some machines have no IPv6. */
const HAS_IPV6 = (() => {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
})();

/** The options of a test that needs IPv6 if the address is one. */
function needs(address: string, name: string) {
  const ignore = address.includes(":") && !HAS_IPV6;
  return {
    name: ignore ? `${name} (needs IPv6)` : name,
    ignore,
    ...SANITIZERS,
  };
}

interface RealEcho {
  readonly port: number;
  readonly refused: readonly Refusal[];
  cookie(address: string): Uint8Array;
  /** Whether the answer to the packet that came as the nth, from 0, is lost. */
  loses: (n: number) => boolean;
}

/** Answers on a free port of `address` while `test` runs. */
async function withEcho(
  test: (echo: RealEcho) => Promise<void>,
  address = "127.0.0.1",
) {
  const refused: Refusal[] = [];
  const echo = createEcho({
    now: systemClock.now,
    refused: (why) => void refused.push(why),
  });
  let came = 0;
  function answer(packet: Uint8Array, from: string) {
    const answered = echo.answer(packet, from);
    return real.loses(came++) ? undefined : answered;
  }
  const { port, close } = await listenUdp(
    { answer },
    { address, port: 0 },
    peerOf,
  );
  const real: RealEcho = {
    port,
    refused,
    cookie: (address) => cookieFrom(echo.cookie(address))!,
    loses: () => false,
  };
  try {
    await test(real);
  } finally {
    close();
  }
}

/** Sends packets as they are from an address; the sizes of what comes back until no more comes. */
async function sends(
  packets: readonly Uint8Array[],
  port: number,
  from = "127.0.0.1",
): Promise<number[]> {
  const socket = dgram.createSocket("udp4");
  const sizes: number[] = [];
  let last = performance.now();
  socket.on("message", (packet) => {
    sizes.push(packet.length);
    last = performance.now();
  });
  await new Promise<void>((resolve) => socket.bind(0, from, resolve));
  for (const packet of packets) {
    await new Promise((resolve) =>
      socket.send(packet, port, "127.0.0.1", resolve)
    );
  }
  await eventually(() => performance.now() - last, (ms) => ms > 200);
  socket.close();
  return sizes;
}

for (
  const [address, listen] of [
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.1", "::"],
    ["::1", "::"],
    ["::1", "::1"],
  ] as const
) {
  Deno.test({
    name:
      `sendBurst() to ${address} has all packets back from a port on ${listen}`,
    ...SANITIZERS,
    async fn() {
      await withEcho(async ({ port, cookie, refused }) => {
        const target = { address, port, cookie: cookie(address) };
        const burst = (await sendBurst(target, systemClock, NEVER))!;
        const { roundTrips, ...others } = burst;
        assertEquals(others, {
          sent: BURST_PACKETS,
          lost: 0,
          duplicates: 0,
          reordered: 0,
        });
        assertEquals(roundTrips.length, BURST_PACKETS);
        assert(roundTrips.every((seconds) => seconds > 0 && seconds < 1.5));
        assertEquals(refused, []);
      }, listen);
    },
  });
}

Deno.test({
  name: "sendBurst() counts the answers that do not come",
  ...SANITIZERS,
  async fn() {
    await withEcho(async (echo) => {
      echo.loses = (n) => n % 4 === 1;
      const address = "127.0.0.1";
      const { port } = echo;
      const burst = await sendBurst(
        { address, port, cookie: echo.cookie(address) },
        systemClock,
        NEVER,
      );
      assertEquals(burst!.lost, BURST_PACKETS / 4);
      assertEquals(burst!.roundTrips.length, BURST_PACKETS * 3 / 4);
    });
  },
});

for (const address of ["127.0.0.1", "::1"]) {
  Deno.test({
    ...needs(address, `sendBurst() to a closed port of ${address} loses all`),
    async fn() {
      const burst = await sendBurst(
        { address, port: 1, cookie: new Uint8Array(16) },
        systemClock,
        NEVER,
      );
      assertEquals(burst!.lost, BURST_PACKETS);
    },
  });
}

Deno.test({
  name: "sendBurst() says why this machine cannot send",
  ...SANITIZERS,
  async fn() {
    const burst = await sendBurst(
      { address: "255.255.255.255", port: 9, cookie: new Uint8Array(16) },
      systemClock,
      NEVER,
    );
    assertEquals(burst!.lost, BURST_PACKETS);
    assertStringIncludes(burst!.error!, "255.255.255.255:9");
  },
});

Deno.test({
  name: "sendBurst() ends at once with the agent",
  ...SANITIZERS,
  async fn() {
    await withEcho(async ({ port, cookie }) => {
      const stop = new AbortController();
      const address = "127.0.0.1";
      const burst = sendBurst(
        { address, port, cookie: cookie(address) },
        systemClock,
        stop.signal,
      );
      stop.abort();
      assertEquals(await burst, undefined);
    });
  },
});

Deno.test({
  name: "an agent's port answers nobody without its cookie, whatever is sent",
  ...SANITIZERS,
  async fn() {
    await withEcho(async ({ port, cookie, refused }) => {
      const good = ask(cookie("127.0.0.1"), 1n, 0);
      const bad = [
        new Uint8Array(),
        Uint8Array.of(0x6b),
        good.subarray(0, 63),
        Uint8Array.of(...good, 0),
        new Uint8Array(9_000),
        good.with(10, good[10]! ^ 1),
      ];
      assertEquals(await sends([...bad, good, ...bad], port), [PACKET_BYTES]);
      assertEquals(await sends([good], port, "127.0.0.2"), []);
      assertEquals(refused.length, 2 * bad.length + 1);
      assertEquals(refused.at(-1), "cookie");
    });
  },
});

Deno.test({
  name: "an agent's port limits how often it answers a packet that is replayed",
  ...SANITIZERS,
  async fn() {
    await withEcho(async ({ port, cookie, refused }) => {
      const good = ask(cookie("127.0.0.1"), 1n, 0);
      const start = performance.now();
      const sizes = await sends(Array(1_000).fill(good), port);
      const seconds = (performance.now() - start) / 1e3;
      const limit = 2 * BURST_PACKETS + seconds * 1.25 * BURST_PACKETS;
      assert(sizes.length <= limit, `${sizes.length} in ${seconds} s`);
      assert(sizes.length > 0); // a full socket drops some
      assert(sizes.every((size) => size === PACKET_BYTES));
      assert(refused.every((why) => why === "rate"));
    });
  },
});

Deno.test({
  name: "listenUdp() says that a port is taken",
  ...SANITIZERS,
  async fn() {
    await withEcho(async ({ port }) => {
      const error = await listenUdp(
        { answer: () => undefined },
        { address: "127.0.0.1", port },
        peerOf,
      ).catch((error) => error);
      assert(error instanceof Error && /EADDRINUSE/.test(error.message));
    });
  },
});
