import { assertEquals, assertThrows } from "@std/assert";
import {
  boolean,
  buckets,
  ConfigError,
  durationMs,
  host,
  httpUrl,
  integer,
  labelSelector,
  listenAddress,
  oneOf,
} from "../../lib/config/values.ts";

type Read = (variable: string, text: string) => unknown;
const number: Read = (v, t) => integer(v, t, 0, 100);
const word: Read = (v, t) => oneOf(v, t, ["text", "json"]);

const ACCEPTED: readonly [string, Read, string, unknown][] = [
  ["durationMs()", durationMs, "5s", 5_000],
  ["durationMs()", durationMs, "1m30s", 90_000],
  ["durationMs()", durationMs, "1h", 3_600_000],
  ["durationMs()", durationMs, "250ms", 250],
  ["durationMs()", durationMs, "1.5s", 1_500],
  ["durationMs()", durationMs, ".5s", 500],
  ["durationMs()", durationMs, "1.s", 1_000],
  ["durationMs()", durationMs, "1500us", 1.5],
  ["durationMs()", durationMs, "1500\u00b5s", 1.5],
  ["durationMs()", durationMs, "1000000ns", 1],
  ["durationMs()", durationMs, "0", 0],
  ["durationMs()", durationMs, "0s", 0],
  ["boolean()", boolean, "true", true],
  ["boolean()", boolean, "True", true],
  ["boolean()", boolean, "TRUE", true],
  ["boolean()", boolean, "t", true],
  ["boolean()", boolean, "1", true],
  ["boolean()", boolean, "false", false],
  ["boolean()", boolean, "F", false],
  ["boolean()", boolean, "0", false],
  ["integer()", number, "0", 0],
  ["integer()", number, "100", 100],
  ["httpUrl()", httpUrl, "http://kubenurse:8080", "http://kubenurse:8080"],
  ["httpUrl()", httpUrl, "https://k.example.com/", "https://k.example.com"],
  [
    "httpUrl()",
    httpUrl,
    "https://k.example/nurse//",
    "https://k.example/nurse",
  ],
  ["httpUrl()", httpUrl, "HTTP://K.example", "http://k.example"],
  ["httpUrl()", httpUrl, "http://[fd00::1]:8080", "http://[fd00::1]:8080"],
  ["labelSelector()", labelSelector, "app=kubenurse", "app=kubenurse"],
  ["labelSelector()", labelSelector, " app = nurse ", "app = nurse"],
  ["labelSelector()", labelSelector, "app==nurse", "app==nurse"],
  ["labelSelector()", labelSelector, "app!=nurse", "app!=nurse"],
  ["labelSelector()", labelSelector, "app=", "app="],
  ["labelSelector()", labelSelector, "app", "app"],
  ["labelSelector()", labelSelector, "!app", "!app"],
  [
    "labelSelector()",
    labelSelector,
    "a.io/b=c,d in (e, f)",
    "a.io/b=c,d in (e, f)",
  ],
  ["labelSelector()", labelSelector, "a notin (b),!c,d", "a notin (b),!c,d"],
  ["listenAddress()", listenAddress, ":8080", { host: "", port: 8080 }],
  ["listenAddress()", listenAddress, "[::]:80", { host: "::", port: 80 }],
  ["listenAddress()", listenAddress, "0.0.0.0:0", { host: "0.0.0.0", port: 0 }],
  ["listenAddress()", listenAddress, "localhost:65535", {
    host: "localhost",
    port: 65535,
  }],
  ["buckets()", buckets, ".005,.01,1,10", [0.005, 0.01, 1, 10]],
  ["buckets()", buckets, " 1 , 2 ", [1, 2]],
  ["buckets()", buckets, "1e-3", [0.001]],
  ["oneOf()", word, "json", "json"],
  ["oneOf()", word, "JSON", "json"],
  ["host()", host, "10.96.0.1", "10.96.0.1"],
  ["host()", host, "kubernetes.default.svc", "kubernetes.default.svc"],
  ["host()", host, "fd00::1", "[fd00::1]"],
  ["host()", host, "[fd00::1]", "[fd00::1]"],
];
for (const [symbol, read, text, want] of ACCEPTED) {
  Deno.test(`${symbol} reads ${JSON.stringify(text)}`, () => {
    assertEquals(read("SETTING", text), want);
  });
}

