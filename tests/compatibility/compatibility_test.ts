/**
 * Compatible with upstream kubenurse: each name of the table in `upstream.ts`, on
 * a running agent, a process of its own with real neighbours around it.
 */
import { assert, assertEquals } from "@std/assert";
import { SETTINGS } from "../../lib/config/settings.ts";
import { eventually } from "../fakes/eventually.ts";
import { startProgram } from "../fakes/process.ts";
import { alive, metrics, status, withProgram } from "../fakes/agent_process.ts";
import type { Around, Env, Program } from "../fakes/agent_process.ts";
import {
  ALIVE_KEYS,
  BUCKETS,
  ENDPOINTS,
  METRICS,
  NEIGHBOUR_KEYS,
  QUANTILES,
  TRACE_EVENTS,
  TYPES,
  VARIABLES,
} from "./upstream.ts";

// --- endpoints ---------------------------------------------------------------

/** With everything around it in order. */
const healthy = ({ service }: Around): Env => ({
  KUBENURSE_SERVICE_URL: service.endpoint.url,
  KUBENURSE_INGRESS_URL: service.endpoint.url,
});

Deno.test("upstream's endpoints, with their statuses and the keys of /alive in order", async () => {
  await withProgram(async (program) => {
    await eventually(
      async () => (await alive(program)).me_service,
      (state) => state === "ok",
    );
    for (const { path, status: want } of ENDPOINTS) {
      assertEquals(await status(`${program.url}${path}`), want, path);
    }
    for (const path of ["/", "/alive"]) {
      const response = await fetch(`${program.url}${path}`);
      assertEquals(response.headers.get("content-type"), "application/json");
      const body = await response.json();
      assertEquals(Object.keys(body).slice(0, ALIVE_KEYS.length), ALIVE_KEYS);
      assertEquals(Object.keys(body.neighbourhood[0]), NEIGHBOUR_KEYS);
      assertEquals(body.headers.Accept, ["*/*"]);
    }
    const { headers } = await fetch(`${program.url}/metrics`);
    assertEquals(
      headers.get("content-type")?.startsWith("text/plain; version=0.0.4"),
      true,
    );

    program.around.service.answer = 503;
    await eventually(
      async () => await status(`${program.url}/alive`),
      (code) => code === 500,
    );
    program.kill("SIGTERM");
    await eventually(
      async () => await status(`${program.url}/ready`),
      (code) => code === 503,
    );
    assertEquals(await status(`${program.url}/alwayshappy`), 200);
    assertEquals((await program.ended()).code, 0);
  }, healthy);
});

// --- metrics -----------------------------------------------------------------

/** Series of a metric: the text of their labels. */
function labelsOf(text: string, name: string): Record<string, string>[] {
  return [...text.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? `, "gm"))]
    .map(([, labels = ""]) =>
      Object.fromEntries(
        [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k!, v!]),
      )
    );
}

const SERIES = {
  counter: [""],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"],
} as const;

Deno.test("upstream's metrics, with their kinds, labels and values of labels", async () => {
  await withProgram(async (program) => {
    const text = await eventually(
      () => metrics(program),
      (text) => /^kubenurse_errors_total\{/m.test(text),
    );
    for (const { name, kind, labels } of METRICS) {
      assert(text.includes(`\n# TYPE ${name} ${kind}\n`), `${name} ${kind}`);
      for (const suffix of SERIES[kind]) {
        const own = suffix === "_bucket"
          ? ["le"]
          : kind === "summary" && suffix === ""
          ? ["quantile"]
          : [];
        const found = labelsOf(text, name + suffix);
        assert(found.length > 0, `${name}${suffix}`);
        for (const series of found) {
          assertEquals(
            Object.keys(series).sort(),
            [...labels, ...own].sort(),
            `${name}${suffix}`,
          );
        }
      }
    }
    const duration = "kubenurse_httpclient_request_duration_seconds";
    const trace = "kubenurse_httpclient_trace_request_duration_seconds";
    for (const type of TYPES) {
      const isOf = (one: Record<string, string>) =>
        type === "path_" ? one.type!.startsWith(type) : one.type === type;
      for (
        const name of [
          "kubenurse_errors",
          "kubenurse_request",
          `${duration}_count`,
          "kubenurse_httpclient_requests_total",
          `${trace}_count`,
        ]
      ) assert(labelsOf(text, name).some(isOf), `${name} of ${type}`);
    }
    const valuesOf = (name: string, label: string) => [
      ...new Set(labelsOf(text, name).map((one) => one[label])),
    ];
    assertEquals(valuesOf(`${duration}_bucket`, "le"), BUCKETS);
    assertEquals(valuesOf("kubenurse_request", "quantile"), QUANTILES);
    assertEquals(
      valuesOf(`${trace}_count`, "event").sort(),
      [...TRACE_EVENTS].sort(),
    );
    assertEquals(valuesOf("kubenurse_httpclient_requests_total", "code"), [
      "200",
    ]);
    const failing = labelsOf(text, "kubenurse_errors_total");
    assertEquals(failing, [{ type: "nobody", event: "dns_done" }]);
  }, (around) => ({
    ...healthy(around),
    KUBENURSE_TRACE: "always",
    KUBENURSE_EXTRA_CHECKS: "nobody:http://nobody.invalid/",
  }));
});

