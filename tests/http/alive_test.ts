import { assert, assertEquals } from "@std/assert";
import { alive, resultWords } from "../../lib/http/alive.ts";
import { failed, ok } from "../fakes/checks.ts";
import { neighbour } from "../fakes/pods.ts";
import { result, view } from "../fakes/results.ts";

const SKIPPED = { state: "skipped", reason: "no URL is set" } as const;
const FAILING = result(
  "me_ingress",
  failed({ phase: "tls", message: "GET https://k: no" }),
  {
    failingSince: Date.UTC(2024, 1, 29),
    failures: 3,
  },
);
const FAILING_WORDS =
  "GET https://k: no (phase tls, failing since 2024-02-29T00:00:00.000Z, 3 in a row)";

function shown(changes: Parameters<typeof view>[0] = {}, headers = {}) {
  return alive(view(changes), new Headers(headers));
}

Deno.test("resultWords() says what failed, in which phase, and since when", () => {
  assertEquals(resultWords(result("me")), "ok");
  assertEquals(resultWords(result("me", SKIPPED)), "skipped");
  assertEquals(resultWords(FAILING), FAILING_WORDS);
});

Deno.test("alive() puts what others do not have after the known keys", () => {
  const results = [
    result("path_node-2"),
    ...view().results.toReversed(),
    result("path_node-3", failed()),
  ];
  const answeredBy = { me_service: { by_node: {}, failed: 1, never: [] } };
  assertEquals(Object.keys(shown({ results, answeredBy }).body), [
    "api_server_direct",
    "api_server_dns",
    "me_ingress",
    "me_service",
    "hostname",
    "neighbourhood_state",
    "neighbourhood",
    "headers",
    "path_node-2",
    "path_node-3",
    "phases",
    "answered_by",
  ]);
});

Deno.test("alive() shows the loss of UDP packets, which fails nothing", () => {
  const udp = { "path_node-2": { state: "12 % lost", sent: 400, lost: 48 } };
  const shown = alive(view({ udp }), new Headers());
  assertEquals(shown.body.udp, udp);
  assertEquals(shown.healthy, true);
  assertEquals("udp" in alive(view(), new Headers()).body, false);
});

Deno.test("alive() says why a check is skipped", () => {
  const { body, healthy } = shown({
    results: [...view().results, result("me_ingress", SKIPPED)],
  });
  assertEquals(body.me_ingress, "skipped");
  assertEquals(body.skipped_because, { me_ingress: "no URL is set" });
  assertEquals(healthy, true);
});

Deno.test("alive() shows of a neighbour what upstream shows", () => {
  const two = neighbour(2, { ips: ["fd00::2"] });
  assertEquals(shown({ neighbours: [two] }).body.neighbourhood, [{
    PodName: "kubenurse-2",
    PodIP: "fd00::2",
    HostIP: "192.168.0.2",
    NodeName: "node-2",
    Phase: "Running",
  }]);
});

const HEALTH: readonly {
  name: string;
  changes: Parameters<typeof view>[0];
  healthy: boolean;
}[] = [
  { name: "healthy when all is ok", changes: {}, healthy: true },
  {
    name: "healthy when a path is ok",
    changes: { results: [...view().results, result("path_node-2")] },
    healthy: true,
  },
  {
    name: "healthy when no neighbours are wanted",
    changes: { neighbourhoodState: "skipped" },
    healthy: true,
  },
  {
    name: "ill when one check fails",
    changes: { results: [...view().results, FAILING] },
    healthy: false,
  },
  {
    name: "ill when one path fails",
    changes: { results: [...view().results, result("path_node-2", failed())] },
    healthy: false,
  },
  {
    name: "ill when the neighbours cannot be listed",
    changes: { neighbourhoodState: "GET https://k: answered 403" },
    healthy: false,
  },
  {
    name: "ill before the first round has ended",
    changes: { complete: false },
    healthy: false,
  },
  { name: "ill before any outcome", changes: { results: [] }, healthy: false },
];
for (const { name, changes, healthy } of HEALTH) {
  Deno.test(`alive() is ${name}`, () => {
    assertEquals(shown(changes).healthy, healthy);
  });
}

