import { assert, assertEquals } from "@std/assert";
import { countedAs } from "../../lib/checks/check.ts";
import type { Check } from "../../lib/checks/check.ts";
import {
  CHECK_HEADER,
  checksFor,
  ORIGIN_HEADER,
  pathType,
} from "../../lib/checks/sources.ts";
import type { CheckDeps } from "../../lib/checks/sources.ts";
import { parseConfig } from "../../lib/config/config.ts";
import type { Config } from "../../lib/config/config.ts";
import { ok } from "../fakes/checks.ts";
import { fakeClock } from "../fakes/clock.ts";
import { neighbour } from "../fakes/pods.ts";

function config(env: Record<string, string> = {}): Config {
  return parseConfig({
    KUBERNETES_SERVICE_HOST: "10.96.0.1",
    KUBENURSE_INGRESS_URL: "https://k.example/nurse/",
    KUBENURSE_SERVICE_URL: "http://kubenurse:8080",
    ...env,
  }, () => "");
}

/** What was asked, in order: how, where, with which headers. */
type Asked = ["api" | "probe", string, Record<string, string> | undefined];

function recording(changes: Partial<CheckDeps> = {}) {
  const asked: Asked[] = [];
  const deps: CheckDeps = {
    clock: fakeClock(),
    fetch(url, { headers }) {
      asked.push(["api", url, headers]);
      return Promise.resolve(new Response("{}"));
    },
    trace: () => Promise.reject(new Error("not late")),
    http({ url, headers }) {
      asked.push(["probe", url, headers]);
      return Promise.resolve(ok());
    },
    socket({ kind, host, port }) {
      asked.push(["probe", `${kind}://${host}:${port}`, undefined]);
      return Promise.resolve(ok());
    },
    dns({ resolver, name, recordType }) {
      asked.push([
        "probe",
        `${resolver?.host} ${name} ${recordType}`,
        undefined,
      ]);
      return Promise.resolve(ok());
    },
    mtu: { probe: (_neighbour, small, _request, ms) => small(ms) },
    origin: "kubenurse-1",
    ...changes,
  };
  return { asked, deps };
}

async function outcomes(
  checks: readonly Check[],
): Promise<Record<string, unknown>> {
  const rows: [string, unknown][] = [];
  for (const check of checks) {
    const outcome = await check.run(5_000);
    rows.push([
      check.type,
      outcome.state === "skipped" ? outcome.reason : outcome.state,
    ]);
  }
  return Object.fromEntries(rows);
}

Deno.test("checksFor() makes all checks, each to its own target", async () => {
  const { asked, deps } = recording();
  const checks = checksFor(config(), [neighbour(2), neighbour(3)], [], deps);
  assertEquals(await outcomes(checks), {
    api_server_direct: "ok",
    api_server_dns: "ok",
    me_ingress: "ok",
    me_service: "ok",
    "path_node-2": "ok",
    "path_node-3": "ok",
  });
  const origin = { [ORIGIN_HEADER]: "kubenurse-1" };
  assertEquals(asked, [
    ["api", "https://10.96.0.1:443/version", undefined],
    [
      "api",
      "https://kubernetes.default.svc.cluster.local:443/version",
      undefined,
    ],
    ["probe", "https://k.example/nurse/alwayshappy", {
      [CHECK_HEADER]: "me_ingress",
    }],
    ["probe", "http://kubenurse:8080/alwayshappy", {
      [CHECK_HEADER]: "me_service",
    }],
    ["probe", "http://10.0.0.2:8080/alwayshappy", origin],
    ["probe", "http://10.0.0.3:8080/alwayshappy", origin],
  ]);
});

Deno.test("checksFor() tells whom the certificates of neighbours are to name, in all that is sent to them", async () => {
  const names: [string, string | undefined][] = [];
  const { deps } = recording({
    neighbourName: () => "kubenurse.example",
    http({ url, serverName }) {
      names.push([new URL(url).pathname, serverName]);
      return Promise.resolve(ok());
    },
    mtu: {
      async probe(_neighbour, small, request, ms) {
        await small(ms);
        return await request("/path-mtu", ms, new Uint8Array(1));
      },
    },
  });
  const checks = checksFor(config(), [neighbour(2)], [neighbour(3)], deps);
  await outcomes(checks);
  assertEquals(names, [
    ["/nurse/alwayshappy", undefined],
    ["/alwayshappy", undefined],
    ["/alwayshappy", "kubenurse.example"],
    ["/path-mtu", "kubenurse.example"],
    ["/alwayshappy", "kubenurse.example"], // its turn in the sweep
  ]);
});

Deno.test("checksFor() has connections to the API server forgotten after a failure, and no others", async () => {
  let status = 200;
  let forgotten = 0;
  const { deps } = recording({
    fetch: () => Promise.resolve(new Response("{}", { status })),
    forgetConnections: () => void forgotten++,
  });
  const [direct] = checksFor(config(), [], [], deps);
  await direct!.run(5_000);
  assertEquals(forgotten, 0);
  status = 500;
  await direct!.run(5_000);
  assertEquals(forgotten, 1);
});

