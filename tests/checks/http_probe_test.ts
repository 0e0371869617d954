import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { httpProbe } from "../../lib/checks/http_probe.ts";
import { TRACE_EVENTS } from "../../lib/checks/check.ts";
import type { Outcome } from "../../lib/checks/check.ts";
import { createCa } from "../../lib/demo/certificates.ts";

/** A TCP server that does the same to each connection. */
function tcpServer(serve: (connection: Deno.TcpConn) => void | Promise<void>) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.TcpConn[] = [];
  const served: (void | Promise<void>)[] = [];
  const loop = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      served.push(serve(connection));
    }
  })();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await loop;
      for (const connection of open) {
        try {
          connection.close();
        } catch {
          // the server has closed it itself
        }
      }
      await Promise.allSettled(served);
    },
  };
}

/** Answers each request with these bytes and closes. */
function answering(text: string) {
  return tcpServer(async (connection) => {
    await connection.read(new Uint8Array(4096));
    await connection.write(new TextEncoder().encode(text));
    connection.close();
  });
}

function failure(
  outcome: Outcome,
): { phase: string; code?: number; message: string } {
  assert(outcome.state === "failed", JSON.stringify(outcome));
  const { phase, code, message } = outcome;
  return code === undefined ? { phase, message } : { phase, code, message };
}

Deno.test("httpProbe() is ok with 200, with the duration and the code", async () => {
  await using server = await answering(
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
  );
  const outcome = await httpProbe({ url: `http://${server.address}/` }, 5_000);
  assert(outcome.state === "ok");
  assertEquals(outcome.code, 200);
  assert(outcome.seconds > 0 && outcome.seconds < 5);
});

Deno.test("httpProbe() tells when each step of a request came, in upstream's words", async () => {
  await using server = await tlsServer(["localhost"]);
  const url = `https://localhost:${server.port}/`;
  const outcome = await httpProbe({ url, ca: [server.ca] }, 5_000);
  assert(outcome.state === "ok");
  const { trace = {} } = outcome;
  assertEquals(Object.keys(trace), [...TRACE_EVENTS]);
  const times = Object.values(trace);
  assertEquals(times, times.toSorted((a, b) => a - b));
  assert(times.at(-1)! <= outcome.seconds);
});

Deno.test("httpProbe() has no steps of DNS for an address, and none that did not come", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const outcome = await httpProbe({ url: `http://127.0.0.1:${port}/` }, 5_000);
  assert(outcome.state === "failed");
  assertEquals(outcome.trace, { connect_start: 0 });
});

