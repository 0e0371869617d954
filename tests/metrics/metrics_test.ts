import { assert, assertEquals, assertLess } from "@std/assert";
import type { Outcome } from "../../lib/checks/check.ts";
import { parseConfig } from "../../lib/config/config.ts";
import { DEFINITIONS } from "../../lib/metrics/definitions.ts";
import { createMetrics } from "../../lib/metrics/metrics.ts";
import type { Metrics, Readings } from "../../lib/metrics/metrics.ts";
import type { Burst } from "../../lib/udp/tally.ts";
import { failed, ok } from "../fakes/checks.ts";
import { fakeClock } from "../fakes/clock.ts";

const { histogramBuckets } = parseConfig(
  { KUBERNETES_SERVICE_HOST: "10.96.0.1" },
  () => "",
);

function metrics(
  changes: Partial<Readings> = {},
  { trace = false, metadata = true } = {},
): Metrics {
  return createMetrics({
    incomingChecks: () => 3,
    neighbours: () => 10,
    listAgeSeconds: () => 4.5,
    backends: (type) => type === "me_service" ? 3 : undefined,
    sweepFailing: () => ["node-7"],
    cpuSeconds: () => 1.25,
    memory: () => ({ rss: 50_000_000, heapTotal: 9_000_000 }),
    ...changes,
  }, {
    version: "1.2.3",
    denoVersion: "2.9.6",
    startSeconds: 1_700_000_000,
    buckets: histogramBuckets,
    trace,
    metadata,
  });
}

/** The lines that are no comments. */
async function series(of: Metrics): Promise<string[]> {
  return (await of.text()).split("\n").filter((line) => /^[a-z]/.test(line));
}

async function valueOf(of: Metrics, name: string): Promise<string | undefined> {
  const line = (await series(of)).find((line) => line.startsWith(`${name} `));
  return line?.slice(name.length + 1);
}

const SKIPPED: Outcome = { state: "skipped", reason: "no URL is set" };

/** Some of everything. */
const OUTCOMES: readonly [string, Outcome][] = [
  ["api_server_direct", ok(0.012)],
  ["api_server_direct", ok(0.018)],
  ["api_server_dns", failed({ phase: "dns" })],
  ["me_ingress", SKIPPED],
  ["me_service", failed({ phase: "status", code: 503, seconds: 0.3 })],
  ["me_service", ok(0.003)],
  ["path_node-2", failed({ phase: "connect" })],
  ["path_node-2", failed({ phase: "tls" })],
  ["path_node-2", failed({ phase: "request" })],
  ["path_node-2", failed({ phase: "response", seconds: 5 })],
  ["web_certificate", { state: "ok", seconds: 0.02, certificateDays: 12.5 }],
  ['path_odd"\\name', ok(20)],
];

/** A check whose steps are known. */
const TRACED: [string, Outcome] = ["path_node-9", {
  ...ok(0.004),
  trace: { connect_start: 0, connect_done: 0.001, got_first_resp_byte: 0.003 },
}];

Deno.test("observe() counts the steps of a check, when they are wanted", async () => {
  const steps = "kubenurse_httpclient_trace_request_duration_seconds";
  async function counted(trace: boolean): Promise<string[]> {
    const made = metrics({}, { trace });
    made.observe(...TRACED);
    const found = await series(made);
    made.forget(TRACED[0]);
    assert(!(await made.text()).includes(TRACED[0]));
    return found.filter((line) => line.startsWith(`${steps}_sum`));
  }
  assertEquals(await counted(false), []);
  assertEquals(await counted(true), [
    `${steps}_sum{type="path_node-9",event="connect_start"} 0`,
    `${steps}_sum{type="path_node-9",event="connect_done"} 0.001`,
    `${steps}_sum{type="path_node-9",event="got_first_resp_byte"} 0.003`,
  ]);
});

Deno.test("text() is what it was before, for some of everything", async () => {
  const golden = new URL("../golden/metrics.txt", import.meta.url);
  const made = metrics();
  for (const [type, outcome] of OUTCOMES) made.observe(type, outcome);
  made.round(0.125);
  made.round(0.25);
  assertEquals(await made.text(), await Deno.readTextFile(golden));
});

