/** The page for those who come from upstream has the tables that are tried. */
import { assertEquals } from "@std/assert";
import { tableRows } from "../fakes/pages.ts";
import { ENDPOINTS, METRICS, VARIABLES } from "./upstream.ts";

const PAGE = "docs/migrating.md";
const bare = (text: string) => text.replaceAll("`", "");

Deno.test(`${PAGE} has upstream's metrics`, () => {
  assertEquals(
    tableRows(PAGE, ["Metric", "Kind", "Labels", "Of"]),
    METRICS.map(({ name, kind, labels, of, setting }) => [
      name,
      kind,
      labels.join(", "),
      setting ? `${of}; here with ${setting}` : of,
    ]),
  );
});

Deno.test(`${PAGE} has upstream's endpoints`, () => {
  assertEquals(
    tableRows(PAGE, ["Endpoint, port 8080", "Status", "Answer"]),
    ENDPOINTS.map(({ path, status, answer }) => [path, `${status}`, answer]),
  );
});

Deno.test(`${PAGE} has upstream's variables`, () => {
  assertEquals(
    tableRows(PAGE, ["Variable", "Example", "What one sees of it"]),
    VARIABLES.map(({ name, example, effect }) => [name, example, bare(effect)]),
  );
});
