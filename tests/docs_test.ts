/**
 * The documentation says what the code does, and points to what is there.
 */
import { assert, assertEquals } from "@std/assert";
import { SETTINGS } from "../lib/config/settings.ts";
import { DEFINITIONS } from "../lib/metrics/definitions.ts";
import { read, ROOT, tableRows } from "./fakes/pages.ts";

/** Not ours, or made here. */
const SKIPPED = new Set([".git", "dist", "node_modules", "coverage"]);

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, ROOT));
    return true;
  } catch {
    return false;
  }
}

/** Paths of all files below a folder, from the root. */
function filesBelow(folder = ""): string[] {
  return [...Deno.readDirSync(new URL(`./${folder}`, ROOT))]
    .filter(({ name }) => !SKIPPED.has(name))
    .flatMap(({ name, isDirectory }) =>
      isDirectory ? filesBelow(`${folder}${name}/`) : [folder + name]
    )
    .sort();
}

const FILES = filesBelow();
const PAGES = FILES.filter((path) => path.endsWith(".md"));

/** Lines of the blocks of code in a page. */
function codeLines(page: string): string[] {
  return [...read(page).matchAll(/^```.*\n([^]*?)^```/gm)]
    .flatMap(([, code]) => code!.split("\n"));
}

Deno.test("docs/configuration.md has the table of settings", () => {
  assertEquals(
    tableRows("docs/configuration.md", ["Variable", "Default", "What it does"]),
    SETTINGS.map((setting) => [setting.name, setting.default, setting.help]),
  );
});

Deno.test("docs/metrics.md has the table of metrics", () => {
  assertEquals(
    tableRows("docs/metrics.md", ["Metric", "Kind", "Labels", "Meaning"]),
    Object.values(DEFINITIONS).map(({ name, kind, labels, help }) => [
      name,
      kind,
      labels.join(", "),
      help,
    ]),
  );
});

Deno.test("README.md begins with the commands for the demo and the tests", () => {
  assertEquals(
    codeLines("README.md").filter((line) => line !== "").slice(0, 2),
    ["npx -y deno@2.9.6 task demo", "npx -y deno@2.9.6 task test"],
  );
});

Deno.test("every page, script and image names the same version of Deno", () => {
  const found = [...PAGES, "Dockerfile", ".ci/run"].flatMap((path) =>
    [...read(path).matchAll(/\bdeno[@: ](\d+\.\d+\.\d+)/gi)]
      .map(([, version]) => ({ path, version }))
  );
  assert(found.length > 0);
  assertEquals(found.filter(({ version }) => version !== "2.9.6"), []);
});

Deno.test("every task that a page names exists", () => {
  const { tasks } = JSON.parse(read("deno.json"));
  for (const page of PAGES) {
    const named = read(page).matchAll(/\bdeno(?:@[\d.]+)? task ([a-z]\w*)/g);
    for (const [, task] of named) {
      assert(task! in tasks, `${page}: deno task ${task}`);
    }
  }
});

Deno.test("every variable that a page names is a setting, or said not to be", () => {
  const known = new Set<string>(SETTINGS.map(({ name }) => name));
  const ofTests = /^KUBENURSE_(IMAGE|BINARY|CLUSTER_TOOL|DENORT|NEIGHBOUR)$/;
  for (const page of PAGES) {
    for (const [name] of read(page).matchAll(/\bKUBENURSE_[A-Z_]*[A-Z]/g)) {
      assert(
        known.has(name) || ofTests.test(name),
        `${page}: ${name}`,
      );
    }
  }
});

/** The anchor of a heading, as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-");
}

for (const page of PAGES) {
  Deno.test(`${page} links to what is there`, () => {
    const text = read(page).replace(/^```[^]*?^```/gm, "");
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue; // another site
      const [path, anchor] = target!.split("#");
      const folder = new URL(page, ROOT);
      const file = path === "" ? folder : new URL(path!, folder);
      assert(exists(file.href), `${target} is missing`);
      if (anchor === undefined) continue;
      const anchors = [...Deno.readTextFileSync(file).matchAll(/^#+ (.+)$/gm)]
        .map(([, heading]) => anchorOf(heading!));
      assert(anchors.includes(anchor), `${target} has no such heading`);
    }
  });
}

/** What belongs to the machine of who wrote it; in pieces, so as not to find itself. */
const FOREIGN = [
  {
    what: "a path of one machine",
    pattern: /(?<![\w.~-])\/(?:wor[k]|roo[t])\//,
  },
  {
    what: "the host of a registry",
    pattern:
      /\b(?:registry|mirror|artifactory|nexus|verdaccio|npm|pypi)\.(?!example\b)[a-z0-9-]+\.[a-z]{2,}\b/i,
  },
  {
    what: "the host of a registry",
    pattern: /https?:\/\/(?:jsr\.io|pypi\.org|npm\.jsr\.io|proxy\.golang\.org)/,
  },
];

Deno.test("no file names a path of one machine or the host of a registry", () => {
  const found = FILES.flatMap((path) =>
    read(path).split("\n").flatMap((line, index) =>
      FOREIGN.filter(({ pattern }) => pattern.test(line))
        .map(({ what }) => `${path}:${index + 1}: ${what}: ${line.trim()}`)
    )
  );
  assertEquals(found, []);
});
