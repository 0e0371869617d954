import { assert, assertEquals } from "@std/assert";
import { httpProbe } from "../../lib/checks/http_probe.ts";
import { keeping } from "../../lib/checks/kept.ts";
import type { Keeping, KeptProbe } from "../../lib/checks/kept.ts";
import type { Outcome } from "../../lib/checks/check.ts";
import { createCa } from "../../lib/demo/certificates.ts";
import type { KeyPair } from "../../lib/demo/certificates.ts";
import { failed, ok } from "../fakes/checks.ts";

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };
const CA = await createCa();
const KEPT_TRACE = ["got_conn", "wrote_request", "got_first_resp_byte"];

/** Runs a server that counts connections, and a probe, while `test` runs. */
async function withServer(
  test: (all: {
    url: string;
    keeping: Keeping;
    /** Connections on which requests came so far. */
    connections: () => number;
    answer: (how: () => Response | Promise<Response>) => void;
  }) => Promise<void>,
  pair?: KeyPair,
) {
  const ports = new Set<number>();
  let answer: () => Response | Promise<Response> = () => new Response("ok");
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, ...pair },
    (_, { remoteAddr }) => {
      ports.add(remoteAddr.port);
      return answer();
    },
  );
  const kept = keeping(
    (request, timeoutMs, one) => httpProbe(request, timeoutMs, undefined, one),
    { intervalMs: 5_000, now: () => performance.now() },
  );
  try {
    const scheme = pair ? "https" : "http";
    await test({
      url: `${scheme}://127.0.0.1:${server.addr.port}/alwayshappy`,
      keeping: kept,
      connections: () => ports.size,
      answer: (how) => void (answer = how),
    });
  } finally {
    kept.close();
    await server.shutdown();
  }
}

function steps(outcome: Outcome): string[] {
  assert(outcome.state === "ok", JSON.stringify(outcome));
  return Object.keys(outcome.trace ?? {});
}

Deno.test(
  "keeping() uses one connection for one target, with the steps that there are",
  SANITIZERS,
  () =>
    withServer(async ({ url, keeping, connections }) => {
      const first = steps(await keeping.probe({ url }, 5_000));
      assertEquals(first.slice(0, 2), ["connect_start", "connect_done"]);
      for (let i = 0; i < 20; i++) {
        assertEquals(steps(await keeping.probe({ url }, 5_000)), KEPT_TRACE);
      }
      assertEquals(connections(), 1);
    }),
);

const NAMES = [
  { names: ["127.0.0.1"], serverName: undefined },
  { names: ["kubenurse.example"], serverName: "kubenurse.example" },
];
for (const { names, serverName } of NAMES) {
  Deno.test(
    `keeping() shakes hands once with a server called ${names}`,
    SANITIZERS,
    async () => {
      await withServer(async ({ url, keeping, connections }) => {
        const request = {
          url,
          ca: [CA.cert],
          ...(serverName ? { serverName } : {}),
        };
        assert(
          steps(await keeping.probe(request, 5_000)).includes(
            "tls_handshake_done",
          ),
        );
        for (let i = 0; i < 3; i++) {
          assertEquals(steps(await keeping.probe(request, 5_000)), KEPT_TRACE);
        }
        assertEquals(connections(), 1);
      }, await CA.issue(names));
    },
  );
}

Deno.test(
  "keeping() makes a new connection when other CAs are trusted",
  SANITIZERS,
  async () => {
    const pair = await CA.issue(["127.0.0.1"]);
    await withServer(async ({ url, keeping, connections }) => {
      const request = { url, ca: [CA.cert] };
      await keeping.probe(request, 5_000);
      const other = (await createCa()).cert;
      const outcome = await keeping.probe({ url, ca: [other] }, 5_000);
      assert(outcome.state === "failed");
      assertEquals(outcome.phase, "tls");
      assertEquals((await keeping.probe(request, 5_000)).state, "ok");
      assertEquals(connections(), 2);
    }, pair);
  },
);

Deno.test(
  "keeping() closes a connection on which a probe failed",
  SANITIZERS,
  () =>
    withServer(async ({ url, keeping, connections, answer }) => {
      await keeping.probe({ url }, 5_000);
      answer(() => new Response("no", { status: 503 }));
      assertEquals((await keeping.probe({ url }, 5_000)).state, "failed");
      answer(() => new Response("ok"));
      assertEquals((await keeping.probe({ url }, 5_000)).state, "ok");
      assertEquals(connections(), 2);
    }),
);

Deno.test(
  "keeping() reports a connection that has gone silent, and makes a new one then",
  SANITIZERS,
  () =>
    withServer(async ({ url, keeping, connections, answer }) => {
      await keeping.probe({ url }, 5_000);
      const released = Promise.withResolvers<Response>();
      answer(() => released.promise);
      const outcome = await keeping.probe({ url }, 100);
      assert(outcome.state === "failed");
      assertEquals([outcome.phase, outcome.timedOut], ["response", true]);
      answer(() => new Response("ok"));
      released.resolve(new Response("late"));
      assertEquals((await keeping.probe({ url }, 5_000)).state, "ok");
      assertEquals(connections(), 2);
    }),
);

