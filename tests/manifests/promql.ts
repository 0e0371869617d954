/**
 * Finds the names in PromQL expressions. It does not judge the syntax; promtool
 * does that.
 *
 * @module
 */
import { DEFINITIONS } from "../../lib/metrics/definitions.ts";
import type { Definition } from "../../lib/metrics/definitions.ts";

/** What an expression names. */
export interface Names {
  /** Metrics, with the labels that are matched on each. */
  readonly metrics: readonly {
    readonly name: string;
    readonly labels: readonly string[];
  }[];
  /** Labels of `by (...)`, `on (...)` and the like. */
  readonly labels: readonly string[];
  /** Labels that `label_replace` makes. */
  readonly made: readonly string[];
}

const TOKEN =
  /"(?:[^"\\]|\\.)*"|'[^']*'|\[[^\]]*\]|[A-Za-z_:][\w:]*|\d[\w.]*|[(){},]|[^\s\w(){},"']+/g;
const WORDS = new Set(["and", "or", "unless", "offset", "bool"]);
const GROUPING = new Set([
  "by",
  "without",
  "on",
  "ignoring",
  "group_left",
  "group_right",
]);

/** Finds the names in an expression. */
export function namesIn(expression: string): Names {
  const tokens = expression.match(TOKEN) ?? [];
  const metrics: { name: string; labels: string[] }[] = [];
  const labels: string[] = [];
  const made: string[] = [];
  /** Functions whose brackets are open, with their arguments that are strings. */
  const open: { name: string; strings: string[] }[] = [];

  /** Identifiers up to the closing bracket; returns where that is. */
  function upTo(end: string, from: number, into: string[]): number {
    let at = from;
    for (; tokens[at] !== end && at < tokens.length; at++) {
      if (/^[A-Za-z_]/.test(tokens[at]!)) into.push(tokens[at]!);
    }
    return at;
  }

  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    const next = tokens[at + 1];
    if (GROUPING.has(token)) at = upTo(")", at + 2, labels);
    else if (token === "(") open.push({ name: "", strings: [] });
    else if (token === ")") {
      const { name, strings } = open.pop() ?? { name: "", strings: [] };
      if (name === "label_replace") {
        made.push(strings[0]!);
        labels.push(strings[2]!);
      }
    } else if (token.startsWith('"')) {
      open.at(-1)?.strings.push(token.slice(1, -1));
    } else if (!/^[A-Za-z_:]/.test(token) || WORDS.has(token)) continue;
    else if (next === "(") {
      open.push({ name: token, strings: [] });
      at++;
    } else if (GROUPING.has(next ?? "")) { // sum by (type) (...)
      const inside: string[] = [];
      at = upTo(")", at + 3, inside);
      labels.push(...inside);
    } else {
      const matched: string[] = [];
      if (next === "{") at = upTo("}", at + 2, matched);
      metrics.push({ name: token, labels: matched });
    }
  }
  return { metrics, labels, made };
}

/** Labels that Prometheus and its service discovery give to every target. */
const TARGET_LABELS = [
  "cluster",
  "job",
  "instance",
  "namespace",
  "pod",
  "node",
];

/** Metrics that come from elsewhere. */
const OTHERS: Record<string, readonly string[]> = {
  up: [],
  kube_daemonset_status_desired_number_scheduled: ["daemonset"],
  ALERTS: ["alertname", "alertstate", "severity", "target_node", "type"],
};

/** All series that the agent exposes, with their labels. */
function exposed(): Map<string, readonly string[]> {
  const found = new Map(Object.entries(OTHERS));
  for (const { name, kind, labels } of Object.values<Definition>(DEFINITIONS)) {
    if (kind === "counter" || kind === "gauge") {
      found.set(name, labels);
      continue;
    }
    found.set(`${name}_sum`, labels);
    found.set(`${name}_count`, labels);
    if (kind === "histogram") found.set(`${name}_bucket`, [...labels, "le"]);
    else found.set(name, [...labels, "quantile"]);
  }
  return found;
}

/**
 * What an expression names that does not exist, in words.
 *
 * @param recorded Series of recording rules, with their labels.
 */
export function unknownIn(
  expression: string,
  recorded: Readonly<Record<string, readonly string[]>> = {},
): string[] {
  const known = new Map([...exposed(), ...Object.entries(recorded)]);
  const { metrics, labels, made } = namesIn(expression);
  const problems: string[] = [];
  const there = new Set([...TARGET_LABELS, ...made]);
  for (const metric of metrics) {
    const own = known.get(metric.name);
    if (!own) problems.push(`no metric ${metric.name}`);
    for (const label of own ?? []) there.add(label);
    for (const label of own ? metric.labels : []) {
      if (!own!.includes(label) && !TARGET_LABELS.includes(label)) {
        problems.push(`no label ${label} on ${metric.name}`);
      }
    }
  }
  for (const label of labels) {
    if (!there.has(label)) problems.push(`no label ${label}`);
  }
  return problems;
}