// --- variables ---------------------------------------------------------------

/** How a variable's effect is seen. */
interface Seen {
  /** The value, where it depends on what is around; else the example. */
  readonly value?: (around: Around) => string;
  /** Other variables that it needs. */
  readonly with?: (around: Around) => Env;
  readonly see: (program: Program) => Promise<unknown>;
  /** What is seen with the variable, at last; without it, it is something else. */
  readonly want: unknown;
  /** Without it the program does not start. */
  readonly needed?: true;
}

const seesState = (type: string) => async (program: Program) =>
  (await alive(program))[type];
const skipped = (type: string): Seen => ({
  with: healthy,
  see: seesState(type),
  want: "skipped",
});
async function seesNeighbours(program: Program): Promise<string> {
  const { neighbourhood } = await alive(program);
  return (neighbourhood as { NodeName: string }[])
    .map((one) => one.NodeName).sort().join();
}
const seesLog = (pattern: RegExp) => (program: Program) =>
  Promise.resolve(pattern.exec(program.lines.join("\n"))?.[1]);
/** Which server a check says that it asked. */
const seesAsked = (type: string) => async (program: Program) =>
  /https:\/\/(\S+)\/version/.exec(String((await alive(program))[type]))?.[1];
const ingress = ({ ingress }: Around) => ({
  KUBENURSE_INGRESS_URL: ingress.endpoint.url,
});

