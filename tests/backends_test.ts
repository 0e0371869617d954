import { assertEquals } from "@std/assert";
import { createBackends } from "../lib/backends.ts";
import type { Outcome } from "../lib/checks/check.ts";
import { failed, ok } from "./fakes/checks.ts";

function by(node: string): Outcome {
  return { ...ok(), headers: { "kubenurse-node": node } };
}

function backends() {
  let time = 0;
  const made = createBackends(() => time);
  return { ...made, pass: (ms: number) => void (time += ms) };
}

Deno.test("who answered is counted by node, most first, and failures beside them", () => {
  const made = backends();
  for (const node of ["a", "b", "b"]) made.record("me_service", by(node));
  made.record("me_service", failed());
  assertEquals(made.view(undefined), {
    me_service: { by_node: { b: 2, a: 1 }, failed: 1, never: [] },
  });
  assertEquals(Object.keys(made.view([]).me_service!.by_node), ["b", "a"]);
  assertEquals(made.distinct("me_service"), 2);
  assertEquals(made.distinct("me_ingress"), undefined);
});

Deno.test("an answer that names no node, and a check that was not made, say nothing", () => {
  const made = backends();
  made.record("me_ingress", ok());
  made.record("me_ingress", { state: "skipped", reason: "off" });
  assertEquals(made.view(["a"]), {});
});

Deno.test("a node is called out when chance does not explain that it never answers", () => {
  const made = backends();
  for (let i = 0; i < 29; i++) made.record("me_service", by(i % 2 ? "a" : "b"));
  assertEquals(made.view(["a", "b", "c"]).me_service!.never, []);
  made.record("me_service", failed());
  assertEquals(made.view(["a", "b", "c"]).me_service!.never, ["c"]);
  assertEquals(made.view(undefined).me_service!.never, []);
});

Deno.test("a node that has fallen silent is called out though older answers of it are kept", () => {
  const made = backends();
  for (let i = 0; i < 60; i++) made.record("me_service", by(i % 2 ? "a" : "b"));
  for (let i = 0; i < 18; i++) made.record("me_service", by("a"));
  assertEquals(made.view(["a", "b"]).me_service!.never, []);
  made.record("me_service", failed());
  assertEquals(made.view(["a", "b"]).me_service!.never, ["b"]);
});

Deno.test("only the newest 120 outcomes within ten minutes count", () => {
  const made = backends();
  for (let i = 0; i < 120; i++) made.record("me_service", by("old"));
  for (let i = 0; i < 119; i++) made.record("me_service", by("new"));
  assertEquals(made.view(undefined).me_service!.by_node, { new: 119, old: 1 });
  made.pass(600_001);
  made.record("me_service", by("newer"));
  assertEquals(made.view(undefined).me_service!.by_node, { newer: 1 });
  made.pass(600_001);
  assertEquals(made.distinct("me_service"), 0);
});
