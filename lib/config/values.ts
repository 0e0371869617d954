/**
 * Reads single values out of the text of environment variables.
 *
 * @module
 */
import { isIP } from "node:net";
import { withoutPassword } from "../shown.ts";

/** A setting that cannot be used: which one, what it holds, what is wanted. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly variable: string, got: string, wanted: string) {
    super(`Cannot read ${variable}=${JSON.stringify(got)}: expected ${wanted}`);
  }
}

const UNIT_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  ms: 1,
  s: 1e3,
  m: 60e3,
  h: 3600e3,
};

const LONGEST_MS = 24 * 3600e3;

/** Reads a Go duration such as `"5s"` or `"1m30s"`, not negative and 24h at most, as milliseconds. */
export function durationMs(variable: string, text: string): number {
  if (text === "0") return 0;
  const parts = [
    ...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|ms|s|m|h)/g),
  ];
  const read = parts.map(([part]) => part).join("");
  if (read === "" || read !== text) {
    throw new ConfigError(variable, text, 'a duration such as "5s" or "1m30s"');
  }
  const ms = parts.reduce((sum, [, n, u]) => sum + Number(n) * UNIT_MS[u!]!, 0);
  if (ms > LONGEST_MS) {
    throw new ConfigError(variable, text, "a duration of 24h or less");
  }
  return ms;
}

/** Reads what Go's `strconv.ParseBool` reads, since that is what upstream reads. */
export function boolean(variable: string, text: string): boolean {
  if (/^(true|t|1)$/i.test(text)) return true;
  if (/^(false|f|0)$/i.test(text)) return false;
  throw new ConfigError(variable, text, '"true" or "false"');
}

/** Reads a whole number between `least` and `most`, both included. */
export function integer(
  variable: string,
  text: string,
  least: number,
  most: number,
): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new ConfigError(
    variable,
    text,
    `a whole number from ${least} to ${most}`,
  );
}

/** Reads an absolute `http` or `https` URL; the result has no trailing slash. */
export function httpUrl(variable: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || !url.hostname) {
    throw new ConfigError(
      variable,
      withoutPassword(text),
      'a URL such as "https://kubenurse.example.com"',
    );
  }
  if (url.username || url.password) {
    throw new ConfigError(
      variable,
      `${url.protocol}//...@${url.host}`,
      "a URL without a user name or password in it",
    );
  }
  if (/[?#]/.test(url.href)) { // a path is put behind it
    throw new ConfigError(
      variable,
      text,
      "a URL without a ?query or a #fragment",
    );
  }
  return url.href.replace(/\/+$/, "");
}

const NAME = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?`;
const KEY = String.raw`(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?${NAME}`;
const VALUE = `(?:${NAME})?`;
const SET = String.raw`\(\s*${VALUE}(?:\s*,\s*${VALUE})*\s*\)`;
const REQUIREMENT = String
  .raw`\s*(?:!\s*${KEY}|${KEY}(?:\s*(?:==|=|!=)\s*${VALUE}|\s+(?:in|notin)\s*${SET})?)\s*`;
const SELECTOR = new RegExp(`^${REQUIREMENT}(?:,${REQUIREMENT})*$`);

/** Accepts a Kubernetes label selector, equality- and set-based requirements alike. */
export function labelSelector(variable: string, text: string): string {
  if (SELECTOR.test(text)) return text.trim();
  throw new ConfigError(
    variable,
    text,
    'a label selector such as "app.kubernetes.io/name=kubenurse"',
  );
}

/** Reads `host:port`, `:port` or `[v6]:port`; an empty host means every address. */
export function listenAddress(
  variable: string,
  text: string,
): { host: string; port: number } {
  const [, v6, host, port] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s/[\]]*)):(\d+)$/.exec(text) ?? [];
  const name = v6 ?? host ?? "";
  const usable = name === "" || isIP(name) > 0 || /^[a-z][\w.-]*$/i.test(name);
  if (port === undefined || Number(port) > 65535 || !usable) {
    throw new ConfigError(
      variable,
      text,
      'an address to listen on such as ":8080" or "[::]:8080"',
    );
  }
  return { host: name, port: Number(port) };
}

/** Reads rising positive numbers, in seconds, separated by commas. */
export function buckets(variable: string, text: string): readonly number[] {
  const values = text.split(",").map((part) =>
    part.trim() === "" ? NaN : Number(part)
  );
  const rising = values.every((v, i) =>
    Number.isFinite(v) && v > (values[i - 1] ?? 0)
  );
  if (rising) return values;
  throw new ConfigError(
    variable,
    text,
    'rising numbers of seconds such as ".005,.01,.1,1"',
  );
}

/** Reads one of a few words. */
export function oneOf<T extends string>(
  variable: string,
  text: string,
  words: readonly T[],
): T {
  const found = words.find((word) => word === text.toLowerCase());
  if (found !== undefined) return found;
  throw new ConfigError(
    variable,
    text,
    words.map((word) => `"${word}"`).join(" or "),
  );
}

/** Accepts a DNS name or an IP address: what may stand between `https://` and `:port`. */
export function host(variable: string, text: string): string {
  const bracketed = text.includes(":") && !text.startsWith("[")
    ? `[${text}]`
    : text;
  if (
    /^[A-Za-z0-9.\-_:[\]]+$/.test(text) &&
    URL.canParse(`https://${bracketed}:443`)
  ) {
    return bracketed;
  }
  throw new ConfigError(variable, text, "a host name or an IP address");
}