/** A burst of four packets one of which is lost. */
const BURST: Burst = {
  sent: 4,
  lost: 1,
  duplicates: 2,
  reordered: 1,
  roundTrips: [0.001, 0.003, 0.002],
};

Deno.test("udp counts the packets of bursts, and those from elsewhere that were refused", async () => {
  const ratios: [string, number][] = [["path_node-2", 0.25]];
  const made = metrics({ udpLoss: () => ratios });
  const before = (await made.text()).split("\n");
  made.udp!.burst("path_node-2", BURST);
  made.udp!.burst("path_node-2", { ...BURST, lost: 0 });
  made.udp!.refused("cookie");
  const added = (await made.text()).split("\n")
    .filter((line) => !before.includes(line));
  assertEquals(added, [
    'kubenurse_udp_packets_sent_total{type="path_node-2"} 8',
    'kubenurse_udp_packets_lost_total{type="path_node-2"} 1',
    'kubenurse_udp_packets_duplicate_total{type="path_node-2"} 4',
    'kubenurse_udp_packets_reordered_total{type="path_node-2"} 2',
    'kubenurse_udp_round_trip_seconds{quantile="0.5",type="path_node-2"} 0.002',
    'kubenurse_udp_round_trip_seconds{quantile="0.9",type="path_node-2"} 0.003',
    'kubenurse_udp_round_trip_seconds{quantile="0.99",type="path_node-2"} 0.003',
    'kubenurse_udp_round_trip_seconds_sum{type="path_node-2"} 0.012',
    'kubenurse_udp_round_trip_seconds_count{type="path_node-2"} 6',
    'kubenurse_udp_packets_refused_total{reason="cookie"} 1',
  ]);
  assert(before.includes('kubenurse_udp_loss_ratio{type="path_node-2"} 0.25'));
  ratios.length = 0; // the node has left
  made.forget("path_node-2");
  assert(!(await made.text()).includes("path_node-2"));
});

Deno.test("udp is not there where it is not measured", async () => {
  const made = metrics();
  assertEquals(made.udp, undefined);
  assert(!(await made.text()).includes("udp"));
});

Deno.test("text() has the names, kinds, labels and help texts of the definitions, and no others", async () => {
  const made = metrics({
    udpLoss: () => [["path_node-2", 0.25]],
    ownCertificateDays: () => 30,
  }, {
    trace: true,
  });
  made.udp!.burst("path_node-2", BURST);
  for (const [type, outcome] of [...OUTCOMES, TRACED]) {
    made.observe(type, outcome);
  }
  const text = await made.text();
  const kinds = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
    .map(([, name, kind]) => `${name} ${kind}`);
  const helps = [...text.matchAll(/^# HELP (\S+) (.+)$/gm)]
    .map(([, name, help]) => `${name} ${help}`);
  const all = Object.values(DEFINITIONS);
  assertEquals(
    kinds.sort(),
    all.map(({ name, kind }) => `${name} ${kind}`).sort(),
  );
  assertEquals(
    helps.sort(),
    all.map(({ name, help }) => `${name} ${help}`).sort(),
  );

  for (const { name, kind, labels } of all) {
    const suffix =
      { histogram: "_count", summary: "_count", counter: "", gauge: "" }[kind];
    const line = (await series(made)).find((line) =>
      new RegExp(`^${name}${suffix}[{ ]`).test(line)
    );
    const found = [...(line ?? "no series").matchAll(/(\w+)="/g)].map((
      [, label],
    ) => label);
    assertEquals(found, [...labels], name);
  }
});

Deno.test("contentType is that of the text format", () => {
  assertEquals(
    metrics().contentType,
    "text/plain; version=0.0.4; charset=utf-8",
  );
});

Deno.test("the histogram has upstream's buckets", async () => {
  const made = metrics();
  made.observe("me_service", ok());
  const bounds = (await series(made))
    .filter((line) =>
      line.startsWith("kubenurse_httpclient_request_duration_seconds_bucket{")
    )
    .map((line) => /le="([^"]+)"/.exec(line)?.[1]);
  assertEquals(bounds, [
    "0.005",
    "0.01",
    "0.025",
    "0.05",
    "0.1",
    "0.25",
    "0.5",
    "1",
    "2.5",
    "5",
    "10",
    "+Inf",
  ]);
});

Deno.test("the summary has the quantiles of the contract", async () => {
  const made = metrics();
  for (let i = 1; i <= 100; i++) made.observe("me_service", ok(i / 100));
  const lines = (await series(made)).filter((line) =>
    line.startsWith("kubenurse_request{")
  );
  const rows = lines.map((line) =>
    /quantile="([\d.]+)".*\} ([\d.]+)$/.exec(line)!
  );
  assertEquals(rows.map(([, q]) => q), ["0.5", "0.9", "0.99"]);
  for (const [, q, value] of rows) {
    assertLess(Math.abs(Number(value) - Number(q)), 0.02);
  }
});

