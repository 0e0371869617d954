import { assertEquals, assertThrows } from "@std/assert";
import { extraChecks } from "../../lib/config/extra_checks.ts";
import type { Target } from "../../lib/config/extra_checks.ts";
import { ConfigError } from "../../lib/config/values.ts";

const TARGETS: readonly [string, Target][] = [
  ["http://example.com", { kind: "http", url: "http://example.com/" }],
  ["https://example.com:8443/a?b=c", {
    kind: "http",
    url: "https://example.com:8443/a?b=c",
  }],
  ["tcp://db:5432", { kind: "tcp", host: "db", port: 5432 }],
  ["tcp://[fd00::1]:22", { kind: "tcp", host: "fd00::1", port: 22 }],
  ["tls://example.com", { kind: "tls", host: "example.com", port: 443 }],
  ["tls://example.com:636/", { kind: "tls", host: "example.com", port: 636 }],
  ["dns://10.96.0.10/kubernetes.default.svc.cluster.local", {
    kind: "dns",
    resolver: { host: "10.96.0.10", port: 53 },
    name: "kubernetes.default.svc.cluster.local",
    recordType: "A",
  }],
  ["dns://[fd00::a]:5353/example.com?type=aaaa", {
    kind: "dns",
    resolver: { host: "fd00::a", port: 5353 },
    name: "example.com",
    recordType: "AAAA",
  }],
  ["tls://ex\u00e4mple.org:443", {
    kind: "tls",
    host: "xn--exmple-cua.org",
    port: 443,
  }],
  ["tcp://my_db.example.:1", { kind: "tcp", host: "my_db.example.", port: 1 }],
  ["dns:///example.com?type=MX", {
    kind: "dns",
    resolver: undefined,
    name: "example.com",
    recordType: "MX",
  }],
];

for (const [text, target] of TARGETS) {
  Deno.test(`extraChecks() reads ${text}`, () => {
    assertEquals(extraChecks("X", `one:${text}`), [{ name: "one", target }]);
  });
}

Deno.test("extraChecks() reads several, with space around them", () => {
  assertEquals(
    extraChecks("X", "a:http://a/ | b : tcp://b:1").map(({ name }) => name),
    ["a", "b"],
  );
});

Deno.test("extraChecks() reads a list that ends with |", () => {
  assertEquals(
    extraChecks("X", "a:http://a/|b:tcp://b:1 | ").map(({ name }) => name),
    ["a", "b"],
  );
});

const FORM = 'entries such as "name:https://example.com", with | between them';
const TARGET =
  "a target such as https://host/path, tcp://host:port, tls://host:port or dns://resolver/name?type=A";
const NAME =
  "a name of at most 63 letters, digits, _ - and ., not beginning with a digit";

const REFUSED: readonly [entry: string, wanted: string][] = [
  ["web", FORM],
  [":https://example.com", FORM],
  ["web:", FORM],
  ["9web:http://a/", NAME],
  ["we b:http://a/", NAME],
  ["w\u00e9b:http://a/", NAME],
  [`${"x".repeat(64)}:http://a/`, NAME],
  [
    "me_service:http://a/",
    'another name than "me_service", which is a check of the agent\'s own',
  ],
  [
    "path_node-1:http://a/",
    'another name than "path_node-1", which is a check of the agent\'s own',
  ],
  ["web:example.com", TARGET],
  ["web:ftp://example.com/", TARGET],
  [
    "neighbourhood:http://a/",
    'another name than "neighbourhood", which is a key of /alive',
  ],
  ["web:http://example.com/#part", TARGET],
  ["db:tcp://db", TARGET],
  ["db:tcp://db:0", TARGET],
  ["db:tcp://db:5432/path", TARGET],
  ["db:tcp://:5432", TARGET],
  ["dns:dns://10.96.0.10/", TARGET],
  ["dns:dns://10.96.0.10/bad name", TARGET],
  ["dns:dns://10.96.0.10/example.com?type=ANY", TARGET],
  ["dns:dns://10.96.0.10/example.com?typ=AAAA", TARGET],
  ["dns:dns://10.96.0.10/example.com?type=A&type=MX", TARGET],
  ["dns:dns://10.96.0.10:0/example.com", TARGET],
  ["dns:dns://r,s/example.com", TARGET],
  ["dns:dns://10.96.0.10/-..x", TARGET],
  ["dns:dns://10.96.0.10/.", TARGET],
  [`dns:dns://10.96.0.10/${"x".repeat(64)}.example`, TARGET],
  [`dns:dns://10.96.0.10/${"x.".repeat(127)}`, TARGET],
  ["ldap:tls://h:0", TARGET],
  ["db:tcp://h%20x:80", TARGET],
  ["db:tcp://h,g:1", TARGET],
  ["db:tcp://999.1.1.1:1", TARGET],
  ["web:http://h,g/", TARGET],
  [`web:http://${"x".repeat(64)}/`, TARGET],
];

for (const [entry, wanted] of REFUSED) {
  Deno.test(`extraChecks() refuses ${JSON.stringify(entry)} and names it`, () => {
    const error = assertThrows(
      () => extraChecks("KUBENURSE_EXTRA_CHECKS", `good:http://a/|${entry}`),
      ConfigError,
    );
    assertEquals(
      error.message,
      `Cannot read KUBENURSE_EXTRA_CHECKS=${
        JSON.stringify(entry)
      }: expected ${wanted}`,
    );
  });
}

for (
  const url of [
    "http://user:secret@example.com/",
    "http://user:sec/ret@example.com/",
    "http:user:secret@example.com/",
  ]
) {
  Deno.test(`extraChecks() refuses the password of ${url} and does not show it`, () => {
    const error = assertThrows(
      () => extraChecks("X", `web:${url}`),
      ConfigError,
    );
    assertEquals(
      error.message,
      `Cannot read X="web:http://...@example.com/": expected ${TARGET}`,
    );
  });
}

Deno.test("extraChecks() does not show the half of a password that has a |", () => {
  const error = assertThrows(
    () => extraChecks("X", "web:http://user:sec|ret@example.com/"),
    ConfigError,
  );
  assertEquals(
    error.message,
    `Cannot read X="web:http://...@": expected ${TARGET}`,
  );
});

for (
  const [text, shown] of [
    ["a:http://a?secret||b:http://b", "...||..."],
    ["|a:http://a", "|..."],
    ["a:http://a||", "...||"],
    ["|", "|"],
  ]
) {
  Deno.test(`extraChecks() shows where an entry is missing: ${shown}`, () => {
    const error = assertThrows(() => extraChecks("X", text!), ConfigError);
    assertEquals(error.message, `Cannot read X="${shown}": expected ${FORM}`);
  });
}

Deno.test("extraChecks() refuses a name that was given before", () => {
  const error = assertThrows(
    () => extraChecks("X", "a:http://a/|a:http://b/"),
    ConfigError,
  );
  assertEquals(
    error.message,
    'Cannot read X="a:http://b/": expected another name than "a", which was given before',
  );
});
