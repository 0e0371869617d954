/** A real Prometheus and its linter on the agents of the embedded cluster. */
import { assert, assertEquals } from "@std/assert";
import { startCluster } from "../lib/demo/cluster.ts";
import type { Cluster } from "../lib/demo/cluster.ts";
import { eventually } from "./fakes/eventually.ts";
import { find } from "./manifests/tools.ts";
import type { Tool } from "./manifests/tools.ts";

const NODES = ["node-1", "node-2", "node-3"];

/** A test on a running cluster that needs a program; where that is not there, its name says so. */
function clusterTest(
  name: string,
  tool: Tool,
  test: (path: string, cluster: Cluster) => Promise<void>,
) {
  const path = find(tool);
  Deno.test({
    name: path ? name : `${name} (needs ${tool})`,
    ignore: path === undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      const silent = { info() {}, warn() {} };
      const cluster = await startCluster({
        nodes: NODES,
        interval: "200ms",
        logOf: () => silent,
      });
      try {
        for (const { url } of cluster.nodes) {
          await eventually(async () => {
            const response = await fetch(`${url}/alive`);
            const { me_service } = await response.json();
            return response.ok && me_service === "ok";
          }, (healthy) => healthy);
        }
        await test(path!, cluster);
      } finally {
        await cluster.close();
      }
    },
  });
}

function configuration({ nodes }: Cluster): string {
  const targets = nodes.map(({ name, url }) =>
    `{ targets: ["${new URL(url).host}"], labels: { node: ${name} } }`
  );
  return `
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: kubenurse
    static_configs: [${targets.join(", ")}]
`;
}

type Sample = readonly [labels: Record<string, string>, value: number];
type Query = (text: string) => Promise<Sample[]>;

/** Runs a Prometheus that scrapes a cluster while `test` runs. */
async function withPrometheus(
  path: string,
  cluster: Cluster,
  test: (query: Query) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/prometheus.yml`, configuration(cluster));
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  listener.close();
  const child = new Deno.Command(path, {
    args: [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${address}`,
      "--log.level=error",
    ],
    cwd: folder,
    env: { HOME: folder },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();

  async function query(text: string): Promise<Sample[]> {
    const url = `http://${address}/api/v1/query?${new URLSearchParams({
      query: text,
    })}`;
    const { data } = await (await fetch(url)).json();
    return data.result.map((
      { metric: { __name__: _, ...labels }, value }: {
        metric: Record<string, string>;
        value: [number, string];
      },
    ) => [labels, Number(value[1])]);
  }
  try {
    await eventually(async () => {
      try {
        const response = await fetch(`http://${address}/-/ready`);
        await response.body?.cancel();
        return response.ok;
      } catch {
        return false; // it does not listen yet
      }
    }, (ready) => ready);
    await test(query);
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await Deno.remove(folder, { recursive: true });
  }
}

/** Values by the label `node`. */
function byNode(samples: readonly Sample[]): Record<string, number> {
  return Object.fromEntries(
    samples.map(([{ node }, value]) => [node, value] as const)
      .toSorted(([a], [b]) => a! < b! ? -1 : 1),
  );
}

const each = (value: number) =>
  Object.fromEntries(NODES.map((node) => [node, value]));

clusterTest(
  "a Prometheus sees what the agents see, and a node that breaks",
  "prometheus",
  (path, cluster) =>
    withPrometheus(path, cluster, async (query) => {
      await eventually(
        async () => byNode(await query("up")),
        (up) => JSON.stringify(up) === JSON.stringify(each(1)),
      );
      const quantiles = await query(
        'kubenurse_request{type=~"path_.*", quantile=~"0.5|0.9|0.99"}',
      );
      assertEquals(
        quantiles.map(([{ node, type, quantile }]) =>
          `${node} ${type} ${quantile}`
        ).sort(),
        NODES.flatMap((node) =>
          NODES.filter((other) => other !== node).flatMap((other) =>
            ["0.5", "0.9", "0.99"].map((q) => `${node} path_${other} ${q}`)
          )
        ).sort(),
      );
      for (const [labels, seconds] of quantiles) {
        assert(seconds > 0 && seconds < 5, JSON.stringify([labels, seconds]));
      }
      assertEquals(
        byNode(await query("sum by (node) (kubenurse_errors)")),
        each(0),
      );
      assertEquals(
        byNode(await query("kubenurse_neighbourhood_incoming_checks")),
        each(2),
      );
      assertEquals(byNode(await query("kubenurse_neighbours")), each(2));

      await cluster.breakNode("node-2");
      const failing = 'kubenurse_errors{type="path_node-2"}';
      const seen = await eventually(
        async () => byNode(await query(`increase(${failing}[15s]) > 0`)),
        (seen) => Object.keys(seen).length === 2,
      );
      assertEquals(Object.keys(seen), ["node-1", "node-3"]);
      // a check that was under way may have failed in another way
      const events = await query(
        'kubenurse_errors_total{type="path_node-2", event="connect_done"} > 0',
      );
      assertEquals(Object.keys(byNode(events)), ["node-1", "node-3"]);
      await eventually(
        async () => byNode(await query("up"))["node-2"],
        (up) => up === 0,
      );
      assertEquals(
        await query('kubenurse_errors{type!="path_node-2"} > 0'),
        [],
      );
    }),
);

clusterTest(
  "promtool check metrics finds nothing wrong but the name of the contract",
  "promtool",
  async (path, cluster) => {
    await cluster.breakNode("node-2");
    const [{ url }] = cluster.nodes as [Cluster["nodes"][0]];
    const text = await eventually(
      async () => await (await fetch(`${url}/metrics`)).text(),
      (text) => text.includes('event="connect_done"'),
    );
    const child = new Deno.Command(path, {
      args: ["check", "metrics"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await new Blob([text]).stream().pipeTo(child.stdin);
    const { stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    assertEquals(
      decoder.decode(stdout) + decoder.decode(stderr),
      'kubenurse_errors counter metrics should have "_total" suffix\n',
    );
  },
);
