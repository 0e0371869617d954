/**
 * One HTTP request by `node:http` or `node:https`, whose socket tells the phases
 * of that very request.
 *
 * @module
 */
import http from "node:http";
import https from "node:https";
import tls from "node:tls";
import type { Socket } from "node:net";
import { wordsOf } from "../platform.ts";
import { shownUrl, withoutControls } from "../shown.ts";
import type { Outcome, Phase, Trace } from "./check.ts";
import type { Kept } from "./kept.ts";
import {
  DOING,
  isIp,
  isTls,
  noAnswerWithin,
  shortSeconds,
  statusWords,
  why,
} from "./words.ts";

/** What to ask, and whom to trust. */
export interface HttpRequest {
  /** `http:` or `https:`. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent by POST; without it the request is a GET. */
  readonly body?: Uint8Array;
  /** CA certificates, PEM, in place of the well-known ones; none: the well-known ones. */
  readonly ca?: readonly string[];
  /** Accept any certificate. */
  readonly insecure?: boolean;
  /** Whom an `https:` server's certificate is to name; the URL's host unless told. */
  readonly serverName?: string;
}

/** An answer longer than this is not read to its end. */
const MAX_BODY_BYTES = 64 * 1024;
/** More is no header of an agent. */
const MAX_HEADER_CHARS = 253;
const MAX_HEADERS = 8;

/**
 * Makes one request, on a fresh connection unless told. Redirects are not followed.
 *
 * @param timeoutMs Deadline for all of it, milliseconds.
 * @param kept The target's connection, to be used and kept open; one request at a time.
 * @returns Status 200 is ok; never rejects.
 */
export function httpProbe(
  request: HttpRequest,
  timeoutMs: number,
  now: () => number = () => performance.now(),
  kept?: Kept,
): Promise<Outcome> {
  if (!URL.canParse(request.url)) {
    const message = `GET ${shownUrl(request.url)}: not a URL`;
    return Promise.resolve({
      state: "failed",
      seconds: 0,
      phase: "request",
      message,
    });
  }
  const url = new URL(request.url);
  const secure = url.protocol === "https:";
  const name = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const method = request.body ? "POST" : "GET";
  const start = now();
  let phase: Phase = isIp(name) ? "connect" : "dns";
  let address = "";
  const trace: Trace = phase === "dns"
    ? { dns_start: 0 }
    : { connect_start: 0 };
  function mark(...events: (keyof Trace)[]) {
    for (const event of events) trace[event] ??= (now() - start) / 1e3;
  }

  return new Promise((resolve) => {
    function settle(outcome: Outcome) {
      clearTimeout(timer);
      resolve(outcome);
    }
    function failed(
      why: string,
      at: Phase = phase,
      { code, timedOut }: { code?: number; timedOut?: boolean } = {},
    ) {
      const where = address && address !== name ? ` (${address})` : "";
      settle({
        state: "failed",
        seconds: (now() - start) / 1e3,
        phase: at,
        trace,
        message: `${method} ${shownUrl(request.url)}${where}: ${why}`,
        ...(code === undefined ? {} : { code }),
        ...(timedOut ? { timedOut } : {}),
      });
    }
    const timer = setTimeout(() => {
      const words = trace.got_first_resp_byte === undefined
        ? `${DOING[phase]}: ${noAnswerWithin(timeoutMs)}`
        : `the answer began and did not end within ${shortSeconds(timeoutMs)}`;
      failed(words, phase, { timedOut: true });
      client?.destroy();
    }, timeoutMs);

    let watched = false;
    function watch(socket: Socket) {
      if (watched) return;
      watched = true;
      socket.on("lookup", (error, found) => {
        if (error) return;
        address = found;
        phase = "connect";
        mark("dns_done", "connect_start");
      });
      socket.on("connect", () => {
        phase = secure ? "tls" : "request";
        mark("connect_done", secure ? "tls_handshake_start" : "got_conn");
      });
      socket.on("secureConnect", () => {
        phase = "request";
        mark("tls_handshake_done", "got_conn");
      });
    }

    let client: http.ClientRequest | undefined;
    const shown = kept ?? {};
    shown.watch = watch;
    shown.reused = false;
    try {
      client = (secure ? https : http).request(
        url,
        options(request, url, name, shown, kept !== undefined),
      );
    } catch (error) {
      return failed(wordsOf(error), "request"); // an unusable header
    }
    client.on("socket", (socket) => {
      if (!client?.reusedSocket) return watch(socket); // not shown yet
      shown.reused = true;
      // else Deno would send it again by itself, even after client.destroy()
      client.reusedSocket = false;
      phase = "request";
      delete trace.dns_start;
      delete trace.connect_start;
      mark("got_conn");
    });
    client.on("finish", () => {
      if (phase !== "request") return;
      phase = "response";
      mark("wrote_request");
    });
    client.on("error", (error) => {
      const at = isTls(error) ? "tls" : phase;
      failed(`${DOING[at]}: ${why(error)}`, at);
    });
    client.on("upgrade", (response, socket) => {
      failed(answered(response), "status", { code: response.statusCode });
      socket.destroy();
    });
    client.on("response", (response) => {
      phase = "response";
      mark("got_first_resp_byte");
      let bytes = 0;
      function done() {
        const code = response.statusCode ?? 0;
        if (code !== 200) {
          return failed(answered(response), "status", { code });
        }
        const headers = ownHeaders(response.headers);
        settle({
          state: "ok",
          seconds: (now() - start) / 1e3,
          code,
          trace,
          ...(headers ? { headers } : {}),
        });
      }
      response.on("data", (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes <= MAX_BODY_BYTES) return;
        done();
        client?.destroy();
      });
      response.on("end", done);
      function brokenOff() {
        failed(`the answer broke off after ${bytes} bytes`);
      }
      response.on("error", brokenOff);
      response.on("aborted", brokenOff);
    });
    client.end(request.body);
  });
}

