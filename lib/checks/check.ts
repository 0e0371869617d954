/**
 * What a check is and what comes of it.
 *
 * @module
 */
import type { Neighbour } from "../discovery/neighbours.ts";

/** How far a request got before it failed. */
export type Phase =
  | "dns"
  | "connect"
  | "tls"
  | "request"
  | "response"
  | "status";

/** Steps of a request, by upstream's names, in their order. */
export const TRACE_EVENTS = [
  "dns_start",
  "dns_done",
  "connect_start",
  "connect_done",
  "tls_handshake_start",
  "tls_handshake_done",
  "got_conn",
  "wrote_request",
  "got_first_resp_byte",
] as const;

/** When each step came, seconds from the start of the request; those that did not come lack. */
export type Trace = Partial<Record<typeof TRACE_EVENTS[number], number>>;

/** A request that was answered with status 200, or a connection that came about. */
export interface Ok {
  readonly state: "ok";
  /** From the start to the last byte. */
  readonly seconds: number;
  /** Status code; a target that is not HTTP has none. */
  readonly code?: number;
  /** How long the certificate that was shown is still valid, days. */
  readonly certificateDays?: number;
  /** Of a check of the API server with `KUBENURSE_TRACE=always` only. */
  readonly trace?: Trace;
  /** Headers of the answer that are an agent's own, `kubenurse-...`, in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that was not. */
export interface Failed {
  readonly state: "failed";
  /** From the start to the failure. */
  readonly seconds: number;
  readonly phase: Phase;
  /** Status code, when there was an answer. */
  readonly code?: number;
  /** What was tried, on which address, and what happened. */
  readonly message: string;
  readonly trace?: Trace;
  /** How long the certificate that was shown to a `tls` check is still valid, days; below 0: it has expired. */
  readonly certificateDays?: number;
  /** The deadline ended it, no word from the other side. */
  readonly timedOut?: boolean;
  /** The event to count it under, where the phase does not say it. */
  readonly event?: "path_mtu";
}

/** A check that was not made. */
export interface Skipped {
  readonly state: "skipped";
  readonly reason: string;
}

/** What came of a check. */
export type Outcome = Ok | Failed | Skipped;

/** One thing to check in each round. */
export interface Check {
  /** Value of the label `type`, for example `"path_node-7"`: public, never renamed. */
  readonly type: string;
  /** Whom a check of a path is for. */
  readonly neighbour?: Neighbour;
  /**
   * Of the sweep: counted together with all others of the sweep, and kept only
   * while it fails.
   */
  readonly sweep?: boolean;
  /** Goes through the Service, which may have no other backend than this agent. */
  readonly throughService?: boolean;
  /**
   * Never rejects: a failed request is an outcome.
   *
   * @param timeoutMs Deadline, in milliseconds, after which the outcome is a failure.
   */
  run(timeoutMs: number): Promise<Outcome>;
}

/** The value of the label `type` under which the checks of the sweep are counted. */
const SWEEP_TYPE = "path_sweep";

/** The value of the label `type` under which a check is counted. */
export function countedAs({ type, sweep }: Check): string {
  return sweep ? SWEEP_TYPE : type;
}

/**
 * Upstream's name for a failure, the value of the label `event` of
 * `kubenurse_errors_total`.
 */
export function eventOf(failure: Failed): string {
  if (failure.event !== undefined) return failure.event;
  switch (failure.phase) {
    case "dns":
      return "dns_done";
    case "connect":
      return "connect_done";
    case "tls":
      return "tls_handshake_done";
    case "request":
      return "wrote_request";
    case "status":
      return `status_code_${failure.code}`;
    case "response":
      return "round_trip_error";
  }
}
