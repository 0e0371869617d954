/** The program as a process, with KUBENURSE_USE_TLS. */
import { assertEquals, assertMatch } from "@std/assert";
import { X509Certificate } from "node:crypto";
import tls from "node:tls";
import { createCa } from "../lib/demo/certificates.ts";
import type { KeyPair } from "../lib/demo/certificates.ts";
import { eventually } from "./fakes/eventually.ts";
import { startProgram } from "./fakes/process.ts";
import { ready, withProgram } from "./fakes/program.ts";

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };
const CA = await createCa();

/** An address of the loopback network that no other test listens on: the port is always the same. */
function ownAddress(): string {
  const byte = () => 1 + Math.floor(Math.random() * 250);
  return `127.${byte()}.${byte()}.${byte()}`;
}

/** A folder with a pair, as a Secret is mounted. */
async function mounted(pair: KeyPair) {
  const folder = await Deno.makeTempDir();
  async function write({ cert, key }: KeyPair) {
    await Deno.writeTextFile(`${folder}/tls.key`, key);
    await Deno.writeTextFile(`${folder}/tls.crt`, cert);
  }
  await write(pair);
  return {
    write,
    env: {
      KUBENURSE_USE_TLS: "true",
      KUBENURSE_CERT_FILE: `${folder}/tls.crt`,
      KUBENURSE_CERT_KEY: `${folder}/tls.key`,
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Serial number of the certificate that is shown. */
function shownBy(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host, port: 8443, ca: CA.cert }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

Deno.test(
  "KUBENURSE_USE_TLS: all endpoints by https on port 8443 too, with a certificate that is renewed",
  SANITIZERS,
  async () => {
    const host = ownAddress();
    const pairs = [
      await CA.issue([host], 30),
      await CA.issue([host], 30),
    ] as const;
    const serials = pairs.map(({ cert }) =>
      new X509Certificate(cert).serialNumber
    );
    await using files = await mounted(pairs[0]);
    await withProgram(async (program) => {
      const url = await program.url();
      await ready(url);
      using client = Deno.createHttpClient({ caCerts: [CA.cert] });
      for (const path of ["/alwayshappy", "/alive", "/metrics", "/ready"]) {
        const answer = await fetch(`https://${host}:8443${path}`, { client });
        await answer.body?.cancel();
        assertEquals([path, answer.status], [path, 200]);
      }
      assertEquals(await shownBy(host), serials[0]);
      await files.write(pairs[1]);
      await eventually(() => shownBy(host), (serial) => serial === serials[1]);
      program.kill("SIGTERM");
      const { code, out } = await program.ended();
      assertEquals(code, 0);
      const lines = out.trimEnd().split("\n").map((line) => line.slice(25));
      assertEquals(lines.slice(1, 3), [
        `INFO listening address=${new URL(url).host}`,
        `INFO listening address=${host}:8443`,
      ]);
      assertEquals(
        lines.filter((line) => line.includes("certificate")).map((line) =>
          line.replace(/ until=.*/, "")
        ),
        [`INFO the certificate was renewed serial=${serials[1]}`],
      );
      assertEquals(lines.at(-1), "INFO stopped");
    }, () => ({
      ...files.env,
      KUBENURSE_LISTEN_ADDRESS: `${host}:0`,
      KUBENURSE_CHECK_NEIGHBOURHOOD: "false", // that neighbour has no TLS
    }));
  },
);

Deno.test(
  "KUBENURSE_USE_TLS: a port that is in use ends it",
  SANITIZERS,
  async () => {
    const host = ownAddress();
    using _other = Deno.listen({ hostname: host, port: 8443 });
    await using files = await mounted(await CA.issue([host]));
    await withProgram(async (program) => {
      const { code, err } = await program.ended();
      assertEquals([code, err], [1, ""]);
      assertMatch(
        program.lines.at(-1)!,
        new RegExp(`WARN cannot listen address=${host}:8443 error="Address`),
      );
    }, () => ({ ...files.env, KUBENURSE_LISTEN_ADDRESS: `${host}:0` }));
  },
);

Deno.test(
  "KUBENURSE_USE_TLS: a key of another certificate stops the start with exit code 2",
  SANITIZERS,
  async () => {
    const [{ cert }, { key }] = [await CA.issue(["a"]), await CA.issue(["a"])];
    await using files = await mounted({ cert, key });
    const { KUBENURSE_CERT_FILE, KUBENURSE_CERT_KEY } = files.env;
    const ended = await startProgram("main.ts", [], {
      ...files.env,
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBENURSE_NAMESPACE: "kube-system",
    }).ended();
    assertEquals(ended, {
      code: 2,
      out: "",
      err:
        `Cannot read KUBENURSE_CERT_KEY="${KUBENURSE_CERT_KEY}": expected the key of the certificate in KUBENURSE_CERT_FILE="${KUBENURSE_CERT_FILE}" (keys may not be consistent: KeyMismatch)\n`,
    });
  },
);

Deno.test(
  "KUBENURSE_USE_TLS: files that it may not read are told with the folders that it may",
  SANITIZERS,
  async () => {
    await using files = await mounted(await CA.issue(["a"]));
    const ended = await startProgram("main.ts", [], {
      ...files.env,
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBENURSE_NAMESPACE: "kube-system",
    }, ["--allow-env", "--allow-net", "--allow-read=/etc/kubenurse"]).ended();
    const why =
      "(the agent may read files below /var/run/secrets, /etc/kubenurse, /etc/ssl alone)";
    assertEquals([ended.code, ended.err.trimEnd().split("\n")], [2, [
      `Cannot read KUBENURSE_CERT_FILE="${files.env.KUBENURSE_CERT_FILE}": expected a readable PEM file with at least one certificate ${why}`,
      `Cannot read KUBENURSE_CERT_KEY="${files.env.KUBENURSE_CERT_KEY}": expected a readable PEM file with a private key ${why}`,
    ]]);
  },
);