Deno.test("the summary's quantiles are over the last minute, its count and sum over all", async () => {
  const clock = fakeClock();
  const real = Date.now;
  try {
    Date.now = clock.wall;
    const made = metrics();
    made.observe("t", ok(4));
    const quantile = 'kubenurse_request{quantile="0.99",type="t"}';
    await clock.advance(30_000);
    made.observe("t", ok(0.5));
    assertEquals(await valueOf(made, quantile), "4");
    await clock.advance(45_000);
    assertEquals(await valueOf(made, quantile), "0.5");
    assertEquals(await valueOf(made, 'kubenurse_request_count{type="t"}'), "2");
    assertEquals(await valueOf(made, 'kubenurse_request_sum{type="t"}'), "4.5");
  } finally {
    Date.now = real;
  }
});

Deno.test("the summary's quantiles are not a number after a minute without success", async () => {
  const clock = fakeClock();
  const real = Date.now;
  const quantile = 'kubenurse_request{quantile="0.99",type="t"}';
  try {
    Date.now = clock.wall;
    const made = metrics();
    made.observe("t", ok(0.004));
    made.observe("other", ok(0.002));
    await clock.advance(75_000);
    made.observe("t", failed());
    made.observe("other", ok(0.003));
    assertEquals(
      (await series(made)).filter((line) =>
        line.startsWith("kubenurse_request") && line.includes('"t"')
      ),
      [
        'kubenurse_request{quantile="0.5",type="t"} NaN',
        'kubenurse_request{quantile="0.9",type="t"} NaN',
        'kubenurse_request{quantile="0.99",type="t"} NaN',
        'kubenurse_request_sum{type="t"} 0.004',
        'kubenurse_request_count{type="t"} 1',
      ],
    );
    assertEquals(
      await valueOf(made, quantile.replace('"t"', '"other"')),
      "0.003",
    );
    made.observe("t", ok(0.005));
    assertEquals(await valueOf(made, quantile), "0.005");
  } finally {
    Date.now = real;
  }
});

const COUNTED: readonly {
  name: string;
  outcome: Outcome;
  want: Record<string, string | undefined>;
}[] = [
  {
    name: "a success as a request, not as an error",
    outcome: ok(),
    want: {
      'kubenurse_errors{type="t"}': "0",
      'kubenurse_request_count{type="t"}': "1",
      'kubenurse_httpclient_requests_total{type="t",code="200"}': "1",
      'kubenurse_httpclient_request_duration_seconds_count{type="t"}': "1",
    },
  },
  {
    name: "a bad answer as an error and a request, not in the summary",
    outcome: failed({ phase: "status", code: 503 }),
    want: {
      'kubenurse_errors{type="t"}': "1",
      'kubenurse_errors_total{type="t",event="status_code_503"}': "1",
      'kubenurse_request_count{type="t"}': undefined,
      'kubenurse_httpclient_requests_total{type="t",code="503"}': "1",
      'kubenurse_httpclient_request_duration_seconds_count{type="t"}': "1",
    },
  },
  {
    name: "no answer as an error alone",
    outcome: failed({ phase: "dns" }),
    want: {
      'kubenurse_errors{type="t"}': "1",
      'kubenurse_errors_total{type="t",event="dns_done"}': "1",
      'kubenurse_request_count{type="t"}': undefined,
      'kubenurse_httpclient_request_duration_seconds_count{type="t"}':
        undefined,
    },
  },
  {
    name: "nothing of what is skipped",
    outcome: SKIPPED,
    want: { 'kubenurse_errors{type="t"}': undefined },
  },
];
for (const { name, outcome, want } of COUNTED) {
  Deno.test(`observe() counts ${name}`, async () => {
    const made = metrics();
    made.observe("t", outcome);
    for (const [series, value] of Object.entries(want)) {
      assertEquals(await valueOf(made, series), value, series);
    }
  });
}

