/**
 * The agent as the benchmarks start it: like `main.ts`, with the ServiceAccount's
 * files in the folder that is its argument.
 *
 * @module
 */
import { serviceAccount } from "../lib/kubernetes/access.ts";
import { start } from "../lib/start.ts";

Deno.exit(
  await start(Deno.env.toObject(), {
    credentials: serviceAccount(Deno.readTextFile, Deno.args[0]),
    namespace: () => Promise.resolve("kube-system"),
  }),
);
