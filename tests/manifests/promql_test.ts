import { assertEquals } from "@std/assert";
import { namesIn, unknownIn } from "./promql.ts";

Deno.test("namesIn() finds metrics, their matchers and groupings", () => {
  assertEquals(
    namesIn(
      'sum by (type, le) (rate(a_bucket{job=~"$job", x!="1"}[5m])) / on (y) group_left () b offset 5m > 0.5 and c',
    ),
    {
      metrics: [
        { name: "a_bucket", labels: ["job", "x"] },
        { name: "b", labels: [] },
        { name: "c", labels: [] },
      ],
      labels: ["type", "le", "y"],
      made: [],
    },
  );
});

Deno.test("namesIn() finds labels that label_replace() makes of others", () => {
  assertEquals(
    namesIn(
      'label_replace(label_replace(max by (from) (a), "to", "$1", "type", "b_(.+)"), "from", "$1", "node", "(.+)")',
    ),
    {
      metrics: [{ name: "a", labels: [] }],
      labels: ["from", "type", "node"],
      made: ["to", "from"],
    },
  );
});

const CASES = [
  { expression: "kubenurse_errors", want: [] },
  { expression: "kubenurse_error", want: ["no metric kubenurse_error"] },
  {
    expression: 'kubenurse_errors{event="dns_done"}',
    want: ["no label event on kubenurse_errors"],
  },
  { expression: 'kubenurse_request{quantile="0.9"}', want: [] },
  {
    expression: "kubenurse_httpclient_request_duration_seconds",
    want: ["no metric kubenurse_httpclient_request_duration_seconds"],
  },
  {
    expression: "sum by (job, code) (kubenurse_errors)",
    want: ["no label code"],
  },
];
for (const { expression, want } of CASES) {
  Deno.test(`unknownIn() of ${expression}`, () => {
    assertEquals(unknownIn(expression), want);
  });
}
