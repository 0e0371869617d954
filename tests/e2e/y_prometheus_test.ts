import { assertEquals } from "@std/assert";
import { agents, clusterTest, eventually, get, kubectl } from "./cluster.ts";

/**
 * The scrape job that reads the annotations of Pods, as most clusters have it.
 * Not every build of Prometheus can ask the API server itself (Debian's cannot),
 * so the Pods come from a file, with the labels that asking would give.
 */
function configuration(pods: string): string {
  return `
global: { scrape_interval: 2s }
scrape_configs:
  - job_name: kubernetes-pods
    file_sd_configs: [{ files: [${pods}] }]
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
        action: keep
        regex: "true"
      - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scheme]
        target_label: __scheme__
        regex: (https?)
      - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path]
        target_label: __metrics_path__
        regex: (.+)
      - source_labels: [__address__, __meta_kubernetes_pod_annotation_prometheus_io_port]
        target_label: __address__
        regex: ([^:]+)(?::\\d+)?;(\\d+)
        replacement: $1:$2
      - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name]
        action: keep
        regex: kubenurse
      - source_labels: [__meta_kubernetes_pod_node_name]
        target_label: node
`;
}

/** All Pods of the cluster, as Prometheus' service discovery describes them. */
async function discovered() {
  const { items } = await get("pods", "-A");
  // deno-lint-ignore no-explicit-any
  return items.map((pod: any) => ({
    targets: [
      `${pod.status.podIP}:${
        pod.spec.containers[0].ports?.[0]?.containerPort ?? 80
      }`,
    ],
    labels: {
      ...meta("pod_annotation_", pod.metadata.annotations),
      ...meta("pod_label_", pod.metadata.labels),
      __meta_kubernetes_pod_node_name: pod.spec.nodeName,
    },
  }));
}

function meta(kind: string, values: Record<string, string> = {}) {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      `__meta_kubernetes_${kind}${name.replace(/[^a-zA-Z0-9_]/g, "_")}`,
      value,
    ]),
  );
}

clusterTest(
  "a Prometheus that scrapes annotated Pods finds all agents",
  async () => {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(
      `${folder}/prometheus.yml`,
      configuration(`${folder}/pods.json`),
    );
    await Deno.writeTextFile(
      `${folder}/pods.json`,
      JSON.stringify(await discovered()),
    );
    const address = "127.0.0.1:19090";
    const prometheus = new Deno.Command("prometheus", {
      args: [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=${address}`,
        "--log.level=error",
      ],
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    async function query(text: string): Promise<Record<string, number>> {
      const url = `http://${address}/api/v1/query?${new URLSearchParams({
        query: text,
      })}`;
      const { data } = await (await fetch(url)).json();
      return Object.fromEntries(
        data.result.map((
          r: { metric: Record<string, string>; value: [number, string] },
        ) => [r.metric.node, Number(r.value[1])]),
      );
    }
    try {
      const nodes = (await agents()).map(({ node }) => node);
      await eventually("all are scraped", 30, async () => {
        assertEquals(
          await query("up"),
          Object.fromEntries(nodes.map((n) => [n, 1])),
        );
        return true;
      });
      const checks = await query(
        'count by (node) (kubenurse_request_count{type=~"path_.*"})',
      );
      assertEquals(checks, Object.fromEntries(nodes.map((n) => [n, 2])));
      // those that were replaced have probed within the last minute, too
      await eventually("all are probed by two", 75, async () => {
        assertEquals(
          await query("kubenurse_neighbourhood_incoming_checks"),
          Object.fromEntries(nodes.map((n) => [n, 2])),
        );
        return true;
      });
    } finally {
      prometheus.kill("SIGTERM");
      await prometheus.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
);

clusterTest(
  "promtool check metrics finds nothing wrong that is not upstream's",
  async () => {
    const [agent] = await agents();
    const text = await (await fetch(`http://${agent!.ip}:8080/metrics`)).text();
    const child = new Deno.Command("promtool", {
      args: ["check", "metrics"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
    const { stdout, stderr } = await child.output();
    const said = new TextDecoder().decode(stdout) +
      new TextDecoder().decode(stderr);
    // the name is the contract, though a counter should end in _total
    const expected =
      'kubenurse_errors counter metrics should have "_total" suffix\n';
    assertEquals(said, expected);
    await kubectl("version"); // the cluster is still there
  },
);
