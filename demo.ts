/**
 * The agents on an embedded cluster, for trying them out.
 *
 * @module
 */
import { runDemo } from "./lib/demo/run.ts";

Deno.exit(await runDemo(Deno.args));
