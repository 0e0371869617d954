/**
 * Reads `KUBENURSE_EXTRA_CHECKS`: further targets, `name:url|name:url`.
 *
 * @module
 */
import { isIP } from "node:net";
import { withoutPassword } from "../shown.ts";
import { ConfigError } from "./values.ts";

/** What an extra check asks. */
export type Target =
  | { readonly kind: "http"; readonly url: string }
  | {
    readonly kind: "tcp" | "tls";
    readonly host: string;
    readonly port: number;
  }
  | {
    readonly kind: "dns";
    /** Whom to ask; `undefined`: the resolver of this machine. */
    readonly resolver:
      | { readonly host: string; readonly port: number }
      | undefined;
    readonly name: string;
    readonly recordType: RecordType;
  };

/** DNS record types that can be asked for. */
export type RecordType = typeof RECORD_TYPES[number];

const RECORD_TYPES = ["A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT"] as const;

/** One further check. */
export interface ExtraCheck {
  /** Value of the label `type`. */
  readonly name: string;
  readonly target: Target;
}

/** Types that are the agent's own. */
const TAKEN = /^(api_server_(direct|dns)|me_(ingress|service)|path_.*)$/;

/** Keys that `/alive` has beside the checks; the names of checks are keys there too. */
const KEYS =
  /^(hostname|neighbourhood|neighbourhood_state|headers|skipped_because|phases|answered_by|udp|__proto__)$/;

/**
 * Reads the list.
 *
 * @throws {ConfigError} That names the entry.
 */
export function extraChecks(
  variable: string,
  text: string,
): readonly ExtraCheck[] {
  const names = new Set<string>();
  const entries = text.replace(/([^\s|]\s*)\|\s*$/, "$1").split("|");
  return entries.map((entry, i) => {
    const [, name, url] = /^\s*([^:]*?)\s*:\s*(.*?)\s*$/.exec(entry) ?? [];
    const isCut = /^[^/]*@/.test(entries[i + 1] ?? ""); // in a password, perhaps
    const shown = shownEntry(isCut ? `${entry}@` : entry);
    const refused = (wanted: string) =>
      new ConfigError(variable, shown || elided(text), wanted);
    if (!name || !url) {
      throw refused(
        'entries such as "name:https://example.com", with | between them',
      );
    }
    if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/.test(name)) {
      throw refused(
        "a name of at most 63 letters, digits, _ - and ., not beginning with a digit",
      );
    }
    if (TAKEN.test(name)) {
      throw refused(
        `another name than "${name}", which is a check of the agent's own`,
      );
    }
    if (KEYS.test(name)) {
      throw refused(`another name than "${name}", which is a key of /alive`);
    }
    if (names.has(name)) {
      throw refused(`another name than "${name}", which was given before`);
    }
    names.add(name);
    const target = toTarget(url);
    if (target === undefined) {
      throw refused(
        "a target such as https://host/path, tcp://host:port, tls://host:port or dns://resolver/name?type=A",
      );
    }
    return { name, target };
  });
}

/** An entry without the user and password of its URL. */
function shownEntry(entry: string): string {
  const at = entry.indexOf(":") + 1;
  return entry.slice(0, at) + withoutPassword(entry.slice(at).trim());
}

/** For example `"...||..."`: where in a list an entry is missing. */
function elided(text: string): string {
  return text.split("|").map((entry) => entry.trim() && "...").join("|");
}

function toTarget(text: string): Target | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.username || url.password || url.hash) return undefined;
  const host = hostOf(url);
  if (host === undefined) return undefined;
  switch (url.protocol) {
    case "http:":
    case "https:":
      return host ? { kind: "http", url: url.href } : undefined;
    case "tcp:":
    case "tls:": {
      const port = Number(url.port || (url.protocol === "tls:" ? 443 : 0));
      const bare = /^\/?$/.test(url.pathname) && url.search === "";
      if (!host || port === 0 || !bare) return undefined;
      const kind = url.protocol === "tcp:" ? "tcp" : "tls";
      return { kind, host, port };
    }
    case "dns:":
      return dnsTarget(url, host);
  }
}

/** Labels of 63 characters at most, as a question to a name server has them. */
const NAME = /^(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?$/;

/**
 * The host as `http` has it: its characters judged, and what is not ASCII in
 * punycode; other schemes take whatever is there.
 *
 * @returns `""`: the URL has none; `undefined`: there is no such host.
 */
function hostOf({ hostname }: URL): string | undefined {
  if (hostname === "") return "";
  const host = URL.parse(`http://${hostname}`)?.hostname
    .replace(/^\[(.*)\]$/, "$1") ?? "";
  return isIP(host) || NAME.test(host) ? host : undefined;
}

function dnsTarget(url: URL, host: string): Target | undefined {
  const name = url.pathname.replace(/^\//, "");
  const type = (url.searchParams.get("type") ?? "A").toUpperCase();
  const recordType = RECORD_TYPES.find((known) => known === type);
  const keys = [...url.searchParams.keys()].join();
  if (!NAME.test(name) || !recordType || !/^(type)?$/.test(keys)) {
    return undefined;
  }
  const port = Number(url.port || 53);
  if (port === 0) return undefined;
  const resolver = host === "" ? undefined : { host, port };
  return { kind: "dns", resolver, name, recordType };
}
