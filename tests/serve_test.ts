/** The program as a process: how it starts, answers and ends. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { helpText } from "../lib/config/settings.ts";
import { wordsOf } from "../lib/platform.ts";
import { listenUdp } from "../lib/udp/listen.ts";
import type { UdpPort } from "../lib/udp/listen.ts";
import { VERSION } from "../lib/version.ts";
import { eventually } from "./fakes/eventually.ts";
import { startProgram } from "./fakes/process.ts";
import { ready, status, withProgram } from "./fakes/program.ts";

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };
/** When a line was logged, milliseconds since 1970. */
function timeOf(line: string): number {
  return Date.parse(line.slice(0, 24));
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(
    `serve() leaves in order at ${signal}`,
    SANITIZERS,
    () =>
      withProgram(async (program) => {
        const { peer, lines } = program;
        const url = await program.url();
        await ready(url);
        await eventually(() => peer.requests.length, (n) => n > 1);
        program.kill(signal);
        await eventually(
          () => lines.some((line) => line.includes("shutting down")),
          (told) => told,
        );
        const made = peer.requests.length;
        const answer = await fetch(`${url}/ready`);
        assertEquals(answer.status, 503);
        assertEquals(await answer.text(), "not ready: shutting down\n");
        assertEquals(await status(`${url}/alwayshappy`), 200);
        assertEquals(await status(`${url}/alive`), 200);
        assertEquals(await program.ended(), {
          code: 0,
          out: lines.map((line) => `${line}\n`).join(""),
          err: "",
        });
        // five rounds would have come; one check may have been under way
        assert(peer.requests.length <= made + 1);
        const [leaving, stopped] = lines.slice(-2);
        assertMatch(leaving!, / INFO shutting down seconds=1$/);
        assertMatch(stopped!, / INFO stopped$/);
        assert(timeOf(stopped!) - timeOf(leaving!) >= 990);
      }),
  );
}

Deno.test(
  "serve() is reached by IPv4 and IPv6 on a port of its own choice",
  SANITIZERS,
  () =>
    withProgram(async (program) => {
      const { port } = new URL(await program.url());
      assert(Number(port) > 0);
      assertEquals(await status(`http://127.0.0.1:${port}/alwayshappy`), 200);
      if (!hasIpv6()) return;
      assertEquals(await status(`http://[::1]:${port}/alwayshappy`), 200);
    }),
);

function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test(
  "serve() says that the port is in use",
  SANITIZERS,
  () =>
    withProgram(async (program) => {
      const { code, err } = await program.ended();
      assertEquals([code, err], [1, ""]);
      const [start, ...rest] = program.lines;
      assertMatch(start!, / INFO kubenurse starts /);
      const { port } = program.peer.endpoint;
      assertEquals(
        rest.map((line) => line.slice(25)),
        [
          `WARN cannot listen address=127.0.0.1:${port} error="Address already in use (os error ${
            Deno.build.os === "linux" ? 98 : 48
          })"`,
        ],
      );
    }, (peer) => ({
      KUBENURSE_LISTEN_ADDRESS: `127.0.0.1:${peer.endpoint.port}`,
    })),
);

Deno.test(
  "serve() opens the UDP port of the same number, where UDP is measured, and closes it",
  SANITIZERS,
  () =>
    withProgram(async (program) => {
      const { port } = new URL(await program.url());
      const told = (line: string) => line.includes("answering UDP packets");
      await eventually(() => program.lines.some(told), (found) => found);
      assertEquals(await isFree(Number(port)), false);
      program.kill("SIGTERM");
      assertEquals((await program.ended()).code, 0);
      assertEquals(await isFree(Number(port)), true);
    }, () => ({ KUBENURSE_CHECK_UDP: "true" })),
);

Deno.test(
  "serve() opens no UDP port unless told to",
  SANITIZERS,
  () =>
    withProgram(async (program) => {
      const { port } = new URL(await program.url());
      await ready(await program.url());
      assertEquals(await isFree(Number(port)), true);
    }, () => ({ KUBENURSE_LISTEN_ADDRESS: `:${quietPort()}` })),
);

