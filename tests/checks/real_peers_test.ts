/**
 * What each probe says of each thing that goes wrong, on real sockets: the phase,
 * the event and the whole of the words. What needs a network of its own is in
 * `namespace_peers_test.ts`.
 */
import { assert, assertEquals } from "@std/assert";
import { eventOf } from "../../lib/checks/check.ts";
import type { Phase } from "../../lib/checks/check.ts";
import { createCa } from "../../lib/demo/certificates.ts";
import { startNameServer, startTcpPeer, startTlsPeer } from "../fakes/peers.ts";
import type { Manner, NameServerManner, RealPeer } from "../fakes/peers.ts";
import { probeBy } from "../fakes/ways.ts";
import type { Way } from "../fakes/ways.ts";

const HOST = "127.0.0.1";
/** Long enough for a busy machine, and waited for in full by those that hang. */
const TIMEOUT_MS = 1_000;

const authority = await createCa();
const good = await authority.issue([HOST]);
const expired = await authority.issue([HOST], -2);
const wrongName = await authority.issue(["example.com", "example.org"]);
const stranger = await (await createCa("a stranger")).issue([HOST]);
const expiredOn = new Date(Date.now() - 2 * 86_400_000).toISOString()
  .slice(0, 10);

const HTTP = "HTTP/1.1";
const OK: Manner = { answers: `${HTTP} 200 OK\r\nContent-Length: 2\r\n\r\nok` };
const UNAVAILABLE: Manner = {
  answers: `${HTTP} 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n`,
};
const REDIRECT: Manner = {
  answers:
    `${HTTP} 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\n\r\n`,
};
const HALF = `${HTTP} 200 OK\r\nContent-Length: 100\r\n\r\nhalf`;
const HALF_A_HEAD = `${HTTP} 200 OK\r\nContent-Le`;

const plain = (manner: Manner) => () => startTcpPeer(manner);
const secure = (manner: Manner, certificate = good) => () =>
  startTlsPeer(manner, certificate);
const dns = (manner: NameServerManner) => () => startNameServer(manner);

/** A port on which nobody listens. */
async function nobody(): Promise<RealPeer> {
  const peer = await startTcpPeer("silent");
  await peer[Symbol.asyncDispose]();
  return peer;
}

interface Case {
  readonly peer: string;
  readonly start: () => Promise<RealPeer>;
  /** By the way of probing: `"ok"`, or phase and words. */
  readonly want: Partial<Record<Way, "ok" | readonly [Phase | number, string]>>;
}

