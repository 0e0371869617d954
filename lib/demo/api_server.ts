/**
 * An API server of our own, on the loopback address: HTTPS with a CA made at the
 * start, a bearer token, Pods, Nodes, `/version`, and switches for what can go
 * wrong. The demo runs on it, and so do tests. It is a stand-in: it knows the
 * requests that the agent makes and no others.
 *
 * ```ts ignore
 * await using server = await startApiServer({ token: "secret", nodes: ["node-1"] });
 * server.cordon("node-1");
 * await server.fault({ status: 429, retryAfterSeconds: 2 }, /pods/);
 * ```
 *
 * @module
 */
import type { Pod } from "../discovery/neighbours.ts";
import { wordsOf } from "../platform.ts";
import { createCa } from "./certificates.ts";
import type { CertificateAuthority } from "./certificates.ts";
import { startEndpoint } from "./endpoint.ts";
import { nodeStore } from "./nodes.ts";
import { slicesOf } from "./slices.ts";
import { labelSelector } from "./selector.ts";
import type { Labels } from "./selector.ts";

/** A Pod as the API server knows it; further fields are answered as they are. */
export type DemoPod = Pod & {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
};

/** What can be wrong with the API server. */
export type Fault =
  /** Connections are refused, and those that are open are cut. */
  | "away"
  /** It accepts requests and never answers. */
  | "hang"
  /** It answers 200 with something that is not JSON. */
  | "garbage"
  /** It answers this status with a `v1.Status`. */
  | {
    readonly status: number;
    readonly message?: string;
    /** Sent as `Retry-After`. */
    readonly retryAfterSeconds?: number;
  };

/** A request that came, whatever became of it. */
export interface RecordedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Whether it had an `Authorization` header, right or wrong. */
  readonly authorization: boolean;
}

/** How to start it. */
export interface DemoApiServerOptions {
  /** The bearer token that it accepts; all others are answered 401. */
  readonly token: string;
  readonly pods?: readonly DemoPod[];
  /** Names of the nodes; none is cordoned. */
  readonly nodes?: readonly string[];
  /** DNS names and addresses in its certificate; default `localhost` and `127.0.0.1`. */
  readonly names?: readonly string[];
  /** Signs its certificate; none: a new one. */
  readonly authority?: CertificateAuthority;
  /** Time between two bookmarks of a watch, milliseconds; default a minute, as the real one. */
  readonly bookmarkMs?: number;
}

/** A running API server. */
export interface DemoApiServer extends AsyncDisposable {
  /** `https://127.0.0.1:<port>`; the name `localhost` works too. */
  readonly url: string;
  readonly port: number;
  /** Certificate of its CA, PEM. */
  readonly ca: string;
  readonly authority: CertificateAuthority;
  /** Requests so far, the oldest first; of many, the newest. */
  readonly requests: readonly RecordedRequest[];
  /** Accepts these tokens from now on and no others. */
  setToken(...tokens: readonly string[]): void;
  /** Restarts it, on the same port, with a certificate that another CA has signed. */
  setAuthority(authority: CertificateAuthority): Promise<void>;
  /** Replaces all Pods. */
  setPods(pods: readonly DemoPod[]): void;
  cordon(node: string): void;
  uncordon(node: string): void;
  /**
   * Makes all resource versions so far too old, and tells so to those who watch:
   * their streams end with an `ERROR` event of code 410.
   */
  expire(): void;
  /** Ends all watches, as a real API server does every few minutes. */
  endWatches(): void;
  /**
   * Breaks it from now on, or mends it with `undefined`. Watches that are open
   * go on, except when it is away.
   *
   * @param paths Which requests are affected, by path and query; `"away"` takes all.
   */
  fault(fault: Fault | undefined, paths?: RegExp): Promise<void>;
  /** Ends all watches and requests, and stops listening. */
  close(): Promise<void>;
}

/** What it knows within a namespace. */
const NAMESPACED =
  /^\/(?:api|apis\/discovery\.k8s\.io)\/v1\/namespaces\/([^/]+)\/(pods|endpointslices)$/;
/** The Service that has EndpointSlices. */
const HEADLESS_SERVICE = "kubenurse-headless";
const NAMES = ["localhost", "127.0.0.1"];
const MAX_REQUESTS = 10_000;
const MINUTE_MS = 60_000;
const WATCH_TIMEOUT_S = 1_800;

