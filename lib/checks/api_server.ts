/**
 * The check of the API server: `/version` by `fetch`, with the ServiceAccount's
 * token and CA.
 *
 * @module
 */
import type { ApiFetch } from "../kubernetes/access.ts";
import { fetchWords } from "../kubernetes/client.ts";
import { wordsOf } from "../platform.ts";
import type { Clock } from "../platform.ts";
import type { Outcome, Phase } from "./check.ts";

/** A request without a token that tells the phases: `httpProbe` with the right CA. */
export type Trace = (url: string, timeoutMs: number) => Promise<Outcome>;

/** What the check touches outside. */
export interface ApiServerDeps {
  readonly fetch: ApiFetch;
  readonly trace: Trace;
  readonly clock: Clock;
}

/** `/version` is some 400 bytes. */
const MAX_BODY_BYTES = 64 * 1024;

/** After this share of the deadline a second request starts that knows its phase. */
const TRACE_AFTER = 0.6;

/**
 * Asks `server` for its version.
 *
 * `fetch` cannot say in which phase it hangs. When it has not answered after
 * three fifths of the deadline, a second request by `node:https` is sent after
 * it, without the token, and the phase in which that one is at the deadline is
 * the one that is reported.
 */
export async function apiServerProbe(
  server: string,
  { fetch, trace, clock }: ApiServerDeps,
  timeoutMs: number,
): Promise<Outcome> {
  const url = `${server}/version`;
  const start = clock.now();
  const over = new AbortController();
  const seconds = () => (clock.now() - start) / 1e3;

  async function ask(): Promise<Outcome> {
    try {
      const response = await fetch(url, { signal: over.signal });
      await drain(response);
      const { status } = response;
      if (status === 200) return { state: "ok", seconds: seconds(), code: 200 };
      return {
        state: "failed",
        seconds: seconds(),
        phase: "status",
        code: status,
        message: `GET ${url}: answered ${status}${statusHint(status)}`,
      };
    } catch (error) {
      const { phase, words } = explain(error);
      return {
        state: "failed",
        seconds: seconds(),
        phase,
        message: `GET ${url}: ${words}`,
      };
    }
  }

  async function traceWhenLate(): Promise<Outcome> {
    const lateMs = timeoutMs * TRACE_AFTER;
    await clock.sleep(lateMs, over.signal);
    if (over.signal.aborted) return new Promise(() => {}); // the answer is there
    const second = await trace(url, timeoutMs - lateMs).catch(untraced);
    await clock.sleep(start + timeoutMs - clock.now(), over.signal);
    const phase = second.state === "failed" && second.phase !== "status"
      ? second.phase
      : "response";
    return {
      state: "failed",
      seconds: seconds(),
      phase,
      message: `GET ${url}: no answer within ${timeoutMs / 1e3} s${
        second.state === "failed" && phase === second.phase
          ? `; a second try: ${
            second.message.replace(`GET ${url}`, "").replace(/^[ :]+/, "")
          }`
          : ", though a second try got one"
      }`,
    };
  }

  const outcome = await Promise.race([ask(), traceWhenLate()]);
  over.abort();
  return outcome;
}

/** A CA file that cannot be read must not end the program. */
function untraced(error: unknown): Outcome {
  const message = wordsOf(error);
  return { state: "failed", seconds: 0, phase: "response", message };
}

async function drain(response: Response): Promise<void> {
  let bytes = 0;
  if (!response.body) return;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) break; // cancels the rest
  }
}

function statusHint(status: number): string {
  switch (status) {
    case 401:
      return " (it does not accept the ServiceAccount's token)";
    case 403:
      return " (the ServiceAccount may not read /version: system:public-info-viewer)";
    default:
      return ", expected 200";
  }
}

/** The words of Deno's HTTP client, by which its phases can be told. */
const PHASES: readonly [RegExp, Phase][] = [
  [/dns error|lookup/i, "dns"],
  [/tcp connect|unreachable|refused|tcp open/i, "connect"],
  [/tls|certificate|handshake|alert|InvalidContentType/i, "tls"],
];

function explain(error: unknown): { phase: Phase; words: string } {
  const words = fetchWords(error);
  const found = PHASES.find(([pattern]) => pattern.test(words));
  return { phase: found?.[1] ?? "response", words };
}
