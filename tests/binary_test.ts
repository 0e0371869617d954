/**
 * The compiled binary: what it may not do, and how it starts. `KUBENURSE_BINARY`
 * names it and `KUBENURSE_DENORT` the base binary it was compiled with.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { X509Certificate } from "node:crypto";
import dgram from "node:dgram";
import tls from "node:tls";
import { READABLE } from "../lib/config/files.ts";
import { createCa } from "../lib/demo/certificates.ts";
import type { KeyPair } from "../lib/demo/certificates.ts";
import { ask } from "../lib/udp/packet.ts";
import { PERMISSIONS } from "../tools/permissions.ts";
import { eventually } from "./fakes/eventually.ts";
import { startTcpPeer } from "./fakes/peers.ts";

const BINARY = Deno.env.get("KUBENURSE_BINARY");
const DENORT = Deno.env.get("KUBENURSE_DENORT");

function binaryTest(name: string, fn: () => Promise<void>) {
  Deno.test({
    name: BINARY ? name : `${name} (needs KUBENURSE_BINARY)`,
    ignore: !BINARY,
    fn,
  });
}

async function run(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(BINARY!, {
    args,
    env,
    clearEnv: true,
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

const IN_CLUSTER = { KUBERNETES_SERVICE_HOST: "127.0.0.1" };

binaryTest("kubenurse --version names its version", async () => {
  const { code, out } = await run(["--version"]);
  assertEquals(code, 0);
  assert(/^kubenurse \d+\.\d+\.\d+ \(Deno \d+\.\d+\.\d+\)\n$/.test(out), out);
});

binaryTest(
  "kubenurse --help lists the settings with their defaults",
  async () => {
    const { code, out } = await run(["--help"]);
    assertEquals(code, 0);
    assertStringIncludes(out, "KUBENURSE_CHECK_INTERVAL (5s)");
  },
);

binaryTest("kubenurse with wrong settings exits 2 and says each", async () => {
  const { code, err } = await run([], {
    ...IN_CLUSTER,
    KUBENURSE_CHECK_INTERVAL: "5",
    KUBENURSE_INSECURE: "perhaps",
  });
  assertEquals(code, 2);
  assertEquals(
    err,
    'Cannot read KUBENURSE_CHECK_INTERVAL="5": expected a duration such as "5s" or "1m30s"\n' +
      'Cannot read KUBENURSE_INSECURE="perhaps": expected "true" or "false"\n',
  );
});

binaryTest(
  "kubenurse cannot read files that are no setting's, /etc/shadow for one",
  async () => {
    const { code, err } = await run([], {
      ...IN_CLUSTER,
      KUBENURSE_EXTRA_CA: "/etc/shadow",
    });
    assertEquals(code, 2);
    assertStringIncludes(err, 'Cannot read KUBENURSE_EXTRA_CA="/etc/shadow"');
    assertStringIncludes(
      err,
      "the agent may read files below /var/run/secrets",
    );
  },
);

binaryTest(
  "a program compiled with kubenurse's permissions cannot read /etc/shadow, run a program or write a file",
  async () => {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(
      `${folder}/tries.js`,
      `const tries = {
      read: () => Deno.readTextFileSync("/etc/shadow"),
      run: () => new Deno.Command("/bin/true").outputSync(),
      write: () => Deno.writeTextFileSync("${folder}/written", ""),
      load: () => Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {}),
    };
    for (const [name, attempt] of Object.entries(tries)) {
      try { attempt(); console.log(name, "worked"); } catch (error) { console.log(name, error.name); }
    }`,
    );
    const { success, stderr } = await new Deno.Command(
      Deno.env.get("DENO") ?? Deno.execPath(),
      {
        args: [
          ...["compile", "--no-config", "--no-lock", "--no-prompt"],
          ...PERMISSIONS,
          ...["-o", `${folder}/tries`, `${folder}/tries.js`],
        ],
      },
    ).output();
    assert(success, new TextDecoder().decode(stderr));
    const { stdout } = await new Deno.Command(`${folder}/tries`).output();
    assertEquals(
      new TextDecoder().decode(stdout),
      "read NotCapable\nrun NotCapable\nwrite NotCapable\nload NotCapable\n",
    );
    await Deno.remove(folder, { recursive: true });
  },
);

binaryTest("kubenurse itself has these permissions and no others", async () => {
  // They stand, as JSON, in what was appended to the base binary.
  const bytes = await Deno.readFile(BINARY!);
  const base = (await Deno.stat(DENORT!)).size;
  const text = new TextDecoder("latin1").decode(bytes.subarray(base));
  const [, permissions = ""] = /"permissions":(\{.*?\})/s.exec(text) ?? [];
  const given = Object.entries(JSON.parse(permissions))
    .filter(([name, value]) => name.startsWith("allow_") && value !== null)
    .filter(([, value]) => value !== false)
    .map(([name]) => name).sort();
  // the hosts that it may import from by default are denied, all of them
  assertEquals(given, ["allow_env", "allow_import", "allow_net", "allow_read"]);
  assertEquals(JSON.parse(permissions).deny_import, []);
  assertEquals(JSON.parse(permissions).allow_read, READABLE);
});

binaryTest(
  "kubenurse receives UDP packets, and answers none of a stranger",
  async () => {
    const program = new Deno.Command(BINARY!, {
      env: {
        ...IN_CLUSTER,
        KUBENURSE_CHECK_UDP: "true",
        KUBENURSE_LISTEN_ADDRESS: "127.0.0.1:0",
        KUBENURSE_SHUTDOWN_DURATION: "0",
        KUBENURSE_NAMESPACE: "kube-system",
      },
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = program.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    const socket = dgram.createSocket("udp4");
    let answers = 0;
    socket.on("message", () => void answers++);
    try {
      let told = "";
      const address = /answering UDP .*address=(127\.0\.0\.1:(\d+))/;
      while (!address.test(told)) {
        const { value, done } = await reader.read();
        assert(!done, told);
        told += value;
      }
      const [, host, port] = address.exec(told)!;
      const packet = ask(new Uint8Array(16), 1n, 0);
      socket.send(packet, Number(port), "127.0.0.1");
      await eventually(
        async () => (await fetch(`http://${host}/metrics`)).text(),
        (text) => text.includes('refused_total{reason="cookie"} 1'),
      );
      assertEquals(answers, 0);
    } finally {
      socket.close();
      program.kill("SIGTERM");
      await reader.cancel();
      await program.status;
    }
  },
);

/** A folder that the binary may read; like the whole test of the binary, for root. */
async function readableFolder(): Promise<string> {
  await Deno.mkdir("/etc/kubenurse", { recursive: true });
  return await Deno.makeTempDir({ dir: "/etc/kubenurse" });
}

