/** The program that `namespace.ts` runs in a namespace. */
import type { Errand } from "./namespace.ts";
import { startNameServer } from "./peers.ts";
import { probeBy } from "./ways.ts";

const errand: Errand = JSON.parse(Deno.args[0]!);
await startNameServer(errand.nameServer, 53);
const outcomes = await Promise.all(
  errand.probes.map(({ way, whom }) => probeBy(way, whom, errand.timeoutMs)),
);
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(outcomes)));
Deno.exit(0); // look-ups that hang would keep it
