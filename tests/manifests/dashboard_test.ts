import { assert, assertEquals } from "@std/assert";
import { stringify } from "yaml";
import { namesIn, unknownIn } from "./promql.ts";
import { read, run, toolTest } from "./tools.ts";

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { x: number; y: number; w: number; h: number };
  readonly targets?: readonly Target[];
}

const dashboard = JSON.parse(read("manifests/grafana/dashboard.json")) as {
  panels: Panel[];
  templating: { list: { name: string; definition?: string }[] };
};
const { panels, templating } = dashboard;
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ title, ...target }))
);

for (const { title, refId, expr, legendFormat } of queries) {
  Deno.test(`dashboard: "${title}" ${refId} names what exists`, () => {
    assertEquals(unknownIn(expr), []);
    const { labels } = namesIn(expr);
    for (const [, label] of legendFormat.matchAll(/{{(\w+)}}/g)) {
      assert(labels.includes(label!), `legend: ${label}`);
    }
  });
}

Deno.test("dashboard: its variables exist, and their queries too", () => {
  const known = new Set(templating.list.map(({ name }) => name));
  const text = JSON.stringify(dashboard);
  for (const [, name] of text.matchAll(/\$\{?([a-z]\w+)/g)) {
    assert(known.has(name!), name);
  }
  for (const { definition } of templating.list) {
    if (definition === undefined) continue;
    const [, series] = /^label_values\((.+), \w+\)$/.exec(definition)!;
    assertEquals(unknownIn(series!), []);
  }
});

Deno.test("dashboard: panels have their own place and number", () => {
  assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { id, gridPos: a } of panels) {
    assert(a.x + a.w <= 24);
    for (const { id: other, gridPos: b } of panels) {
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x ||
        a.y + a.h <= b.y || b.y + b.h <= a.y;
      assert(id === other || apart, `${id} and ${other}`);
    }
  }
});

Deno.test("dashboard: begins with the state, then errors, matrix and latency", () => {
  assertEquals(
    panels.filter(({ type }) => type === "row").map(({ title }) =>
      title.replace(/ \(.*/, "")
    ),
    [
      "Is something wrong, and where?",
      "Errors by type",
      "From node to node",
      "Latency",
      "Agents",
    ],
  );
});

toolTest("promtool accepts the dashboard's queries", ["promtool"], async () => {
  const rules = queries.map(({ expr }, index) => ({
    record: `query_${index}`,
    expr: expr.replaceAll("$__rate_interval", "5m"),
  }));
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(
      file,
      stringify({ groups: [{ name: "dashboard", rules }] }),
    );
    const { code, stdout, stderr } = await run(
      "promtool",
      "check",
      "rules",
      file,
    );
    assertEquals(code, 0, stdout + stderr);
  } finally {
    await Deno.remove(file);
  }
});
