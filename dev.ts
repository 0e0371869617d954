/**
 * One agent on a developer's machine, against the cluster of the current
 * kubeconfig.
 *
 * @module
 */
import { runDev } from "./lib/dev/dev.ts";

Deno.exit(await runDev(Deno.env.toObject()));
