import { assert, assertEquals, assertThrows } from "@std/assert";
import https from "node:https";
import type { TLSSocket } from "node:tls";
import { X509Certificate } from "node:crypto";
import { createCa } from "../../lib/demo/certificates.ts";
import type { Pair } from "../../lib/tls/own_certificate.ts";
import { serveTls } from "../../lib/tls/server.ts";
import type { Answer, TlsServer } from "../../lib/tls/server.ts";
import { systemClock } from "../../lib/platform.ts";

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };
const CA = await createCa();
const PAIRS = await Promise.all(
  [1, 2, 3].map(() => CA.issue(["127.0.0.1", "localhost"])),
) as [Pair, Pair, Pair];
const SERIALS = PAIRS.map(({ cert }) => serialOf(cert));

function serialOf(cert: string): string {
  return new X509Certificate(cert).serialNumber;
}

/** A server with the first pair. */
function start(answer: Answer): TlsServer {
  return serveTls({ hostname: "127.0.0.1", port: 0 }, PAIRS[0], {
    answer,
    onError: () => new Response("internal error", { status: 500 }),
    clock: systemClock,
  });
}

/** Runs one while `test` runs. */
async function withServer(
  test: (server: TlsServer) => Promise<void>,
  answer: Answer = () => new Response("ok"),
) {
  const server = start(answer);
  try {
    await test(server);
  } finally {
    await server.shutdown();
  }
}

interface Answered {
  readonly status: number | undefined;
  readonly body: string;
  readonly serial: string;
}