Deno.test("forget() drops all series of a type and of no other", async () => {
  const made = metrics();
  const all = OUTCOMES.map(([, outcome]) => outcome);
  const before = await series(made);
  for (const outcome of all) made.observe("path_node-20", outcome);
  const other = await series(made);
  for (const outcome of all) made.observe("path_node-2", outcome);
  assertEquals(
    (await series(made)).filter((line) => line.includes('"path_node-2"'))
      .length,
    29,
  );
  made.forget("path_node-2");
  assertEquals(await series(made), other);
  made.forget("path_node-20");
  made.forget("never-seen");
  assertEquals(await series(made), before);
});

Deno.test("forget() lets a type that comes back begin at zero", async () => {
  const made = metrics();
  made.observe("t", failed());
  made.forget("t");
  made.observe("t", ok());
  assertEquals(await valueOf(made, 'kubenurse_errors{type="t"}'), "0");
  assertEquals(await valueOf(made, 'kubenurse_request_count{type="t"}'), "1");
});

Deno.test("text() reads what changes by itself each time", async () => {
  let n = 0;
  const made = metrics({ neighbours: () => ++n, cpuSeconds: () => n * 2 });
  for (const want of [1, 2, 3]) {
    const text = await made.text();
    assert(text.includes(`\nkubenurse_neighbours ${want}\n`));
    assert(text.includes(`\nprocess_cpu_seconds_total ${want * 2}\n`));
  }
});

Deno.test("the nodes that fail in the sweep have series while they do", async () => {
  let failing = ["node-3", "node-4"];
  const made = metrics({ sweepFailing: () => failing });
  async function named() {
    return (await series(made))
      .filter((line) => line.startsWith("kubenurse_sweep_failing"));
  }
  assertEquals(await named(), [
    'kubenurse_sweep_failing{target_node="node-3"} 1',
    'kubenurse_sweep_failing{target_node="node-4"} 1',
  ]);
  failing = [];
  assertEquals(await named(), []);
});

Deno.test("the age of a list that is not there is not a number", async () => {
  const made = metrics({ listAgeSeconds: () => undefined });
  assertEquals(
    await valueOf(made, "kubenurse_neighbour_list_age_seconds"),
    "NaN",
  );
});

Deno.test("createMetrics() shares nothing with another agent's", async () => {
  const [one, other] = [metrics(), metrics()];
  const before = await other.text();
  one.observe("t", ok());
  assertEquals(await other.text(), before);
});

Deno.test("an agent with four checks, ten neighbours and the sweep has fewer than 350 series", async () => {
  const made = metrics({ sweepFailing: () => [] });
  const fixed = [
    "api_server_direct",
    "api_server_dns",
    "me_ingress",
    "me_service",
    "path_sweep",
  ];
  const paths = Array.from({ length: 10 }, (_, i) => `path_node-${i}`);
  for (const type of [...fixed, ...paths]) made.observe(type, ok());
  made.round(0.1);
  assertEquals((await series(made)).length, 328);
});

Deno.test("without metadata the samples are the same and the comments are gone", async () => {
  const [shown, bare] = await Promise.all(
    [true, false].map((metadata) => {
      const made = metrics({}, { metadata });
      made.observe("me_service", { state: "ok", seconds: 1, code: 200 });
      return made.text();
    }),
  );
  const samples = shown!.split("\n").filter((line) => /^[^#]/.test(line));
  assertEquals(bare!.trimEnd().split("\n"), samples);
});
