/**
 * The arguments of `deno task bench:scale`.
 *
 * @module
 */

/** What to measure. */
export interface Options {
  /** Numbers of nodes, rising. */
  readonly sizes: readonly number[];
  /** How long at each size, after the start. */
  readonly seconds: number;
  readonly heartbeatsPerS: number;
  readonly restartsPerS: number;
  /** Compare V8's and the allocator's settings at the last size instead. */
  readonly settings: boolean;
  readonly binary: string;
  /** Settings of the agent that differ from the manifests'. */
  readonly env: Readonly<Record<string, string>>;
}

export const USAGE = `usage: deno task bench:scale [OPTION...]

  --sizes 10,100,1000,5000   numbers of nodes, rising
  --seconds 120              how long to measure at each size, after the start
  --heartbeats 17            reports of nodes' status a second meanwhile
  --restarts 1               restarts of Pods a second meanwhile
  --env NAME=VALUE           a setting of the agent; may be repeated
  --binary dist/kubenurse    the agent
  --settings                 instead: compare V8 and allocator settings at the last size
`;

/** An argument that cannot be used. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

/** @throws {OptionError} With one line that says which argument is wrong. */
export function parseOptions(args: readonly string[]): Options {
  const values: Record<string, string> = {
    "--sizes": "10,100,1000,5000",
    "--seconds": "120",
    "--heartbeats": "17",
    "--restarts": "1",
    "--binary": "dist/kubenurse",
  };
  const env: Record<string, string> = {};
  let settings = false;
  const rest = [...args];
  while (rest.length > 0) {
    const name = rest.shift()!;
    if (name === "--settings") {
      settings = true;
      continue;
    }
    const value = rest.shift();
    const [, key, text] = /^(\w+)=(.*)$/s.exec(value ?? "") ?? [];
    if (name === "--env" && key !== undefined) env[key] = text!;
    else if (name in values && value) values[name] = value;
    else {
      const given = value === undefined ? name : `${name} ${value}`;
      throw new OptionError(`Cannot read ${given}: see --help`);
    }
  }
  const number = (name: string, least: number) => {
    const value = Number(values[name]);
    if (value >= least) return value;
    throw new OptionError(`Cannot read ${name} ${values[name]}: see --help`);
  };
  const sizes = values["--sizes"]!.split(",").map(Number);
  const rising = sizes.every((n, i) =>
    Number.isInteger(n) && n >= 2 && n > (sizes[i - 1] ?? 0)
  );
  if (!rising) {
    throw new OptionError(
      `Cannot read --sizes ${
        values["--sizes"]
      }: expected rising numbers, 2 or more each`,
    );
  }
  return {
    sizes,
    seconds: number("--seconds", 1),
    heartbeatsPerS: number("--heartbeats", 0),
    restartsPerS: number("--restarts", 0),
    settings,
    binary: values["--binary"]!,
    env,
  };
}
