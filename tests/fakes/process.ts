/**
 * The program as a process of its own.
 *
 * @module
 */

/** A process that runs. */
export interface Running {
  /** Lines of its standard output so far. */
  readonly lines: readonly string[];
  kill(signal: Deno.Signal): void;
  /** Waits for its end. */
  ended(): Promise<Ended>;
}

/** A process that has ended. */
export interface Ended {
  readonly code: number;
  /** All of its standard output and error. */
  readonly out: string;
  readonly err: string;
}

/**
 * Starts `deno run` of a module of this repository.
 *
 * @param env Its whole environment, but for what Deno itself needs.
 * @param flags Of Deno; all permissions unless told.
 */
export function startProgram(
  module: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  flags: readonly string[] = ["--allow-all"],
): Running {
  const inherited = ["HOME", "PATH", "DENO_DIR"]
    .map((name) => [name, Deno.env.get(name)])
    .filter(([, value]) => value !== undefined);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", ...flags, module, ...args],
    cwd: new URL("../..", import.meta.url),
    env: { ...Object.fromEntries(inherited), NO_COLOR: "1", ...env },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  let out = "";
  const reading = (async () => {
    let rest = "";
    for await (
      const part of child.stdout.pipeThrough(new TextDecoderStream())
    ) {
      out += part;
      const found = (rest + part).split("\n");
      rest = found.pop()!;
      lines.push(...found);
    }
  })();
  const errors = new Response(child.stderr).text();
  return {
    lines,
    kill: (signal) => child.kill(signal),
    async ended() {
      const { code } = await child.status;
      await reading;
      return { code, out, err: await errors };
    },
  };
}