/** A port that no client is given by chance. */
function quietPort(): number {
  return 20_000 + Math.floor(Math.random() * 12_000);
}

/** Whether nobody has this UDP port. */
async function isFree(port: number): Promise<boolean> {
  try {
    (await silent("0.0.0.0", port)).close();
    return true;
  } catch (error) {
    assertStringIncludes(wordsOf(error), "EADDRINUSE");
    return false;
  }
}

/** A UDP port that never answers. */
function silent(address: string, port = 0): Promise<UdpPort> {
  const answer = () => undefined;
  return listenUdp({ answer }, { address, port }, (peer) => peer);
}

Deno.test(
  "serve() says that the UDP port is in use",
  SANITIZERS,
  async () => {
    const taken = await silent("127.0.0.1", quietPort());
    const { port } = taken;
    await withProgram(async (program) => {
      assertEquals((await program.ended()).code, 1);
      assertEquals(
        program.lines.at(-1)!.slice(25),
        `WARN cannot listen address=127.0.0.1:${port} error="UDP: bind EADDRINUSE 127.0.0.1:${port}"`,
      );
    }, () => ({
      KUBENURSE_CHECK_UDP: "true",
      KUBENURSE_LISTEN_ADDRESS: `127.0.0.1:${port}`,
    }));
    taken.close();
  },
);

Deno.test(
  "serve() logs a few lines and then nothing while all is well",
  SANITIZERS,
  () =>
    withProgram(async (program) => {
      const url = await program.url();
      await eventually(
        async () => (await fetch(`${url}/metrics`)).text(),
        (text) => Number(/^kubenurse_rounds_total (\d+)/m.exec(text)?.[1]) > 7,
      );
      assertEquals(await status(`${url}/alive`), 200);
      const { port } = new URL(url);
      assertEquals(
        program.lines.map((line) =>
          line.slice(25).replace(/(seconds=)[\d.]+$/, "$1N")
        ),
        [
          `INFO kubenurse starts version=${VERSION} namespace=kube-system interval=0.2s`,
          `INFO listening address=${
            hasIpv6() ? `"[::]:${port}"` : `0.0.0.0:${port}`
          }`,
          "INFO the first round is done checks=3 failing=0 seconds=N",
        ],
      );
    }),
);

Deno.test(
  "serve() logs JSON, one object a line",
  SANITIZERS,
  () =>
    withProgram(async (program) => {
      await ready(await program.url());
      program.kill("SIGTERM");
      assertEquals((await program.ended()).code, 0);
      const events = program.lines.map((line) => JSON.parse(line));
      assertEquals(events.map(({ msg }) => msg), [
        "unknown setting, see --help",
        "kubenurse starts",
        "listening",
        "the first round is done",
        "shutting down",
        "stopped",
      ]);
      for (const { time, level } of events) {
        assertEquals(new Date(time).toISOString(), time);
        assert(level === "info" || level === "warn");
      }
      const { time: _, ...first } = events[0];
      assertEquals(first, {
        level: "warn",
        msg: "unknown setting, see --help",
        name: "KUBENURSE_INTERVAL",
      });
    }, () => ({
      KUBENURSE_LOG_FORMAT: "json",
      KUBENURSE_SHUTDOWN_DURATION: "0",
      KUBENURSE_INTERVAL: "5s", // no such setting
    })),
);

const KNOWN = [
  { method: "GET", path: "/", want: 200 },
  { method: "GET", path: "/alive", want: 200 },
  { method: "HEAD", path: "/alive", want: 200 },
  { method: "GET", path: "/alwayshappy?x=y", want: 200 },
  { method: "GET", path: "/metrics", want: 200 },
  { method: "GET", path: "/ready", want: 200 },
  { method: "GET", path: "/alive/", want: 404 },
  { method: "GET", path: "/favicon.ico", want: 404 },
  { method: "GET", path: "/../etc/passwd", want: 404 },
  { method: "POST", path: "/alive", want: 405 },
  { method: "DELETE", path: "/metrics", want: 405 },
  { method: "OPTIONS", path: "/", want: 405 },
];

