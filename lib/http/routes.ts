/**
 * The endpoints. Handlers read state and never probe.
 *
 * @module
 */
import { acceptsEncodings } from "@std/http/negotiation";
import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import type { StatusCode } from "@std/http/status";
import { ORIGIN_HEADER } from "../checks/sources.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { alive } from "./alive.ts";
import type { AliveView } from "./alive.ts";
import type { Incoming } from "./incoming.ts";

/** What the endpoints read. */
export interface RouteDeps {
  readonly view: () => AliveView;
  readonly metrics: Pick<Metrics, "text" | "contentType">;
  readonly incoming: Pick<Incoming, "seen">;
  /** Why this agent is not ready; `undefined`: it is. */
  readonly notReady: () => string | undefined;
}

type Handler = (request: Request) => Response | Promise<Response>;

/** The answer to a request, whatever is asked. */
export function createHandler(deps: RouteDeps): Handler {
  const routes = new Map<string, Handler>([
    ["/", (request) => aliveResponse(deps, request)],
    ["/alive", (request) => aliveResponse(deps, request)],
    ["/alwayshappy", (request) => {
      deps.incoming.seen(request.headers.get(ORIGIN_HEADER) ?? "");
      return text(STATUS_CODE.OK, "ok");
    }],
    ["/ready", () => {
      const reason = deps.notReady();
      return reason === undefined
        ? text(STATUS_CODE.OK, "ready")
        : text(STATUS_CODE.ServiceUnavailable, `not ready: ${reason}`);
    }],
    ["/metrics", (request) => metricsResponse(deps, request)],
  ]);

  return async (request) => {
    const url = URL.parse(request.url);
    if (!url) return text(STATUS_CODE.BadRequest); // of a malformed Host header
    const route = routes.get(url.pathname);
    if (!route) return text(STATUS_CODE.NotFound);
    if (request.method !== "GET" && request.method !== "HEAD") {
      const response = text(STATUS_CODE.MethodNotAllowed);
      response.headers.set("allow", "GET, HEAD");
      return response;
    }
    return await route(request);
  };
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

function text(
  status: StatusCode,
  body: string = STATUS_TEXT[status],
): Response {
  return new Response(`${body}\n`, {
    status,
    headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" },
  });
}
