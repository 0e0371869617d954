/** An agent whose neighbours answer by TLS, on real sockets. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "./fakes/eventually.ts";
import { authority, withAgent } from "./fakes/lone_agent.ts";
import type { LoneAgent } from "./fakes/lone_agent.ts";

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };
const NAME = "kubenurse.kube-system.svc";

/** What `/alive` says of the path to a node once that begins so. */
async function path(
  { alive }: LoneAgent,
  node: string,
  begins: string,
): Promise<string> {
  const read = async () => String((await alive()).body[`path_${node}`]);
  return await eventually(read, (words) => words.startsWith(begins));
}

Deno.test(
  "createAgent() checks neighbours by TLS for the name that all certificates share",
  SANITIZERS,
  () =>
    withAgent(async (all) => {
      const neighbour = all.neighbours.get("node-2")!;
      await path(all, "node-2", "ok");
      const days = await all.metric("kubenurse_own_certificate_days_left");
      assert(days! > 0.9 && days! <= 1, `${days}`); // it is valid for a day
      assertEquals(
        neighbour.requests.at(-1)!.get("host"),
        new URL(neighbour.endpoint.url).host,
      );
      await neighbour.endpoint.close();
      await neighbour.endpoint.open(await authority.issue(["another.svc"]));
      const words = await path(
        all,
        "node-2",
        `GET ${neighbour.endpoint.url}/alwayshappy: in the TLS handshake: `,
      );
      assertMatch(words, /\(phase tls, failing since /);
      assertEquals(await path(all, "node-3", "ok"), "ok");
      await neighbour.endpoint.close();
      await neighbour.endpoint.open(await authority.issue(["x.svc", NAME]));
      await path(all, "node-2", "ok");
    }, { certificateNames: [NAME] }),
);

Deno.test(
  "createAgent() checks neighbours by TLS for their address where certificates hold no other name",
  SANITIZERS,
  () =>
    withAgent(async (all) => {
      await path(all, "node-2", "ok");
      await path(all, "node-3", "ok");
    }, { certificateNames: ["127.0.0.1"] }),
);

Deno.test(
  "createAgent() looks at the path MTU by TLS too",
  SANITIZERS,
  () =>
    withAgent(async (all) => {
      all.neighbours.get("node-2")!.stalls = "/path-mtu";
      const words = await path(all, "node-2", "small requests pass");
      assertMatch(words, /POST https:\/\/127\.0\.0\.1:\d+\/path-mtu: /);
    }, { certificateNames: [NAME], env: { KUBENURSE_CHECK_MTU: "1" } }),
);
