import { assert, assertEquals } from "@std/assert";
import { apiServerProbe } from "../../lib/checks/api_server.ts";
import type { TraceRequest } from "../../lib/checks/api_server.ts";
import type { Failed, Ok, Outcome, Phase } from "../../lib/checks/check.ts";
import { CredentialsError } from "../../lib/kubernetes/access.ts";
import { failed, ok } from "../fakes/checks.ts";
import { fakeClock } from "../fakes/clock.ts";
import type { FakeClock } from "../fakes/clock.ts";

const SERVER = "https://10.96.0.1:443";
const URL_TEXT = `${SERVER}/version`;

type Fetch = (clock: FakeClock, signal: AbortSignal) => Promise<Response>;

interface Probed {
  readonly outcome: Outcome | undefined;
  /** When it came, milliseconds after the start. */
  readonly at: number;
  readonly fetched: readonly string[];
  /** Requests of the second kind: when, and how long they were given. */
  readonly traced: readonly { at: number; url: string; timeoutMs: number }[];
  readonly aborted: boolean;
  readonly sleeping: number;
}

/** Probes with a deadline of 5 s, for up to a minute. */
async function probed(
  fetch: Fetch,
  trace: (clock: FakeClock) => Promise<Outcome> = () => hang(),
  traceAlways = false,
): Promise<Probed> {
  const clock = fakeClock();
  const fetched: string[] = [];
  const traced: Probed["traced"][number][] = [];
  let signal: AbortSignal | undefined;
  let outcome: Outcome | undefined;
  let at = -1;
  const tracing: TraceRequest = (url, timeoutMs) => {
    traced.push({ at: clock.now(), url, timeoutMs });
    return trace(clock);
  };
  apiServerProbe(SERVER, {
    clock,
    trace: tracing,
    traceAlways,
    fetch(url, init) {
      fetched.push(url);
      signal = init.signal;
      return fetch(clock, init.signal);
    },
  }, 5_000).then((got) => {
    outcome = got;
    at = clock.now();
  });
  await clock.advance(60_000);
  const aborted = signal!.aborted;
  return { outcome, at, fetched, traced, aborted, sleeping: clock.sleeping() };
}

function hang(): Promise<never> {
  return new Promise(() => {});
}

/** Hangs until it is told to stop, as `fetch` does. */
function hangUntil(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason))
  );
}

async function after(clock: FakeClock, ms: number, status: number) {
  await clock.sleep(ms);
  return new Response('{"major":"1"}', { status });
}

Deno.test("apiServerProbe() asks for /version and gives the time that took", async () => {
  const { outcome, fetched, traced, aborted, sleeping } = await probed(
    (clock) => after(clock, 12, 200),
  );
  assertEquals(outcome, { state: "ok", seconds: 0.012, code: 200 });
  assertEquals(fetched, [URL_TEXT]);
  assertEquals(traced, []);
  assertEquals([aborted, sleeping], [true, 0]);
});

for (
  const [status, words] of [
    [401, "answered 401 (it does not accept the ServiceAccount's token)"],
    [
      403,
      "answered 403 (the ServiceAccount may not read /version: system:public-info-viewer)",
    ],
    [302, "answered 302, expected 200"],
    [500, "answered 500, expected 200"],
    [201, "answered 201, expected 200"],
  ] as const
) {
  Deno.test(`apiServerProbe() fails for status ${status}`, async () => {
    const { outcome } = await probed((clock) => after(clock, 20, status));
    assertEquals(outcome, {
      state: "failed",
      seconds: 0.02,
      phase: "status",
      code: status,
      message: `GET ${URL_TEXT}: ${words}`,
    });
  });
}

const AWAY = "connecting: connection refused";
/** A second request that gets its answer. */
const ANSWERED: Outcome = {
  state: "ok",
  seconds: 0.004,
  code: 200,
  trace: { connect_start: 0, connect_done: 0.001, got_first_resp_byte: 0.003 },
};

const ERRORS: readonly [Phase, string, string][] = [
  [
    "dns",
    "dns error: failed to lookup address information: Name or service not known",
    "looking up the name: the name does not exist, or has no address",
  ],
  ["connect", "tcp connect error: Connection refused (os error 111)", AWAY],
  [
    "connect",
    "tcp connect error: Network is unreachable (os error 101)",
    "connecting: no route to the network",
  ],
  [
    "tls",
    "invalid peer certificate: UnknownIssuer",
    "in the TLS handshake: the certificate cannot be verified: its issuer is not trusted",
  ],
  [
    "tls",
    "received corrupt message of type InvalidContentType",
    "in the TLS handshake: the other side does not speak TLS",
  ],
  [
    "tls",
    "tls handshake eof",
    "in the TLS handshake: the other side closed the connection",
  ],
];
for (const [phase, thrown, shown] of ERRORS) {
  Deno.test(`apiServerProbe() names phase ${phase} for "${thrown}", whatever a second request gets`, async () => {
    const cause = new Error(
      `error sending request for url (${URL_TEXT}): client error (Connect): ${thrown}`,
    );
    const { outcome, at, traced } = await probed(async (clock) => {
      await clock.sleep(7);
      throw new TypeError("fetch failed", { cause });
    }, () => Promise.resolve(ANSWERED));
    assertEquals(outcome, {
      state: "failed",
      seconds: 0.007,
      phase,
      trace: (ANSWERED as Ok).trace!,
      message: `GET ${URL_TEXT}: ${shown}; a second try got an answer`,
    });
    assertEquals([at, traced.length], [7, 1]);
  });
}

