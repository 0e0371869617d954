/**
 * The endpoints. Handlers read state and never probe.
 *
 * @module
 */
import { acceptsEncodings } from "@std/http/negotiation";
import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import type { StatusCode } from "@std/http/status";
import { NODE_HEADER, POD_HEADER } from "../backends.ts";
import { PATH_MTU } from "../checks/path_mtu.ts";
import { CHECK_HEADER, ORIGIN_HEADER } from "../checks/sources.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { COOKIE_HEADER } from "../udp/echo.ts";
import { alive } from "./alive.ts";
import type { AliveView } from "./alive.ts";
import { fullSize } from "./full_size.ts";
import type { Incoming } from "./incoming.ts";

/** What the endpoints read. */
export interface RouteDeps {
  readonly view: () => AliveView;
  readonly metrics: Pick<Metrics, "text" | "contentType" | "answered">;
  readonly incoming: Pick<Incoming, "seen">;
  /** Why this agent is not ready; `undefined`: it is. */
  readonly notReady: () => string | undefined;
  /** Names of this agent's node and Pod, as far as known. */
  readonly self: () => { readonly node?: string; readonly pod?: string };
  /** What lets the agent at this IP address have its UDP packets answered, if anything. */
  readonly udpCookie: (address: string) => string | undefined;
  /** Whether an agent has this IP address. */
  readonly isAgent: (address: string) => boolean;
}

/** `peer` is the IP address that the request came from, where that is known. */
export type Handler = (
  request: Request,
  peer?: string,
) => Response | Promise<Response>;

/** The answer to a request, whatever is asked. */
export function createHandler(deps: RouteDeps): Handler {
  const routes = new Map<string, Handler>([
    ["/", (request) => aliveResponse(deps, request)],
    ["/alive", (request) => aliveResponse(deps, request)],
    ["/alwayshappy", (request, peer) => alwaysHappy(deps, request, peer)],
    ["/ready", () => {
      const reason = deps.notReady();
      return reason === undefined
        ? text(STATUS_CODE.OK, "ready")
        : text(STATUS_CODE.ServiceUnavailable, `not ready: ${reason}`);
    }],
    ["/metrics", (request) => metricsResponse(deps, request)],
  ]);

  return async (request, peer = "") => {
    const url = URL.parse(request.url);
    if (!url) return text(STATUS_CODE.BadRequest); // of a malformed Host header
    if (url.pathname === PATH_MTU) return await pathMtu(deps, request, peer);
    const route = routes.get(url.pathname);
    if (!route) return text(STATUS_CODE.NotFound);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return notAllowed("GET, HEAD");
    }
    return await route(request, peer);
  };
}

function alwaysHappy(
  { incoming, metrics, self, udpCookie }: RouteDeps,
  request: Request,
  peer = "",
): Response {
  incoming.seen(request.headers.get(ORIGIN_HEADER) ?? "");
  metrics.answered(request.headers.get(CHECK_HEADER) ?? "");
  const response = text(STATUS_CODE.OK, "ok");
  const { node, pod } = self();
  if (node !== undefined) response.headers.set(NODE_HEADER, node);
  if (pod !== undefined) response.headers.set(POD_HEADER, pod);
  const cookie = udpCookie(peer);
  if (cookie !== undefined) response.headers.set(COOKIE_HEADER, cookie);
  return response;
}

/** For neighbours alone: to others it would be a way to make the agent send. */
async function pathMtu(
  { isAgent }: RouteDeps,
  request: Request,
  peer: string,
): Promise<Response> {
  if (!isAgent(peer)) return text(STATUS_CODE.Forbidden);
  if (request.method !== "POST") return notAllowed("POST");
  return await fullSize(request);
}

function aliveResponse({ view }: RouteDeps, request: Request): Response {
  const { body, healthy } = alive(view(), request.headers);
  // indented as in the contract: by two, and by one from there on
  const json = JSON.stringify(body, null, 1).replaceAll("\n ", "\n  ");
  return new Response(`${json}\n`, {
    status: healthy ? STATUS_CODE.OK : STATUS_CODE.InternalServerError,
    headers: { ...HEADERS, "content-type": "application/json" },
  });
}

async function metricsResponse(
  { metrics }: RouteDeps,
  request: Request,
): Promise<Response> {
  const body = await metrics.text();
  const headers = {
    ...HEADERS,
    "content-type": metrics.contentType,
    vary: "Accept-Encoding",
  };
  // no header means that anything goes, and a person with curl wants text
  const gzipped = request.headers.has("accept-encoding") &&
    acceptsEncodings(request, "gzip", "identity") === "gzip";
  if (!gzipped) {
    return new Response(body, { headers });
  }
  const gzip = new Blob([body]).stream().pipeThrough(
    new CompressionStream("gzip"),
  );
  return new Response(gzip, {
    headers: { ...headers, "content-encoding": "gzip" },
  });
}

const HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

function notAllowed(allow: string): Response {
  const response = text(STATUS_CODE.MethodNotAllowed);
  response.headers.set("allow", allow);
  return response;
}

function text(
  status: StatusCode,
  body: string = STATUS_TEXT[status],
): Response {
  return new Response(`${body}\n`, {
    status,
    headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" },
  });
}
