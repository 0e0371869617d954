/**
 * An API server that has Pods and cordoned nodes, answers what a test wants, and
 * remembers what it was asked. No sockets: it is a function that is called
 * instead of `fetch`.
 *
 * @module
 */
import type { Pod } from "../../lib/discovery/neighbours.ts";
import type { EndpointSlice } from "../../lib/discovery/slice_source.ts";
import type { ApiFetch } from "../../lib/kubernetes/access.ts";
import { apiClient } from "../../lib/kubernetes/client.ts";
import type { ApiClient } from "../../lib/kubernetes/client.ts";
import type { Clock } from "../../lib/platform.ts";

/** Answers one request; may throw, or never resolve. */
export type Answer = (signal: AbortSignal) => Response | Promise<Response>;

/** One kind of request. */
export interface Endpoint {
  /** Given instead of the truth while it is set. */
  answer: Answer | undefined;
  /** When it was asked, milliseconds of the test's clock. */
  readonly asked: number[];
  /** The URLs, without the origin, and the media types asked for. */
  readonly urls: string[];
  readonly accepts: (string | undefined)[];
}

/** A stream of watch events that is open. */
export interface OpenWatch {
  send(type: string, object: unknown): void;
  sendRaw(text: string): void;
  end(): void;
  break(): void;
}

/** The server. */
export interface FakeApiServer {
  readonly client: ApiClient;
  pods: readonly Pod[];
  /** Names of cordoned nodes, as the next list tells them. */
  cordoned: readonly string[];
  /** As the next list of EndpointSlices tells them. */
  slices: readonly EndpointSlice[];
  readonly podList: Endpoint;
  /** Pods of one node. */
  readonly lookUp: Endpoint;
  readonly sliceList: Endpoint;
  readonly nodeList: Endpoint;
  readonly nodeWatch: Endpoint;
  /** The newest stream that is open. */
  watch(): OpenWatch;
}

/** Makes one without Pods. */
export function fakeApiServer(clock: Clock): FakeApiServer {
  const watches: OpenWatch[] = [];
  const server: FakeApiServer = {
    client: apiClient(fetch, "https://api.example"),
    pods: [],
    cordoned: [],
    slices: [],
    podList: endpoint(),
    lookUp: endpoint(),
    sliceList: endpoint(),
    nodeList: endpoint(),
    nodeWatch: endpoint(),
    watch() {
      const newest = watches.at(-1);
      if (!newest) throw new Error("no watch is open");
      return newest;
    },
  };

  function truth(to: Endpoint, url: URL, signal: AbortSignal): Response {
    if (to === server.podList) return list(server.pods);
    if (to === server.sliceList) return list(server.slices);
    if (to === server.lookUp) {
      const fields = url.searchParams.get("fieldSelector");
      return list(
        server.pods.filter(({ spec }) =>
          fields === `spec.nodeName=${spec?.nodeName}`
        ),
      );
    }
    if (to === server.nodeWatch) return watchAnswer(watches, signal);
    return list(server.cordoned.map((name) => ({ metadata: { name } })));
  }

  async function fetch(...[url, init]: Parameters<ApiFetch>) {
    const path = url.replace("https://api.example", "");
    const to = path.includes("fieldSelector=spec.nodeName")
      ? server.lookUp
      : path.includes("/pods?")
      ? server.podList
      : path.includes("/endpointslices?")
      ? server.sliceList
      : path.includes("watch=true")
      ? server.nodeWatch
      : server.nodeList;
    to.asked.push(clock.now());
    to.urls.push(path);
    to.accepts.push(init.headers?.accept);
    const { signal } = init;
    signal.throwIfAborted();
    return await Promise.race([
      to.answer?.(signal) ?? truth(to, new URL(url), signal),
      aborted(signal),
    ]);
  }
  return server;
}

/** A list as the API server answers it. */
export function list(items: unknown): Response {
  return Response.json({ metadata: { resourceVersion: "7" }, items });
}

/** A failure as the API server answers it. */
export function status(
  code: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  const body = { kind: "Status", code, message };
  return Response.json(body, { status: code, headers });
}

/** An answer that never comes. */
export function never(): Promise<Response> {
  return new Promise(() => {});
}

/** What `fetch` does when nobody listens. */
export function refused(): never {
  throw new TypeError("fetch failed", {
    cause: new Error(
      "error sending request for url (https://api.example/): client error (Connect): tcp connect error: Connection refused (os error 111)",
    ),
  });
}

/** A body of these parts, which then ends or breaks. */
export function body(
  parts: readonly (string | Uint8Array)[],
  end: "ends" | "breaks",
) {
  const encoder = new TextEncoder();
  const chunks = parts.map((part) =>
    typeof part === "string" ? encoder.encode(part) : part
  );
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk) controller.enqueue(chunk);
      else if (end === "ends") controller.close();
      else controller.error(new TypeError("connection reset"));
    },
  });
  return new Response(stream);
}

/** A body of one line that goes on for ever: `again` after `first`. */
export function endless(
  first = "",
  again = " ".repeat(1024 * 1024),
): Response {
  const chunk = new TextEncoder().encode(again);
  return new Response(
    new ReadableStream<Uint8Array>({
      start: (c) => c.enqueue(new TextEncoder().encode(first)),
      pull: (c) => c.enqueue(chunk),
    }),
  );
}

function endpoint(): Endpoint {
  return { answer: undefined, asked: [], urls: [], accepts: [] };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

function watchAnswer(watches: OpenWatch[], signal: AbortSignal): Response {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (c) => void (controller = c),
    cancel: over,
  });
  function over() {
    signal.removeEventListener("abort", abort);
    if (watches.includes(watch)) watches.splice(watches.indexOf(watch), 1);
  }
  function abort() {
    over();
    controller.error(signal.reason);
  }
  const watch: OpenWatch = {
    send: (type, object) =>
      watch.sendRaw(JSON.stringify({ type, object }) + "\n"),
    sendRaw: (text) => controller.enqueue(new TextEncoder().encode(text)),
    end() {
      over();
      controller.close();
    },
    break() {
      over();
      controller.error(new TypeError("connection reset"));
    },
  };
  signal.addEventListener("abort", abort);
  watches.push(watch);
  return new Response(body);
}
