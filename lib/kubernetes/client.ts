/**
 * Lists and watches at the API server, and errors that say what it answered.
 *
 * @module
 */
import { plainly } from "../checks/words.ts";
import { wordsOf } from "../platform.ts";
import type { ApiFetch } from "./access.ts";
import { itemScanner } from "./items.ts";

/** A request to the API server that failed, or an answer that cannot be used. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /**
   * @param status HTTP status, or 0 when there was no usable answer.
   * @param retryAfterMs What the server asked for, milliseconds.
   */
  constructor(
    message: string,
    readonly status: number,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

/** What is kept of a list of the API server. */
export interface List<K> {
  readonly items: readonly K[];
  readonly resourceVersion: string;
  /** Its length, not compressed. */
  readonly bytes: number;
}

/** An event of a watch. */
export interface WatchEvent<T> {
  readonly type: string;
  readonly object: T;
}

/** What of the API discovery uses. */
export interface ApiClient {
  /**
   * Reads a list item by item, of which no more than one is held at a time.
   *
   * @param path With its query, for example `/api/v1/nodes?limit=1`.
   * @param keep What to keep of an item, which may be anything that is JSON.
   * @param accept Media type to ask for.
   * @throws {ApiError} Also when the list is not there after 10 s.
   */
  list<T, K>(
    path: string,
    signal: AbortSignal,
    keep: (item: T) => K,
    accept?: string,
  ): Promise<List<K>>;
  /**
   * Events until the server ends the stream.
   * @throws {ApiError} Also for an `ERROR` event, with its status (410: too old).
   */
  watch<T>(
    path: string,
    signal: AbortSignal,
    accept?: string,
  ): AsyncGenerator<WatchEvent<T>>;
}

/** A list that takes longer has failed. */
const LIST_TIMEOUT_MS = 10_000;
/** More than a list of 10,000 Pods of 8.6 KB, of which one is held at a time. */
const MAX_LIST_BYTES = 128 * 1024 * 1024;
/** More agents than there can be. */
const MAX_ITEMS = 100_000;
/** More than any single object: etcd's limit is 1.5 MB. */
const MAX_LINE_CHARS = 2 * 1024 * 1024;
/** A `v1.Status` with the longest message that a sane server sends. */
const MAX_STATUS_CHARS = 1024 * 1024;
/** A server that asks to be left alone for longer is not believed. */
const MAX_RETRY_AFTER_S = 900;

/** Makes a client for the API server at `server`, an origin without a path. */
export function apiClient(fetch: ApiFetch, server: string): ApiClient {
  function whatOf(path: string): string {
    return `GET ${server}${path.split("?")[0]}`;
  }

  async function request(path: string, signal: AbortSignal, accept: string) {
    const what = whatOf(path);
    let response: Response;
    try {
      response = await fetch(`${server}${path}`, {
        signal,
        headers: { accept },
      });
    } catch (error) {
      throw new ApiError(`${what}: ${plainly(fetchWords(error))}`, 0);
    }
    if (response.status !== 200) throw await statusError(what, response);
    return { what, response };
  }

  async function listNow<T, K>(
    path: string,
    signal: AbortSignal,
    keep: (item: T) => K,
    accept: string,
  ): Promise<List<K>> {
    const { what, response } = await request(path, signal, accept);
    const kept: K[] = [];
    const scanner = itemScanner((text) => {
      if (kept.length === MAX_ITEMS) {
        throw new ApiError(`${what}: answered more than 100,000 items`, 0);
      }
      kept.push(keep(parseAny(what, text) as T));
    });
    let bytes = 0;
    for await (const chunk of chunks(what, response)) {
      bytes += chunk.length;
      if (bytes > MAX_LIST_BYTES) {
        throw new ApiError(`${what}: answered more than 128 MiB`, 0);
      }
      scanner.push(chunk);
      if (scanner.held() > MAX_LINE_CHARS) {
        throw new ApiError(`${what}: answered an item of more than 2 MiB`, 0);
      }
    }
    const { items, metadata } = parse(what, scanner.end()) as {
      items?: T[] | null;
      metadata?: { resourceVersion?: string };
    };
    // an empty list of some servers is null; anything else is not a list
    if (!metadata || !(Array.isArray(items) || items === null)) {
      throw new ApiError(`${what}: answered something that is not a list`, 0);
    }
    // those that the scanner has not seen as such: a key may be written with escapes
    items?.forEach((item) => kept.push(keep(item)));
    const { resourceVersion = "" } = metadata;
    return { items: kept, resourceVersion, bytes };
  }

  return {
    async list<T, K>(
      path: string,
      signal: AbortSignal,
      keep: (item: T) => K,
      accept = JSON_TYPE,
    ) {
      const late = AbortSignal.timeout(LIST_TIMEOUT_MS);
      const either = AbortSignal.any([signal, late]);
      try {
        return await listNow(path, either, keep, accept);
      } catch (error) {
        if (!late.aborted) throw error;
        const words = `no answer within ${LIST_TIMEOUT_MS / 1e3} s`;
        throw new ApiError(`${whatOf(path)}: ${words}`, 0);
      }
    },

    async *watch<T>(path: string, signal: AbortSignal, accept = JSON_TYPE) {
      const { what, response } = await request(path, signal, accept);
      for await (const line of lines(what, response)) {
        const event = parse(what, line) as WatchEvent<T>;
        if (event.type === "ERROR") {
          const { code, message } = (event.object ?? {}) as {
            code?: number;
            message?: string;
          };
          throw new ApiError(
            `${what}: ${message ?? "watch failed"}`,
            code ?? 0,
          );
        }
        yield event;
      }
    },
  };
}

const JSON_TYPE = "application/json";

/** The innermost cause of a failed `fetch`, without the URL, which the caller names. */
export function fetchWords(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) {
    inner = inner.cause;
  }
  return wordsOf(inner).replace(
    /^error sending request (from \S+ )?for (url \(\S+\)|\S+ \(\S+\)): (client error \(\w+\): )?/,
    "",
  ).replace(/ \(os error \d+\)$/, "");
}