Deno.test(
  "keeping() gives requests with a body a connection of their own",
  SANITIZERS,
  () =>
    withServer(async ({ url, keeping, connections }) => {
      await keeping.probe({ url }, 5_000);
      const body = new Uint8Array(10);
      assertEquals((await keeping.probe({ url, body }, 5_000)).state, "ok");
      assertEquals((await keeping.probe({ url }, 5_000)).state, "ok");
      assertEquals(connections(), 2);
    }),
);

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** A server that does this to each connection after its first answer. */
async function closing(
  after: (connection: Deno.TcpConn) => Promise<void>,
  test: (url: string, connections: () => number) => Promise<void>,
) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let connections = 0;
  const served: Promise<void>[] = [];
  async function serve(connection: Deno.TcpConn) {
    connections++;
    await connection.read(new Uint8Array(4096));
    await connection.write(new TextEncoder().encode(ANSWER));
    await after(connection);
    connection.close();
  }
  const loop = (async () => {
    for await (const connection of listener) served.push(serve(connection));
  })();
  await test(`http://127.0.0.1:${listener.addr.port}/`, () => connections);
  listener.close();
  await loop;
  await Promise.allSettled(served);
}

const CLOSINGS: readonly [
  string,
  (connection: Deno.TcpConn) => Promise<void>,
][] = [
  ["while it is idle", () => Promise.resolve()],
  [
    "when the next request comes",
    async (connection) => void await connection.read(new Uint8Array(4096)),
  ],
];
for (const [name, after] of CLOSINGS) {
  Deno.test(
    `keeping() takes no connection for a fault that is closed ${name}`,
    SANITIZERS,
    () =>
      closing(after, async (url, connections) => {
        const kept = keeping(
          (request, ms, one) => httpProbe(request, ms, undefined, one),
          { intervalMs: 5_000, now: () => performance.now() },
        );
        for (let i = 1; i <= 3; i++) {
          assertEquals((await kept.probe({ url }, 5_000)).state, "ok");
          assertEquals(connections(), i);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        kept.close();
      }),
  );
}

/** A probe without sockets: what it was given, and what it is to say. */
function faked(outcomes: readonly Outcome[], reused = true) {
  let now = 0;
  const tries: [number, number][] = [];
  const destroyed: string[] = [];
  const left = [...outcomes];
  const probe: KeptProbe = ({ url }, timeoutMs, kept) => {
    tries.push([now, timeoutMs]);
    kept!.reused = reused;
    kept!.agent ??= { destroy: () => destroyed.push(url) } as never;
    now += 1_000;
    return Promise.resolve(left.shift() ?? ok());
  };
  const kept = keeping(probe, { intervalMs: 5_000, now: () => now });
  return { kept, tries, destroyed, advance: (ms: number) => void (now += ms) };
}

const CLOSED = failed({ phase: "response", message: "closed", seconds: 1 });
const RETRIES: readonly {
  name: string;
  outcome: Outcome;
  reused?: boolean;
  tries: number;
}[] = [
  {
    name: "again after a kept connection was closed",
    outcome: CLOSED,
    tries: 2,
  },
  {
    name: "once when a fresh connection was closed",
    outcome: CLOSED,
    reused: false,
    tries: 1,
  },
  {
    name: "once when a kept connection was silent",
    outcome: { ...CLOSED, timedOut: true },
    tries: 1,
  },
  {
    name: "once when the answer broke off",
    outcome: { ...CLOSED, trace: { got_first_resp_byte: 0.1 } },
    tries: 1,
  },
  {
    name: "once when the answer was a bad one",
    outcome: failed({ phase: "status", code: 503, message: "503" }),
    tries: 1,
  },
];
for (const { name, outcome, reused = true, tries } of RETRIES) {
  Deno.test(`keeping() tries ${name}`, async () => {
    const made = faked([outcome], reused);
    const got = await made.kept.probe({ url: "http://a/" }, 5_000);
    assertEquals(got, tries === 2 ? ok() : outcome);
    assertEquals(made.tries, [[0, 5_000], [1_000, 4_000]].slice(0, tries));
  });
}

Deno.test(
  "keeping() has a connection for each kind of request to a server, and fresh ones beside it",
  SANITIZERS,
  () =>
    withServer(async ({ url, keeping, connections, answer }) => {
      const requests = ["me_service", "me_ingress"].map((type) => ({
        url,
        headers: { "KUBENURSE-CHECK": type },
      }));
      for (let i = 0; i < 3; i++) {
        const outcomes = await Promise.all(
          requests.map((one) => keeping.probe(one, 5_000)),
        );
        assertEquals(outcomes.map(({ state }) => state), ["ok", "ok"]);
      }
      assertEquals(connections(), 2);

      const both = Promise.withResolvers<void>();
      let waiting = 0;
      answer(async () => {
        if (++waiting === 2) both.resolve();
        await both.promise;
        return new Response("ok");
      });
      const twice = await Promise.all(
        [0, 1].map(() => keeping.probe(requests[0]!, 5_000)),
      );
      assertEquals(twice.map(({ state }) => state), ["ok", "ok"]);
      assertEquals(connections(), 3);
    }),
);

Deno.test("keeping() tries no second time after the deadline", async () => {
  const { kept, tries } = faked([CLOSED]);
  assertEquals(await kept.probe({ url: "http://a/" }, 1_000), CLOSED);
  assertEquals(tries.length, 1);
});

Deno.test("keeping() closes the connections of targets that have gone", async () => {
  const { kept, destroyed, advance } = faked([]);
  await kept.probe({ url: "http://gone/" }, 5_000);
  for (let i = 0; i < 20; i++) {
    await kept.probe({ url: "http://still.there/" }, 5_000);
    advance(4_000);
  }
  assertEquals(destroyed, ["http://gone/"]);
  kept.close();
  assertEquals(destroyed, ["http://gone/", "http://still.there/"]);
});
