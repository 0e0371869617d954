/**
 * A log that remembers.
 *
 * @module
 */
import type { Fields, Log } from "../../lib/log.ts";

/** What was logged, in order: `"warn message"`. */
export interface FakeLog extends Log {
  readonly lines: string[];
  readonly fields: Fields[];
}

/** Makes an empty one. */
export function fakeLog(): FakeLog {
  const lines: string[] = [];
  const fields: Fields[] = [];
  function at(level: string) {
    return (message: string, about: Fields = {}) => {
      lines.push(`${level} ${message}`);
      fields.push(about);
    };
  }
  return { lines, fields, info: at("info"), warn: at("warn") };
}