const UNCLEAR = "connection closed before message completed";
const AGAIN: readonly [Phase, string, string, Outcome][] = [
  ["response", "an answer", " got an answer", ok()],
  ["response", "a status", " got an answer", {
    ...{ state: "failed", seconds: 0, phase: "status", code: 401 },
    message: `GET ${URL_TEXT}: answered 401`,
  }],
  [
    "tls",
    "another failure, in phase tls",
    " (10.0.0.9): in the TLS handshake: connection reset",
    failed({
      phase: "tls",
      message:
        `GET ${URL_TEXT} (10.0.0.9): in the TLS handshake: connection reset`,
    }),
  ],
  [
    "response",
    "the same failure",
    " (10.0.0.9): waiting for the answer: the same",
    failed({
      phase: "response",
      message:
        `GET ${URL_TEXT} (10.0.0.9): waiting for the answer: the other side closed the connection`,
    }),
  ],
];
for (const [phase, name, words, second] of AGAIN) {
  Deno.test(`apiServerProbe() names phase ${phase} when words do not tell and a second request gets ${name}`, async () => {
    const { outcome, at, traced } = await probed(async (clock) => {
      await clock.sleep(7);
      throw new TypeError(UNCLEAR);
    }, async (clock) => {
      await clock.sleep(5);
      return second;
    });
    assertEquals(outcome, {
      state: "failed",
      seconds: 0.007,
      phase,
      message:
        `GET ${URL_TEXT}: the other side closed the connection; a second try${words}`,
    });
    assertEquals(at, 12);
    assertEquals(traced, [{ at: 7, url: URL_TEXT, timeoutMs: 4_993 }]);
  });
}

Deno.test("apiServerProbe() says that a second request failed in the same way, and on which address", async () => {
  const { outcome } = await probed(
    () => Promise.reject(new Error("tcp connect error: Connection refused")),
    () =>
      Promise.resolve(failed({
        message: `GET ${URL_TEXT} (10.0.0.9): ${AWAY}`,
      })),
  );
  assertEquals(
    (outcome as Failed).message,
    `GET ${URL_TEXT}: ${AWAY}; a second try (10.0.0.9): the same`,
  );
});

Deno.test("apiServerProbe() does not hide its failure behind a second request that hangs until the deadline", async () => {
  const { outcome, at, traced, sleeping } = await probed(
    async (clock) => {
      await clock.sleep(1_000);
      throw new Error("tcp connect error: Connection refused");
    },
    async (clock) => {
      await clock.sleep(4_000);
      return failed({
        message: `GET ${URL_TEXT}: connecting: no answer within 4 s`,
      });
    },
  );
  assertEquals(outcome, {
    state: "failed",
    seconds: 1,
    phase: "connect",
    message:
      `GET ${URL_TEXT}: ${AWAY}; a second try: connecting: no answer within 4 s`,
  });
  assertEquals(at, 5_000);
  assertEquals(traced, [{ at: 1_000, url: URL_TEXT, timeoutMs: 4_000 }]);
  assertEquals(sleeping, 0);
});

Deno.test("apiServerProbe() makes no third request when the first fails while the second is under way", async () => {
  const { outcome, at, traced } = await probed(async (clock) => {
    await clock.sleep(4_000);
    throw new Error("tcp connect error: Connection refused");
  }, async (clock) => {
    await clock.sleep(2_000);
    return failed({
      message: `GET ${URL_TEXT}: connecting: no answer within 2 s`,
    });
  });
  assertEquals(outcome, {
    state: "failed",
    seconds: 4,
    phase: "connect",
    message:
      `GET ${URL_TEXT}: ${AWAY}; a second try: connecting: no answer within 2 s`,
  });
  assertEquals([at, traced.length], [5_000, 1]);
});

Deno.test("apiServerProbe() makes no second request when the first could not be sent", async () => {
  const words = "cannot read /var/run/secrets/token: No such file";
  const { outcome, traced } = await probed(() =>
    Promise.reject(new CredentialsError(words))
  );
  assertEquals(outcome, {
    state: "failed",
    seconds: 0,
    phase: "request",
    message: `GET ${URL_TEXT}: sending the request: ${words}`,
  });
  assertEquals(traced, []);
});

