/**
 * Processes to measure, by what Linux says of them.
 *
 * @module
 */
import { V8_FLAGS } from "../tools/v8_flags.ts";

/** A process under measurement. */
export interface Measured extends AsyncDisposable {
  readonly pid: number;
  /** Resident memory now, MB. */
  rss(): number;
  /** Highest resident memory so far, MB. */
  peak(): number;
  /** CPU time so far, ms. */
  cpu(): number;
  /** Lines of its standard output. */
  readonly lines: AsyncIterator<string>;
}

/** Starts `deno run` of a bundle or module. */
export function measured(
  file: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
  flags: readonly string[] = [`--v8-flags=${V8_FLAGS}`],
): Measured {
  return measuredProgram(
    Deno.execPath(),
    ["run", "--quiet", "-A", ...flags, file, ...args],
    { HOME: Deno.env.get("HOME") ?? "", ...env, ...MALLOC },
  );
}

/** As in the Dockerfile. */
export const MALLOC = {
  MALLOC_TRIM_THRESHOLD_: "65536",
  MALLOC_ARENA_MAX: "1",
};

/** Starts a program with this environment and no other. */
export function measuredProgram(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
): Measured {
  const child = new Deno.Command(program, {
    args: [...args],
    env,
    clearEnv: true, // certificates of this machine would be loaded too
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const proc = (name: string) =>
    Deno.readTextFileSync(`/proc/${child.pid}/${name}`);
  const status = (key: string) =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(proc("status"))![1]) /
    1e3;
  return {
    pid: child.pid,
    rss: () => status("VmRSS"),
    peak: () => status("VmHWM"),
    cpu() {
      const fields = proc("stat").replace(/^.*\) /, "").split(" ");
      return (Number(fields[11]) + Number(fields[12])) * 10; // 100 ticks a second
    },
    lines: lines(child.stdout),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

async function* lines(stream: ReadableStream<Uint8Array>) {
  let rest = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    const found = (rest + part).split("\n");
    rest = found.pop()!;
    yield* found;
  }
}

/** Bundles a module as the build does; the path of the bundle. */
export async function bundled(module: string): Promise<string> {
  const out = `dist/bench/${module.replace(/\W/g, "_")}.js`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--minify", "-o", out, module],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return out;
}

/** Resolves after so many seconds. */
export function seconds(n: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, n * 1e3));
}

/** A table as Markdown shows it. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const line = (row: readonly (string | number)[]) => `| ${row.join(" | ")} |`;
  const [head, ...rest] = rows;
  return [line(head!), line(head!.map(() => "---")), ...rest.map(line)].join(
    "\n",
  );
}
