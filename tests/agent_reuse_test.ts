/** An agent that keeps its connections, on real sockets. */
import { assert } from "@std/assert";
import { eventually } from "./fakes/eventually.ts";
import { withAgent } from "./fakes/lone_agent.ts";
import type { LoneAgent } from "./fakes/lone_agent.ts";

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };
const REUSING = {
  KUBENURSE_REUSE_CONNECTIONS: "true",
  KUBENURSE_TRACE: "always",
};

/** How often a check of a type was sent on a connection of its own, and on one that was there. */
async function sent({ metric }: LoneAgent, type: string) {
  const name = "kubenurse_httpclient_trace_request_duration_seconds_count";
  const came = async (event: string) =>
    await metric(`${name}{type="${type}",event="${event}"}`) ?? 0;
  const fresh = await came("connect_done");
  return { fresh, kept: await came("wrote_request") - fresh };
}

Deno.test(
  "createAgent() keeps the connections of all checks by HTTP, when told to",
  SANITIZERS,
  () =>
    withAgent(async (all) => {
      const types = ["me_ingress", "me_service", "path_node-2", "path_node-3"];
      for (const type of types) {
        await eventually(() => sent(all, type), ({ kept }) => kept > 5);
      }
      await eventually(all.alive, ({ status }) => status === 200);
    }, { env: REUSING }),
);

Deno.test(
  "createAgent() has a new connection after a failure, and tells of none that was closed meanwhile",
  SANITIZERS,
  () =>
    withAgent(async (all) => {
      const { service, neighbours } = all;
      const before = await eventually(
        () => sent(all, "me_service"),
        ({ kept }) => kept > 1,
      );
      service.answer = 503;
      const failing = await eventually(
        () => sent(all, "me_service"),
        ({ fresh }) => fresh > before.fresh + 2, // one for each check
      );
      service.answer = undefined;
      await eventually(
        () => sent(all, "me_service"),
        ({ kept }) => kept > failing.kept + 5,
      );
      await eventually(all.alive, ({ status }) => status === 200);

      const { endpoint } = neighbours.get("node-2")!;
      const path = () => sent(all, "path_node-2");
      const { fresh } = await path();
      await endpoint.close(); // which ends its connections
      await endpoint.open();
      const after = await eventually(path, (now) => now.fresh > fresh);
      await eventually(path, ({ kept }) => kept > after.kept + 3);
      await eventually(all.alive, ({ status }) => status === 200);
    }, { env: REUSING }),
);

Deno.test(
  "createAgent() has a fresh connection for each check, unless told",
  SANITIZERS,
  () =>
    withAgent(async (all) => {
      const { kept } = await eventually(
        () => sent(all, "path_node-2"),
        ({ fresh }) => fresh > 3,
      );
      assert(kept <= 1, `${kept}`); // one that was sent between the readings
    }, { env: { KUBENURSE_TRACE: "always" } }),
);