Deno.test("httpProbe() sends its headers on a connection that it asks to close", async () => {
  let request = "";
  await using server = tcpServer(async (connection) => {
    const buffer = new Uint8Array(4096);
    request = new TextDecoder().decode(
      buffer.subarray(0, await connection.read(buffer) ?? 0),
    );
    await connection.write(
      new TextEncoder().encode("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    );
    connection.close();
  });
  const url = `http://${server.address}/alwayshappy`;
  await httpProbe(
    { url, headers: { "KUBENURSE-NEIGHBOUR-ORIGIN": "me" } },
    5_000,
  );
  assertStringIncludes(request, "GET /alwayshappy HTTP/1.1\r\n");
  assertStringIncludes(
    request.toLowerCase(),
    "kubenurse-neighbour-origin: me\r\n",
  );
  assertStringIncludes(request.toLowerCase(), "connection: close\r\n");
  assert(!/authorization/i.test(request));
});

Deno.test("httpProbe() asks with the query and does not tell it", async () => {
  let request = "";
  await using server = tcpServer(async (connection) => {
    const buffer = new Uint8Array(4096);
    request = new TextDecoder().decode(
      buffer.subarray(0, await connection.read(buffer) ?? 0),
    );
    await connection.write(
      new TextEncoder().encode("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"),
    );
    connection.close();
  });
  const url = `http://${server.address}/x`;
  const outcome = await httpProbe({ url: `${url}?token=s3cret` }, 5_000);
  assertStringIncludes(request, "GET /x?token=s3cret HTTP/1.1\r\n");
  assertEquals(
    failure(outcome).message,
    `GET ${url}?...: answered 403 No, expected 200`,
  );
});

Deno.test("httpProbe() escapes control characters in what an agent says of itself", async () => {
  await using server = await answering(
    "HTTP/1.1 200 OK\r\nKUBENURSE-NODE: n\u0085\r\nContent-Length: 0\r\n\r\n",
  );
  const outcome = await httpProbe({ url: `http://${server.address}/` }, 5_000);
  assert(outcome.state === "ok");
  assertStringIncludes(outcome.headers!["kubenurse-node"]!, "\\u0085");
});

const ANSWERS = [
  {
    name: "a 503",
    answer: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
    want: {
      phase: "status",
      code: 503,
      words: "answered 503 Service Unavailable, expected 200",
    },
  },
  {
    name: "a redirect, which it does not follow",
    answer:
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    want: {
      phase: "status",
      code: 302,
      words:
        "answered 302 Found, a redirect to http://127.0.0.1:1/, not followed",
    },
  },
  {
    name: "a redirect whose query may hold a key",
    answer:
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/a?s3cret=1\r\nContent-Length: 0\r\n\r\n",
    want: {
      phase: "status",
      code: 302,
      words:
        "answered 302 Found, a redirect to http://127.0.0.1:1/a?..., not followed",
    },
  },
  {
    name: "an answer that wants another protocol",
    answer:
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    want: {
      phase: "status",
      code: 101,
      words: "answered 101 Switching Protocols, expected 200",
    },
  },
  {
    name: "half an answer",
    answer: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    want: { phase: "response", words: "the answer broke off after 4 bytes" },
  },
  {
    name: "something that is not HTTP",
    answer: "220 mail.example.com ESMTP\r\n",
    want: {
      phase: "response",
      words: "waiting for the answer: what came is not HTTP",
    },
  },
  {
    name: "no answer but the end of the connection",
    answer: "",
    want: {
      phase: "response",
      words:
        "waiting for the answer: the other side closed or reset the connection",
    },
  },
];

for (const { name, answer, want } of ANSWERS) {
  Deno.test(`httpProbe() fails with ${name}`, async () => {
    await using server = await answering(answer);
    const url = `http://${server.address}/x`;
    const { phase, code, message } = failure(await httpProbe({ url }, 5_000));
    assertEquals(phase, want.phase);
    assertEquals(code, want.code);
    assertStringIncludes(message, `GET ${url}: ${want.words}`);
  });
}

Deno.test("httpProbe() fails in phase connect where nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const outcome = await httpProbe({ url: `http://127.0.0.1:${port}/` }, 5_000);
  assertEquals(failure(outcome), {
    phase: "connect",
    message: `GET http://127.0.0.1:${port}/: connecting: connection refused`,
  });
});

Deno.test("httpProbe() fails in phase dns for a name that does not exist", async () => {
  const outcome = await httpProbe({ url: "http://nobody.invalid/" }, 5_000);
  assertEquals(failure(outcome).phase, "dns");
  assertStringIncludes(
    failure(outcome).message,
    "GET http://nobody.invalid/: looking up the name: ",
  );
});

Deno.test("httpProbe() says which address a name had", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const outcome = await httpProbe({ url: `http://localhost:${port}/` }, 5_000);
  assert(
    /^GET http:\/\/localhost:\d+\/ \((127\.0\.0\.1|::1)\): connecting: /.test(
      failure(outcome).message,
    ),
  );
});

Deno.test("httpProbe() gives up at its deadline on a server that stays silent, and closes the connection", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = tcpServer(async (connection) => {
    const buffer = new Uint8Array(4096);
    while (await connection.read(buffer).catch(() => null) !== null);
    closed.resolve();
  });
  const url = `http://${server.address}/`;
  assertEquals(failure(await httpProbe({ url }, 50)), {
    phase: "response",
    message: `GET ${url}: waiting for the answer: no answer within 0.05 s`,
  });
  await closed.promise;
});

Deno.test("httpProbe() gives up at its deadline on a server that never ends its answer", async () => {
  await using server = tcpServer(async (connection) => {
    await connection.read(new Uint8Array(4096));
    await connection.write(
      new TextEncoder().encode(
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow",
      ),
    );
  });
  const outcome = await httpProbe({ url: `http://${server.address}/` }, 50);
  assertEquals(failure(outcome).phase, "response");
});

Deno.test("httpProbe() reads no more than 64 KiB of an endless answer", async () => {
  let written = 0;
  await using server = tcpServer(async (connection) => {
    await connection.read(new Uint8Array(4096));
    const chunk = new Uint8Array(65_536).fill(65);
    await connection.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    try {
      while (written < 1e9) written += await connection.write(chunk);
    } catch {
      // closed by the other side, as it should
    }
  });
  const outcome = await httpProbe({ url: `http://${server.address}/` }, 5_000);
  assertEquals(outcome.state, "ok");
  assert(written < 1e9);
});

Deno.test("httpProbe() never rejects: a header that cannot be sent is a failure", async () => {
  const outcome = await httpProbe({
    url: "http://127.0.0.1/",
    headers: { "x-bad": "line\nbreak" },
  }, 1_000);
  assertEquals(outcome.state, "failed");
});

