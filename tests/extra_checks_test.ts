/** Extra checks of other kinds on a running agent, and the CA that they trust. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createCa } from "../lib/demo/certificates.ts";
import { eventually } from "./fakes/eventually.ts";
import { startNameServer, startTcpPeer, startTlsPeer } from "./fakes/peers.ts";
import { alive, metric, withProgram } from "./fakes/agent_process.ts";

const DAYS = "kubenurse_certificate_days_left";

Deno.test("extra checks by TCP, TLS and DNS: the state of each, and the days that certificates are left", async () => {
  const authority = await createCa();
  const extraCa = await Deno.makeTempFile();
  await Deno.writeTextFile(extraCa, authority.cert);
  await using port = await startTcpPeer("silent");
  await using good = await startTlsPeer(
    "silent",
    await authority.issue(["localhost"], 20),
  );
  await using expired = await startTlsPeer(
    "silent",
    await authority.issue(["localhost"], -3),
  );
  await using knows = await startNameServer("NOERROR");
  await using fails = await startNameServer("SERVFAIL");
  await using empty = await startNameServer("NXDOMAIN");
  const gone = await startTcpPeer("silent");
  await gone[Symbol.asyncDispose]();
  await withProgram(async (program) => {
    const body = await eventually(
      () => alive(program),
      (body) => body.good === "ok" && body.phases !== undefined,
    );
    assertEquals([body.port, body.knows], ["ok", "ok"]);
    for (
      const [type, words] of [
        ["refused", /^tcp:.*: connecting: connection refused \(phase connect/],
        ["expired", /: the certificate cannot be verified: it expired on /],
        ["empty", /: the name does not exist \(NXDOMAIN\) \(phase dns/],
        ["fails", /: the DNS server failed \(SERVFAIL\) \(phase dns/],
      ] as const
    ) assertMatch(String(body[type]), words);
    const days = async (type: string) =>
      await metric(program, `${DAYS}{type="${type}"}`);
    const [left, over] = [await days("good"), await days("expired")];
    assert(left! > 19.9 && left! <= 20, `${left}`);
    assert(over! < -2.9 && over! > -3.1, `${over}`);
    assertEquals(await days("port"), undefined);
  }, () => ({
    KUBENURSE_EXTRA_CA: extraCa,
    KUBENURSE_EXTRA_CHECKS: [
      `port:tcp://localhost:${port.port}`,
      `refused:tcp://localhost:${gone.port}`,
      `good:tls://localhost:${good.port}`,
      `expired:tls://localhost:${expired.port}`,
      `knows:dns://localhost:${knows.port}/example.com`,
      `empty:dns://localhost:${empty.port}/example.com?type=A`,
      `fails:dns://localhost:${fails.port}/example.com?type=AAAA`,
    ].join("|"),
  }));
  await Deno.remove(extraCa);
});

Deno.test("KUBENURSE_EXTRA_CA: all certificates of the file, read anew when it changes", async () => {
  const [first, second, next] = [
    await createCa("first"),
    await createCa("second"),
    await createCa("next"),
  ];
  const extraCa = await Deno.makeTempFile();
  const certificates = [first, second].map(({ cert }) =>
    `# a comment\n${cert}`
  );
  await Deno.writeTextFile(extraCa, certificates.join("\n"));
  const peers = await Promise.all(
    [first, second, next].map(async (authority) =>
      await startTlsPeer("silent", await authority.issue(["localhost"]))
    ),
  );
  const states = async (program: Parameters<typeof alive>[0]) => {
    const body = await alive(program);
    return ["first", "second", "next"].map((type) => body[type] === "ok");
  };
  await withProgram(async (program) => {
    assertEquals(await states(program), [true, true, false]);
    assertMatch(
      String((await alive(program)).next),
      /cannot be verified: its issuer "next" is not trusted/,
    );
    await Deno.writeTextFile(extraCa, `${next.cert}\n${second.cert}`);
    await eventually(
      () => states(program),
      (states) => states.join() === "false,true,true",
    );
    // a file that cannot be read any more takes nothing but its own CAs
    await Deno.remove(extraCa);
    await eventually(
      () => states(program),
      (states) => states.join() === "false,false,false",
    );
    assertEquals((await alive(program)).api_server_direct, "ok");
  }, () => ({
    KUBENURSE_EXTRA_CA: extraCa,
    KUBENURSE_EXTRA_CHECKS: ["first", "second", "next"].map((name, i) =>
      `${name}:tls://localhost:${peers[i]!.port}`
    ).join("|"),
  }));
  for (const peer of peers) await peer[Symbol.asyncDispose]();
});