const DURATION = 'a duration such as "5s" or "1m30s"';
const NUMBER = "a whole number from 0 to 100";
const URL_TEXT = 'a URL such as "https://kubenurse.example.com"';
const SELECTOR = 'a label selector such as "app.kubernetes.io/name=kubenurse"';
const ADDRESS = 'an address to listen on such as ":8080" or "[::]:8080"';
const BUCKETS = 'rising numbers of seconds such as ".005,.01,.1,1"';
const HOST = "a host name or an IP address";

/** Symbol, reader, wrong texts, what the error says is wanted. */
const REFUSED: readonly [string, Read, readonly string[], string][] = [
  [
    "durationMs()",
    durationMs,
    [
      "",
      "5",
      "-5s",
      "5 s",
      "s",
      "5x",
      "5s!",
      "x5s",
      "1,5s",
      ".s",
      "5S",
      "1e3s",
    ],
    DURATION,
  ],
  [
    "boolean()",
    boolean,
    ["", "yes", "no", "on", "truee", "2", " true", "null"],
    '"true" or "false"',
  ],
  [
    "integer()",
    number,
    ["", "-1", "101", "1.5", "1e1", "0x10", "ten", "+1", "9".repeat(400)],
    NUMBER,
  ],
  [
    "httpUrl()",
    httpUrl,
    [
      "",
      "kubenurse",
      "kubenurse:8080",
      "/alive",
      "ftp://k",
      "https://",
      "file:///etc/x",
      "http://a b",
    ],
    URL_TEXT,
  ],
  [
    "httpUrl()",
    httpUrl,
    ["http://k/#top", "http://k/#", "http://k/?a=b", "http://k?"],
    "a URL without a ?query or a #fragment",
  ],
  [
    "labelSelector()",
    labelSelector,
    [
      "",
      "=",
      "=nurse",
      "app=nurse,",
      ",",
      "app=a b",
      "app in nurse",
      "app in (a",
      "a//b=c",
      "-a=b",
      "app=-",
      "app=>1",
    ],
    SELECTOR,
  ],
  [
    "listenAddress()",
    listenAddress,
    [
      "",
      "8080",
      ":",
      ":http",
      ":65536",
      ":-1",
      "::8080",
      "[::1:80",
      "http://:80",
      "a b:80",
    ],
    ADDRESS,
  ],
  [
    "buckets()",
    buckets,
    ["", ",", "1,", "1,1", "2,1", "0,1", "-1,1", "a", "1;2", "Infinity", "NaN"],
    BUCKETS,
  ],
  ["oneOf()", word, ["", "xml", "text,json"], '"text" or "json"'],
  [
    "host()",
    host,
    [
      "",
      "a b",
      "a/b",
      "k:443",
      "user@k",
      "https://k",
      "[::1",
      "1.2.3.4.5",
      "k?x",
      "k#x",
      "999.1.1.1",
    ],
    HOST,
  ],
];
for (const [symbol, read, texts, wanted] of REFUSED) {
  for (const text of texts) {
    const shown = JSON.stringify(text);
    Deno.test(`${symbol} refuses ${shown.slice(0, 40)}`, () => {
      const error = assertThrows(() => read("SETTING", text), ConfigError);
      assertEquals(
        error.message,
        `Cannot read SETTING=${shown}: expected ${wanted}`,
      );
      assertEquals(error.variable, "SETTING");
    });
  }
}

Deno.test("httpUrl() refuses a password and does not repeat it", () => {
  const error = assertThrows(
    () => httpUrl("SETTING", "https://nurse:s3cret@k.example:1/x"),
    ConfigError,
  );
  assertEquals(
    error.message,
    'Cannot read SETTING="https://...@k.example:1": expected a URL without a user name or password in it',
  );
});

for (
  const [text, shown] of [
    ["ftp://nurse:s3cret@k.example/x", "ftp://...@k.example/x"],
    ["https://nurse:s3/cret@k.example", "https://...@k.example"],
  ] as const
) {
  Deno.test(`httpUrl() does not repeat the password of ${text}, which is no http URL`, () => {
    const error = assertThrows(() => httpUrl("SETTING", text), ConfigError);
    assertEquals(
      error.message,
      `Cannot read SETTING="${shown}": expected ${URL_TEXT}`,
    );
  });
}

Deno.test("labelSelector() judges a long wrong text at once", () => {
  const text = `${"a-".repeat(2_000)}=${"b.".repeat(2_000)}`;
  assertThrows(() => labelSelector("SETTING", text), ConfigError);
});
