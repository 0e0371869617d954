/** The steps of requests on a running agent: in `/metrics` when they are always wanted, in `/alive` when a check fails or is slow. */
import { assert, assertEquals } from "@std/assert";
import { TRACE_EVENTS } from "../lib/checks/check.ts";
import { createCa } from "../lib/demo/certificates.ts";
import { eventually } from "./fakes/eventually.ts";
import { withAgent } from "./fakes/lone_agent.ts";
import type { LoneAgent } from "./fakes/lone_agent.ts";
import { startNameServer, startTcpPeer, startTlsPeer } from "./fakes/peers.ts";

const TRACE = "kubenurse_httpclient_trace_request_duration_seconds_count";

/** How far each kind of check gets when all is well. */
const TO_ADDRESS = ["connect_start", "connect_done"];
const BY_NAME = ["dns_start", "dns_done", ...TO_ADDRESS];
const TLS = ["tls_handshake_start", "tls_handshake_done"];
const ANSWERED = ["got_conn", "wrote_request", "got_first_resp_byte"];
const STEPS: Readonly<Record<string, readonly string[]>> = {
  api_server_direct: [...TO_ADDRESS, ...TLS, ...ANSWERED],
  api_server_dns: TRACE_EVENTS,
  me_ingress: [...TO_ADDRESS, ...TLS, ...ANSWERED],
  me_service: [...TO_ADDRESS, ...ANSWERED],
  "path_node-2": [...TO_ADDRESS, ...ANSWERED],
  web: [...BY_NAME, ...ANSWERED],
  port: [...BY_NAME, "got_conn"],
  certificate: [...BY_NAME, ...TLS, "got_conn"],
  resolver: ["dns_start", "dns_done"],
};

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

Deno.test("an agent with KUBENURSE_TRACE=always publishes every step of every kind of check", async () => {
  const certificate = await (await createCa()).issue(["localhost"]);
  await using web = await startTcpPeer({ answers: OK });
  await using secure = await startTlsPeer("silent", certificate);
  await using resolver = await startNameServer("NOERROR");
  await withAgent(async ({ url }) => {
    const stepsOf = async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const found = new Map<string, string[]>();
      for (
        const [, type, event] of text.matchAll(
          new RegExp(`^${TRACE}\\{type="(.+)",event="(.+)"\\} [1-9]`, "gm"),
        )
      ) {
        found.set(type!, [...found.get(type!) ?? [], event!]);
      }
      const inOrder = (events: string[]) =>
        TRACE_EVENTS.filter((event) => events.includes(event));
      return Object.fromEntries(
        [...found].map(([type, events]) => [type, inOrder(events)]),
      );
    };
    const steps = await eventually(
      stepsOf,
      (found) => Object.keys(STEPS).every((type) => type in found),
    );
    for (const [type, want] of Object.entries(STEPS)) {
      assertEquals(steps[type], want, type);
    }
  }, {
    nodes: ["node-2"],
    env: {
      KUBENURSE_TRACE: "always",
      KUBENURSE_INSECURE: "true",
      KUBENURSE_EXTRA_CHECKS: [
        `web:http://localhost:${web.port}/`,
        `port:tcp://localhost:${web.port}`,
        `certificate:tls://localhost:${secure.port}`,
        `resolver:dns://127.0.0.1:${resolver.port}/example.com`,
      ].join("|"),
    },
  });
});

Deno.test("an agent publishes no steps unless it is told to", async () => {
  await withAgent(async ({ url, alive }) => {
    await eventually(alive, ({ status }) => status === 200);
    const text = await (await fetch(`${url}/metrics`)).text();
    assert(!text.includes(TRACE));
  });
});

type Phases = Record<string, Record<string, number>>;

/** Keys of `phases` in `/alive`, by check. */
function keysOf(body: Record<string, unknown>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(body.phases as Phases ?? {})
      .map(([type, steps]) => [type, Object.keys(steps)]),
  );
}