Deno.test("alive() shows the words of what fails", () => {
  const { body } = shown({
    results: [FAILING],
    neighbourhoodState: "answered 403",
  });
  assertEquals(body.me_ingress, FAILING_WORDS);
  assertEquals(
    body.me_service,
    "not checked yet, the first round is still running",
  );
  assertEquals(body.neighbourhood_state, "answered 403");
});

Deno.test("alive() shows headers as Go spells them, each an array, without Host", () => {
  const headers = {
    host: "kubenurse",
    "x-forwarded-for": "10.0.0.1",
    "user-agent": "curl",
    dnt: "1",
    "KUBENURSE-NEIGHBOUR-ORIGIN": "kubenurse-2",
  };
  assertEquals(shown({}, headers).body.headers, {
    "Dnt": ["1"],
    "Kubenurse-Neighbour-Origin": ["kubenurse-2"],
    "User-Agent": ["curl"],
    "X-Forwarded-For": ["10.0.0.1"],
  });
});

for (
  const name of [
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Authorization",
    "X-Auth-Request-Access-Token",
    "X-Auth-Key",
    "X-Api-Key",
    "Apikey",
    "Ocp-Apim-Subscription-Key",
    "X-Amzn-Oidc-Data",
    "X-Amz-Security-Token",
    "X-Goog-Iap-Jwt-Assertion",
    "Cf-Access-Jwt-Assertion",
    "X-Csrf-Token",
    "X-Session-Id",
    "X-Client-Secret",
    "X-Password",
    "X-Passwd",
    "X-User-Pwd",
    "X-Csrf",
    "X-Xsrf",
    "X-Hub-Signature",
    "X-Credentials",
  ]
) {
  Deno.test(`alive() does not show the value of ${name}`, () => {
    const { body } = shown({}, { [name]: "s3cret" });
    assertEquals(body.headers, { [name]: ["REDACTED"] });
    assert(!JSON.stringify(body).includes("s3cret"));
  });
}

for (
  const [name, value, want] of [
    ["Referer", "https://k.example/a?code=s3cret", "https://k.example/a?..."],
    ["X-Original-Url", "https://u:s3cret@k.example/", "https://...@k.example/"],
    ["X-Forwarded-Uri", "/alive?s3cret", "/alive?..."],
    ["X-Forwarded-Uri", "/alive", "/alive"],
    ["Accept", "*/*", "*/*"],
    ["X-Question", "why? so", "why? so"],
  ] as const
) {
  Deno.test(`alive() shows ${name}: ${value} without what may be secret`, () => {
    assertEquals(shown({}, { [name]: value }).body.headers, { [name]: [want] });
  });
}

Deno.test("alive() escapes control characters in the words of others", () => {
  const { body } = shown({
    results: [result("me_ingress", failed({ message: "no\u009b31m\u2028" }))],
    neighbourhoodState: "a\u0085b",
  }, { "x-a": "b\u009bc" });
  assert(!/[\u007f-\u009f\u2028\u2029]/.test(JSON.stringify(body)));
  assertEquals(body.neighbourhood_state, "a\\u0085b");
  assertEquals(body.headers, { "X-A": ["b\\u009bc"] });
});

Deno.test("alive() shows the steps of checks that fail or are slow, and of no others", () => {
  const trace = { dns_start: 0, dns_done: 0.0012345678, connect_start: 0.002 };
  const results = [
    result("api_server_direct", ok(0.499)),
    result("api_server_dns", ok(0.5)),
    result("me_ingress", failed({ seconds: 5, trace })),
    result("me_service", { ...ok(0.1), trace }),
    result("path_node-2", SKIPPED),
  ];
  assertEquals(shown({ results }).body.phases, {
    api_server_dns: { total: 0.5 },
    me_ingress: {
      dns_start: 0,
      dns_done: 0.001235,
      connect_start: 0.002,
      total: 5,
    },
  });
});
