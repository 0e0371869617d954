/**
 * Errors that the runtime gives to nobody. Deno 2.6 does so when an answer to
 * `node:http` breaks off, and such an error ends a program: a bad answer of one
 * target would be the end of all checks.
 *
 * @module
 */
import type { Log } from "./log.ts";
import { wordsOf } from "./platform.ts";

/** So many are told; the check that had it fails at its deadline and is told anyway. */
const MAX_TOLD = 10;

/** Keeps the program running, and logs each kind of such an error once. */
export function outliveStrayErrors(
  log: Log,
  target: Pick<EventTarget, "addEventListener"> = globalThis,
): void {
  const told = new Set<string>();
  target.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    const error = wordsOf((event as PromiseRejectionEvent).reason);
    if (told.has(error) || told.size === MAX_TOLD) return;
    told.add(error);
    log.warn("an error that belongs to no check", { error });
  });
}