/** Starts it on a free port. */
export async function startApiServer(
  options: DemoApiServerOptions,
): Promise<DemoApiServer> {
  let authority = options.authority ?? await createCa();
  const requests: RecordedRequest[] = [];
  let { pods = [] } = options;
  let tokens: readonly string[] = [options.token];
  let broken: { fault: Fault; paths: RegExp } | undefined;
  /** Aborts when requests that hang are to be let go. */
  let released = new AbortController();
  let version = 1_000;
  const nodes = nodeStore(options.nodes ?? [], {
    now: () => version,
    next: () => ++version,
  }, options.bookmarkMs ?? MINUTE_MS);

  const endpoint = await startEndpoint(
    async (request) => {
      const url = new URL(request.url);
      const path = url.pathname + url.search;
      const authorization = request.headers.get("authorization");
      requests.push({
        method: request.method,
        path,
        authorization: authorization !== null,
      });
      if (requests.length > MAX_REQUESTS) requests.shift();
      if (broken?.paths.test(path)) {
        const answer = await faulty(broken.fault);
        if (answer) return answer;
      }
      if (!tokens.some((token) => authorization === `Bearer ${token}`)) {
        return status(401, "Unauthorized");
      }
      if (request.method !== "GET") {
        return status(405, "only GET is known here");
      }
      return answer(url);
    },
    await authority.issue(options.names ?? NAMES),
  );

  async function faulty(fault: Fault): Promise<Response | undefined> {
    if (fault === "garbage") return new Response("<html>\0 not JSON {");
    if (fault === "away") return undefined; // a request of the last moment
    if (fault === "hang") {
      await aborted(released.signal);
      return status(503, "it hung");
    }
    const { status: code, message, retryAfterSeconds } = fault;
    const response = status(code, message);
    if (retryAfterSeconds !== undefined) {
      response.headers.set("retry-after", String(retryAfterSeconds));
    }
    return response;
  }

  function answer({ pathname, searchParams }: URL): Response {
    if (pathname === "/version") return json(VERSION_INFO);
    const [, namespace, resource] = NAMESPACED.exec(pathname) ?? [];
    if (namespace && resource === "pods") {
      return listPods(namespace, searchParams);
    }
    if (namespace) return listSlices(namespace, searchParams);
    if (pathname === "/api/v1/nodes") return listNodes(searchParams);
    return status(
      404,
      "the server could not find the requested resource",
    );
  }

  function listPods(namespace: string, query: URLSearchParams): Response {
    let matches: (labels: Labels) => boolean;
    try {
      matches = labelSelector(query.get("labelSelector") ?? "");
    } catch (error) {
      return status(400, wordsOf(error));
    }
    const [, node] = /^spec\.nodeName=(.*)$/.exec(
      query.get("fieldSelector") ?? "",
    ) ?? [];
    const items = pods.filter(({ metadata, spec }) =>
      metadata.namespace === namespace && matches(metadata.labels ?? {}) &&
      (node === undefined || spec?.nodeName === node)
    );
    return json(list("PodList", items));
  }

  /** There is one Service, and all Pods of the namespace are behind it. */
  function listSlices(namespace: string, query: URLSearchParams): Response {
    const wanted = `kubernetes.io/service-name=${HEADLESS_SERVICE}`;
    const found = query.get("labelSelector") !== wanted
      ? []
      : pods.filter(({ metadata }) => metadata.namespace === namespace);
    return json(list("EndpointSliceList", slicesOf(found)));
  }

  function listNodes(query: URLSearchParams): Response {
    const fields = query.get("fieldSelector") ?? "";
    const onlyCordoned = fields === "spec.unschedulable=true";
    if (fields !== "" && !onlyCordoned) {
      return status(
        400,
        `field label not supported: ${fields}`,
      );
    }
    if (query.get("watch") !== "true") {
      return json(list("NodeList", nodes.list(onlyCordoned)));
    }
    const seconds = Number(query.get("timeoutSeconds") ?? WATCH_TIMEOUT_S);
    const events = nodes.watch({
      from: Number(query.get("resourceVersion") ?? 0),
      onlyCordoned,
      bookmarks: query.get("allowWatchBookmarks") === "true",
      timeoutMs: seconds * 1e3,
    });
    return new Response(events, { headers: JSON_TYPE });
  }

  function list(kind: string, items: readonly unknown[]) {
    return {
      kind,
      apiVersion: "v1",
      metadata: { resourceVersion: String(version) },
      items,
    };
  }

  function release() {
    released.abort();
    released = new AbortController();
  }

  async function close() {
    release();
    nodes.endWatches();
    await endpoint.close();
  }

  return {
    url: endpoint.url,
    port: endpoint.port,
    get ca() {
      return authority.cert;
    },
    get authority() {
      return authority;
    },
    requests,
    setToken: (...newTokens) => void (tokens = newTokens),
    async setAuthority(newAuthority) {
      authority = newAuthority;
      await close();
      await endpoint.open(await authority.issue(options.names ?? NAMES));
    },
    setPods(newPods) {
      version++;
      pods = newPods;
    },
    cordon: (node) => nodes.setCordoned(node, true),
    uncordon: (node) => nodes.setCordoned(node, false),
    expire: nodes.expire,
    endWatches: nodes.endWatches,
    async fault(fault, paths = /^/) {
      broken = fault && { fault, paths };
      release();
      if (fault !== "away") return await endpoint.open();
      nodes.endWatches();
      await endpoint.close();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const VERSION_INFO = {
  major: "1",
  minor: "34",
  gitVersion: "v1.34.0+demo",
  platform: "demo",
};

const JSON_TYPE = { "content-type": "application/json" };

function json(body: unknown, code = 200): Response {
  return new Response(JSON.stringify(body), {
    status: code,
    headers: JSON_TYPE,
  });
}

/** The real one's words for the reason. */
const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
};

/** A `v1.Status`, in which the API server says what went wrong. */
function status(code: number, message?: string): Response {
  return json({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: message ?? REASONS[code] ?? "",
    reason: REASONS[code] ?? "",
    code,
  }, code);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
