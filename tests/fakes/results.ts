/**
 * Results of checks, and what `/alive` shows of an agent.
 *
 * @module
 */
import type { Outcome } from "../../lib/checks/check.ts";
import type { AliveView } from "../../lib/http/alive.ts";
import type { Result } from "../../lib/results.ts";
import { ok } from "./checks.ts";

/** The result of one check. */
export function result(
  type: string,
  outcome: Outcome = ok(),
  changes: Partial<Result> = {},
): Result {
  return {
    type,
    outcome,
    at: 0,
    failingSince: undefined,
    failures: 0,
    ...changes,
  };
}

/** A healthy agent without neighbours. */
export function view(changes: Partial<AliveView> = {}): AliveView {
  return {
    hostname: "kubenurse-1234-x2bwx",
    results: [
      result("api_server_direct"),
      result("api_server_dns"),
      result("me_ingress"),
      result("me_service"),
    ],
    neighbours: [],
    neighbourhoodState: "ok",
    answeredBy: {},
    complete: true,
    ...changes,
  };
}
