import dgram from "node:dgram";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Outcome } from "../../lib/checks/check.ts";
import { dnsProbe } from "../../lib/checks/dns_probe.ts";
import { socketProbe } from "../../lib/checks/socket_probe.ts";
import { createCa } from "../../lib/demo/certificates.ts";

function failure(outcome: Outcome): [phase: string, message: string] {
  assert(outcome.state === "failed", JSON.stringify(outcome));
  return [outcome.phase, outcome.message];
}

/** A port on which somebody listens and does nothing else. */
function silent() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.TcpConn[] = [];
  const loop = (async () => {
    for await (const connection of listener) open.push(connection);
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await loop;
      open.forEach((connection) => connection.close());
    },
  };
}

Deno.test("socketProbe() of tcp is ok once connected", async () => {
  await using server = silent();
  const { port } = server;
  const request = { kind: "tcp", host: "localhost", port } as const;
  const outcome = await socketProbe(request, 5_000);
  assert(outcome.state === "ok");
  assertEquals(outcome.code, undefined);
});

Deno.test("socketProbe() of tcp fails in phase connect where nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const request = { kind: "tcp", host: "127.0.0.1", port } as const;
  assertEquals(failure(await socketProbe(request, 5_000)), [
    "connect",
    `tcp://127.0.0.1:${port}: connecting: connection refused`,
  ]);
});

Deno.test("socketProbe() fails in phase dns for a name that does not exist", async () => {
  const request = { kind: "tcp", host: "nobody.invalid", port: 1 } as const;
  const [phase, message] = failure(await socketProbe(request, 5_000));
  assertEquals(phase, "dns");
  assertStringIncludes(
    message,
    "tcp://nobody.invalid:1: looking up the name: ",
  );
});

Deno.test("socketProbe() of tls gives up in phase tls on a server that is silent", async () => {
  await using server = silent();
  const { port } = server;
  const ca = [(await createCa()).cert];
  const request = { kind: "tls", host: "127.0.0.1", port, ca } as const;
  assertEquals(failure(await socketProbe(request, 60)), [
    "tls",
    `tls://127.0.0.1:${port}: in the TLS handshake: no answer within 0.06 s`,
  ]);
});

async function tlsServer(names: string[]) {
  const authority = await createCa();
  const { cert, key } = await authority.issue(names);
  const server = Deno.serve({
    ...{ hostname: "127.0.0.1", port: 0, cert, key },
    onListen() {},
  }, () => new Response("ok"));
  return {
    port: server.addr.port,
    ca: authority.cert,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("socketProbe() of tls tells how many days the certificate is still valid", async () => {
  await using server = await tlsServer(["localhost"]);
  const { port, ca } = server;
  const request = { kind: "tls", host: "localhost", port, ca: [ca] } as const;
  const outcome = await socketProbe(request, 5_000);
  assert(outcome.state === "ok", JSON.stringify(outcome));
  // the certificates of these tests are valid for a day
  const days = outcome.certificateDays ?? NaN;
  assert(days > 0.9 && days < 1.1, String(days));
});

for (
  const [name, names, right] of [
    ["another CA", ["localhost"], false],
    ["a certificate for another name", ["example.com"], true],
  ] as const
) {
  Deno.test(`socketProbe() of tls fails in phase tls with ${name}`, async () => {
    await using server = await tlsServer([...names]);
    const { port } = server;
    const ca = [right ? server.ca : (await createCa()).cert];
    const request = { kind: "tls", host: "localhost", port, ca } as const;
    const [phase] = failure(await socketProbe(request, 5_000));
    assertEquals(phase, "tls");
  });
}

/** A name server that answers each question so; none: not at all. */
async function nameServer(answer?: (query: Uint8Array) => Uint8Array) {
  const socket = dgram.createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    if (answer) socket.send(answer(query), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    resolver: { host: "127.0.0.1", port: socket.address().port },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

/** The answer to a query: a code and, if wanted, an A record 192.0.2.1. */
function answered(query: Uint8Array, code: number, record: boolean) {
  let end = 12; // RFC 1035, section 4.1: the header, then the question
  while (query[end] !== 0) end += query[end]! + 1;
  const a = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
  return new Uint8Array([
    ...query.slice(0, 2),
    ...[0x81, 0x80 | code, 0, 1, 0, record ? 1 : 0, 0, 0, 0, 0],
    ...query.slice(12, end + 5),
    ...(record ? a : []),
  ]);
}

const QUESTION = { name: "example.com", recordType: "A" } as const;

Deno.test("dnsProbe() is ok with a record", async () => {
  await using server = await nameServer((query) => answered(query, 0, true));
  const { resolver } = server;
  const outcome = await dnsProbe({ ...QUESTION, resolver }, 5_000);
  assertEquals(outcome.state, "ok", JSON.stringify(outcome));
});

Deno.test("dnsProbe() fails in phase dns for a name that does not exist", async () => {
  await using server = await nameServer((query) => answered(query, 3, false));
  const { resolver } = server;
  assertEquals(failure(await dnsProbe({ ...QUESTION, resolver }, 5_000)), [
    "dns",
    `dns://127.0.0.1:${resolver.port}/example.com?type=A: looking up the name: the name does not exist, or has no record of this type`,
  ]);
});

Deno.test("dnsProbe() gives up at its deadline on a resolver that does not answer", async () => {
  await using server = await nameServer();
  const { resolver } = server;
  assertEquals(failure(await dnsProbe({ ...QUESTION, resolver }, 60)), [
    "dns",
    `dns://127.0.0.1:${resolver.port}/example.com?type=A: looking up the name: no answer within 0.06 s`,
  ]);
});
