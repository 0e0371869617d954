import { assert, assertEquals } from "@std/assert";
import { parse } from "yaml";
import { copies } from "../../manifests/generate.ts";
import { unknownIn } from "./promql.ts";
import { read, run, toolTest } from "./tools.ts";

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
}

const RULES = "manifests/alerts/rules.yaml";
const CASES = "manifests/alerts/rules_test.yaml";

function rules(): Rule[] {
  const { groups } = parse(read(RULES)) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

/** Labels of the recorded series. */
const RECORDED = {
  "kubenurse:check_failing:share2m": ["type"],
  "kubenurse:node_unreachable:share2m": ["type", "target_node"],
  "kubenurse:udp_loss:ratio5m": ["type"],
};

for (
  const [path, text] of Object.entries(
    copies((path) => read(`manifests/${path}`)),
  )
) {
  Deno.test(`manifests/${path} is up to date`, () => {
    assertEquals(
      read(`manifests/${path}`),
      text,
      "run: deno run --allow-read --allow-write manifests/generate.ts",
    );
  });
}

Deno.test("the PrometheusRule and the rule file hold the same", () => {
  const rule = parse(
    read("manifests/components/prometheus-operator/prometheus-rule.yaml"),
  );
  assertEquals(rule.spec, parse(read(RULES)));
});

for (const { record, alert, expr } of rules()) {
  Deno.test(`${record ?? alert} names what exists`, () => {
    assertEquals(unknownIn(expr, RECORDED), []);
  });
}

Deno.test("every alert says how bad it is, what is wrong and what to do", () => {
  for (const rule of rules().filter(({ alert }) => alert !== undefined)) {
    const { alert, annotations, labels } = rule;
    assert(/^Kubenurse[A-Z]/.test(alert!), alert);
    assert(rule.for !== undefined, alert);
    assert(["critical", "warning"].includes(labels?.severity ?? ""), alert);
    assert((annotations?.summary?.length ?? 0) > 10, alert);
    assert((annotations?.description?.length ?? 0) > 100, alert);
  }
});

Deno.test("every alert fires in one case at least, and not in others", () => {
  const { tests } = parse(read(CASES)) as {
    tests: {
      promql_expr_test: { exp_samples: { labels: string }[] }[];
    }[];
  };
  const fired = tests.map(({ promql_expr_test }) =>
    new Set(
      promql_expr_test.flatMap(({ exp_samples }) => exp_samples)
        .map(({ labels }) => /alertname="(\w+)"/.exec(labels)![1]),
    )
  );
  for (const { alert } of rules()) {
    if (alert === undefined) continue;
    const cases = fired.filter((names) => names.has(alert)).length;
    assert(cases > 0 && cases < fired.length, alert);
  }
});

toolTest("promtool accepts the rules", ["promtool"], async () => {
  const { code, stdout, stderr } = await run(
    "promtool",
    "check",
    "rules",
    RULES,
  );
  assertEquals(code, 0, stdout + stderr);
});

toolTest("the rules fire when they should and not when they should not", [
  "promtool",
], async () => {
  const { code, stdout, stderr } = await run(
    "promtool",
    "test",
    "rules",
    CASES,
  );
  assertEquals(code, 0, stdout + stderr);
});
