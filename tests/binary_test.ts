/**
 * The compiled binary: what it may not do, and how it starts. `KUBENURSE_BINARY`
 * names it and `KUBENURSE_DENORT` the base binary it was compiled with.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { READABLE } from "../lib/config/files.ts";
import { PERMISSIONS } from "../tools/permissions.ts";
import dgram from "node:dgram";
import { ask } from "../lib/udp/packet.ts";
import { eventually } from "./fakes/eventually.ts";

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
    assertStringIncludes(err, "Requires read access");
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
