/**
 * Compiles the bundle into a binary.
 *
 * @module
 */
import { PERMISSIONS } from "./permissions.ts";

/** The one minified file that is compiled. */
export const BUNDLE = "dist/kubenurse.js";

/** Runs a program; ends this one with its code when that fails. */
export async function run(
  program: string,
  args: readonly string[],
): Promise<void> {
  const { code } = await new Deno.Command(program, { args: [...args] })
    .spawn().status;
  if (code !== 0) Deno.exit(code);
}

/**
 * Compiles {@linkcode BUNDLE} to the file `out`.
 *
 * @param options `target` is for example `aarch64-unknown-linux-gnu`; not given:
 * this machine's.
 */
export async function compile(
  out: string,
  v8Flags: string,
  { target, quiet = false }: { target?: string; quiet?: boolean } = {},
): Promise<void> {
  const preload = Deno.env.get("DENORT_PRELOAD");
  await run(Deno.env.get("DENO") ?? Deno.execPath(), [
    "compile",
    "--no-config",
    "--no-lock",
    "--no-check",
    "--no-prompt",
    ...(quiet ? ["--quiet"] : []),
    ...PERMISSIONS,
    ...(v8Flags ? [`--v8-flags=${v8Flags}`] : []),
    ...(preload ? ["--preload", preload] : []),
    ...(target ? ["--target", target] : []),
    "-o",
    out,
    BUNDLE,
  ]);
}
