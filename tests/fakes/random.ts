/**
 * Numbers that are drawn the same way in each run.
 *
 * @module
 */
import type { Random } from "../../lib/platform.ts";

/** Mulberry32 (Tommy Ettinger, public domain). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 up to, but not including, `n`. */
export function below(n: number, random: Random): number {
  return Math.floor(random() * n);
}

/** The same values in another order. */
export function shuffled<T>(values: readonly T[], random: Random): T[] {
  return values.map((value) => ({ value, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value);
}
