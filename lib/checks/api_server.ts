/**
 * The check of the API server: `/version` by `fetch`, with the ServiceAccount's
 * token and CA.
 *
 * @module
 */
import { CredentialsError } from "../kubernetes/access.ts";
import type { ApiFetch } from "../kubernetes/access.ts";
import { fetchWords } from "../kubernetes/client.ts";
import { wordsOf } from "../platform.ts";
import type { Clock } from "../platform.ts";
import type { Failed, Ok, Outcome, Phase, Trace } from "./check.ts";

/** A request without a token that tells the phases: `httpProbe` with the right CA. */
export type TraceRequest = (url: string, timeoutMs: number) => Promise<Outcome>;

/** What the check touches outside. */
export interface ApiServerDeps {
  readonly fetch: ApiFetch;
  readonly trace: TraceRequest;
  readonly clock: Clock;
  /** Whether to trace a check that went well too, which takes a second request. */
  readonly traceAlways?: boolean;
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
  { fetch, trace, clock, traceAlways = false }: ApiServerDeps,
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
      if (status === 200) {
        return await traced({ state: "ok", seconds: seconds(), code: 200 });
      }
      return {
        state: "failed",
        seconds: seconds(),
        phase: "status",
        code: status,
        message: `GET ${url}: answered ${status}${statusHint(status)}`,
      };
    } catch (error) {
      const { phase, words } = explain(error);
      return await named({
        state: "failed",
        seconds: seconds(),
        phase: phase ?? "response",
        message: `GET ${url}: ${words}`,
      }, phase !== undefined);
    }
  }

  /** What is left of the deadline, milliseconds. */
  function leftMs(): number {
    return Math.max(0, start + timeoutMs - clock.now());
  }

  /** With the steps of a second request, where they are wanted. */
  async function traced(outcome: Ok): Promise<Outcome> {
    if (!traceAlways || leftMs() <= 0) return outcome;
    return { ...outcome, ...withSteps(await again()) };
  }

  /** Where the words of `fetch` do not tell the phase, a second request does. */
  async function named(outcome: Failed, known: boolean): Promise<Outcome> {
    if (known || leftMs() <= 0 || over.signal.aborted) return outcome;
    const second = await again();
    return second.state === "failed" && second.phase !== "status"
      ? { ...outcome, phase: second.phase, ...withSteps(second) }
      : outcome;
  }

  function again(): Promise<Outcome> {
    return trace(url, leftMs()).catch(untraced);
  }

  async function traceWhenLate(): Promise<Outcome> {
    const lateMs = timeoutMs * TRACE_AFTER;
    await clock.sleep(lateMs, over.signal);
    if (over.signal.aborted) return new Promise(() => {}); // the answer is there
    const second = await again();
    await clock.sleep(leftMs(), over.signal);
    const phase = second.state === "failed" && second.phase !== "status"
      ? second.phase
      : "response";
    return {
      state: "failed",
      seconds: seconds(),
      phase,
      ...withSteps(second),
      message: `GET ${url}: no answer within ${timeoutMs / 1e3} s${
        second.state === "failed" && phase === second.phase
          ? `; a second try${second.message.replace(`GET ${url}`, "")}`
          : ", though a second try got one"
      }`,
    };
  }

  const outcome = await Promise.race([ask(), traceWhenLate()]);
  over.abort();
  return outcome;
}

function withSteps(outcome: Outcome): { readonly trace?: Trace } {
  return outcome.state !== "skipped" && outcome.trace
    ? { trace: outcome.trace }
    : {};
}

/** A CA file that cannot be read must not end the program. */
function untraced(error: unknown): Outcome {
  const message = `: ${wordsOf(error)}`;
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

function explain(error: unknown): { phase?: Phase; words: string } {
  if (error instanceof CredentialsError) {
    return { phase: "request", words: error.message };
  }
  const words = fetchWords(error);
  const found = PHASES.find(([pattern]) => pattern.test(words));
  return found ? { phase: found[1], words } : { words };
}