Deno.test("an agent shows in /alive how far each check that fails has got", async () => {
  await using silent = await startTcpPeer("silent");
  await using resolver = await startNameServer("silent");
  await using gone = await startTcpPeer("silent");
  const { port: refused } = gone;
  await gone[Symbol.asyncDispose]();
  const want: Record<string, readonly string[]> = {
    api_server_direct: [...TO_ADDRESS, ...TLS, "got_conn", "wrote_request"],
    api_server_dns: [...BY_NAME, ...TLS, "got_conn", "wrote_request"],
    me_ingress: [...TO_ADDRESS, ...TLS, "got_conn", "wrote_request"],
    me_service: [...TO_ADDRESS, ...ANSWERED], // 503
    "path_node-2": ["connect_start"], // refused
    web: [...BY_NAME, "got_conn", "wrote_request"],
    secure_web: [...BY_NAME, "tls_handshake_start"],
    port: ["dns_start", "dns_done", "connect_start"],
    certificate: [...BY_NAME, "tls_handshake_start"],
    resolver: ["dns_start"],
    nowhere: ["dns_start"],
  };
  await withAgent(
    async ({ alive, api, clock, ingress, neighbours, service }: LoneAgent) => {
      await eventually(alive, ({ body }) => body["path_node-2"] === "ok");
      clock.jump(20_000); // the checks of Service and Ingress count from now on
      ingress.answer = "hang";
      service.answer = 503;
      await neighbours.get("node-2")!.endpoint.close();
      await api.fault("hang", /version/);
      // a check that was under way when all this began may be slow and no more
      const { body } = await eventually(
        alive,
        ({ body }) => Object.keys(want).every((type) => body[type] !== "ok"),
      );
      const keys = keysOf(body);
      for (const [type, steps] of Object.entries(want)) {
        assertEquals(keys[type], [...steps, "total"], type);
      }
      assertEquals(Object.keys(keys).sort(), Object.keys(want).sort());
      for (const [type, steps] of Object.entries(body.phases as Phases)) {
        const times = Object.values(steps);
        // the steps of an API-server check are those of the second request
        assertEquals(times, times.toSorted((a, b) => a - b), type);
      }
    },
    {
      nodes: ["node-2"],
      env: {
        KUBENURSE_INSECURE: "true",
        KUBENURSE_EXTRA_CHECKS: [
          `web:http://localhost:${silent.port}/`,
          `secure_web:https://localhost:${silent.port}/`,
          `port:tcp://localhost:${refused}`,
          `certificate:tls://localhost:${silent.port}`,
          `resolver:dns://127.0.0.1:${resolver.port}/example.com`,
          "nowhere:http://nobody.invalid/",
        ].join("|"),
      },
    },
  );
});

Deno.test("an agent shows in /alive the steps of a check that is slow, and of no other", async () => {
  let took = (_ms: number) => {};
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => {
      took(700);
      return new Response("ok");
    },
  );
  await withAgent(async ({ alive, clock }) => {
    took = clock.jump;
    const { status, body } = await eventually(
      alive,
      ({ body }) => "phases" in body,
    );
    assertEquals(status, 200);
    assertEquals(body.slow, "ok");
    const steps = (body.phases as Phases).slow!;
    assertEquals(Object.keys(steps), [...TO_ADDRESS, ...ANSWERED, "total"]);
    assert(steps.wrote_request! < 0.7 && steps.got_first_resp_byte! >= 0.7);
  }, {
    nodes: [],
    env: {
      KUBENURSE_CHECK_API_SERVER_DIRECT: "false",
      KUBENURSE_CHECK_API_SERVER_DNS: "false",
      KUBENURSE_CHECK_ME_INGRESS: "false",
      KUBENURSE_CHECK_ME_SERVICE: "false",
      KUBENURSE_EXTRA_CHECKS: `slow:http://127.0.0.1:${server.addr.port}/`,
    },
  });
});
