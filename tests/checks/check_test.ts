import { assertEquals } from "@std/assert";
import { eventOf } from "../../lib/checks/check.ts";
import type { Phase } from "../../lib/checks/check.ts";
import { failed } from "../fakes/checks.ts";

const CASES: readonly [Phase, number | undefined, string][] = [
  ["dns", undefined, "dns_done"],
  ["connect", undefined, "connect_done"],
  ["tls", undefined, "tls_handshake_done"],
  ["request", undefined, "wrote_request"],
  ["response", undefined, "round_trip_error"],
  ["status", 503, "status_code_503"],
  ["status", 302, "status_code_302"],
];
for (const [phase, code, want] of CASES) {
  Deno.test(`eventOf() calls a failure in phase ${phase} ${want}`, () => {
    assertEquals(eventOf(failed({ phase, code })), want);
  });
}