const CASES: readonly Case[] = [
  {
    peer: "a server that answers as it should",
    start: plain(OK),
    want: {
      http: "ok",
      tcp: "ok",
    },
  },
  {
    peer: "a TLS server that answers as it should",
    start: secure(OK),
    want: {
      https: "ok",
      api: "ok",
      tls: "ok",
    },
  },
  {
    peer: "a port that refuses",
    start: nobody,
    want: {
      http: ["connect", "connecting: connection refused"],
      https: ["connect", "connecting: connection refused"],
      api: [
        "connect",
        "connecting: connection refused; a second try: the same",
      ],
      tcp: ["connect", "connecting: connection refused"],
      tls: ["connect", "connecting: connection refused"],
    },
  },
  {
    peer: "a server that accepts and stays silent",
    start: plain("silent"),
    want: {
      http: ["response", "waiting for the answer: no answer within 1 s"],
      https: ["tls", "in the TLS handshake: no answer within 1 s"],
      api: [
        "tls",
        "no answer within 1 s; a second try: in the TLS handshake: no answer within the rest",
      ],
      tcp: "ok",
      tls: ["tls", "in the TLS handshake: no answer within 1 s"],
    },
  },
  {
    peer: "a TLS server that stays silent after the handshake",
    start: secure("silent"),
    want: {
      https: ["response", "waiting for the answer: no answer within 1 s"],
      api: [
        "response",
        "no answer within 1 s; a second try: waiting for the answer: no answer within the rest",
      ],
      tls: "ok",
    },
  },
  {
    peer: "a server that resets",
    start: plain("resets"),
    want: {
      http: [
        "response",
        "waiting for the answer: connection reset by the other side",
      ],
      https: [
        "tls",
        "in the TLS handshake: the other side closed or reset the connection",
      ],
      api: [
        "tls",
        "connection reset by the other side; a second try: in the TLS handshake: the other side closed or reset the connection",
      ],
      tls: [
        "tls",
        "in the TLS handshake: the other side closed or reset the connection",
      ],
    },
  },
  {
    peer: "a TLS server that resets after the handshake",
    start: secure("resets"),
    want: {
      https: [
        "response",
        "waiting for the answer: the other side closed or reset the connection",
      ],
      api: [
        "response",
        "connection reset by the other side; a second try: waiting for the answer: the other side closed or reset the connection",
      ],
    },
  },
  {
    peer: "a server that closes the connection",
    start: plain({ answers: "" }),
    want: {
      http: [
        "response",
        "waiting for the answer: the other side closed or reset the connection",
      ],
      https: [
        "tls",
        "in the TLS handshake: the other side closed or reset the connection",
      ],
      api: [
        "tls",
        "in the TLS handshake: the other side closed the connection; a second try: in the TLS handshake: the other side closed or reset the connection",
      ],
      tls: [
        "tls",
        "in the TLS handshake: the other side closed or reset the connection",
      ],
    },
  },
  {
    peer: "a TLS server that closes the connection after the handshake",
    start: secure({ answers: "" }),
    want: {
      https: [
        "response",
        "waiting for the answer: the other side closed or reset the connection",
      ],
      api: [
        "response",
        "the other side closed the connection; a second try: waiting for the answer: the other side closed or reset the connection",
      ],
    },
  },
  {
    peer: "a server with the wrong name",
    start: secure(OK, wrongName),
    want: {
      https: [
        "tls",
        "in the TLS handshake: the certificate is for example.com, example.org, not for 127.0.0.1",
      ],
      api: [
        "tls",
        "in the TLS handshake: the certificate is for example.com, example.org, not for 127.0.0.1; a second try: the same",
      ],
      tls: [
        "tls",
        "in the TLS handshake: the certificate is for example.com, example.org, not for 127.0.0.1",
      ],
    },
  },
  {
    peer: "a server whose certificate has expired",
    start: secure(OK, expired),
    want: {
      https: [
        "tls",
        `in the TLS handshake: the certificate cannot be verified: it expired on ${expiredOn}`,
      ],
      api: [
        "tls",
        `in the TLS handshake: the certificate expired on ${expiredOn}; a second try: in the TLS handshake: the certificate cannot be verified`,
      ],
      tls: [
        "tls",
        `in the TLS handshake: the certificate cannot be verified: it expired on ${expiredOn}`,
      ],
    },
  },
  {
    peer: "a server whose CA is unknown",
    start: secure(OK, stranger),
    want: {
      https: [
        "tls",
        'in the TLS handshake: the certificate cannot be verified: its issuer "a stranger" is not trusted',
      ],
      api: [
        "tls",
        "in the TLS handshake: the certificate cannot be verified: its issuer is not trusted; a second try: in the TLS handshake: the certificate cannot be verified",
      ],
      tls: [
        "tls",
        'in the TLS handshake: the certificate cannot be verified: its issuer "a stranger" is not trusted',
      ],
    },
  },
  {
    peer: "a server that does not speak TLS",
    start: plain(UNAVAILABLE),
    want: {
      https: ["tls", "in the TLS handshake: the other side does not speak TLS"],
      api: [
        "tls",
        "in the TLS handshake: the other side does not speak TLS; a second try: the same",
      ],
      tls: ["tls", "in the TLS handshake: the other side does not speak TLS"],
    },
  },
  {
    peer: "a server that answers half of a body",
    start: plain({ answers: HALF }),
    want: {
      http: ["response", "the answer broke off after 4 bytes"],
    },
  },
  {
    peer: "a TLS server that answers half of a body",
    start: secure({ answers: HALF }),
    want: {
      https: ["response", "the answer broke off after 4 bytes"],
      api: [
        "response",
        "the answer broke off; a second try: the answer broke off after 4 bytes",
      ],
    },
  },
  {
    peer: "a server that answers half of a body and hangs",
    start: plain({ begins: HALF }),
    want: {
      http: ["response", "the answer began and did not end within 1 s"],
    },
  },
  {
    peer: "a TLS server that answers half of a body and hangs",
    start: secure({ begins: HALF }),
    want: {
      https: ["response", "the answer began and did not end within 1 s"],
      api: [
        "response",
        "no answer within 1 s; a second try: the answer began and did not end within the rest",
      ],
    },
  },
  {
    peer: "a server that answers half of a head",
    start: plain({ answers: HALF_A_HEAD }),
    want: {
      http: [
        "response",
        "waiting for the answer: the other side closed or reset the connection",
      ],
    },
  },
  {
    peer: "a TLS server that answers half of a head",
    start: secure({ answers: HALF_A_HEAD }),
    want: {
      https: [
        "response",
        "waiting for the answer: the other side closed or reset the connection",
      ],
      api: [
        "response",
        "the other side closed the connection; a second try: waiting for the answer: the other side closed or reset the connection",
      ],
    },
  },
  {
    peer: "a server that does not speak HTTP",
    start: plain({ answers: "220 mail.example ESMTP\r\n" }),
    want: {
      http: ["response", "waiting for the answer: what came is not HTTP"],
    },
  },
  {
    peer: "a TLS server that does not speak HTTP",
    start: secure({ answers: "220 mail.example ESMTP\r\n" }),
    want: {
      https: ["response", "waiting for the answer: what came is not HTTP"],
      api: [
        "response",
        "what came is not HTTP; a second try: waiting for the answer: the same",
      ],
    },
  },
  {
    peer: "a TLS server that is asked without TLS",
    start: secure(OK),
    want: {
      http: ["response", "waiting for the answer: what came is not HTTP"],
    },
  },
  {
    peer: "a server that answers 503",
    start: plain(UNAVAILABLE),
    want: {
      http: [503, "answered 503 Service Unavailable, expected 200"],
    },
  },
  {
    peer: "a TLS server that answers 503",
    start: secure(UNAVAILABLE),
    want: {
      https: [503, "answered 503 Service Unavailable, expected 200"],
      api: [503, "answered 503, expected 200"],
    },
  },
  {
    peer: "a server that redirects",
    start: plain(REDIRECT),
    want: {
      http: [
        302,
        "answered 302 Found, a redirect to https://login.example/, not followed",
      ],
    },
  },
  {
    peer: "a TLS server that redirects",
    start: secure(REDIRECT),
    want: {
      https: [
        302,
        "answered 302 Found, a redirect to https://login.example/, not followed",
      ],
      api: [
        302,
        "answered 302, a redirect to https://login.example/, not followed",
      ],
    },
  },
  {
    peer: "a name server that has a record",
    start: dns("NOERROR"),
    want: {
      dns: "ok",
    },
  },
  {
    peer: "a name server that does not know the name",
    start: dns("NXDOMAIN"),
    want: {
      dns: ["dns", "looking up the name: the name does not exist (NXDOMAIN)"],
    },
  },
  {
    peer: "a name server that has no such record",
    start: dns("NODATA"),
    want: {
      dns: ["dns", "looking up the name: the name has no record of this type"],
    },
  },
  {
    peer: "a name server that fails",
    start: dns("SERVFAIL"),
    want: {
      dns: ["dns", "looking up the name: the DNS server failed (SERVFAIL)"],
    },
  },
  {
    peer: "a name server that refuses",
    start: dns("REFUSED"),
    want: {
      dns: [
        "dns",
        "looking up the name: the DNS server refused to answer (REFUSED)",
      ],
    },
  },
  {
    peer: "a name server that does not answer",
    start: dns("silent"),
    want: {
      dns: ["dns", "looking up the name: no answer within 1 s"],
    },
  },
  {
    peer: "a port on which there is no name server",
    start: nobody,
    want: {
      dns: ["dns", "looking up the name: no answer within 1 s"],
    },
  },
];

