/**
 * Reads fields of objects of the API server, which may be garbage.
 *
 * @module
 */

/** A string; anything else is empty. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The name of a Pod or a node, a DNS name; anything else is empty. */
export function name(value: unknown): string {
  const found = text(value);
  return /^[a-z\d]([-.a-z\d]{0,251}[a-z\d])?$/.test(found) ? found : "";
}

/** An array; anything else has no elements. */
export function list<T>(
  value: readonly T[] | null | undefined,
): readonly T[] {
  return Array.isArray(value) ? value : [];
}

/** The number of a port, 1 to 65535. */
export function portNumber(value: unknown): number | undefined {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536
    ? Number(value)
    : undefined;
}