binaryTest(
  "kubenurse takes a renewed certificate without losing a request, and checks by TLS",
  async () => {
    const ca = await createCa();
    const host = "127.83.77.1";
    const pairs = [await ca.issue([host], 30), await ca.issue([host], 30)];
    const folder = await readableFolder();
    async function write({ cert, key }: KeyPair) {
      await Deno.writeTextFile(`${folder}/tls.key`, key);
      await Deno.writeTextFile(`${folder}/tls.crt`, cert);
    }
    await write(pairs[0]!);
    await Deno.writeTextFile(`${folder}/ca.crt`, ca.cert);
    const program = new Deno.Command(BINARY!, {
      env: {
        ...IN_CLUSTER,
        KUBENURSE_NAMESPACE: "kube-system",
        KUBENURSE_LISTEN_ADDRESS: `${host}:0`,
        KUBENURSE_USE_TLS: "true",
        KUBENURSE_CERT_FILE: `${folder}/tls.crt`,
        KUBENURSE_CERT_KEY: `${folder}/tls.key`,
        KUBENURSE_EXTRA_CA: `${folder}/ca.crt`,
        KUBENURSE_EXTRA_CHECKS: `self:https://${host}:8443/alwayshappy`,
        KUBENURSE_CHECK_INTERVAL: "200ms",
        KUBENURSE_SHUTDOWN_DURATION: "0",
      },
      clearEnv: true,
      stdin: "null",
      stdout: "null",
    }).spawn();
    const url = `https://${host}:8443`;
    using client = Deno.createHttpClient({
      caCerts: [ca.cert],
      poolMaxIdlePerHost: 0,
    });
    async function text(path: string): Promise<string> {
      return await (await fetch(`${url}${path}`, { client })).text();
    }
    const selfOk = async () => JSON.parse(await text("/alive")).self;
    const selfErrors = 'kubenurse_errors{type="self"} 0';
    try {
      await eventually(() => selfOk().catch(() => ""), (self) => self === "ok");
      await write(pairs[1]!);
      const renewed = new X509Certificate(pairs[1]!.cert).serialNumber;
      let done = false;
      let answered = 0;
      const clients = Array.from({ length: 10 }, async () => {
        while (!done) {
          assertEquals(await text("/alwayshappy"), "ok\n");
          answered++;
        }
      });
      await eventually(() => serialOf(host, ca.cert), (one) => one === renewed);
      done = true;
      await Promise.all(clients);
      assert(answered > 100, `${answered}`);
      assert((await text("/metrics")).includes(selfErrors));
    } finally {
      program.kill("SIGTERM");
      await program.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
);

/** Serial number of the certificate that is shown on port 8443. */
function serialOf(host: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host, port: 8443, ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

binaryTest("kubenurse says where a certificate must be mounted", async () => {
  const { code, err } = await run([], {
    ...IN_CLUSTER,
    KUBENURSE_USE_TLS: "true",
    KUBENURSE_CERT_FILE: "/tls/tls.crt",
    KUBENURSE_CERT_KEY: "/tls/tls.key",
  });
  assertEquals(code, 2);
  const [first, second] = err.trimEnd().split("\n");
  const why =
    "(the agent may read files below /var/run/secrets, /etc/kubenurse, /etc/ssl alone)";
  assert(first!.startsWith('Cannot read KUBENURSE_CERT_FILE="/tls/tls.crt"'));
  assert(second!.startsWith('Cannot read KUBENURSE_CERT_KEY="/tls/tls.key"'));
  assert(first!.endsWith(why) && second!.endsWith(why), err);
});

binaryTest(
  "kubenurse is less than 35 MB larger than the base binary",
  async () => {
    const [{ size }, base] = [
      await Deno.stat(BINARY!),
      await Deno.stat(DENORT!),
    ];
    assert(size - base.size < 35e6, `${size - base.size} bytes`);
  },
);

binaryTest("kubenurse outlives a target that answers half", async () => {
  await using half = await startTcpPeer({
    answers: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
  });
  const child = new Deno.Command(BINARY!, {
    env: {
      ...IN_CLUSTER,
      KUBENURSE_NAMESPACE: "kube-system",
      KUBENURSE_LISTEN_ADDRESS: "127.0.0.1:0",
      KUBENURSE_CHECK_INTERVAL: "1s",
      KUBENURSE_SHUTDOWN_DURATION: "1ms",
      KUBENURSE_EXTRA_CHECKS: `half:http://127.0.0.1:${half.port}/`,
    },
    clearEnv: true,
    stdout: "piped",
  }).spawn();
  let out = "";
  let told = false;
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    out += part;
    // it is counted, after its deadline at the latest, and the program goes on
    if (told || !/check is failing type=half /.test(out)) continue;
    told = true;
    child.kill("SIGTERM");
  }
  assertEquals((await child.status).code, 0, out);
});
