/**
 * The arguments of `deno task bench:scale`.
 *
 * @module
 */

import { parseArgs } from "node:util";

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
  /** Compare these values of the agent's settings there instead. */
  readonly vary: Readonly<Record<string, readonly string[]>>;
  /** How often each of these is measured. */
  readonly runs: number;
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
  --settings                 instead, at the last size: compare V8's and the allocator's settings
  --vary NAME=VALUE,VALUE    instead, at the last size: compare values of a setting of the
                             agent with the default; may be repeated
  --runs 2                   how often to measure each of these
`;

/** An argument that cannot be used. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

const TEXT = { type: "string" } as const;
const TEXTS = {
  type: "string",
  multiple: true,
  default: [] as string[],
} as const;

/** @throws {OptionError} With one line that says which argument is wrong. */
export function parseOptions(args: readonly string[]): Options {
  const given = read(args);
  return {
    sizes: sizesOf(given.sizes),
    seconds: number("--seconds", given.seconds, 1),
    heartbeatsPerS: number("--heartbeats", given.heartbeats, 0),
    restartsPerS: number("--restarts", given.restarts, 0),
    settings: given.settings,
    vary: Object.fromEntries(
      given.vary.map((text) => pair("--vary", text))
        .map(([name, values]) => [name, values.split(",")]),
    ),
    runs: number("--runs", given.runs, 1),
    binary: given.binary,
    env: Object.fromEntries(given.env.map((text) => pair("--env", text))),
  };
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        sizes: { ...TEXT, default: "10,100,1000,5000" },
        seconds: { ...TEXT, default: "120" },
        heartbeats: { ...TEXT, default: "17" },
        restarts: { ...TEXT, default: "1" },
        runs: { ...TEXT, default: "2" },
        binary: { ...TEXT, default: "dist/kubenurse" },
        settings: { type: "boolean", default: false },
        env: TEXTS,
        vary: TEXTS,
      },
    }).values;
  } catch (error) {
    throw new OptionError(`${(error as Error).message}: see --help`);
  }
}

function wrong(name: string, text: string): OptionError {
  return new OptionError(`Cannot read ${name} ${text}: see --help`);
}

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text !== "" && value >= least) return value;
  throw wrong(name, text);
}

function sizesOf(text: string): number[] {
  const sizes = text.split(",").map(Number);
  const areRising = sizes.every((n, i) =>
    Number.isInteger(n) && n >= 2 && n > (sizes[i - 1] ?? 0)
  );
  if (areRising) return sizes;
  throw wrong("--sizes", text);
}

function pair(name: string, text: string): [string, string] {
  const [, key, value] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined) throw wrong(name, text);
  return [key, value!];
}
