/**
 * The parts of `deno task bench:scale` that decide what its figures mean.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  median,
  per,
  received,
  scaleRows,
  seriesIn,
  since,
  sumOf,
} from "../../bench/scale/figures.ts";
import type { Figures } from "../../bench/scale/figures.ts";
import { repeat } from "../../bench/scale/load.ts";
import { node, podAddress, slice, zoneOf } from "../../bench/scale/objects.ts";
import { OptionError, parseOptions } from "../../bench/scale/options.ts";
import {
  agentVariants,
  RUNTIME,
  settingsRows,
} from "../../bench/scale/settings.ts";
import { relay } from "../../bench/scale/relay.ts";

const NOTHING = {
  discoveryBytes: 0,
  discoveryRequests: 0,
  checkBytes: 0,
  checkRequests: 0,
};

const FIGURES: Figures = {
  nodes: 10,
  neighbours: 9,
  firstRoundMs: 200,
  peakMb: 70,
  rssMb: 60,
  cpuMsPerS: 5,
  start: NOTHING,
  steady: NOTHING,
  series: 280,
  metricsBytes: 28_000,
  metricsMs: 2,
  metricsCpuMs: 2,
  failedChecks: 0,
  heartbeatsPerS: 17,
  restartsPerS: 1,
};

Deno.test("received() takes both API-server checks off and leaves discovery", () => {
  const before = {
    named: { connections: 1, bytes: 2_000 },
    others: { connections: 4, bytes: 9_000 },
  };
  const after = {
    named: { connections: 3, bytes: 6_000 },
    others: { connections: 9, bytes: 20_000 },
  };
  const found = received(since(before, after));
  assertEquals(found, {
    discoveryBytes: 7_000,
    discoveryRequests: 3,
    checkBytes: 8_000,
    checkRequests: 4,
  });
  assertEquals(per(2, found).discoveryBytes, 3_500);
});

Deno.test("scaleRows() marks what exceeds the budget of its size, and that alone", () => {
  const large = { ...FIGURES, nodes: 5_000, peakMb: 111, series: 350 };
  const rows = scaleRows([{ ...FIGURES, peakMb: 111, series: 351 }, large]);
  assertEquals(rows[0], ["what", "budget", "10 nodes", "5,000 nodes"]);
  assertEquals(
    rows.find(([what]) => what === "RSS, peak, MB"),
    ["RSS, peak, MB", "110 at 5,000", "111", "111 (over)"],
  );
  assertEquals(
    rows.find(([what]) => what === "series"),
    ["series", "350", "351 (over)", "350"],
  );
});

Deno.test("sumOf() and seriesIn() read the text format", () => {
  const text = `# HELP kubenurse_errors failed checks
kubenurse_errors{type="a"} 2
kubenurse_errors{type="b"} 1
kubenurse_errors_total{type="a",event="x"} 7
process_start_time_seconds 5
`;
  assertEquals(sumOf(text, "kubenurse_errors"), 3);
  assertEquals(sumOf(text, "process_start_time_seconds"), 5);
  assertEquals(seriesIn(text), 4);
});

Deno.test("settingsRows() shows the range of the runs of each variant", () => {
  const runs = [{ ...FIGURES, peakMb: 71.4 }, { ...FIGURES, peakMb: 69.6 }];
  const rows = settingsRows(new Map([[RUNTIME[0]!, runs]]));
  assertEquals(rows[1]!.slice(0, 4), ["as built", "70 to 71", "60", "5.0"]);
});

Deno.test("agentVariants() has each value by itself, beside the defaults", () => {
  const variants = agentVariants({ A: ["1", "2"], B: ["x"] });
  assertEquals(
    variants.map(({ name, env }) => ({ name, env })),
    [
      { name: "defaults", env: undefined },
      { name: "A=1", env: { A: "1" } },
      { name: "A=2", env: { A: "2" } },
      { name: "B=x", env: { B: "x" } },
    ],
  );
});

Deno.test("median() sorts by number", () => {
  assertEquals(median([10, 9, 100]), 10);
});

Deno.test("parseOptions() reads sizes, settings and environment", () => {
  const options = parseOptions([
    ...["--sizes", "10,100", "--seconds", "30", "--settings"],
    ...["--env", "KUBENURSE_SWEEP=0", "--env", "A=b=c", "--vary", "B=1,2"],
  ]);
  assertEquals(options.sizes, [10, 100]);
  assertEquals(options.seconds, 30);
  assertEquals(options.settings, true);
  assertEquals(options.vary, { B: ["1", "2"] });
  assertEquals(options.env, { KUBENURSE_SWEEP: "0", A: "b=c" });
});

for (
  const { args, error } of [
    { args: ["--sizes", "100,10"], error: "Cannot read --sizes 100,10: " },
    { args: ["--sizes", "1"], error: "Cannot read --sizes 1: " },
    { args: ["--seconds", "x"], error: "Cannot read --seconds x: " },
    { args: ["--env", "A"], error: "Cannot read --env A: " },
    { args: ["--seconds"], error: "--seconds" },
    { args: ["--faster", "1"], error: "--faster" },
  ]
) {
  Deno.test(`parseOptions() refuses ${args.join(" ")}`, () => {
    assertThrows(() => parseOptions(args), OptionError, error);
  });
}

Deno.test("node() is as large as a real one, and an address stays in its network", () => {
  const { length } = JSON.stringify(node(4_999, "2026-01-01T00:00:00Z"));
  assert(length > 9_000 && length < 15_000, `${length} bytes`);
  assertEquals(podAddress(5_300), "10.200.20.180");
});

Deno.test("slice() has an endpoint for each Pod, with its node and zone", () => {
  const pod = { name: "p", uid: "u", ip: "10.200.0.1", node: "worker-00004" };
  const { endpoints, metadata } = slice(0, [pod], zoneOf);
  assertEquals(metadata.labels["service.kubernetes.io/headless"], "");
  assertEquals(endpoints, [{
    addresses: ["10.200.0.1"],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: "worker-00004",
    zone: zoneOf("worker-00001"),
    targetRef: { kind: "Pod", namespace: "kube-system", name: "p", uid: "u" },
  }]);
});

Deno.test("repeat() makes up for a late timer, and stop() tells of a failure", async () => {
  const fine = repeat(1_000, () => Promise.resolve());
  while (fine.done() < 100) await new Promise((r) => setTimeout(r, 5));
  await fine.stop();
  const failing = repeat(1_000, () => Promise.reject(new Error("no")));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const failure = await failing.stop().catch((error) => error.message);
  assertEquals(failure, "no");
});

Deno.test("relay() passes all on and counts what comes back, by the name in the first packet", async () => {
  const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const conn of server) {
      await conn.read(new Uint8Array(100));
      await conn.write(new Uint8Array(1_000));
      conn.close();
    }
  })();
  {
    await using meter = relay({
      listen: { hostname: "127.0.0.1", port: 0 },
      to: { hostname: "127.0.0.1", port: server.addr.port },
      name: "api.example",
    });
    for (const hello of ["xx api.example xx", "else", "else"]) {
      using conn = await Deno.connect({ port: meter.port });
      await conn.write(new TextEncoder().encode(hello));
      const { byteLength } = await new Response(conn.readable).arrayBuffer();
      assertEquals(byteLength, 1_000);
    }
    await meter.quiet(0);
    const { connections, bytes } = meter.named();
    assertEquals({ connections, bytes }, { connections: 1, bytes: 1_000 });
    assertEquals(meter.others().bytes, 2_000);
  }
  server.close();
  await serving;
});
