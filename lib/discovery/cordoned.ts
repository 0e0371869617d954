/**
 * Keeps the names of the cordoned nodes by a watch that is silent for all others
 * and carries only their metadata.
 *
 * @module
 */
import { backoffMs } from "../backoff.ts";
import type { ApiClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/client.ts";
import type { Log } from "../log.ts";
import { wordsOf } from "../platform.ts";
import type { Clock, Random } from "../platform.ts";
import { name as nameOf } from "./fields.ts";
import { spreadMs } from "./pace.ts";

/** The names and their keeper. */
export interface Cordoned {
  /** Names of the nodes that are cordoned, as far as known. */
  nodes(): ReadonlySet<string>;
  /** Keeps them until `signal` aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** What the keeper needs. */
export interface CordonedDeps {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How many agents there are that do the same. */
  size(): number;
}

interface NodeMetadata {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion?: string;
  };
}

const NODES = "/api/v1/nodes?fieldSelector=spec.unschedulable%3Dtrue";
const AS_LIST =
  "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const AS_OBJECT =
  "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/** The server ends a watch after this; jitter is added. */
const WATCH_S = 240;
/** A stream that is open for so long after that is a dead connection. */
const GRACE_MS = 15_000;
/** A watch that is silent for longer is a dead connection: each minute there is a bookmark. */
const QUIET_MS = 120_000;
const BACKOFF_CAP_MS = 10_000;
/** Without the permission: how often to see whether it was given. */
const FORBIDDEN_MS = 60_000;

function nodeName(node: NodeMetadata | null | undefined): string {
  const name = nameOf(node?.metadata?.name);
  if (name === "") {
    throw new Error("the API server answered a Node without a name");
  }
  return name;
}

/** Makes the keeper; nothing happens before {@linkcode Cordoned.run}. */
export function cordonedNodes(deps: CordonedDeps): Cordoned {
  const { api, clock, random, log, size } = deps;
  let names: ReadonlySet<string> = new Set();
  let failures = 0;
  let told = "";

  /** What befalls all agents at once must not bring them all back at once. */
  function spread(): number {
    return random() * spreadMs(size());
  }

  async function list(signal: AbortSignal): Promise<string> {
    const found = await api.list(
      `${NODES}&resourceVersion=0`,
      signal,
      nodeName,
      AS_LIST,
    );
    names = new Set(found.items);
    return found.resourceVersion;
  }

  /** A list alone does not show that all works: the watch after it may fail each time. */
  function works() {
    failures = 0;
    if (told !== "") log.info("the list of cordoned nodes is back");
    told = "";
  }

  /** Whether the server has ended it before its time, and so all others' too. */
  async function watch(
    resourceVersion: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const seconds = Math.round(WATCH_S * (1 + random() / 4));
    const path = `${NODES}&watch=true&allowWatchBookmarks=true` +
      `&timeoutSeconds=${seconds}&resourceVersion=${resourceVersion}`;
    const began = clock.now();
    using silence = untilSilent(clock, QUIET_MS);
    const limit = AbortSignal.any([
      signal,
      silence.signal,
      AbortSignal.timeout(seconds * 1e3 + GRACE_MS),
    ]);
    for await (
      const { type, object } of api.watch<NodeMetadata>(path, limit, AS_OBJECT)
    ) {
      silence.heard();
      if (type === "ADDED" || type === "MODIFIED") {
        names = new Set([...names, nodeName(object)]);
      } else if (type === "DELETED") { // uncordoned, or gone
        const name = nodeName(object);
        names = new Set([...names].filter((other) => other !== name));
      }
      works();
    }
    works();
    return clock.now() - began < WATCH_S * 1e3 - GRACE_MS;
  }

  function failed(error: unknown, isListed: boolean): number {
    failures++;
    const status = error instanceof ApiError ? error.status : 0;
    // too old a version, or a stream that broke: a new list mends it
    if (status === 410 && failures === 1) return spread();
    const forbidden = status === 403;
    const words = !forbidden
      ? "cannot keep the list of cordoned nodes"
      : isListed
      ? `may not watch nodes, so cordoned ones are listed every ${
        FORBIDDEN_MS / 1e3
      } s only: the ClusterRole needs watch on nodes`
      : "may not list nodes, so cordoned ones count as neighbours: the ClusterRole needs list and watch on nodes";
    if (told !== words && (forbidden || failures > 1)) {
      log.warn(words, { error: wordsOf(error) });
      told = words;
    }
    const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
    const cap = Math.max(BACKOFF_CAP_MS, 2 * spreadMs(size()));
    return forbidden
      ? FORBIDDEN_MS
      : backoffMs(failures, cap, random, asked) + spread();
  }

  return {
    nodes: () => names,
    async run(signal) {
      while (!signal.aborted) {
        let wait = 0;
        let isListed = false;
        try {
          const version = await list(signal);
          isListed = true;
          const isEarly = await watch(version, signal);
          // a server that ends each stream at once must not be asked at once
          wait = 500 + random() * 1_000 + (isEarly ? spread() : 0);
        } catch (error) {
          wait = failed(error, isListed);
        }
        await clock.sleep(wait, signal);
      }
    },
  };
}

/** A signal that aborts once nothing has been heard for `ms`. */
function untilSilent(clock: Clock, ms: number) {
  const silent = new AbortController();
  const over = new AbortController();
  let last = clock.now();
  async function wait() {
    while (clock.now() - last < ms) {
      await clock.sleep(last + ms - clock.now(), over.signal);
      if (over.signal.aborted) return;
    }
    silent.abort(new Error(`nothing was heard for ${ms / 1e3} s`));
  }
  wait();
  return {
    signal: silent.signal,
    heard: () => void (last = clock.now()),
    [Symbol.dispose]: () => over.abort(),
  };
}
