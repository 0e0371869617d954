/**
 * The API server of the simulation, at the interface of the agents' client: what
 * it answers is shared by all, and it counts what it is asked.
 *
 * @module
 */
import type { ApiClient } from "../../lib/kubernetes/client.ts";
import { ApiError } from "../../lib/kubernetes/client.ts";
import type { Clock } from "../../lib/platform.ts";
import type { World } from "./world.ts";

/** What was asked, by kind. */
export type Kind = "list" | "look-up" | "cordoned";

/** One request. */
export interface Asked {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly kind: Kind;
  /** Of the answer, as they go over the wire. */
  readonly bytes: number;
}

/** It and what it was asked. */
export interface SimulatedApiServer {
  readonly client: ApiClient;
  readonly asked: Asked[];
  /** Whether it is away. */
  setAway(away: boolean): void;
}

/** Lengths of answers, bytes; compressed beyond 128 KiB, to a fifth. */
const ENDPOINT_BYTES = 300;
const POD_BYTES = 5_000;
const COMPRESSED_BYTES = 128 * 1024;
const COMPRESSION = 5;
/** A handshake and headers: each request is on a connection of its own. */
const REQUEST_BYTES = 3_000;
const ANSWER_MS = 20;

/** Makes it. */
export function simulatedApiServer(
  world: World,
  clock: Clock,
): SimulatedApiServer {
  const asked: Asked[] = [];
  let away = new AbortController();
  let isAway = false;

  async function answer(kind: Kind, length: number, signal: AbortSignal) {
    const body = length > COMPRESSED_BYTES ? length / COMPRESSION : length;
    const bytes = isAway ? 0 : body + REQUEST_BYTES;
    asked.push({ at: clock.now(), kind, bytes });
    await clock.sleep(ANSWER_MS, signal);
    if (isAway) throw new ApiError("connection refused", 0);
  }

  /** The items, in the form in which the agents keep them. */
  async function itemsOf(path: string, signal: AbortSignal) {
    const [resource, query] = path.split("?") as [string, string];
    if (resource.endsWith("/nodes")) {
      await answer("cordoned", 200, signal);
      return { items: [], bytes: 200 };
    }
    if (resource.endsWith("/endpointslices")) {
      const endpoints = world.endpoints();
      const bytes = endpoints.length * ENDPOINT_BYTES;
      await answer("list", bytes, signal);
      return { items: [endpoints], bytes };
    }
    const field = new URLSearchParams(query).get("fieldSelector");
    const node = field?.replace("spec.nodeName=", "");
    if (node === undefined) throw new Error(`not simulated: ${path}`);
    await answer("look-up", POD_BYTES, signal);
    const pod = world.onNode(node);
    return { items: pod ? [pod] : [], bytes: POD_BYTES };
  }

  const client: ApiClient = {
    async list<T, K>(path: string, signal: AbortSignal) {
      const { items, bytes } = await itemsOf(path, signal);
      return { items: items as unknown as K[], bytes, resourceVersion: "1" };
    },
    // nobody is cordoned: it is open until its time is over, or it breaks
    // deno-lint-ignore require-yield
    async *watch(path: string, signal: AbortSignal) {
      await answer("cordoned", 200, signal);
      const seconds = Number(/timeoutSeconds=(\d+)/.exec(path)![1]);
      const either = AbortSignal.any([signal, away.signal]);
      await clock.sleep(seconds * 1e3, either);
      if (away.signal.aborted) throw new ApiError("it broke off", 0);
    },
  };

  return {
    client,
    asked,
    setAway(now) {
      isAway = now;
      if (now) away.abort();
      else away = new AbortController();
    },
  };
}
