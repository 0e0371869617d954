/** An agent against a real API server's stand-in and neighbours, on real sockets. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Fault } from "../lib/demo/api_server.ts";
import { createCa } from "../lib/demo/certificates.ts";
import { peerOf } from "../lib/serve.ts";
import { listenUdp } from "../lib/udp/listen.ts";
import type { PathLoss } from "../lib/udp/loss.ts";
import { eventually } from "./fakes/eventually.ts";
import { podOf, startPeer, TOKEN, withAgent } from "./fakes/lone_agent.ts";
import type { LoneAgent, LoneAgentOptions } from "./fakes/lone_agent.ts";

/** Two series with the same value; a round may end between their readings. */
async function sameCounts({ metric }: LoneAgent, one: string, other: string) {
  await eventually(
    async () => [await metric(one), await metric(other)],
    ([a, b]) => a === b,
  );
}

function agentTest(
  name: string,
  test: (all: LoneAgent) => Promise<void>,
  options: LoneAgentOptions = {},
) {
  Deno.test(
    `createAgent() ${name}`,
    { sanitizeOps: true, sanitizeResources: true },
    () => withAgent(test, options),
  );
}

const LIST_AGE = "kubenurse_neighbour_list_age_seconds";

function errors(type: string): string {
  return `kubenurse_errors{type="${type}"}`;
}

function errorEvents(type: string, event: string): string {
  return `kubenurse_errors_total{type="${type}",event="${event}"}`;
}

/** Waits until every check is ok. */
function healthy({ alive }: LoneAgent) {
  return eventually(
    alive,
    ({ status, body }) => status === 200 && body.me_service === "ok",
  );
}

/** Waits until so many rounds more have started and ended. */
async function rounds({ metric }: LoneAgent, more = 2): Promise<void> {
  const ended = async () => await metric("kubenurse_rounds_total") ?? 0;
  const before = await ended();
  await eventually(ended, (now) => now > before + more);
}

/** Counters of failed checks that are not 0, by type. */
async function failures({ url }: LoneAgent): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = text.matchAll(/^kubenurse_errors\{type="(.+)"\} (\d+)$/gm);
  return Object.fromEntries(
    [...found].map(([, type, n]) => [type, Number(n)])
      .filter(([, n]) => n !== 0),
  );
}

/** Requests by which checks were made so far. */
function probes({ api, neighbours, service, ingress }: LoneAgent): number {
  const peers = [...neighbours.values(), service, ingress];
  return peers.reduce((sum, { requests }) => sum + requests.length, 0) +
    api.requests.filter(({ path }) => path === "/version").length;
}

agentTest(
  "finds its neighbours and tells all of them in /alive",
  async (all) => {
    const { body } = await healthy(all);
    assertEquals(Object.keys(body), [
      "api_server_direct",
      "api_server_dns",
      "me_ingress",
      "me_service",
      "hostname",
      "neighbourhood_state",
      "neighbourhood",
      "headers",
      "path_node-2",
      "path_node-3",
    ]);
    const { hostname, neighbourhood, headers, ...states } = body;
    assertEquals(hostname, "kubenurse-1");
    assertEquals(new Set(Object.values(states)), new Set(["ok"]));
    assert(headers);
    assertEquals(
      (neighbourhood as { NodeName: string }[])
        .toSorted((a, b) => a.NodeName < b.NodeName ? -1 : 1),
      [2, 3].map((n) => ({
        PodName: `kubenurse-on-node-${n}`,
        PodIP: "127.0.0.1",
        HostIP: "127.0.0.1",
        NodeName: `node-${n}`,
        Phase: "Running",
      })),
    );
    assertEquals(await all.metric("kubenurse_neighbours"), 2);
    assertEquals(
      (await fetch(`${all.url}/ready`)).body?.cancel() !== null,
      true,
    );
    assertEquals(await failures(all), {});
  },
);

