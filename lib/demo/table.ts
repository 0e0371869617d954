/**
 * What each node sees, as lines of text. Pure: it neither reads nor writes.
 *
 * @module
 */
import { pathType } from "../checks/sources.ts";

/** How a check stands: `-` is not checked (yet). */
export type Cell = "ok" | "FAIL" | "-";

/** What one node sees. */
export interface Row {
  readonly node: string;
  /** Whether its agent refuses connections. */
  readonly broken: boolean;
  /** By type of check; a missing one is `-`. */
  readonly cells: ReadonlyMap<string, Cell>;
  /** Sum of `kubenurse_errors`. */
  readonly errors: number;
}

/** Puts a meaning on a piece of text: colours on a terminal, nothing elsewhere. */
export type Paint = (
  as: "good" | "bad" | "faint" | "bold",
  text: string,
) => string;

/** Leaves the text as it is. */
export const plain: Paint = (_, text) => text;

/** Colours of a terminal. */
export const coloured: Paint = (as, text) =>
  `\x1b[${{ good: 32, bad: "1;31", faint: 2, bold: 1 }[as]}m${text}\x1b[0m`;

/** Columns under a common heading; together they are the types of the checks. */
function groups(nodes: readonly string[]) {
  return [
    { heading: "api_server_", columns: ["direct", "dns"] },
    { heading: "me_", columns: ["ingress", "service"] },
    { heading: pathType(""), columns: nodes },
  ];
}

/** The table: two lines of headings and one for each row; 80 characters for five nodes. */
export function tableLines(rows: readonly Row[], paint: Paint): string[] {
  const wide = Math.max("node".length, ...rows.map((r) => r.node.length));
  const all = groups(rows.map(({ node }) => node)).map((group) => ({
    ...group,
    types: group.columns.map((column) => group.heading + column),
    widths: group.columns.map((column) => column.length + 1),
  })).map((group) => {
    // the last column makes room for the heading
    const sum = group.widths.reduce((a, b) => a + b);
    group.widths[group.widths.length - 1]! += Math.max(
      0,
      group.heading.length + 1 - sum,
    );
    return group;
  });

  const headings = all.map(({ heading, widths }) =>
    heading.padEnd(widths.reduce((a, b) => a + b))
  );
  const columns = all.map(({ columns, widths }) =>
    columns.map((column, i) => column.padEnd(widths[i]!)).join("")
  );
  return [
    paint("faint", `${" ".repeat(wide)}  ${headings.join(" ")}`.trimEnd()),
    paint("bold", `${"node".padEnd(wide)}  ${columns.join(" ")}errors`),
    ...rows.map(({ node, broken, cells, errors }) => {
      const texts = all.map(({ types, widths }) =>
        types.map((type, i) => {
          const cell = cells.get(type) ?? "-";
          return paint(PAINT[cell], cell) +
            " ".repeat(widths[i]! - cell.length);
        }).join("")
      );
      const name = node.padEnd(wide);
      return `${broken ? paint("bad", name) : name}  ${texts.join(" ")}${
        String(errors).padStart("errors".length)
      }`;
    }),
  ];
}

const PAINT = { ok: "good", FAIL: "bad", "-": "faint" } as const;

/** What is going on, and where to see it: two lines. */
export function statusLines(rows: readonly Row[]): [string, string] {
  const broken = rows.filter((row) => row.broken).map(({ node }) => node);
  const failing = rows.filter(({ cells }) =>
    [...cells.values()].includes("FAIL")
  ).map(({ node }) => node);
  const complete = rows.every(({ cells }) => cells.size > 0);
  if (broken.length > 0) {
    const what = `${broken.join(", ")} refuse${
      broken.length === 1 ? "s" : ""
    } connections`;
    if (failing.length === 0) {
      return [`${what}. The next round of checks will find out.`, ""];
    }
    const type = pathType(broken[0]!);
    return [
      `${what}; ${failing.length} of ${rows.length} nodes see it.`,
      `See ${type} in /alive and kubenurse_errors{type="${type}"} in /metrics.`,
    ];
  }
  if (failing.length > 0) {
    return ["Every node listens. The next round of checks will find out.", ""];
  }
  if (!complete) return ["The first round of checks is under way.", ""];
  return ["Every check is ok.", ""];
}
