/**
 * Where the agents are listed. There are two such sources, and one that chooses
 * between them.
 *
 * @module
 */
import type { ApiClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/client.ts";
import { wordsOf } from "../platform.ts";
import type { Agent } from "./neighbours.ts";

/** All agents, as one answer has them. */
export interface Listing {
  readonly agents: readonly Agent[];
  /** Length of the answer, not compressed. */
  readonly bytes: number;
}

/** Lists the agents. */
export interface Source {
  /**
   * @param fresh Whether not to be content with the API server's cache.
   * @throws {ApiError}
   */
  list(signal: AbortSignal, fresh: boolean): Promise<Listing>;
}

/** What a source needs. */
export interface SourceDeps {
  readonly api: ApiClient;
  /** Of the agents. */
  readonly namespace: string;
}

/** The query of a list: from the API server's cache, not from etcd, unless `fresh`. */
export function listQuery(
  selector: string,
  fresh: boolean,
  more: Readonly<Record<string, string>> = {},
): string {
  const cached = fresh ? undefined : { resourceVersion: "0" };
  const query = { labelSelector: selector, ...more, ...cached };
  return new URLSearchParams(query).toString();
}

/** The error with the permission that lacks, if one does. */
export function explained(error: unknown, resource: string): ApiError {
  const { status = 0, retryAfterMs } = error instanceof ApiError ? error : {};
  const lacking = status === 403
    ? ` (the Role of the ServiceAccount needs list on ${resource})`
    : "";
  return new ApiError(`${wordsOf(error)}${lacking}`, status, retryAfterMs);
}
