/**
 * The pages of the documentation, as tests read them.
 *
 * @module
 */
import { assert } from "@std/assert";

/** Root of the repository. */
export const ROOT = new URL("../../", import.meta.url);

/** A file, by its path below the root. */
export function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** Rows of the table with these columns; without the ` of code and the \ of \|. */
export function tableRows(page: string, head: readonly string[]): string[][] {
  const cells = (line: string) =>
    line.slice(1, -1).split(/(?<!\\)\|/).map((cell) =>
      cell.replaceAll(/`|\\(?=\|)/g, "").trim()
    );
  const lines = read(page).split("\n");
  const start = lines.findIndex((line) =>
    line.startsWith("|") && cells(line).join("|") === head.join("|")
  );
  assert(start >= 0, `${page} has no table ${head.join(", ")}`);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return rest.slice(0, end === -1 ? undefined : end).map(cells);
}
