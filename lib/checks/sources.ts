/**
 * The checks of a round: a list of sources, one line for each kind.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { ExtraCheck } from "../config/extra_checks.ts";
import type { Neighbour } from "../discovery/neighbours.ts";
import { apiServerProbe } from "./api_server.ts";
import type { ApiServerDeps } from "./api_server.ts";
import type { Check, Outcome } from "./check.ts";
import type { DnsRequest } from "./dns_probe.ts";
import type { HttpRequest } from "./http_probe.ts";
import type { PathMtu } from "./path_mtu.ts";
import type { SocketRequest } from "./socket_probe.ts";

/** What the checks touch outside. */
export interface CheckDeps extends ApiServerDeps {
  /** Requests with the trust that this agent's settings give. */
  readonly http: (
    request: Pick<HttpRequest, "url" | "headers" | "body" | "serverName">,
    timeoutMs: number,
  ) => Promise<Outcome>;
  readonly socket: (
    request: Pick<SocketRequest, "kind" | "host" | "port">,
    timeoutMs: number,
  ) => Promise<Outcome>;
  readonly dns: (request: DnsRequest, timeoutMs: number) => Promise<Outcome>;
  readonly mtu: PathMtu;
  /** Whom the certificates of neighbours are to name; `undefined`: their address. */
  readonly neighbourName?: () => string | undefined;
  /** Closes the connections to the API server, where they are kept. */
  readonly forgetConnections?: () => void;
  /** What this agent calls itself to neighbours. */
  readonly origin: string;
  /** Why checks cannot work from where this agent runs, by type; `path` is for all paths. */
  readonly impossible?: Readonly<Partial<Record<string, string>>>;
}

/** Tells a neighbour who probes it; upstream's name. */
export const ORIGIN_HEADER = "KUBENURSE-NEIGHBOUR-ORIGIN";

/** Tells the agent that answers which check through the Service it is. */
export const CHECK_HEADER = "KUBENURSE-CHECK";

/** The type of the check of the path to a node. */
export function pathType(node: string): string {
  return `path_${node}`;
}

/**
 * All checks to make now, in the order in which `/alive` shows them.
 *
 * @param partners Those whose turn in the sweep it is.
 */
export function checksFor(
  config: Config,
  neighbours: readonly Neighbour[],
  partners: readonly Neighbour[],
  deps: CheckDeps,
): Check[] {
  const { checks } = config;
  return [
    apiServer(
      "api_server_direct",
      config.apiServerDirect,
      checks.apiServerDirect,
      deps,
    ),
    apiServer("api_server_dns", config.apiServerDns, checks.apiServerDns, deps),
    me("me_ingress", config.ingressUrl, checks.meIngress, deps),
    me("me_service", config.serviceUrl, checks.meService, deps),
    ...neighbours.map((neighbour) => path(neighbour, deps)),
    ...config.extraChecks.map((check) => extra(check, deps)),
    ...(deps.impossible?.path ? [] : partners.map((one) => swept(one, deps))),
  ];
}

function apiServer(
  type: string,
  server: string,
  wanted: boolean,
  deps: CheckDeps,
): Check {
  if (!wanted) return skipped(type, "switched off");
  const reason = deps.impossible?.[type];
  if (reason) return skipped(type, reason);
  return {
    type,
    async run(timeoutMs) {
      const outcome = await apiServerProbe(server, deps, timeoutMs);
      if (outcome.state === "failed") deps.forgetConnections?.();
      return outcome;
    },
  };
}

function me(
  type: string,
  base: string | undefined,
  wanted: boolean,
  deps: CheckDeps,
): Check {
  if (!wanted) return skipped(type, "switched off");
  if (base === undefined) return skipped(type, "no URL is set");
  const reason = deps.impossible?.[type];
  if (reason) return skipped(type, reason);
  const request = {
    url: `${base}/alwayshappy`,
    headers: { [CHECK_HEADER]: type },
  };
  return {
    type,
    throughService: true,
    run: (timeoutMs) => deps.http(request, timeoutMs),
  };
}

function path(neighbour: Neighbour, deps: CheckDeps): Check {
  const type = pathType(neighbour.nodeName);
  const reason = deps.impossible?.path;
  if (reason) return skipped(type, reason);
  const headers = { [ORIGIN_HEADER]: deps.origin };
  function request(path: string, timeoutMs: number, body?: Uint8Array) {
    const url = `${neighbour.url}${path}`;
    return deps.http({
      url,
      headers,
      ...(body ? { body } : {}),
      ...named(deps),
    }, timeoutMs);
  }
  return {
    type,
    neighbour,
    run: (timeoutMs) =>
      deps.mtu.probe(
        neighbour,
        (ms) => request("/alwayshappy", ms),
        request,
        timeoutMs,
      ),
  };
}

/** One small request, and no word of who asks: an agent counts only its neighbours. */
/** Whom a neighbour's certificate is to name. */
function named({ neighbourName }: CheckDeps): { readonly serverName?: string } {
  const serverName = neighbourName?.();
  return serverName === undefined ? {} : { serverName };
}

function swept(partner: Neighbour, deps: CheckDeps): Check {
  const url = `${partner.url}/alwayshappy`;
  return {
    type: pathType(partner.nodeName),
    neighbour: partner,
    sweep: true,
    run: (timeoutMs) => deps.http({ url, ...named(deps) }, timeoutMs),
  };
}

function extra({ name, target }: ExtraCheck, deps: CheckDeps): Check {
  switch (target.kind) {
    case "http":
      return { type: name, run: (timeoutMs) => deps.http(target, timeoutMs) };
    case "tcp":
    case "tls":
      return { type: name, run: (timeoutMs) => deps.socket(target, timeoutMs) };
    case "dns":
      return { type: name, run: (timeoutMs) => deps.dns(target, timeoutMs) };
  }
}

function skipped(type: string, reason: string): Check {
  return { type, run: () => Promise.resolve({ state: "skipped", reason }) };
}