Deno.test("checksFor() makes the extra checks last, each by its own kind of probe", async () => {
  const { asked, deps } = recording();
  const checks = checksFor(
    config({
      KUBENURSE_EXTRA_CHECKS:
        "web:https://example.com/x|db:tcp://db:5432|cert:tls://example.com|names:dns://10.96.0.10/example.com",
    }),
    [neighbour(2)],
    [],
    deps,
  ).slice(4);
  assertEquals(await outcomes(checks), {
    "path_node-2": "ok",
    web: "ok",
    db: "ok",
    cert: "ok",
    names: "ok",
  });
  assertEquals(asked.slice(1), [
    ["probe", "https://example.com/x", undefined],
    ["probe", "tcp://db:5432", undefined],
    ["probe", "tls://example.com:443", undefined],
    ["probe", "10.96.0.10 example.com A", undefined],
  ]);
});

Deno.test("checksFor() makes the checks of the sweep last, one request each, without a word of who asks", async () => {
  const { asked, deps } = recording({
    mtu: { probe: () => Promise.reject(new Error("not for the sweep")) },
  });
  const checks = checksFor(config(), [], [neighbour(8), neighbour(9)], deps)
    .slice(4);
  assertEquals(await outcomes(checks), {
    "path_node-8": "ok",
    "path_node-9": "ok",
  });
  assertEquals(asked, [
    ["probe", "http://10.0.0.8:8080/alwayshappy", undefined],
    ["probe", "http://10.0.0.9:8080/alwayshappy", undefined],
  ]);
  assertEquals(checks.map(countedAs), ["path_sweep", "path_sweep"]);
  assertEquals(checks.map((one) => one.neighbour?.nodeName), [
    "node-8",
    "node-9",
  ]);
});

Deno.test("checksFor() leaves the sweep out where no path can be checked", () => {
  const { deps } = recording({ impossible: { path: "not in a Pod" } });
  const checks = checksFor(config(), [neighbour(2)], [neighbour(8)], deps);
  assertEquals(checks.slice(4).map(({ type }) => type), ["path_node-2"]);
});

Deno.test("checksFor() says of a path whom it is for", () => {
  const [two] = [neighbour(2)];
  const checks = checksFor(config(), [two!], [], recording().deps);
  assertEquals(checks.map((check) => check.neighbour), [
    ...Array(4).fill(undefined),
    two,
  ]);
});

Deno.test("checksFor() hands the deadline on", async () => {
  const deadlines: number[] = [];
  const { deps } = recording({
    http(_, timeoutMs) {
      deadlines.push(timeoutMs);
      return Promise.resolve(ok());
    },
  });
  for (const check of checksFor(config(), [neighbour(2)], [], deps).slice(2)) {
    await check.run(1_234);
  }
  assertEquals(deadlines, [1_234, 1_234, 1_234]);
});

const SKIPPED: readonly {
  name: string;
  env: Record<string, string>;
  impossible?: CheckDeps["impossible"];
  want: Record<string, string>;
}[] = [
  {
    name: "api_server_direct when it is switched off",
    env: { KUBENURSE_CHECK_API_SERVER_DIRECT: "false" },
    want: { api_server_direct: "switched off" },
  },
  {
    name: "api_server_dns when it is switched off",
    env: { KUBENURSE_CHECK_API_SERVER_DNS: "false" },
    want: { api_server_dns: "switched off" },
  },
  {
    name: "me_ingress when it is switched off",
    env: { KUBENURSE_CHECK_ME_INGRESS: "false" },
    want: { me_ingress: "switched off" },
  },
  {
    name: "me_service when it is switched off",
    env: { KUBENURSE_CHECK_ME_SERVICE: "false" },
    want: { me_service: "switched off" },
  },
  {
    name: "me_ingress without a URL",
    env: { KUBENURSE_INGRESS_URL: "" },
    want: { me_ingress: "no URL is set" },
  },
  {
    name: "me_service without a URL",
    env: { KUBENURSE_SERVICE_URL: "" },
    want: { me_service: "no URL is set" },
  },
  {
    name: "each that cannot work",
    env: {},
    impossible: {
      api_server_dns: "why 1",
      me_ingress: "why 2",
      me_service: "why 3",
    },
    want: { api_server_dns: "why 1", me_ingress: "why 2", me_service: "why 3" },
  },
  {
    name: "all paths where paths cannot work",
    env: {},
    impossible: { path: "outside the cluster" },
    want: { "path_node-2": "outside the cluster" },
  },
];
const ALL = [
  "api_server_direct",
  "api_server_dns",
  "me_ingress",
  "me_service",
  "path_node-2",
];
for (const { name, env, impossible, want } of SKIPPED) {
  Deno.test(`checksFor() skips ${name}`, async () => {
    const { asked, deps } = recording({ impossible });
    const checks = checksFor(config(env), [neighbour(2)], [], deps);
    const all = Object.fromEntries(ALL.map((type) => [type, "ok"]));
    assertEquals(await outcomes(checks), { ...all, ...want });
    assertEquals(asked.length, ALL.length - Object.keys(want).length);
  });
}

Deno.test("checksFor() sends nothing of the API server's to others", async () => {
  const { asked, deps } = recording();
  const env = { KUBENURSE_SERVICE_URL: "https://10.96.0.1:443/version" };
  const checks = checksFor(config(env), [], [], deps);
  await checks.find(({ type }) => type === "me_service")!.run(5_000);
  assertEquals(asked, [[
    "probe",
    "https://10.96.0.1/version/alwayshappy",
    { [CHECK_HEADER]: "me_service" },
  ]]);
});

Deno.test("checksFor() gives no two checks the same type", () => {
  const neighbours = [neighbour(2), neighbour(3), neighbour(4)];
  const types = checksFor(config(), neighbours, [], recording().deps).map((c) =>
    c.type
  );
  assertEquals(new Set(types).size, types.length);
  assert(types.includes(pathType("node-4")));
});