/** Status of a neighbour's request by https; `undefined`: nobody answers. */
async function seesTls({ around }: Program): Promise<number | undefined> {
  using client = Deno.createHttpClient({ caCerts: [around.extraCa] });
  try {
    const url = `https://${around.host}:8443/alwayshappy`;
    const response = await fetch(url, { client });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}
const withTls = ({ folder }: Around): Env => ({
  KUBENURSE_USE_TLS: "true",
  KUBENURSE_CERT_FILE: `${folder}/tls.crt`,
  KUBENURSE_CERT_KEY: `${folder}/tls.key`,
});
function without(env: Env, name: string): Env {
  return Object.fromEntries(
    Object.entries(env).filter(([key]) => key !== name),
  );
}

const SEEN: Readonly<Record<string, Seen>> = {
  KUBENURSE_INGRESS_URL: {
    value: ({ service }) => service.endpoint.url,
    see: seesState("me_ingress"),
    want: "ok",
  },
  KUBENURSE_SERVICE_URL: {
    value: ({ service }) => service.endpoint.url,
    see: seesState("me_service"),
    want: "ok",
  },
  KUBENURSE_NAMESPACE: { see: seesNeighbours, want: "node-6" },
  KUBENURSE_NEIGHBOUR_FILTER: { see: seesNeighbours, want: "node-5" },
  KUBENURSE_NEIGHBOUR_LIMIT: {
    see: async (program) => (await seesNeighbours(program)).split(",").length,
    want: 1,
  },
  KUBENURSE_ALLOW_UNSCHEDULABLE: {
    see: seesNeighbours,
    want: "node-2,node-3,node-4",
  },
  KUBENURSE_INSECURE: {
    with: ingress,
    see: seesState("me_ingress"),
    want: "ok",
  },
  KUBENURSE_EXTRA_CA: {
    value: ({ folder }) => `${folder}/extra-ca.crt`,
    with: ingress,
    see: seesState("me_ingress"),
    want: "ok",
  },
  KUBENURSE_EXTRA_CHECKS: {
    value: ({ service }) => `intranet:${service.endpoint.url}/`,
    see: seesState("intranet"),
    want: "ok",
  },
  KUBENURSE_CHECK_API_SERVER_DIRECT: skipped("api_server_direct"),
  KUBENURSE_CHECK_API_SERVER_DNS: skipped("api_server_dns"),
  KUBENURSE_CHECK_ME_INGRESS: skipped("me_ingress"),
  KUBENURSE_CHECK_ME_SERVICE: skipped("me_service"),
  KUBENURSE_CHECK_NEIGHBOURHOOD: {
    see: async (program) => {
      const body = await alive(program);
      const paths = Object.keys(body).filter((key) => key.startsWith("path_"));
      return [body.neighbourhood_state, paths.length];
    },
    want: ["skipped", 0],
  },
  KUBENURSE_CHECK_INTERVAL: { see: seesLog(/interval=(\S+)/), want: "0.3s" },
  KUBENURSE_REUSE_CONNECTIONS: {
    with: (around) => ({ ...healthy(around), KUBENURSE_TRACE: "always" }),
    see: async (program) => {
      const came = async (event: string) => {
        const series = `_seconds_count{type="me_service",event="${event}"} `;
        const [, after = "0"] = (await metrics(program)).split(series);
        return Number(after.split("\n")[0]);
      };
      await eventually(() => came("wrote_request"), (times) => times > 3);
      return await came("connect_done");
    },
    want: 1,
  },
  KUBENURSE_USE_TLS: {
    with: (around) => without(withTls(around), "KUBENURSE_USE_TLS"),
    see: seesTls,
    want: 200,
  },
  KUBENURSE_CERT_FILE: {
    value: ({ folder }) => `${folder}/tls.crt`,
    with: (around) => without(withTls(around), "KUBENURSE_CERT_FILE"),
    see: seesTls,
    want: 200,
    needed: true,
  },
  KUBENURSE_CERT_KEY: {
    value: ({ folder }) => `${folder}/tls.key`,
    with: (around) => without(withTls(around), "KUBENURSE_CERT_KEY"),
    see: seesTls,
    want: 200,
    needed: true,
  },
  KUBENURSE_HISTOGRAM_BUCKETS: {
    see: async (program) => {
      const name = "kubenurse_httpclient_request_duration_seconds_bucket";
      const series = labelsOf(await metrics(program), name);
      return [...new Set(series.map(({ le }) => le))];
    },
    want: ["0.5", "1", "2.5", "+Inf"],
  },
  KUBENURSE_EXPOSE_METADATA: {
    see: async (program) => /^#/m.test(await metrics(program)),
    want: false,
  },
  KUBENURSE_SHUTDOWN_DURATION: {
    see: async (program) => {
      program.kill("SIGTERM"); // of an agent of its own, see below
      return await eventually(
        () => /shutting down seconds=(\S+)/.exec(program.lines.join("\n"))?.[1],
        (seconds) => seconds !== undefined,
      );
    },
    want: "1",
  },
  KUBERNETES_SERVICE_HOST: {
    value: () => "127.0.0.9",
    see: seesAsked("api_server_direct"),
    want: "127.0.0.9:PORT",
  },
  KUBERNETES_SERVICE_PORT: {
    value: () => "59999",
    see: seesAsked("api_server_dns"),
    want: "localhost:59999",
  },
  KUBERNETES_SERVICE_DNS: {
    value: () => "kubernetes.default.svc.example",
    see: seesAsked("api_server_dns"),
    want: "kubernetes.default.svc.example:PORT",
  },
};

async function refusedWithout(name: string, env: (around: Around) => Env) {
  await withProgram(async ({ around }) => {
    const { code, err } = await startProgram("main.ts", [], {
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      ...env(around),
    }).ended();
    assertEquals(code, 2);
    assert(err.startsWith(`Cannot read ${name}="": expected `), err);
  });
}

for (const { name, example, effect } of VARIABLES) {
  Deno.test(`upstream's ${name}: ${effect.replaceAll("`", "")}`, async () => {
    const seen = SEEN[name]!;
    const looked = async (program: Program) => {
      const found = await seen.see(program);
      return typeof found === "string"
        ? found.replace(`:${program.around.apiPort}`, ":PORT")
        : found;
    };
    const others = (around: Around) => seen.with?.(around) ?? {};
    await withProgram(async (program) => {
      const isWanted = (found: unknown) =>
        JSON.stringify(found) === JSON.stringify(seen.want);
      await eventually(() => looked(program), isWanted);
      assertEquals(
        program.lines.filter((line) => line.includes("unknown setting")),
        [],
      );
    }, (around) => ({
      ...others(around),
      [name]: seen.value?.(around) ?? example,
    }));
    if (seen.needed) return await refusedWithout(name, others);
    await withProgram(async (program) => {
      const found = await looked(program);
      assert(
        JSON.stringify(found) !== JSON.stringify(seen.want),
        `without it: ${JSON.stringify(found)}`,
      );
    }, others);
  });
}

Deno.test("upstream's KUBENURSE_VICTORIAMETRICS_HISTOGRAM: false is accepted, true stops the start", async () => {
  const name = "KUBENURSE_VICTORIAMETRICS_HISTOGRAM";
  await withProgram(
    async ({ lines }) => {
      await Promise.resolve();
      assertEquals(lines.filter((line) => line.includes("unknown")), []);
    },
    () => ({ [name]: "false" }),
  );
  const { code, err } = await startProgram("main.ts", [], {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    [name]: "true",
  }).ended();
  assertEquals(code, 2);
  assert(err.startsWith(`Cannot read ${name}="true": expected "false"`), err);
});

Deno.test("the examples of upstream's variables are among the settings that are read", () => {
  const known = SETTINGS.map((setting) => setting.name as string);
  assertEquals(VARIABLES.filter(({ name }) => !known.includes(name)), []);
});