const MB = 1024 * 1024;
const HOST = "Host: kubenurse\r\n";
const MALFORMED: readonly { name: string; request: string; want?: number }[] = [
  { name: "a garbage request line", request: "BLA BLA BLA\r\n\r\n" },
  { name: "a TLS handshake", request: "\x16\x03\x01\x02\x00\x01\r\n\r\n" },
  { name: "HTTP of the future", request: `GET / HTTP/9.9\r\n${HOST}\r\n` },
  {
    name: "a header of 1 MB",
    request: `GET / HTTP/1.1\r\n${HOST}X: ${"x".repeat(MB)}\r\n\r\n`,
  },
  {
    name: "a URL of 1 MB",
    request: `GET /${"x".repeat(MB)} HTTP/1.1\r\n${HOST}\r\n`,
  },
  {
    name: "too many headers",
    request: `GET / HTTP/1.1\r\n${HOST}${"X: y\r\n".repeat(5_000)}\r\n`,
  },
  {
    name: "a zero byte in a header",
    request: `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`,
  },
  {
    name: "a Host that is none",
    request: "GET /alive HTTP/1.1\r\nHost: [bad\r\n\r\n",
  },
  {
    name: "a target that is no URL",
    request: `GET http://[bad/alive HTTP/1.1\r\n${HOST}\r\n`,
  },
  {
    name: "two lengths of a body",
    request:
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  },
  {
    name: "an absurd method",
    request: `FROBNICATE /alive HTTP/1.1\r\n${HOST}\r\n`,
    want: 405,
  },
  {
    name: "a method of 10 KB",
    request: `${"A".repeat(10_000)} /alive HTTP/1.1\r\n${HOST}\r\n`,
    want: 405,
  },
  {
    name: "a proxy's request",
    request: `CONNECT example.org:80 HTTP/1.1\r\n${HOST}\r\n`,
    want: 405,
  },
  {
    name: "a body of 50 MB that nobody reads",
    request: `POST /alive HTTP/1.1\r\n${HOST}Content-Length: ${
      50 * MB
    }\r\n\r\n${"x".repeat(MB)}`,
    want: 405,
  },
  {
    name: "a GET with a body",
    request: `GET /alive HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
    want: 200,
  },
  {
    name: "HTTP/1.0 without a Host",
    request: "GET /alive HTTP/1.0\r\n\r\n",
    want: 200,
  },
];

Deno.test(
  "serve() answers what it knows and lives on after anything else",
  SANITIZERS,
  (t) =>
    withProgram(async (program) => {
      const url = await program.url();
      const port = Number(new URL(url).port);
      await ready(url);
      for (const { method, path, want } of KNOWN) {
        await t.step(`${method} ${path} is ${want}`, async () => {
          assertEquals(await status(`${url}${path}`, { method }), want);
        });
      }
      for (const { name, request, want = 400 } of MALFORMED) {
        await t.step(`${name} is ${want}`, async () => {
          const answered = await raw(port, request);
          // a server may also hang up on what it does not want to read
          if (answered !== "closed" || want === 200) {
            assertEquals(answered, want);
          }
          assertEquals(await status(`${url}/alwayshappy`), 200);
        });
      }
      await t.step(
        "clients that send nothing keep no other waiting",
        async () => {
          const idle = await Promise.all(
            Array.from({ length: 200 }, () => connect(port)),
          );
          assertEquals(await status(`${url}/alwayshappy`), 200);
          for (const connection of idle) connection.close();
        },
      );
      assertEquals(await status(`${url}/alive`), 200);
      assertEquals(program.lines.length, 3);
    }),
);

function connect(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

/** Sends bytes; the status code of the answer, or `"closed"` without one. */
async function raw(port: number, text: string): Promise<number | "closed"> {
  using connection = await connect(port);
  const bytes = new TextEncoder().encode(text);
  const sending = (async () => {
    for (let at = 0; at < bytes.length;) {
      at += await connection.write(bytes.subarray(at));
    }
  })().catch(() => {}); // it may hang up before the end
  const buffer = new Uint8Array(1024);
  const read = await connection.read(buffer).catch(() => null);
  const line = new TextDecoder().decode(buffer.subarray(0, read ?? 0));
  const code = /^HTTP\/1\.[01] (\d{3}) /.exec(line)?.[1];
  if (read === null || code === undefined) {
    assertEquals(line, "");
    await sending;
    return "closed";
  }
  connection.closeWrite().catch(() => {});
  return Number(code);
}

const IN_CLUSTER = {
  KUBERNETES_SERVICE_HOST: "127.0.0.1",
  KUBENURSE_NAMESPACE: "kube-system",
};
const WRONG: readonly {
  name: string;
  env: Record<string, string>;
  err: readonly string[];
}[] = [
  {
    name: "no cluster",
    env: {},
    err: [
      'Cannot read KUBERNETES_SERVICE_HOST="": expected the address of the API server; every Pod has it, outside a cluster use "deno task dev"',
    ],
  },
  {
    name: "no namespace",
    env: { ...IN_CLUSTER, KUBENURSE_NAMESPACE: "" },
    err: [
      'Cannot read KUBENURSE_NAMESPACE="": expected a namespace such as "kube-system", or that of the ServiceAccount in /var/run/secrets/kubernetes.io/serviceaccount/namespace (Requires read access to "/var/run/secrets/kubernetes.io/serviceaccount/namespace", run again with the --allow-read flag)',
    ],
  },
  {
    name: "several at once",
    env: {
      ...IN_CLUSTER,
      KUBENURSE_CHECK_INTERVAL: "soon",
      KUBENURSE_INGRESS_URL: "kubenurse.example",
      KUBENURSE_NEIGHBOUR_FILTER: "app in (",
      KUBENURSE_NEIGHBOUR_LIMIT: "-1",
      KUBENURSE_INSECURE: "perhaps",
      KUBENURSE_EXTRA_CA: "/no/such/file.pem",
      KUBENURSE_LOG_FORMAT: "xml",
      KUBENURSE_LISTEN_ADDRESS: ":http",
    },
    err: [
      'Cannot read KUBENURSE_LISTEN_ADDRESS=":http": expected ',
      'Cannot read KUBENURSE_INGRESS_URL="kubenurse.example": expected ',
      'Cannot read KUBENURSE_NEIGHBOUR_FILTER="app in (": expected ',
      'Cannot read KUBENURSE_NEIGHBOUR_LIMIT="-1": expected ',
      'Cannot read KUBENURSE_CHECK_INTERVAL="soon": expected ',
      'Cannot read KUBENURSE_INSECURE="perhaps": expected ',
      'Cannot read KUBENURSE_EXTRA_CA="/no/such/file.pem": expected ',
      'Cannot read KUBENURSE_LOG_FORMAT="xml": expected ',
    ],
  },
];
for (const { name, env, err } of WRONG) {
  Deno.test(
    `main.ts exits with 2 and a line for each wrong setting: ${name}`,
    SANITIZERS,
    async () => {
      const flags = ["--allow-all", "--deny-read=/var/run/secrets"];
      const ended = await startProgram("main.ts", [], env, flags).ended();
      assertEquals([ended.code, ended.out], [2, ""]);
      const lines = ended.err.trimEnd().split("\n");
      assertEquals(
        lines.map((line, i) => line.slice(0, err[i]?.length)),
        [...err],
      );
      for (const line of lines) assertMatch(line, /: expected .{5,}$/);
    },
  );
}

const ARGUMENTS = [
  { args: ["--help"], want: { code: 0, out: helpText(VERSION), err: "" } },
  { args: ["-h"], want: { code: 0, out: helpText(VERSION), err: "" } },
  {
    args: ["--version"],
    want: {
      code: 0,
      out: `kubenurse ${VERSION} (Deno ${Deno.version.deno})\n`,
      err: "",
    },
  },
  {
    args: ["--verbose", "now"],
    want: {
      code: 2,
      out: "",
      err:
        'Cannot read "--verbose now": expected --help, --version or nothing; settings are environment variables\n',
    },
  },
];
for (const { args, want } of ARGUMENTS) {
  Deno.test(`main.ts knows ${args.join(" ")}`, SANITIZERS, async () => {
    assertEquals(await startProgram("main.ts", args).ended(), want);
  });
}
