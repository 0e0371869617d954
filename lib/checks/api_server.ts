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
import { DOING, noAnswerWithin, plainly, statusWords } from "./words.ts";

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
 * `fetch` tells neither its steps nor the address, and not always the phase. So a
 * check that fails is repeated once by `node:https`, without the token, within
 * the same deadline; if there is no answer after three fifths of that, the second
 * request starts beside the first, and the phase in which it is at the deadline
 * is the one that is reported. A second request never makes a failure good.
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
  let hasFailed = false;
  let second: Promise<Outcome> | undefined;

  async function ask(): Promise<Outcome> {
    try {
      const response = await fetch(url, { signal: over.signal });
      await drain(response);
      const { status, headers } = response;
      if (status === 200) {
        return await traced({ state: "ok", seconds: seconds(), code: 200 });
      }
      const hint = STATUS_HINTS[status];
      const words = hint
        ? `answered ${status} (${hint})`
        : statusWords(String(status), headers.get("location"));
      return {
        state: "failed",
        seconds: seconds(),
        phase: "status",
        code: status,
        message: `GET ${url}: ${words}`,
      };
    } catch (error) {
      hasFailed = true;
      return await repeated(error, seconds());
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

  /** A failure of `fetch`, with what a second request tells of it. */
  async function repeated(error: unknown, seconds: number): Promise<Failed> {
    const { phase, words } = explain(error);
    const said = `${phase ? `${DOING[phase]}: ` : ""}${words}`;
    const failed: Failed = {
      state: "failed",
      seconds,
      phase: phase ?? "response",
      message: `GET ${url}: ${said}`,
    };
    const unsent = error instanceof CredentialsError;
    if (unsent || leftMs() <= 0 || over.signal.aborted) return failed;
    const second = await again();
    return {
      ...failed,
      phase: phase ?? phaseOf(second),
      ...withSteps(second),
      message: `${failed.message}; a second try${secondWords(second, said)}`,
    };
  }

  /** The second request; there is no third. */
  function again(): Promise<Outcome> {
    return second ??= trace(url, leftMs()).catch(untraced);
  }

  function secondWords(second: Outcome, first: string): string {
    if (!hasNoAnswer(second)) return " got an answer";
    const words = second.message.replace(`GET ${url}`, "");
    return words.endsWith(`: ${first}`)
      ? `${words.slice(0, -first.length)}the same`
      : words;
  }

  async function traceWhenLate(): Promise<Outcome> {
    const another = new Promise<never>(() => {}); // `ask` has or gets an outcome
    await clock.sleep(timeoutMs * TRACE_AFTER, over.signal);
    if (over.signal.aborted || hasFailed) return another;
    const second = await again();
    await clock.sleep(leftMs(), over.signal);
    if (over.signal.aborted || hasFailed) return another;
    return {
      state: "failed",
      seconds: seconds(),
      phase: phaseOf(second),
      ...withSteps(second),
      message: `GET ${url}: ${noAnswerWithin(timeoutMs)}; a second try${
        secondWords(second, "")
      }`,
    };
  }

  const outcome = await Promise.race([ask(), traceWhenLate()]);
  over.abort();
  return outcome;
}

/** Whether a request failed before any answer came. */
function hasNoAnswer(outcome: Outcome): outcome is Failed {
  return outcome.state === "failed" && outcome.phase !== "status";
}

function phaseOf(second: Outcome): Phase {
  return hasNoAnswer(second) ? second.phase : "response";
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

const STATUS_HINTS: Readonly<Record<number, string>> = {
  401: "it does not accept the ServiceAccount's token",
  403: "the ServiceAccount may not read /version: system:public-info-viewer",
};

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
  const said = fetchWords(error);
  const words = plainly(said);
  const found = PHASES.find(([pattern]) => pattern.test(said));
  return found ? { phase: found[1], words } : { words };
}
