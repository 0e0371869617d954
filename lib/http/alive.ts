/**
 * The JSON of `/alive`: keys, order and spelling are upstream's.
 *
 * @module
 */
import type { Answers } from "../backends.ts";
import { TRACE_EVENTS } from "../checks/check.ts";
import type { Neighbour } from "../discovery/neighbours.ts";
import type { Result } from "../results.ts";
import { shownUrl, withoutControls } from "../shown.ts";
import type { PathLoss } from "../udp/loss.ts";

/** What `/alive` shows. */
export interface AliveView {
  readonly hostname: string;
  readonly results: readonly Result[];
  readonly neighbours: readonly Neighbour[];
  /** `"ok"`, `"skipped"` or the error in words. */
  readonly neighbourhoodState: string;
  /** Who answered the checks through the Service, by type. */
  readonly answeredBy: Readonly<Record<string, Answers>>;
  /** The loss of UDP packets, by type, where that is measured. */
  readonly udp?: Readonly<Record<string, PathLoss>>;
  /** Whether a round has ended. */
  readonly complete: boolean;
}

/** The four checks that are always shown. */
const FIXED = [
  "api_server_direct",
  "api_server_dns",
  "me_ingress",
  "me_service",
];

const PENDING = "not checked yet, the first round is still running";

/** The object that `/alive` shows, and whether all in it is well. */
export function alive(
  view: AliveView,
  headers: Headers,
): { body: Record<string, unknown>; healthy: boolean } {
  const words = new Map(view.results.map((r) => [r.type, resultWords(r)]));
  const fixed = FIXED.map((type) => [type, words.get(type) ?? PENDING]);
  const extra = [...words].filter(([type]) => !FIXED.includes(type));
  const states = [...fixed, ...extra].map(([, state]) => state);
  const skipped = view.results.flatMap(({ type, outcome }) =>
    outcome.state === "skipped" ? [[type, outcome.reason]] : []
  );
  return {
    healthy: view.complete &&
      [...states, view.neighbourhoodState].every((state) =>
        state === "ok" || state === "skipped"
      ),
    body: {
      ...Object.fromEntries(fixed),
      hostname: view.hostname,
      neighbourhood_state: withoutControls(view.neighbourhoodState),
      neighbourhood: view.neighbours.map((neighbour) => ({
        PodName: neighbour.podName,
        PodIP: neighbour.ip,
        HostIP: neighbour.hostIp,
        NodeName: neighbour.nodeName,
        Phase: neighbour.phase,
      })),
      headers: shownHeaders(headers),
      ...Object.fromEntries(extra),
      ...(skipped.length > 0
        ? { skipped_because: Object.fromEntries(skipped) }
        : {}),
      ...withEntries("phases", phases(view.results)),
      ...withEntries("answered_by", view.answeredBy),
      ...withEntries("udp", view.udp ?? {}),
    },
  };
}

/** A key that is left out while there is nothing to say. */
function withEntries(key: string, value: Readonly<Record<string, unknown>>) {
  return Object.keys(value).length > 0 ? { [key]: value } : {};
}

/** An answer that takes longer is shown with its steps, seconds. */
const SLOW_S = 0.5;

/** Of the checks that fail or are slow: how long they took, and when each step came, seconds. */
function phases(results: readonly Result[]): Record<string, unknown> {
  const rounded = (seconds: number) => Number(seconds.toFixed(6));
  return Object.fromEntries(results.flatMap(({ type, outcome }) => {
    if (outcome.state === "skipped") return [];
    if (outcome.state === "ok" && outcome.seconds < SLOW_S) return [];
    const steps = TRACE_EVENTS.flatMap((event) => {
      const seconds = outcome.trace?.[event];
      return seconds === undefined ? [] : [[event, rounded(seconds)]];
    });
    return [[type, {
      ...Object.fromEntries(steps),
      total: rounded(outcome.seconds),
    }]];
  }));
}

/** `"ok"`, `"skipped"`, or what failed and since when. */
export function resultWords(
  { outcome, failingSince, failures }: Result,
): string {
  if (outcome.state !== "failed") return outcome.state;
  const since = new Date(failingSince ?? 0).toISOString();
  return `${
    withoutControls(outcome.message)
  } (phase ${outcome.phase}, failing since ${since}, ${failures} in a row)`;
}

const SECRET =
  /auth|cookie|token|secret|passw|pwd|key|credential|session|jwt|oidc|assertion|signature|csrf|xsrf/i;

/** Values that are a URL or a path: `Referer`, `X-Original-Url`, `X-Forwarded-Uri`. */
const ADDRESS = /^([a-z][a-z0-9+.-]*:\/)?\//i;

/** The request's headers as Go shows them: canonical names, each an array. */
function shownHeaders(headers: Headers): Record<string, string[]> {
  const shown: Record<string, string[]> = {};
  for (const [name, value] of headers) {
    if (name === "host") continue; // Go keeps it apart
    shown[canonical(name)] = [
      SECRET.test(name) ? "REDACTED" : withoutControls(shownValue(value)),
    ];
  }
  return shown;
}

function shownValue(value: string): string {
  return ADDRESS.test(value) ? shownUrl(value) : value;
}

/** `accept-encoding` becomes `Accept-Encoding`, as in Go's `textproto`. */
function canonical(name: string): string {
  return name.toLowerCase().replace(
    /(^|-)([a-z])/g,
    (_, dash: string, letter: string) => dash + letter.toUpperCase(),
  );
}