agentTest("gives its token to the API server alone", async (all) => {
  await healthy(all);
  await rounds(all);
  const { api, neighbours, service, ingress } = all;
  const [checks, lists] = [
    api.requests.filter(({ path }) => path === "/version"),
    api.requests.filter(({ path }) => path !== "/version"),
  ];
  assert(lists.every(({ authorization }) => authorization));
  // one that is late is asked again, without a token, to know the phase
  assert(checks.some(({ authorization }) => authorization));
  for (const { requests } of [...neighbours.values(), service, ingress]) {
    assert(requests.length > 0);
    for (const headers of requests) {
      assertEquals(headers.has("authorization"), false);
      assertEquals(JSON.stringify([...headers]).includes(TOKEN), false);
    }
  }
  for (const { requests } of neighbours.values()) {
    assertEquals(
      requests[0]!.get("kubenurse-neighbour-origin"),
      "kubenurse-1",
    );
  }
});

agentTest("reads a rotated token anew, without a failed check", async (all) => {
  const { api, clock, mount, metric } = all;
  await healthy(all);
  api.setToken(TOKEN, "the-next");
  await mount("token", "the-next\n");
  await rounds(all);
  api.setToken("the-next");
  await rounds(all);
  clock.jump(11_000); // to the next list
  await eventually(() => metric(LIST_AGE), (age) => age! < 5);
  await rounds(all);
  assertEquals((await all.alive()).body.neighbourhood_state, "ok");
  assertEquals(await failures(all), {});
  assertEquals(all.log.lines.filter((line) => line.startsWith("warn")), []);
});

