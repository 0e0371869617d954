/**
 * What this program calls itself.
 *
 * @module
 */
import manifest from "../deno.json" with { type: "json" };

/** Version of the agent, as in `deno.json`. */
export const VERSION: string = manifest.version;
