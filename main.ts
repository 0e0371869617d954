/**
 * The agent in a cluster.
 *
 * @module
 */
import { helpText } from "./lib/config/settings.ts";
import {
  serviceAccount,
  serviceAccountNamespace,
} from "./lib/kubernetes/access.ts";
import { start } from "./lib/start.ts";
import { VERSION } from "./lib/version.ts";

async function main(args: readonly string[]): Promise<number> {
  switch (args.join(" ")) {
    case "--help":
    case "-h":
      write(Deno.stdout, helpText(VERSION));
      return 0;
    case "--version":
      write(Deno.stdout, `kubenurse ${VERSION} (Deno ${Deno.version.deno})\n`);
      return 0;
    case "":
      return await start(Deno.env.toObject(), {
        credentials: serviceAccount(Deno.readTextFile),
        namespace: () => serviceAccountNamespace(Deno.readTextFile),
      });
    default:
      write(
        Deno.stderr,
        `Cannot read ${
          JSON.stringify(args.join(" "))
        }: expected --help, --version or nothing; settings are environment variables\n`,
      );
      return 2;
  }
}

function write(to: { writeSync(data: Uint8Array): number }, text: string) {
  to.writeSync(new TextEncoder().encode(text));
}

Deno.exit(await main(Deno.args));
