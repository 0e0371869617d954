import { assert, assertEquals, assertRejects } from "@std/assert";
import { apiClient, ApiError } from "../../lib/kubernetes/client.ts";
import type { ApiClient } from "../../lib/kubernetes/client.ts";
import { body, endless, status } from "../fakes/api_server.ts";
import type { Answer } from "../fakes/api_server.ts";

const signal = new AbortController().signal;
const PATH = "/api/v1/nodes?watch=true";
const WHAT = "GET https://api.example/api/v1/nodes";
const NOT_JSON = "answered something that is not JSON";

function answering(answer: Answer): ApiClient {
  return apiClient(
    async (_, init) => await answer(init.signal),
    "https://api.example",
  );
}

async function watched(answer: Answer): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of answering(answer).watch(PATH, signal)) {
    events.push(event);
  }
  return events;
}

Deno.test("watch() gives the events of any chunks, without empty lines", async () => {
  const lines =
    '{"type":"ADDED","object":{"n":1}}\n\n{"type":"DELETED","object":{"n":2}}\n';
  for (const size of [1, 7, 1_000]) {
    const parts = lines.match(new RegExp(`[^]{1,${size}}`, "g"))!;
    assertEquals(await watched(() => body(parts, "ends")), [
      { type: "ADDED", object: { n: 1 } },
      { type: "DELETED", object: { n: 2 } },
    ]);
  }
});

Deno.test("watch() gives an event before the next one comes", async () => {
  const answer = () =>
    body(['{"type":"ADDED","object":1}\n', '{"type":'], "breaks");
  const events = answering(answer).watch(PATH, signal);
  assertEquals((await events.next()).value, { type: "ADDED", object: 1 });
  await assertRejects(() => events.next(), ApiError, "the answer broke off");
});

Deno.test("watch() bears a line of a megabyte", async () => {
  const object = "x".repeat(1_000_000);
  const line = JSON.stringify({ type: "ADDED", object }) + "\n";
  const parts = line.match(/[^]{1,65536}/g)!;
  assertEquals(await watched(() => body(parts, "ends")), [{
    type: "ADDED",
    object,
  }]);
});

const WATCH_FAILURES: readonly {
  name: string;
  answer: Answer;
  message: string;
  status?: number;
}[] = [
  {
    name: "an ERROR event",
    answer: () =>
      body([
        '{"type":"ERROR","object":{"code":410,"message":"too old resource version: 1"}}\n',
      ], "ends"),
    message: "too old resource version: 1",
    status: 410,
  },
  {
    name: "an ERROR event without words",
    answer: () => body(['{"type":"ERROR","object":{}}\n'], "ends"),
    message: "watch failed",
  },
  {
    name: "an ERROR event without an object",
    answer: () => body(['{"type":"ERROR"}\n'], "ends"),
    message: "watch failed",
  },
  {
    name: "a line that is not JSON",
    answer: () => body(["<html>\n"], "ends"),
    message: NOT_JSON,
  },
  {
    name: "a line that is no object",
    answer: () => body(["null\n"], "ends"),
    message: NOT_JSON,
  },
  {
    name: "a line without end",
    answer: () => endless(),
    message: "answered a line of more than 2 MiB",
  },
  {
    name: "a stream that breaks",
    answer: () => body(["{"], "breaks"),
    message: "the answer broke off: connection reset",
  },
  {
    name: "403",
    answer: () => status(403, "no"),
    message: "answered 403: no",
    status: 403,
  },
];
for (const { name, answer, message, status = 0 } of WATCH_FAILURES) {
  Deno.test(`watch() tells of ${name}`, async () => {
    const error = await assertRejects(() => watched(answer), ApiError);
    assertEquals(error.message, `${WHAT}: ${message}`);
    assertEquals(error.status, status);
  });
}

Deno.test("watch() closes the stream when nobody reads on", async () => {
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    pull: (c) =>
      c.enqueue(new TextEncoder().encode('{"type":"ADDED","object":1}\n')),
    cancel: () => void (cancelled = true),
  });
  for await (
    const _ of answering(() => new Response(stream)).watch(PATH, signal)
  ) {
    break;
  }
  assert(cancelled);
});
