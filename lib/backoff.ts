/**
 * How long to wait after failures.
 *
 * @module
 */
import type { Random } from "./platform.ts";

/**
 * Waiting time before the next try: doubling from `firstMs` up to `capMs`, then
 * drawn from its upper half, so that a fleet does not come back in step.
 *
 * @param failures Failures in a row, from 1.
 * @param leastMs What the server asked for at least.
 * @returns Milliseconds.
 */
export function backoffMs(
  failures: number,
  capMs: number,
  random: Random,
  leastMs = 0,
  firstMs = 1_000,
): number {
  const full = Math.min(capMs, firstMs * 2 ** Math.min(failures - 1, 20));
  return Math.max(leastMs, 0) + full * (0.5 + random() / 2);
}