/** What is tried by each way. */
const TRIED: Readonly<Record<Way, string>> = {
  http: `GET http://${HOST}:PORT/alwayshappy`,
  https: `GET https://${HOST}:PORT/alwayshappy`,
  api: `GET https://${HOST}:PORT/version`,
  tcp: `tcp://${HOST}:PORT`,
  tls: `tls://${HOST}:PORT`,
  dns: `dns://${HOST}:PORT/example.com?type=A`,
  resolver: `dns:///${HOST}?type=A`,
};

const EVENTS: Readonly<Record<string, string>> = {
  dns: "dns_done",
  connect: "connect_done",
  tls: "tls_handshake_done",
  request: "wrote_request",
  response: "round_trip_error",
};

for (const { peer, start, want } of CASES) {
  for (const [way, wanted] of Object.entries(want)) {
    const result = wanted === "ok" ? "ok" : `phase ${wanted[0]}`;
    Deno.test(`a probe by ${way} of ${peer}: ${result}`, async () => {
      await using server = await start();
      const { port } = server;
      const outcome = await probeBy(
        way as Way,
        { host: HOST, port, ca: authority.cert },
        TIMEOUT_MS,
      );
      if (wanted === "ok") return assertEquals(outcome.state, "ok");
      assert(outcome.state === "failed", JSON.stringify(outcome));
      const [phase, words] = wanted;
      const tried = TRIED[way as Way];
      assertEquals(
        // the second request has what the first has left of the deadline
        outcome.message.replaceAll(`:${port}`, ":PORT")
          .replace(/within 0\.\d+ s$/, "within the rest"),
        `${tried}: ${words}`,
      );
      if (typeof phase === "number") {
        assertEquals([outcome.phase, outcome.code], ["status", phase]);
        assertEquals(eventOf(outcome), `status_code_${phase}`);
      } else {
        assertEquals(outcome.phase, phase);
        assertEquals(eventOf(outcome), EVENTS[phase]);
      }
      // both requests of an API-server check within one deadline
      const hung = words.includes(`within ${TIMEOUT_MS / 1e3} s`);
      if (hung) assert(outcome.seconds >= TIMEOUT_MS / 1e3 - 0.01);
      assert(outcome.seconds < TIMEOUT_MS / 1e3 + 1, `${outcome.seconds} s`);
    });
  }
}
