/**
 * Builds the binary: one minified bundle, compiled with the permissions that the
 * agent needs and no others.
 *
 * `DENO` names the deno that compiles (default: the one that runs this), so that
 * it can be the one that belongs to the base binary in `DENORT_BIN`;
 * `DENORT_PRELOAD` names a script for a base binary that needs one.
 *
 * usage: deno task build [TARGET], for example `aarch64-unknown-linux-gnu`
 *
 * @module
 */
import { PERMISSIONS } from "./permissions.ts";
import { V8_FLAGS } from "./v8_flags.ts";

const BUNDLE = "dist/kubenurse.js";

async function run(program: string, args: readonly string[]): Promise<void> {
  const { code } = await new Deno.Command(program, { args: [...args] })
    .spawn().status;
  if (code !== 0) Deno.exit(code);
}

const [target] = Deno.args;
const compiler = Deno.env.get("DENO") ?? Deno.execPath();
const preload = Deno.env.get("DENORT_PRELOAD");

await Deno.mkdir("dist", { recursive: true });
await run(Deno.execPath(), ["bundle", "--minify", "-o", BUNDLE, "main.ts"]);
await run(compiler, [
  "compile",
  "--no-config",
  "--no-lock",
  "--no-check",
  "--no-prompt",
  ...PERMISSIONS,
  `--v8-flags=${V8_FLAGS}`,
  ...(preload ? ["--preload", preload] : []),
  ...(target ? ["--target", target] : []),
  "-o",
  "dist/kubenurse",
  BUNDLE,
]);
