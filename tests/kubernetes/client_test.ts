import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  apiClient,
  ApiError,
  fetchWords,
} from "../../lib/kubernetes/client.ts";
import type { ApiClient } from "../../lib/kubernetes/client.ts";
import {
  body,
  endless,
  list,
  never,
  refused,
  status,
} from "../fakes/api_server.ts";
import type { Answer } from "../fakes/api_server.ts";
import { fakeClock } from "../fakes/clock.ts";

const signal = new AbortController().signal;
const PATH = "/api/v1/nodes?limit=1&token=secret";
const WHAT = "GET https://api.example/api/v1/nodes";

/** Keeps all of an item. */
const same = (item: unknown) => item;

function answering(answer: Answer): ApiClient {
  return apiClient(
    async (_, init) => await answer(init.signal),
    "https://api.example",
  );
}

Deno.test("list() gives the items and their version", async () => {
  const answer = await answering(() => list([{ a: 1 }])).list(
    PATH,
    signal,
    same,
  );
  assertEquals(answer, {
    items: [{ a: 1 }],
    resourceVersion: "7",
    bytes: '{"metadata":{"resourceVersion":"7"},"items":[{"a":1}]}'.length,
  });
});

Deno.test("list() keeps of each item what the caller wants, before the list has ended", async () => {
  const kept: number[] = [];
  const client = answering(() =>
    body(['{"metadata":{},"items":[{"a":1},{"a":2},{"a":'], "breaks")
  );
  const list = client.list(
    PATH,
    signal,
    ({ a }: { a: number }) => kept.push(a),
  );
  await assertRejects(() => list, ApiError, "the answer broke off");
  assertEquals(kept, [1, 2]);
});

Deno.test("list() passes on what goes wrong in keeping an item", async () => {
  const client = answering(() => list([null]));
  const keep = ({ a }: { a: number }) => a;
  await assertRejects(() => client.list(PATH, signal, keep), TypeError);
});

Deno.test("list() asks for the path, with the media type that is wanted", async () => {
  const asked: unknown[] = [];
  const client = apiClient((url, init) => {
    asked.push([url, init.headers]);
    return Promise.resolve(list([]));
  }, "https://api.example");
  await client.list(PATH, signal, same);
  await client.list(PATH, signal, same, "text/x");
  assertEquals(asked, [
    [`https://api.example${PATH}`, { accept: "application/json" }],
    [`https://api.example${PATH}`, { accept: "text/x" }],
  ]);
});

for (
  const { name, answer } of [
    { name: "begin", answer: never },
    { name: "end", answer: halfOf },
  ]
) {
  Deno.test(`list() gives up on an answer that does not ${name} within ten seconds`, async () => {
    const clock = fakeClock();
    using _ = clock.takeOverTimeouts();
    let error: unknown;
    const client = apiClient(
      (_, init) => Promise.race([answer(init.signal), aborted(init.signal)]),
      "https://api.example",
    );
    client.list(PATH, signal, same).catch((thrown) => error = thrown);
    await clock.advance(9_999);
    assertEquals(error, undefined);
    await clock.advance(1);
    assert(error instanceof ApiError);
    assertEquals(error.message, `${WHAT}: no answer within 10 s`);
  });
}

Deno.test("list() reads a list of 5,000 Pods with many managed fields, and not one without end", async () => {
  const item = `{"a":"${"x".repeat(1024 * 1024)}"},`;
  let items = 0;
  const error = await assertRejects(
    () =>
      answering(() => endless('{"metadata":{},"items":[', item))
        .list(PATH, signal, () => items++),
    ApiError,
  );
  assertEquals(error.message, `${WHAT}: answered more than 128 MiB`);
  assertEquals(items, 127);
});

Deno.test("list() does not keep items without end", async () => {
  const error = await assertRejects(
    () =>
      answering(() => endless('{"metadata":{},"items":[', "{},".repeat(1_000)))
        .list(PATH, signal, (item) => item),
    ApiError,
  );
  assertEquals(error.message, `${WHAT}: answered more than 100,000 items`);
});

Deno.test("list() ends when its signal aborts", async () => {
  const stop = new AbortController();
  const client = apiClient(
    (_, init) => aborted(init.signal),
    "https://api.example",
  );
  const list = client.list(PATH, stop.signal, same);
  stop.abort(new Error("enough"));
  const error = await assertRejects(() => list, ApiError);
  assertEquals(error.message, `${WHAT}: enough`);
});

/** Rejects as `fetch` does. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

/** An answer whose body goes on until it is aborted. */
function halfOf(signal: AbortSignal): Promise<Response> {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"items":['));
      signal.addEventListener("abort", () => controller.error(signal.reason));
    },
  });
  return Promise.resolve(new Response(stream));
}

for (
  const { name, text } of [
    {
      name: "null for no items",
      text: '{"metadata":{"resourceVersion":""},"items":null}',
    },
    { name: "a list without a version", text: '{"metadata":{},"items":[]}' },
  ]
) {
  Deno.test(`list() bears ${name}`, async () => {
    const client = answering(() => new Response(text));
    assertEquals(await client.list(PATH, signal, same), {
      items: [],
      resourceVersion: "",
      bytes: text.length,
    });
  });
}

Deno.test("list() puts a character together that was cut in two", async () => {
  const bytes = new TextEncoder().encode('{"metadata":{},"items":["\u00e9"]}');
  const cut = bytes.indexOf(0xc3) + 1;
  const client = answering(() =>
    body([bytes.slice(0, cut), bytes.slice(cut)], "ends")
  );
  assertEquals((await client.list(PATH, signal, same)).items, ["\u00e9"]);
});

