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
import { BUNDLE, compile, run } from "./compile.ts";
import { V8_FLAGS } from "./v8_flags.ts";

await Deno.mkdir("dist", { recursive: true });
await run(Deno.execPath(), ["bundle", "--minify", "-o", BUNDLE, "main.ts"]);
await compile("dist/kubenurse", V8_FLAGS, { target: Deno.args[0] });
