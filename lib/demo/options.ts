/**
 * The flags of the demo.
 *
 * @module
 */
import { durationMs, oneOf } from "../config/values.ts";

/** What the demo is to do by itself; durations in milliseconds. */
export interface DemoOptions {
  /** A node to break, and when. */
  readonly breaking?: {
    readonly node: string;
    /** From the start. */
    readonly afterMs: number;
    /** From the break; `undefined`: it stays broken. */
    readonly healAfterMs: number | undefined;
  };
  /** From the start; `undefined`: when the user wants. */
  readonly exitAfterMs: number | undefined;
}

const FLAGS = ["--break", "--after", "--heal-after", "--exit-after"] as const;
type Flag = typeof FLAGS[number];

const DEFAULT_AFTER = "5s";

/** The text of `--help`. */
export function demoHelp(nodes: readonly string[]): string {
  return `An embedded cluster for trying kubenurse: ${nodes.length} agents, an API server, a Service
and an Ingress in one process. It needs nothing else and runs until Ctrl-C.

usage: deno task demo [flags]

  --break NODE           break this node by itself (${nodes[0]} to ${
    nodes.at(-1)
  })
  --after DURATION       when to break it, from the start (${DEFAULT_AFTER})
  --heal-after DURATION  when to heal it, from the break; not set: never
  --exit-after DURATION  when to end, from the start; not set: never
  --help                 this text

Durations are written as "5s" or "1m30s".
Exit codes: 0 at the end, 1 when it cannot start, 2 for wrong flags.
`;
}

/**
 * Reads the flags, `--flag value` or `--flag=value`.
 *
 * @param nodes Names of the nodes that there are.
 * @throws {Error} With one line that says what is wrong.
 */
export function parseOptions(
  args: readonly string[],
  nodes: readonly string[],
): DemoOptions | "help" {
  const given = new Map<Flag, string>();
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--help" || word === "-h") return "help";
    const [, name, value] = /^([^=]*)(?:=(.*))?$/.exec(word) ?? [, word];
    const flag = FLAGS.find((flag) => flag === name);
    if (!flag) {
      throw new Error(
        `Unknown flag ${JSON.stringify(name)}: expected ${
          FLAGS.join(", ")
        } or --help`,
      );
    }
    if (given.has(flag)) throw new Error(`${flag} is given twice`);
    given.set(flag, value ?? rest.shift() ?? "");
  }
  const node = given.get("--break");
  for (const flag of ["--after", "--heal-after"] as const) {
    if (given.has(flag) && node === undefined) {
      throw new Error(`${flag} needs --break with the name of a node`);
    }
  }
  function ms(flag: Flag): number | undefined {
    const text = given.get(flag);
    return text === undefined ? undefined : durationMs(flag, text);
  }
  return {
    exitAfterMs: ms("--exit-after"),
    ...(node === undefined ? {} : {
      breaking: {
        node: oneOf("--break", node, nodes),
        afterMs: ms("--after") ?? durationMs("--after", DEFAULT_AFTER),
        healAfterMs: ms("--heal-after"),
      },
    }),
  };
}
