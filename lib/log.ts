/**
 * One line an event, as text (logfmt after the time and level) or JSON.
 *
 * @module
 */
import { withoutControls } from "./shown.ts";

/** What an event is about, beside its message. */
export type Fields = Readonly<Record<string, string | number | boolean>>;

/** Writes events; `warn` for what an operator should look at. */
export interface Log {
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
}

/**
 * Makes a log.
 *
 * @param write Takes one line, without the line break.
 * @param wall Milliseconds since 1970.
 */
export function createLog(
  format: "text" | "json",
  write: (line: string) => void,
  wall: () => number,
): Log {
  const line = format === "json" ? jsonLine : textLine;
  function at(level: "info" | "warn") {
    return (message: string, fields: Fields = {}) =>
      write(line(new Date(wall()).toISOString(), level, message, fields));
  }
  return { info: at("info"), warn: at("warn") };
}

function jsonLine(time: string, level: string, msg: string, fields: Fields) {
  return withoutControls(JSON.stringify({ time, level, msg, ...fields }));
}

function textLine(time: string, level: string, msg: string, fields: Fields) {
  const rest = Object.entries(fields).map(([k, v]) => ` ${k}=${quoted(v)}`);
  // a line break in what another server said must not start a line of ours
  return `${time} ${level.toUpperCase()} ${oneLine(msg)}${rest.join("")}`;
}

function quoted(value: string | number | boolean): string {
  const text = String(value);
  return /^[\w.:/@+-]+$/.test(text)
    ? text
    : withoutControls(JSON.stringify(text));
}

function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
}
