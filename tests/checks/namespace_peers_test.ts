/**
 * What each probe says when packets vanish and when names are not found, in a
 * network namespace of its own.
 */
import { assert, assertEquals } from "@std/assert";
import { eventOf } from "../../lib/checks/check.ts";
import type { Outcome } from "../../lib/checks/check.ts";
import {
  DROPPED_PORT,
  probeInNamespace,
  whyNoNamespace,
} from "../fakes/namespace.ts";
import type { Errand } from "../fakes/namespace.ts";
import type { NameServerManner } from "../fakes/peers.ts";
import type { Way } from "../fakes/ways.ts";

const NAME = "api.example.com";
const NO_NAME = "the name does not exist, or has no address";
const NO_ANSWER = "the DNS server did not answer, or could not tell";
/** The runtime tells no more. */
const NOTHING =
  "the name does not exist or has no record of this type, or the DNS server could not tell";

/** What is tried by each way. */
const TRIED: Readonly<Record<Way, (host: string) => string>> = {
  http: (host) => `GET http://${host}:${DROPPED_PORT}/alwayshappy`,
  https: (host) => `GET https://${host}:${DROPPED_PORT}/alwayshappy`,
  api: (host) => `GET https://${host}:${DROPPED_PORT}/version`,
  tcp: (host) => `tcp://${host}:${DROPPED_PORT}`,
  tls: (host) => `tls://${host}:${DROPPED_PORT}`,
  dns: (host) => `dns://${host}:${DROPPED_PORT}/example.com?type=A`,
  resolver: (host) => `dns:///${host}?type=A`,
};

interface Case {
  readonly fault: string;
  readonly nameServer: NameServerManner;
  /** The resolver's; without one it waits for longer than a check. */
  readonly options?: string;
  readonly host: string;
  readonly timeoutMs?: number;
  readonly phase: "dns" | "connect";
  /** What is said by `http`, `https`, `tcp` and `tls`. */
  readonly words: string;
  /** What the others say. */
  readonly want: Partial<Record<Way, string>>;
}

const CASES: readonly Case[] = [
  {
    fault: "SYNs vanish",
    nameServer: "NOERROR",
    host: "127.0.0.1",
    phase: "connect",
    words: ": connecting: no answer within 1 s",
    want: {
      api:
        ": no answer within 1 s; a second try: connecting: no answer within the rest",
    },
  },
  {
    fault: "SYNs to the address of a name vanish",
    nameServer: "NOERROR",
    host: NAME,
    phase: "connect",
    words: " (127.0.0.1): connecting: no answer within 1 s",
    want: {
      api:
        ": no answer within 1 s; a second try (127.0.0.1): connecting: no answer within the rest",
    },
  },
  {
    fault: "a name does not exist",
    nameServer: "NXDOMAIN",
    host: NAME,
    phase: "dns",
    words: `: looking up the name: ${NO_NAME}`,
    want: {
      api: `: looking up the name: ${NO_NAME}; a second try: the same`,
      dns: `: looking up the DNS server's name: ${NOTHING}`,
      resolver: `: looking up the name: ${NOTHING}`,
    },
  },
  {
    fault: "a name has no address",
    nameServer: "NODATA",
    host: NAME,
    phase: "dns",
    words: `: looking up the name: ${NO_NAME}`,
    want: {
      api: `: looking up the name: ${NO_NAME}; a second try: the same`,
      dns: `: looking up the DNS server's name: ${NOTHING}`,
      resolver: `: looking up the name: ${NOTHING}`,
    },
  },
  {
    fault: "the name server fails",
    nameServer: "SERVFAIL",
    host: NAME,
    phase: "dns",
    words: `: looking up the name: ${NO_ANSWER}`,
    want: {
      api: `: looking up the name: ${NO_ANSWER}; a second try: the same`,
      dns: `: looking up the DNS server's name: ${NOTHING}`,
      resolver: `: looking up the name: ${NOTHING}`,
    },
  },
  {
    fault: "the name server does not answer, and the resolver waits",
    nameServer: "silent",
    host: NAME,
    phase: "dns",
    words: ": looking up the name: no answer within 1 s",
    want: {
      api:
        ": no answer within 1 s; a second try: looking up the name: no answer within the rest",
      dns: ": looking up the DNS server's name: no answer within 1 s",
      resolver: ": looking up the name: no answer within 1 s",
    },
  },
  {
    fault: "the name server does not answer, and the resolver gives up",
    nameServer: "silent",
    options: "timeout:1 attempts:1",
    timeoutMs: 8_000,
    host: NAME,
    phase: "dns",
    words: `: looking up the name: ${NO_ANSWER}`,
    want: {
      api: `: looking up the name: ${NO_ANSWER}; a second try: the same`,
      dns: ": looking up the DNS server's name: the DNS server did not answer",
      resolver: ": looking up the name: the DNS server did not answer",
    },
  },
];

const EVENTS = { dns: "dns_done", connect: "connect_done" };

const missing = await whyNoNamespace();

for (const one of CASES) {
  const { fault, words, want, host, phase, timeoutMs = 1_000 } = one;
  const all: Partial<Record<Way, string>> = {
    ...{ http: words, https: words, tcp: words, tls: words },
    ...want,
  };
  const ways = Object.keys(all) as Way[];
  const errand: Errand = {
    nameServer: one.nameServer,
    options: one.options ?? "timeout:30",
    timeoutMs,
    probes: ways.map((way) => ({ way, whom: { host, port: DROPPED_PORT } })),
  };
  let outcomes: Promise<Outcome[]> | undefined;
  for (const [i, way] of ways.entries()) {
    const name = `a probe by ${way} when ${fault}: phase ${phase}`;
    if (missing !== undefined) {
      Deno.test(`${name} (needs ${missing})`, { ignore: true }, () => {});
      continue;
    }
    Deno.test(name, async () => {
      const outcome = (await (outcomes ??= probeInNamespace(errand)))[i]!;
      assert(outcome.state === "failed", JSON.stringify(outcome));
      assertEquals(
        // the second request has what the first has left of the deadline
        outcome.message.replace(/within 0\.\d+ s$/, "within the rest"),
        `${TRIED[way](host)}${all[way]}`,
      );
      assertEquals(
        [outcome.phase, eventOf(outcome)],
        [phase, EVENTS[phase]],
      );
      // both requests of an API-server check within one deadline
      assert(outcome.seconds < timeoutMs / 1e3 + 1, `${outcome.seconds} s`);
    });
  }
}