Deno.test("apiServerProbe() asks once when all is well", async () => {
  const { outcome, traced } = await probed(() =>
    Promise.resolve(new Response("{}"))
  );
  assertEquals(outcome, { state: "ok", seconds: 0, code: 200 });
  assertEquals(traced, []);
});

Deno.test("apiServerProbe() adds the steps of a second request when they are always wanted", async () => {
  const { outcome, traced } = await probed(
    () => Promise.resolve(new Response("{}")),
    () => Promise.resolve(ANSWERED),
    true,
  );
  assertEquals(outcome, {
    ...{ state: "ok", seconds: 0, code: 200 },
    trace: {
      connect_start: 0,
      connect_done: 0.001,
      got_first_resp_byte: 0.003,
    },
  });
  assertEquals(traced.length, 1);
});

Deno.test("apiServerProbe() fails when the body breaks off", async () => {
  const body = new ReadableStream({
    pull: (c) => c.error(new TypeError("connection reset")),
  });
  const { outcome } = await probed(
    () => Promise.resolve(new Response(body)),
    () => Promise.resolve(ANSWERED),
  );
  assertEquals(outcome, {
    state: "failed",
    seconds: 0,
    phase: "response",
    trace: (ANSWERED as Ok).trace!,
    message: `GET ${URL_TEXT}: connection reset; a second try got an answer`,
  });
});

Deno.test("apiServerProbe() does not read a body without end", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (c) => c.enqueue(new Uint8Array(1024)),
    cancel: () => void (cancelled = true),
  });
  const { outcome } = await probed(() => Promise.resolve(new Response(body)));
  assertEquals(outcome?.state, "ok");
  assert(cancelled);
});

Deno.test("apiServerProbe() sends a second request when the first is late, and takes a late answer", async () => {
  const { outcome, traced } = await probed((clock) => after(clock, 4_000, 200));
  assertEquals(outcome, { state: "ok", seconds: 4, code: 200 });
  assertEquals(traced, [{ at: 3_000, url: URL_TEXT, timeoutMs: 2_000 }]);
});

const LATE: readonly {
  name: string;
  second: Outcome;
  phase: Phase;
  words: string;
}[] = [
  {
    name: "the phase that the second request hung in",
    second: failed({
      phase: "connect",
      message: `GET ${URL_TEXT}: connecting: no answer within 2 s`,
    }),
    phase: "connect",
    words: "; a second try: connecting: no answer within 2 s",
  },
  {
    name: "the phase that the second request failed in, and its address",
    second: failed({
      phase: "tls",
      message: `GET ${URL_TEXT} (10.0.0.9): handshake: no`,
    }),
    phase: "tls",
    words: "; a second try (10.0.0.9): handshake: no",
  },
  {
    name: "no phase before the answer when the second request got one",
    second: ok(),
    phase: "response",
    words: "; a second try got an answer",
  },
  {
    name: "no phase before the answer when the second request got a bad one",
    second: failed({ phase: "status", code: 401, message: "answered 401" }),
    phase: "response",
    words: "; a second try got an answer",
  },
];
for (const { name, second, phase, words } of LATE) {
  for (const traceMs of [10, 2_000]) {
    Deno.test(`apiServerProbe() reports at its deadline ${name} after ${traceMs} ms`, async () => {
      const { outcome, at, aborted, sleeping } = await probed(
        (_, signal) => hangUntil(signal),
        async (clock) => {
          await clock.sleep(traceMs);
          return second;
        },
      );
      assertEquals(outcome, {
        state: "failed",
        seconds: 5,
        phase,
        message: `GET ${URL_TEXT}: no answer within 5 s${words}`,
      });
      assertEquals(at, 5_000);
      assertEquals([aborted, sleeping], [true, 0]);
    });
  }
}

Deno.test("apiServerProbe() has an outcome even if the second request cannot be made", async () => {
  const { outcome, at } = await probed(
    (_, signal) => hangUntil(signal),
    () => Promise.reject(new Error("no CA file")),
  );
  assertEquals(outcome, {
    state: "failed",
    seconds: 5,
    phase: "response",
    message: `GET ${URL_TEXT}: no answer within 5 s; a second try: no CA file`,
  });
  assertEquals(at, 5_000);
});

Deno.test("apiServerProbe() hears of an answer whose body never ends", async () => {
  const { outcome, at } = await probed(
    (_, signal) => {
      const body = new ReadableStream({
        start: (c) =>
          signal.addEventListener("abort", () => c.error(signal.reason)),
      });
      return Promise.resolve(new Response(body));
    },
    () => Promise.resolve(ok()),
  );
  assertEquals([outcome?.state, at], ["failed", 5_000]);
});