async function statusError(what: string, response: Response) {
  const { status } = response;
  let words = "";
  try {
    const text = await readWords(what, response);
    words = String((JSON.parse(text) as { message?: unknown }).message ?? "");
  } catch {
    // no Status object: the number has to do
  }
  const after = Number(response.headers.get("retry-after"));
  return new ApiError(
    `${what}: answered ${status}${words && `: ${words.slice(0, 500)}`}`,
    status,
    after > 0 ? Math.min(after, MAX_RETRY_AFTER_S) * 1e3 : undefined,
  );
}

function parse(what: string, text: string): object {
  const value = parseAny(what, text);
  if (typeof value === "object" && value !== null) return value;
  throw notJson(what);
}

function parseAny(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson(what);
  }
}

function notJson(what: string): ApiError {
  return new ApiError(`${what}: answered something that is not JSON`, 0);
}

/** The words of a failure, cut off where nobody reads on. */
async function readWords(what: string, response: Response): Promise<string> {
  let text = "";
  for await (const part of decoded(what, response)) {
    text += part;
    if (text.length > MAX_STATUS_CHARS) break;
  }
  return text;
}

async function* lines(what: string, response: Response) {
  let rest = "";
  for await (const part of decoded(what, response)) {
    const found = (rest + part).split("\n");
    rest = found.pop()!;
    if (rest.length > MAX_LINE_CHARS) {
      throw new ApiError(`${what}: answered a line of more than 2 MiB`, 0);
    }
    yield* found.filter((line) => line !== "");
  }
}

async function* decoded(what: string, response: Response) {
  const decoder = new TextDecoder();
  for await (const chunk of chunks(what, response)) {
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}

async function* chunks(what: string, response: Response) {
  try {
    yield* response.body ?? [];
  } catch (error) {
    throw new ApiError(
      `${what}: the answer broke off: ${fetchWords(error)}`,
      0,
    );
  }
}
