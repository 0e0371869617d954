import { assert, assertEquals, assertThrows } from "@std/assert";
import { itemScanner } from "../../lib/kubernetes/items.ts";
import { below, seeded } from "../fakes/random.ts";
import type { Random } from "../../lib/platform.ts";

/** What a scanner makes of a text that comes in pieces of `size` bytes. */
function scanned(text: string, size = Infinity) {
  const bytes = new TextEncoder().encode(text);
  const items: string[] = [];
  const scanner = itemScanner((item) => items.push(item));
  for (let at = 0; at < bytes.length; at += size) {
    scanner.push(bytes.subarray(at, at + size));
  }
  return { items, around: scanner.end() };
}

/** Checks that the items and what is around them are the whole, however it is cut. */
function assertScanned(text: string, items: readonly unknown[]) {
  const { items: _, ...rest } = JSON.parse(text);
  for (const size of [1, 2, 3, 5, 64, Infinity]) {
    const found = scanned(text, size);
    assertEquals(found.items.map((item) => JSON.parse(item)), items, text);
    assertEquals(JSON.parse(found.around), { ...rest, items: [] });
  }
}

const ITEMS: readonly { name: string; items: readonly unknown[] }[] = [
  { name: "no items", items: [] },
  { name: "objects", items: [{ a: 1 }, {}, { b: { c: [1, { d: 2 }] } }] },
  { name: "brackets and commas in strings", items: [{ a: '}],[{,"' }, "]}"] },
  {
    name: "backslashes at the ends of strings",
    items: ["\\", "\\\\", '\\"', "\\\\\\", '"\\'],
  },
  {
    name: "characters of several bytes",
    items: ["\u00e9\u20ac\u{1f600}", { "\u00e9": "\ud83d\ude00" }],
  },
  {
    name: "values that are no objects",
    items: [1, null, true, "a", [], [[1], 2]],
  },
  {
    name: "items in items",
    items: [{ items: [1, 2] }, { items: { items: [3] } }],
  },
  { name: "an item of a megabyte", items: [{ a: "x,{".repeat(350_000) }] },
];
for (const { name, items } of ITEMS) {
  Deno.test(`itemScanner() finds ${name}`, () => {
    const metadata = { resourceVersion: "1", items: [7], a: '"items":[' };
    if (name.includes("megabyte")) {
      const text = JSON.stringify({ metadata, items });
      assertEquals(scanned(text, 65_536).items, [JSON.stringify(items[0])]);
      return;
    }
    assertScanned(JSON.stringify({ metadata, items }), items);
    assertScanned(JSON.stringify({ items, metadata }, null, 2), items);
    assertScanned(JSON.stringify({ items, "\u00e9": "\u00e9" }) + " \n", items);
  });
}

Deno.test("itemScanner() leaves alone what is no array of items of the outermost object", () => {
  for (
    const text of [
      '{"items":null}',
      '{"items":{"items":[1]}}',
      '{"a":{"items":[1]}}',
      '{"a":"\\"items\\":[1]","items ":[1]}',
      '[{"items":[1]}]',
      '"items"',
      "",
    ]
  ) {
    assertEquals(scanned(text), { items: [], around: text });
  }
});

/** Whether each of the items, and what is around them, is JSON. */
function isJson({ items, around }: ReturnType<typeof scanned>): boolean {
  try {
    [...items, around].forEach((text) => JSON.parse(text));
    return true;
  } catch {
    return false;
  }
}

for (
  const text of [
    '{"items":[',
    '{"items":[1',
    '{"items":[1]',
    '{"items":[1}',
    '{"items":[1}}',
    '{"items":[1,]}',
    '{"items":[,1]}',
    '{"items":[,]}',
    '{"items":[1 2]}',
    '{"items":[{]}',
    '{"items":[{"a}]}',
    '{"items":["\\u00"]}',
    '{"items":[1]]}',
    '{"items":[1]}}',
    '{"items":[1]},',
    "{items:[1]}",
    "}]",
    "<html>",
  ]
) {
  Deno.test(`itemScanner() does not make JSON of ${text}`, () => {
    assertThrows(() => JSON.parse(text), SyntaxError);
    for (const size of [1, 2, Infinity]) assert(!isJson(scanned(text, size)));
  });
}

Deno.test("itemScanner() agrees with JSON.parse on lists that are broken at random", () => {
  const random = seeded(20);
  let whole = 0;
  for (let round = 0; round < 3_000; round++) {
    const items = Array.from(
      { length: below(4, random) },
      () => value(random, 3),
    );
    const text = broken(JSON.stringify({ metadata: {}, items }), random);
    const expected = parsed(text);
    const found = scanned(text, 1 + below(9, random));
    assertEquals(isJson(found), expected !== undefined, text);
    if (!Array.isArray(expected?.items)) continue;
    whole++;
    const more = JSON.parse(found.around).items;
    const seen = found.items.map((item) => JSON.parse(item));
    assertEquals([...seen, ...more], expected.items, text);
  }
  assert(whole > 300, `only ${whole} were whole`);
});

function parsed(text: string): { items?: unknown } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function value(random: Random, depth: number): unknown {
  const kind = below(depth > 0 ? 5 : 3, random);
  if (kind === 0) return below(100, random);
  if (kind === 1) return ['"', "\\", "],", '\\"}', "\u00e9"][below(5, random)];
  if (kind === 2) return null;
  const inner = Array.from(
    { length: below(3, random) },
    () => value(random, depth - 1),
  );
  return kind === 3 ? inner : { items: inner, a: inner[0] ?? "[" };
}

/** The text as it is, or with one character changed, lost or added. */
function broken(text: string, random: Random): string {
  const at = below(text.length, random);
  const instead = ["", '"', "\\", "[", "]", "{", "}", ","][below(8, random)]!;
  const kind = below(4, random);
  if (kind === 0) return text;
  return text.slice(0, at) + instead +
    text.slice(at + (kind === 1 ? 1 : kind === 2 ? 0 : 2));
}