function options(
  request: HttpRequest,
  url: URL,
  name: string,
  shown: Kept,
  keep: boolean,
): https.RequestOptions {
  const shared = {
    method: request.body ? "POST" : "GET",
    headers: {
      "user-agent": "kubenurse",
      ...request.headers,
      ...(request.body ? { "content-length": request.body.length } : {}),
      connection: keep ? "keep-alive" : "close",
    },
  };
  const keepAlive = { keepAlive: keep, maxSockets: 1 };
  if (url.protocol === "http:") {
    shown.agent ??= showing(new http.Agent(keepAlive), shown);
    return { ...shared, agent: shown.agent };
  }
  const trust = {
    // as one: of several, Deno 2.6 takes the first alone
    ...(request.ca?.length ? { ca: [request.ca.join("\n")] } : {}),
    rejectUnauthorized: !request.insecure,
  };
  const { serverName = isIp(name) ? undefined : name } = request;
  const named = serverName === undefined ? {} : { servername: serverName };
  if (trust.ca) {
    shown.agent ??= showing(
      new https.Agent({ ...trust, ...named, ...keepAlive }),
      shown,
      request.serverName ? { host: name } : {},
    );
    if (!request.serverName) return { ...shared, agent: shown.agent };
    // Deno 2.6 takes the name from the host, whatever servername says
    return {
      ...shared,
      hostname: request.serverName,
      headers: { host: url.host, ...shared.headers },
      agent: shown.agent,
    };
  }
  // Without CAs an agent would load the well-known ones into the heap, which
  // needs a permission and several MB; a plain connection knows them already.
  // The port that node:https would pass on is then 80, hence the URL's.
  function createConnection() {
    const socket = tls.connect({
      host: name,
      port: Number(url.port || 443),
      ...named,
      ...trust,
    });
    shown.watch?.(socket);
    return socket;
  }
  if (!keep) return { ...shared, createConnection };
  shown.agent ??= Object.assign(new https.Agent(keepAlive), {
    createConnection,
  });
  return { ...shared, agent: shown.agent };
}

/**
 * Shows the sockets that an agent makes at once. The request's own event can come
 * after the name has been looked up, and then a failure to connect would be taken
 * for one of DNS.
 *
 * @param to Where to connect to, if that is not the request's host.
 */
function showing<Agent extends http.Agent>(
  agent: Agent,
  shown: Kept,
  to: { readonly host?: string } = {},
): Agent {
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = create({ ...options, ...to }, callback);
    if (socket) shown.watch?.(socket as Socket);
    return socket;
  };
  return agent;
}

/** What an agent says of itself; whatever else answers says nothing that is kept. */
function ownHeaders(
  headers: http.IncomingHttpHeaders,
): Record<string, string> | undefined {
  const own = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith("kubenurse-") && typeof value === "string" &&
      value.length <= MAX_HEADER_CHARS
      ? [[name, withoutControls(value)] as const]
      : []
  );
  return own.length > 0
    ? Object.fromEntries(own.slice(0, MAX_HEADERS))
    : undefined;
}

function answered(response: http.IncomingMessage): string {
  const { statusCode, statusMessage = "", headers } = response;
  const status = `${statusCode} ${statusMessage}`.trimEnd();
  return statusWords(status, headers.location);
}