agentTest("reads a rotated CA anew", async (all) => {
  const { alive, api, clock, mount, neighbours, log } = all;
  await healthy(all);
  const former = api.ca;
  await api.setAuthority(await createCa("the next CA"));
  const { body } = await eventually(
    alive,
    ({ body }) =>
      [body.api_server_direct, body.api_server_dns]
        // it was away for a moment, too
        .every((words) => /certificate.* \(phase tls, /.test(String(words))),
  );
  assertMatch(
    String(body.api_server_dns),
    /^GET https:\/\/localhost:\d+\/version: /,
  );
  assertEquals(body["path_node-2"], "ok");

  await mount("ca.crt", `${former}\n${api.ca}\n`); // the Ingress has not changed
  const [two] = [...neighbours.values()];
  api.setPods([podOf("node-9", two!)]);
  await eventually(alive, ({ status, body }) => {
    clock.jump(5_000); // over the back-off of the list
    return status === 200 && body["path_node-9"] === "ok";
  });
  assertEquals(
    log.lines.filter((line) => line.includes("check")).sort(),
    [
      "info check has recovered",
      "info check has recovered",
      "warn check is failing",
      "warn check is failing",
    ],
  );
});

const FAULTS: readonly {
  name: string;
  fault: Fault;
  /** What `neighbourhood_state` says of the list. */
  state: string;
  /** Under which event the API server checks are counted. */
  event?: string;
}[] = [
  {
    name: "is away",
    fault: "away",
    state: "connection refused",
    event: "connect_done",
  },
  {
    name: "hangs",
    fault: "hang",
    state: "no answer within 10 s",
    event: "round_trip_error",
  },
  {
    name: "answers 401",
    fault: { status: 401 },
    state: "answered 401: Unauthorized",
    event: "status_code_401",
  },
  {
    name: "answers 403",
    fault: { status: 403, message: "pods is forbidden" },
    state:
      "answered 403: pods is forbidden (the Role of the ServiceAccount needs list on pods)",
    event: "status_code_403",
  },
  {
    name: "answers 410",
    fault: { status: 410 },
    state: "answered 410: Expired",
    event: "status_code_410",
  },
  {
    name: "answers 429",
    fault: { status: 429, retryAfterSeconds: 2 },
    state: "answered 429: TooManyRequests",
    event: "status_code_429",
  },
  {
    name: "answers 500",
    fault: { status: 500, message: "etcdserver: request timed out" },
    state: "answered 500: etcdserver: request timed out",
    event: "status_code_500",
  },
  {
    name: "answers garbage",
    fault: "garbage",
    state: "answered something that is not JSON",
  },
];
for (const { name, fault, state, event } of FAULTS) {
  agentTest(
    `goes on with the last list while the API server ${name}`,
    async (all) => {
      const { alive, api, clock, log, metric, neighbours } = all;
      using _ = clock.takeOverTimeouts();
      await healthy(all);
      await api.fault(fault);
      const { status, body } = await eventually(alive, ({ body }) => {
        clock.jump(1_000);
        return body.neighbourhood_state !== "ok";
      });
      assertEquals(status, 500);
      const list =
        `GET ${api.url}/api/v1/namespaces/kube-system/pods: ${state}`;
      const said = String(body.neighbourhood_state);
      assertEquals(
        said.replace(/\d+ s old$/, "N s old"),
        `${list}; the list in use is N s old`,
      );
      assertEquals((body.neighbourhood as unknown[]).length, 2);

      const age = await metric(LIST_AGE);
      assert(age! >= 9, `${age} s`);
      clock.jump(5_000);
      assert((await metric(LIST_AGE))! >= age! + 5);

      const asked = [...neighbours.values()].map((one) => one.requests.length);
      await rounds(all, 1);
      for (const [i, { requests }] of [...neighbours.values()].entries()) {
        assert(requests.length > asked[i]!);
      }
      const paths = await alive();
      assertEquals(paths.body["path_node-2"], "ok");
      assertEquals(paths.body["path_node-3"], "ok");
      if (event) {
        for (const type of ["api_server_direct", "api_server_dns"]) {
          await eventually(
            () => metric(errorEvents(type, event)),
            (n) => n! > 0,
          );
        }
      }

      await api.fault(undefined);
      await eventually(alive, ({ status }) => {
        clock.jump(1_000);
        return status === 200;
      });
      await eventually(() => metric(LIST_AGE), (age) => age! < 5);
      assertEquals(log.lines.filter((line) => line.includes("list of the")), [
        "info the list of the agents is back",
      ]);
      const told = log.lines.indexOf(
        "warn cannot list the agents, the last list stays in use",
      );
      assertEquals(log.fields[told], { error: list });
      const { "path_node-2": two, "path_node-3": three } = await failures(all);
      assertEquals([two, three], [undefined, undefined]);
    },
  );
}

agentTest(
  "says that the first list is not there yet, and is not healthy so long",
  async ({ alive, api, clock }) => {
    await eventually(() => {
      clock.jump(1_000); // the first round does not wait for ever
      return alive();
    }, ({ body }) => body.api_server_direct === "ok");
    const { status, body } = await alive();
    assertEquals(status, 500);
    assertEquals(
      body.neighbourhood_state,
      "not listed yet, the first request to the API server is still running",
    );
    assertEquals(body.neighbourhood, []);

    await api.fault(undefined); // what hung is answered 503
    const failed = await eventually(
      alive,
      ({ body }) => /503/.test(String(body.neighbourhood_state)),
    );
    assertMatch(
      String(failed.body.neighbourhood_state),
      /answered 503: it hung; there is no list of neighbours yet$/,
    );
    await eventually(() => {
      clock.jump(1_000);
      return alive();
    }, ({ status, body }) => status === 200 && body["path_node-2"] === "ok");
  },
  { prepare: ({ api }) => api.fault("hang", /pods/) },
);

agentTest(
  "lets a neighbour that hangs delay no other and tells it at its deadline",
  async ({ agent, alive, metric }) => {
    const results = await eventually(
      agent.results,
      (results) => results.length === 8,
    );
    // in the order in which they were known
    const { type, outcome } = results.at(-1)!;
    assertEquals(type, "path_node-2");
    assert(outcome.state === "failed");
    assertEquals(outcome.phase, "response");
    assertMatch(
      outcome.message,
      /\/alwayshappy: waiting for the answer: no answer within 0\.5 s$/,
    );
    assert(
      outcome.seconds >= 0.5 && outcome.seconds < 2,
      `${outcome.seconds} s`,
    );
    for (const { outcome } of results.slice(0, -1)) {
      assertEquals(outcome.state, "ok");
    }
    const { status } = await alive();
    assertEquals(status, 500);
    assertEquals(
      await metric(errorEvents("path_node-2", "round_trip_error")),
      1,
    );
  },
  {
    nodes: ["node-2", "node-3", "node-4", "node-5"],
    env: { KUBENURSE_CHECK_INTERVAL: "1h" },
    prepare({ neighbours }) {
      neighbours.get("node-2")!.answer = "hang";
    },
  },
);

agentTest("does not count a neighbour that is replaced", async (all) => {
  const { alive, api, clock, log, metric, neighbours } = all;
  await healthy(all);
  clock.jump(3_000); // the list is not brand-new
  const next = await startPeer();
  try {
    const former = neighbours.get("node-2")!;
    api.setPods([
      podOf("node-2", next, "kubenurse-next"),
      podOf("node-3", neighbours.get("node-3")!),
    ]);
    await former.close();
    await eventually(() => next.requests.length, (n) => n > 3);
    await rounds(all);
    const { status, body } = await alive();
    assertEquals(status, 200);
    assertEquals(
      (body.neighbourhood as { PodName: string }[]).map((one) => one.PodName)
        .sort(),
      ["kubenurse-next", "kubenurse-on-node-3"],
    );
    assertEquals(await failures(all), {});
    assertEquals(await metric(errors("path_node-2")), 0);
    assertEquals(log.lines.filter((line) => line.startsWith("warn")), []);
  } finally {
    await next.close();
  }
});

agentTest(
  "tells a neighbour that fails, once, until it answers",
  async (all) => {
    const { alive, clock, log, metric, neighbours } = all;
    await healthy(all);
    clock.jump(3_000);
    const { endpoint } = neighbours.get("node-2")!;
    const before = Date.now();
    await endpoint.close();
    const count = errorEvents("path_node-2", "connect_done");
    await eventually(() => metric(count), (n) => n! >= 5);
    const { status, body } = await alive();
    assertEquals(status, 500);
    const words = String(body["path_node-2"]);
    const [, since, times] =
      /^GET http:\/\/127\.0\.0\.1:\d+\/alwayshappy: connecting: connection refused \(phase connect, failing since (\S+), (\d+) in a row\)$/
        .exec(words) ?? [words];
    assert(Date.parse(since!) >= before, words);
    assert(Number(times) >= 5, words);
    assertEquals(body["path_node-3"], "ok");
    assertEquals(Object.keys(await failures(all)), ["path_node-2"]);
    await sameCounts(all, errors("path_node-2"), count);

    await endpoint.open();
    await healthy(all);
    await rounds(all);
    const told = log.lines.map((line, i) => [line, log.fields[i]] as const)
      .filter(([, fields]) => fields?.type !== undefined);
    assertEquals(told.map(([line, { type } = {}]) => [line, type]), [
      ["warn check is failing", "path_node-2"],
      ["info check has recovered", "path_node-2"],
    ]);
    const [[, failing], [, recovered]] = told as [
      typeof told[0],
      typeof told[0],
    ];
    assertEquals([failing?.event, failing?.phase], ["connect_done", "connect"]);
    assertEquals(recovered?.failures, await metric(count));
  },
);

agentTest(
  "forgets the series of a node some time after it has left",
  async (all) => {
    const { alive, api, clock, metric, neighbours } = all;
    await healthy(all);
    api.setPods([podOf("node-2", neighbours.get("node-2")!)]);
    clock.jump(11_000); // to the next list
    await eventually(alive, ({ body }) => !("path_node-3" in body));
    clock.jump(280_000);
    await rounds(all);
    assertEquals(await metric(errors("path_node-3")), 0);
    clock.jump(21_000);
    await rounds(all);
    const text = await (await fetch(`${all.url}/metrics`)).text();
    assertEquals(text.includes("node-3"), false);
    assertEquals(await metric(errors("path_node-2")), 0);
  },
);

agentTest(
  "makes no check for anything that a client sends",
  async (all) => {
    const { agent, url, service } = all;
    await eventually(agent.results, (results) => results.length === 6);
    const made = probes(all);
    assertEquals(made, 6);
    const target = encodeURIComponent(service.endpoint.url);
    const requests = [
      ...Array.from({ length: 100 }, () => new Request(`${url}/alive`)),
      new Request(`${url}/`),
      new Request(`${url}/ready`),
      new Request(`${url}/metrics`),
      new Request(`${url}/alwayshappy`, {
        headers: { "KUBENURSE-NEIGHBOUR-ORIGIN": "kubenurse-on-node-2" },
      }),
      new Request(`${url}/alive?url=${target}&refresh=true`),
      new Request(`${url}/probe?target=${target}`),
      new Request(`${url}/alive`, {
        method: "POST",
        body: service.endpoint.url,
      }),
      new Request(`${url}/alive`, {
        headers: {
          "cache-control": "no-cache",
          "x-forwarded-host": service.endpoint.url,
        },
      }),
    ];
    const statuses = await Promise.all(requests.map(async (request) => {
      const response = await fetch(request);
      await response.body?.cancel();
      return response.status;
    }));
    assertEquals(statuses.slice(0, 100), Array(100).fill(200));
    assertEquals(statuses.slice(100), [200, 200, 200, 200, 200, 404, 405, 200]);
    assertEquals(probes(all), made);
  },
  { env: { KUBENURSE_CHECK_INTERVAL: "1h" } },
);

agentTest(
  "skips the Service and the Ingress while it starts, and counts them after that",
  async (all) => {
    const { alive, clock, log, metric, service } = all;
    const { body } = await eventually(
      alive,
      ({ body }) => body.me_ingress === "skipped",
    );
    assertEquals([body.me_service, body.me_ingress], ["skipped", "skipped"]);
    const reasons = body.skipped_because as Record<string, string>;
    assertMatch(
      reasons.me_service!,
      /^starting: GET http:\S+\/alwayshappy: answered 503 Service Unavailable, expected 200$/,
    );
    assertMatch(
      reasons.me_ingress!,
      /^starting: GET https:\S+\/alwayshappy: waiting for the answer: no answer within 0\.5 s$/,
    );
    assertEquals(await failures(all), {});

    service.answer = undefined; // it has worked once: from now on it counts
    await eventually(alive, ({ body }) => body.me_service === "ok");
    service.answer = 503;
    await eventually(
      () => metric(errorEvents("me_service", "status_code_503")),
      (n) => n! > 0,
    );
    assertEquals(await metric(errors("me_ingress")), undefined);

    clock.jump(15_000);
    await eventually(
      () => metric(errorEvents("me_ingress", "round_trip_error")),
      (n) => n! > 0,
    );
    const after = await alive();
    assertEquals(after.status, 500);
    assertEquals(after.body.skipped_because, undefined);
    assertMatch(String(after.body.me_service), /answered 503 .*phase status/);
    assertEquals(log.lines.slice(-2), [
      "warn check is failing",
      "warn check is failing",
    ]);
  },
  {
    prepare({ service, ingress }) {
      service.answer = 503;
      ingress.answer = "hang";
    },
  },
);

agentTest(
  "tells a path on which full-sized packets vanish, while small requests pass",
  async (all) => {
    await healthy(all);
    const peer = all.neighbours.get("node-2")!;
    peer.stalls = "/path-mtu";
    const { body } = await eventually(
      all.alive,
      ({ body }) => body["path_node-2"] !== "ok",
    );
    assertMatch(
      String(body["path_node-2"]),
      /^small requests pass, full-sized packets do not: path MTU .*phase re/,
    );
    assertEquals(body["path_node-3"], "ok");
    const phases = body.phases as Record<string, Record<string, number>>;
    assert(phases["path_node-2"]!.connect_done! >= 0);
    const event = errorEvents("path_node-2", "path_mtu");
    assert(await all.metric(event)! as number > 0);
    assertEquals(Object.keys(await failures(all)), ["path_node-2"]);
    peer.stalls = "";
    await healthy(all);
  },
  { env: { KUBENURSE_CHECK_MTU: "2" } },
);

/** An agent with UDP whose only neighbour, on node-2, is its own double at its own port. */
function udpTest(
  name: string,
  test: (
    all: LoneAgent,
    port: number,
    loss: () => Promise<PathLoss>,
  ) => Promise<
    void
  >,
  env: Readonly<Record<string, string>> = { KUBENURSE_CHECK_UDP: "true" },
) {
  agentTest(name, async (all) => {
    const port = Number(new URL(all.url).port);
    all.api.setPods([podOf("node-2", { endpoint: { port } })]);
    all.clock.jump(20_000);
    await eventually(
      all.alive,
      ({ body }) => body["path_node-2"] === "ok",
    );
    await test(all, port, async () => {
      const { body } = await all.alive();
      return (body.udp as Record<string, PathLoss>)["path_node-2"]!;
    });
  }, { nodes: [], env });
}

const SENT = 'kubenurse_udp_packets_sent_total{type="path_node-2"}';
const LOST = 'kubenurse_udp_packets_lost_total{type="path_node-2"}';
const RATIO = 'kubenurse_udp_loss_ratio{type="path_node-2"}';

udpTest(
  "measures the loss of UDP packets to a neighbour that gave it a cookie",
  async ({ agent, metric, api, clock, alive }, port, loss) => {
    const address = "127.0.0.1";
    let came = 0;
    const { close } = await listenUdp(
      {
        answer: (packet, from) =>
          came++ % 10 === 0 ? undefined : agent.echo!.answer(packet, from),
      },
      { address, port },
      peerOf,
    );
    try {
      await eventually(loss, ({ sent = 0 }) => sent >= 80);
      assertEquals((await alive()).status, 200);
      const sent = await metric(SENT) ?? 0;
      const missing = await metric(LOST) ?? 0;
      // what was sent before the port was open is lost as well
      assert(missing >= sent / 10 && missing < sent, `${missing} of ${sent}`);
      assert((await metric(RATIO) ?? 0) >= 0.1);
      await eventually(loss, ({ state }) => /^\d+(\.\d)? % lost$/.test(state));
      api.setPods([]);
      clock.jump(20_000);
      await eventually(() => metric(RATIO), (ratio) => ratio === undefined);
      assertEquals((await alive()).body.udp, undefined);
    } finally {
      close();
    }
  },
);

udpTest(
  "tells a UDP port that is blocked, and fails no check for it",
  async ({ alive, metric }, _port, loss) => {
    await eventually(
      loss,
      ({ state }) =>
        state ===
          "no packet comes back: is the UDP port open between the nodes?",
    );
    assertEquals((await alive()).status, 200);
    assertEquals(await metric(RATIO), 1);
    assertEquals(await metric(errors("path_node-2")), 0);
  },
);

udpTest(
  "that is shutting down gives no cookie, so that no packet is on its way to it when it has gone",
  async ({ agent, url }) => {
    async function header(): Promise<string | null> {
      const response = await fetch(`${url}/alwayshappy`);
      await response.body?.cancel();
      return response.headers.get("kubenurse-udp");
    }
    assertMatch(await header() ?? "", /^[\da-f]{32}$/);
    agent.retire();
    assertEquals(await header(), null);
  },
);

udpTest(
  "without KUBENURSE_CHECK_UDP gives no cookie and answers no packet",
  async ({ agent, url, alive }) => {
    const response = await fetch(`${url}/alwayshappy`);
    await response.body?.cancel();
    assertEquals(response.headers.get("kubenurse-udp"), null);
    assertEquals(agent.echo, undefined);
    assertEquals("udp" in (await alive()).body, false);
  },
  {},
);

const SWEEPING: LoneAgentOptions = {
  nodes: ["node-2", "node-3", "node-4"],
  env: { KUBENURSE_NEIGHBOUR_LIMIT: "1" }, // node-2, by the ring
};
const SWEPT = 'kubenurse_request_count{type="path_sweep"}';

/** Lines of `/metrics` that have a name of a node. */
async function named({ url }: LoneAgent, node: string): Promise<string[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split("\n").filter((line) => line.includes(node));
}

agentTest(
  "checks those that are no neighbours in turn, all under one type",
  async (all) => {
    const { alive, metric, neighbours } = all;
    await healthy(all);
    await eventually(() => metric(SWEPT), (n) => n! >= 4);
    const { body } = await alive();
    assertEquals(
      Object.keys(body).filter((key) => key.startsWith("path_")),
      ["path_node-2"],
    );
    for (const node of ["node-3", "node-4"]) {
      const { requests } = neighbours.get(node)!;
      assert(requests.length > 0);
      assert(requests.every((one) => !one.has("kubenurse-neighbour-origin")));
      assertEquals(await named(all, node), []);
    }
    const made = await metric("kubenurse_rounds_total");
    assert(await metric(SWEPT)! as number <= made! + 2, "one in each round");
  },
  SWEEPING,
);

agentTest(
  "names a node that fails in its turn, until it answers",
  async (all) => {
    const { alive, log, metric, neighbours } = all;
    await healthy(all);
    await eventually(() => metric(SWEPT), (n) => n! >= 2);
    const three = neighbours.get("node-3")!;
    three.answer = 503;
    const failing = 'kubenurse_sweep_failing{target_node="node-3"}';
    const count = errorEvents("path_sweep", "status_code_503");
    await eventually(() => metric(count), (n) => n! >= 5);
    assertEquals(await metric(failing), 1);
    await sameCounts(all, errors("path_sweep"), count);
    const { status, body } = await alive();
    assertEquals(status, 500);
    assertMatch(
      String(body["path_node-3"]),
      /\/alwayshappy: .*503.* \(phase status, failing since .*, \d+ in a row\)$/,
    );
    assertEquals(body["path_node-4"], undefined);
    assertEquals(await named(all, "node-3"), [`${failing} 1`]);

    three.answer = undefined;
    const well = await eventually(alive, ({ status }) => status === 200);
    await rounds(all);
    assertEquals((await alive()).body["path_node-3"], undefined);
    assertEquals(well.body["path_node-2"], "ok");
    assertEquals(await named(all, "node-3"), []);
    const about = log.lines.flatMap((line, i) =>
      log.fields[i]!.type === "path_node-3" ? [line] : []
    );
    assertEquals(about, ["warn check is failing", "info check has recovered"]);
  },
  SWEEPING,
);

agentTest(
  "ceases to name a node that failed in its turn and has gone",
  async (all) => {
    const { alive, api, clock, metric, neighbours } = all;
    await healthy(all);
    neighbours.get("node-4")!.answer = 503;
    await eventually(alive, ({ body }) => "path_node-4" in body);
    api.setPods(
      ["node-2", "node-3"].map((node) => podOf(node, neighbours.get(node)!)),
    );
    const { body } = await eventually(alive, ({ status }) => {
      clock.jump(1_000);
      return status === 200;
    });
    assertEquals(body["path_node-4"], undefined);
    assertEquals(
      await metric('kubenurse_sweep_failing{target_node="node-4"}'),
      undefined,
    );
  },
  SWEEPING,
);

agentTest(
  "checks neighbours alone where there is no sweep",
  async (all) => {
    await healthy(all);
    await rounds(all, 3);
    assertEquals(all.neighbours.get("node-3")!.requests.length, 0);
    assertEquals(await all.metric(SWEPT), undefined);
  },
  { ...SWEEPING, env: { ...SWEEPING.env, KUBENURSE_SWEEP: "0" } },
);