const NOT_JSON = "answered something that is not JSON";
const NO_LIST = "answered something that is not a list";
const FAILURES: readonly {
  name: string;
  answer: Answer;
  message: string;
  status?: number;
  retryAfterMs?: number;
}[] = [
  {
    name: "no connection",
    answer: refused,
    message: "connection refused",
  },
  { name: "HTML", answer: () => new Response("<html>"), message: NOT_JSON },
  {
    name: "half a JSON",
    answer: () => new Response('{"items":['),
    message: NOT_JSON,
  },
  { name: "an empty body", answer: () => new Response(), message: NOT_JSON },
  {
    name: "an item that is not JSON",
    answer: () => new Response('{"metadata":{},"items":[{},{"a":}]}'),
    message: NOT_JSON,
  },
  { name: "null", answer: () => new Response("null"), message: NOT_JSON },
  { name: "a number", answer: () => new Response("5"), message: NOT_JSON },
  { name: "an array", answer: () => new Response("[]"), message: NO_LIST },
  {
    name: "another object",
    answer: () => Response.json({ kind: "Pod", metadata: {} }),
    message: NO_LIST,
  },
  {
    name: "items without metadata",
    answer: () => Response.json({ items: [] }),
    message: NO_LIST,
  },
  {
    name: "items that are none",
    answer: () => Response.json({ metadata: {}, items: {} }),
    message: NO_LIST,
  },
  {
    name: "a body that breaks off",
    answer: () => body(['{"items":['], "breaks"),
    message: "the answer broke off: connection reset",
  },
  {
    name: "a body without end",
    answer: () => endless(),
    message: "answered an item of more than 2 MiB",
  },
  {
    name: "401",
    answer: () => status(401, "Unauthorized"),
    message: "answered 401: Unauthorized",
    status: 401,
  },
  {
    name: "403 with a reason",
    answer: () => status(403, 'pods is forbidden: User "x" cannot list'),
    message: 'answered 403: pods is forbidden: User "x" cannot list',
    status: 403,
  },
  {
    name: "410",
    answer: () => status(410, "too old"),
    message: "answered 410: too old",
    status: 410,
  },
  {
    name: "429 with Retry-After",
    answer: () => status(429, "slow", { "retry-after": "3" }),
    message: "answered 429: slow",
    status: 429,
    retryAfterMs: 3_000,
  },
  {
    name: "429 with a Retry-After of a year",
    answer: () => status(429, "slow", { "retry-after": "31536000" }),
    message: "answered 429: slow",
    status: 429,
    retryAfterMs: 900_000,
  },
  {
    name: "503 with Retry-After as a date",
    answer: () =>
      status(503, "no", { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" }),
    message: "answered 503: no",
    status: 503,
  },
  {
    name: "500 as text",
    answer: () => new Response("oops", { status: 500 }),
    message: "answered 500",
    status: 500,
  },
  {
    name: "500 as null",
    answer: () => new Response("null", { status: 500 }),
    message: "answered 500",
    status: 500,
  },
  {
    name: "500 with a message that is no text",
    answer: () => Response.json({ message: 5 }, { status: 500 }),
    message: "answered 500: 5",
    status: 500,
  },
  {
    name: "500 with a body that breaks off",
    answer: () => broken500(),
    message: "answered 500",
    status: 500,
  },
  {
    name: "500 with a very long message",
    answer: () => status(500, "x".repeat(9_999)),
    message: `answered 500: ${"x".repeat(500)}`,
    status: 500,
  },
  {
    name: "a redirect",
    answer: () =>
      new Response(null, {
        status: 307,
        headers: { location: "https://evil.example" },
      }),
    message: "answered 307",
    status: 307,
  },
];
for (const { name, answer, message, status = 0, retryAfterMs } of FAILURES) {
  Deno.test(`list() tells of ${name}`, async () => {
    const error = await assertRejects(
      () => answering(answer).list(PATH, signal, same),
      ApiError,
    );
    assertEquals(error.message, `${WHAT}: ${message}`);
    assertEquals([error.status, error.retryAfterMs], [status, retryAfterMs]);
  });
}

const CLIENT_ERROR =
  "error sending request for url (https://a/b): client error (Connect): ";
for (
  const [name, error, want] of [
    [
      "finds the innermost cause",
      new TypeError("fetch failed", {
        cause: new Error("a", { cause: new Error("b") }),
      }),
      "b",
    ],
    [
      "leaves out the URL and what repeats",
      new TypeError("fetch failed", {
        cause: new Error(`${CLIENT_ERROR}dns error: no`),
      }),
      "dns error: no",
    ],
    [
      "leaves out the own address",
      new Error(
        "error sending request from 127.0.0.1:5 for http://a/ (127.0.0.1:6): client error (SendRequest): invalid HTTP version parsed",
      ),
      "invalid HTTP version parsed",
    ],
    [
      "leaves out the number of the error",
      new Error(
        `${CLIENT_ERROR}tcp connect error: Connection refused (os error 111)`,
      ),
      "tcp connect error: Connection refused",
    ],
    ["bears what is no error", "text", "text"],
  ] as const
) {
  Deno.test(`fetchWords() ${name}`, () =>
    assertEquals(fetchWords(error), want));
}

function broken500(): Response {
  return new Response(body(["{"], "breaks").body, { status: 500 });
}
