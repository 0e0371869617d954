/**
 * Kubernetes label selectors, as the API server understands them.
 *
 * @module
 */

/** Labels of an object. */
export type Labels = Readonly<Record<string, string>>;

type Matcher = (labels: Labels) => boolean;

/**
 * Reads a selector: `key`, `!key`, `key=value`, `key==value`, `key!=value`,
 * `key in (a,b)`, `key notin (a,b)`, joined by commas. An empty one is met by all.
 *
 * @returns Whether labels meet it.
 * @throws {SyntaxError} When it cannot be read.
 */
export function labelSelector(selector: string): Matcher {
  if (selector.trim() === "") return () => true;
  // at commas that are not in brackets
  const matchers = selector.split(/,(?![^(]*\))/).map((text) =>
    requirement(text.trim())
  );
  return (labels) => matchers.every((matches) => matches(labels));
}

function requirement(text: string): Matcher {
  const [, key, operator, list] =
    /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text) ?? [];
  if (list !== undefined) {
    const values = new Set<string | undefined>(
      list.split(",").map((value) => value.trim()),
    );
    return (labels) => values.has(labels[key!]) === (operator === "in");
  }
  const [, name, sign, value] =
    /^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$/.exec(text) ?? [];
  if (name !== undefined) {
    return (labels) => (labels[name] === value) === (sign !== "!=");
  }
  const [, not, wanted] = /^(!?)\s*([^\s=!()]+)$/.exec(text) ?? [];
  if (wanted === undefined) {
    throw new SyntaxError(`unable to parse requirement: ${text}`);
  }
  return (labels) => (wanted in labels) === (not === "");
}
