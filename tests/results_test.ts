import { assertEquals } from "@std/assert";
import type { Outcome } from "../lib/checks/check.ts";
import { createResults } from "../lib/results.ts";
import type { Change } from "../lib/results.ts";

const OK: Outcome = { state: "ok", seconds: 0.01, code: 200 };
const SKIPPED: Outcome = { state: "skipped", reason: "switched off" };
function failed(message = "no"): Outcome {
  return { state: "failed", seconds: 5, phase: "connect", message };
}

function kinds(outcomes: readonly Outcome[]): (Change["kind"] | undefined)[] {
  const results = createResults();
  return outcomes.map((outcome, i) => results.record("me", outcome, i)?.kind);
}

const CASES: readonly {
  name: string;
  outcomes: readonly Outcome[];
  want: readonly (Change["kind"] | undefined)[];
}[] = [
  {
    name: "a check that works",
    outcomes: [OK, OK],
    want: [undefined, undefined],
  },
  {
    name: "a check that is skipped",
    outcomes: [SKIPPED, OK],
    want: [undefined, undefined],
  },
  {
    name: "the first failure, not the others",
    outcomes: [failed(), failed(), failed("other")],
    want: ["failing", undefined, undefined],
  },
  {
    name: "the end of a failure, once",
    outcomes: [failed(), OK, OK],
    want: ["failing", "recovered", undefined],
  },
  {
    name: "a failing check that is switched off",
    outcomes: [failed(), SKIPPED],
    want: ["failing", "recovered"],
  },
  {
    name: "each of several failures",
    outcomes: [OK, failed(), OK, failed()],
    want: [undefined, "failing", "recovered", "failing"],
  },
];
for (const { name, outcomes, want } of CASES) {
  Deno.test(`record() tells the changes of ${name}`, () => {
    assertEquals(kinds(outcomes), [...want]);
  });
}

Deno.test("record() knows since when a check has failed and how often", () => {
  const results = createResults();
  results.record("me", OK, 1_000);
  results.record("me", failed(), 2_000);
  results.record("me", failed("still no"), 3_000);
  assertEquals(results.get("me"), {
    type: "me",
    outcome: failed("still no"),
    at: 3_000,
    failingSince: 2_000,
    failures: 2,
  });
  const change = results.record("me", OK, 4_000);
  assertEquals(change?.before?.failures, 2);
  assertEquals(change?.before?.failingSince, 2_000);
  assertEquals(change?.result, {
    type: "me",
    outcome: OK,
    at: 4_000,
    failingSince: undefined,
    failures: 0,
  });
  results.record("me", failed(), 5_000);
  assertEquals(results.get("me")?.failingSince, 5_000);
  assertEquals(results.get("me")?.failures, 1);
});

Deno.test("all() has the order in which the checks first came", () => {
  const results = createResults();
  for (const type of ["b", "a", "c", "a", "b"]) results.record(type, OK, 0);
  assertEquals(results.all().map(({ type }) => type), ["b", "a", "c"]);
});

Deno.test("keepOnly() drops the others and what was known of them", () => {
  const results = createResults();
  results.record("path_a", failed(), 1);
  results.record("path_b", failed(), 1);
  results.record("path_ok", OK, 1);
  const dropped = results.keepOnly(new Set(["path_b", "path_c"]));
  assertEquals(dropped.map(({ type }) => type), ["path_a"]); // it was failing
  assertEquals(results.all().map(({ type }) => type), ["path_b"]);
  assertEquals(results.get("path_a"), undefined);
  assertEquals(results.record("path_a", failed(), 9)?.kind, "failing");
  assertEquals(results.get("path_a")?.failingSince, 9);
});

Deno.test("isComplete() says whether a round has ended", () => {
  const results = createResults();
  results.record("me", OK, 0);
  assertEquals(results.isComplete(), false);
  results.completed();
  assertEquals(results.isComplete(), true);
});