/** One request on a connection of its own. */
function ask({ addr }: TlsServer, body?: Uint8Array): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = https.request({
      host: "127.0.0.1",
      port: addr.port,
      method: body ? "POST" : "GET",
      headers: { connection: "close" },
      agent: new https.Agent({ ca: CA.cert, maxCachedSessions: 0 }),
    }, (response) => {
      const { serialNumber } = (response.socket as TLSSocket)
        .getPeerCertificate();
      let text = "";
      response.on("data", (chunk) => text += chunk);
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode,
          body: text,
          serial: serialNumber,
        }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** A connection on which requests go one after the other. */
async function connect({ addr }: TlsServer) {
  const connection = await Deno.connectTls({
    hostname: "127.0.0.1",
    port: addr.port,
    caCerts: [CA.cert],
  });
  return {
    close: () => connection.close(),
    async send() {
      await connection.write(
        new TextEncoder().encode("GET / HTTP/1.1\r\nHost: kubenurse\r\n\r\n"),
      );
    },
    /** Reads until `text` has come; all that came. */
    async until(text: string): Promise<string> {
      const buffer = new Uint8Array(1024);
      for (let all = "";;) {
        if (all.includes(text)) return all;
        const read = await connection.read(buffer);
        assert(read !== null, `closed after ${JSON.stringify(all)}`);
        all += new TextDecoder().decode(buffer.subarray(0, read));
      }
    },
  };
}

Deno.test("serveTls() tells who asks", SANITIZERS, () =>
  withServer(
    async (server) => {
      assertEquals((await ask(server)).body, "127.0.0.1");
    },
    (_, peer) => new Response(peer),
  ));

Deno.test(
  "serveTls() shows a renewed certificate to whoever connects",
  SANITIZERS,
  () =>
    withServer(async (server) => {
      for (const [i, pair] of PAIRS.entries()) {
        if (i > 0) server.renew(pair);
        assertEquals(await ask(server), {
          status: 200,
          body: "ok",
          serial: SERIALS[i]!,
        });
      }
    }),
);

Deno.test(
  "serveTls() loses no connection while its certificate is renewed again and again",
  SANITIZERS,
  () =>
    withServer(async (server) => {
      const seen = new Set<string>();
      let asked = 0;
      async function client() {
        while (asked < 600) {
          asked++;
          const { status, serial } = await ask(server);
          assertEquals(status, 200);
          seen.add(serial);
        }
      }
      async function renewals() {
        for (let i = 1; asked < 600; i++) {
          const before = asked;
          server.renew(PAIRS[i % PAIRS.length]!);
          while (asked < Math.min(before + 40, 600)) await systemClock.sleep(1);
        }
      }
      await Promise.all([...Array.from({ length: 40 }, client), renewals()]);
      assertEquals([...seen].sort(), [...SERIALS].sort());
    }),
);

Deno.test(
  "serveTls() leaves connections open when its certificate is renewed",
  SANITIZERS,
  () =>
    withServer(async (server) => {
      const connection = await connect(server);
      for (const pair of [...PAIRS, PAIRS[0]]) {
        await connection.send();
        assert((await connection.until("ok")).startsWith("HTTP/1.1 200"));
        server.renew(pair);
      }
      connection.close();
    }),
);

Deno.test(
  "serveTls() goes on with an answer that is under way when its certificate is renewed",
  SANITIZERS,
  async () => {
    const parts = [
      Promise.withResolvers<void>(),
      Promise.withResolvers<void>(),
    ];
    await withServer(
      async (server) => {
        const connection = await connect(server);
        await connection.send();
        await connection.until("begun");
        server.renew(PAIRS[1]);
        parts[0]!.resolve();
        await connection.until("going on");
        server.renew(PAIRS[2]);
        parts[1]!.resolve();
        await connection.until("ended");
        connection.close();
      },
      () => {
        const words = ["begun", "going on", "ended"];
        let at = 0;
        return new Response(
          new ReadableStream({
            async pull(controller) {
              if (at > 0) await parts[at - 1]!.promise;
              controller.enqueue(new TextEncoder().encode(words[at++]));
              if (at === words.length) controller.close();
            },
          }, { highWaterMark: 0 }),
        );
      },
    );
  },
);

Deno.test(
  "serveTls() keeps its certificate when a new one cannot be used",
  SANITIZERS,
  () =>
    withServer(async (server) => {
      const wrong = { cert: PAIRS[1].cert, key: PAIRS[2].key };
      assertThrows(() => server.renew(wrong), Error);
      assertEquals((await ask(server)).serial, SERIALS[0]);
    }),
);

Deno.test(
  "serveTls() carries long bodies both ways",
  SANITIZERS,
  () =>
    withServer(
      async (server) => {
        const body = new Uint8Array(3_000_000).fill(65);
        const { body: back } = await ask(server, body);
        assertEquals(back.length, body.length);
        assert(/^A+$/.test(back));
      },
      async (request) => new Response(await request.arrayBuffer()),
    ),
);

Deno.test(
  "serveTls() answers what is under way and then no more when it is shut down",
  SANITIZERS,
  async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<Response>();
    const server = start(() => {
      asked.resolve();
      return answer.promise;
    });
    const answered = ask(server);
    await asked.promise;
    const over = server.shutdown();
    answer.resolve(new Response("the last one"));
    assertEquals((await answered).body, "the last one");
    await over;
    const refused = await ask(server).catch((error) => error.code);
    assertEquals(refused, "ECONNREFUSED");
  },
);

const GARBAGE: readonly [string, string][] = [
  ["plain HTTP", "GET /alwayshappy HTTP/1.1\r\nHost: kubenurse\r\n\r\n"],
  ["garbage", "\x00\x01\x02\x03\x04\x05\x06\x07\r\n\r\n"],
  ["a client that says nothing", ""],
];
for (const [name, text] of GARBAGE) {
  Deno.test(
    `serveTls() lives on after ${name}`,
    SANITIZERS,
    () =>
      withServer(async (server) => {
        const { port } = server.addr;
        const client = await Deno.connect({ hostname: "127.0.0.1", port });
        await client.write(new TextEncoder().encode(text));
        const buffer = new Uint8Array(1024);
        if (text !== "") { while (await client.read(buffer)); // it hangs up
         }
        client.close();
        assertEquals((await ask(server)).status, 200);
      }),
  );
}

Deno.test(
  "serveTls() listens to nobody when the certificate cannot be used",
  SANITIZERS,
  () => {
    const wrong = { cert: PAIRS[1].cert, key: PAIRS[2].key };
    const deps = {
      answer: () => new Response(),
      onError: () => new Response(),
      clock: systemClock,
    };
    assertThrows(
      () => serveTls({ hostname: "127.0.0.1", port: 0 }, wrong, deps),
      Error,
    );
  },
);