Deno.test("httpProbe() fails in phase tls with a server that resets the handshake", async () => {
  await using server = tcpServer((connection) => connection.close());
  const ca = [(await createCa()).cert];
  const outcome = await httpProbe(
    { url: `https://${server.address}/`, ca },
    5_000,
  );
  assertEquals(failure(outcome).phase, "tls");
});

Deno.test("httpProbe() gives up in phase tls on a server that is silent in the handshake", async () => {
  await using server = tcpServer(() => {});
  const ca = [(await createCa()).cert];
  const url = `https://${server.address}/`;
  assertEquals(failure(await httpProbe({ url, ca }, 80)), {
    phase: "tls",
    message: `GET ${url}: in the TLS handshake: no answer within 0.08 s`,
  });
});

/** An HTTPS server with a certificate for `names`. */
async function tlsServer(
  names: string[],
  asked: (request: Request) => void = () => {},
) {
  const authority = await createCa();
  const { cert, key } = await authority.issue(names);
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert,
    key,
    onListen() {},
  }, (request) => {
    asked(request);
    return new Response("ok");
  });
  return {
    port: server.addr.port,
    ca: authority.cert,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const TRUST = [
  {
    name: "is ok with the CA that vouches for the server",
    names: ["localhost"],
    right: true,
    insecure: false,
    ok: true,
  },
  {
    name: "fails in phase tls with another CA",
    names: ["localhost"],
    right: false,
    insecure: false,
    ok: false,
  },
  {
    name: "fails in phase tls with a certificate for another name",
    names: ["example.com"],
    right: true,
    insecure: false,
    ok: false,
  },
  {
    name: "is ok with another name where any certificate will do",
    names: ["example.com"],
    right: true,
    insecure: true,
    ok: true,
  },
];

for (const { name, names, right, insecure, ok } of TRUST) {
  Deno.test(`httpProbe() ${name}`, async () => {
    await using server = await tlsServer(names);
    const ca = [right ? server.ca : (await createCa()).cert];
    const url = `https://localhost:${server.port}/`;
    const outcome = await httpProbe({ url, ca, insecure }, 5_000);
    if (ok) return assertEquals(outcome.state, "ok");
    assertEquals(failure(outcome).phase, "tls");
    assertStringIncludes(failure(outcome).message, "in the TLS handshake: ");
  });
}

Deno.test("httpProbe() is ok with a CA that is not the first one", async () => {
  await using server = await tlsServer(["localhost"]);
  const url = `https://localhost:${server.port}/`;
  const [one, other] = await Promise.all([createCa("one"), createCa("other")]);
  const ca = [one.cert.trim(), server.ca.trim(), other.cert];
  assertEquals((await httpProbe({ url, ca }, 5_000)).state, "ok");
});

const NAMED = [
  { serverName: "kubenurse.example", insecure: false, want: "ok" },
  { serverName: "another.example", insecure: false, want: "tls" },
  { serverName: undefined, insecure: false, want: "tls" },
  { serverName: "another.example", insecure: true, want: "ok" },
];
for (const { serverName, insecure, want } of NAMED) {
  const name = serverName ?? "that address";
  const how = insecure ? "of any certificate" : "of kubenurse.example";
  Deno.test(`httpProbe() asks an address for ${name}, ${how}: ${want}`, async () => {
    let host: string | null = null;
    await using server = await tlsServer(
      ["kubenurse.example"],
      (request) => host = request.headers.get("host"),
    );
    const url = `https://127.0.0.1:${server.port}/`;
    const outcome = await httpProbe({
      url,
      ca: [server.ca],
      insecure,
      ...(serverName === undefined ? {} : { serverName }),
    }, 5_000);
    if (want === "ok") {
      assertEquals(outcome.state, "ok");
      assertEquals(host, new URL(url).host);
    } else {
      const { phase, message } = failure(outcome);
      assertEquals([phase, host], [want, null]);
      assert(message.startsWith(`GET ${url}: in the TLS handshake: `), message);
    }
  });
}

Deno.test("httpProbe() probes an IPv6 address", async () => {
  const server = Deno.serve(
    { hostname: "::1", port: 0, onListen() {} },
    () => new Response("ok"),
  );
  const outcome = await httpProbe(
    { url: `http://[::1]:${server.addr.port}/` },
    5_000,
  );
  await server.shutdown();
  assertEquals(outcome.state, "ok");
});

Deno.test("httpProbe() never rejects: what is no URL is a failure", async () => {
  const outcome = await httpProbe({ url: "http://not an ip:8080/" }, 1_000);
  assertEquals(failure(outcome), {
    phase: "request",
    message: "GET http://not an ip:8080/: not a URL",
  });
});
