/**
 * What the program was told to do, read once from the environment.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { extraChecks } from "./extra_checks.ts";
import type { ExtraCheck } from "./extra_checks.ts";
import { fileWords } from "./files.ts";
import { SETTINGS } from "./settings.ts";
import type { SettingName } from "./settings.ts";
import {
  boolean,
  buckets,
  ConfigError,
  durationMs,
  host,
  httpUrl,
  integer,
  labelSelector,
  listenAddress,
  oneOf,
} from "./values.ts";

/** Settings after reading; durations in milliseconds. */
export interface Config {
  readonly listen: { readonly host: string; readonly port: number };
  /** Node of this agent; `undefined`: to be read from its own Pod. */
  readonly nodeName: string | undefined;
  readonly podName: string | undefined;
  /** `undefined`: the ServiceAccount's. */
  readonly namespace: string | undefined;
  /** Base URLs of the API server, without a path. */
  readonly apiServerDirect: string;
  readonly apiServerDns: string;
  readonly ingressUrl: string | undefined;
  readonly serviceUrl: string | undefined;
  readonly neighbourFilter: string;
  readonly discovery: "auto" | "pods" | "endpointslices";
  /** Name of the Service that has the agents as endpoints. */
  readonly headlessService: string;
  /** 0 means all. */
  readonly neighbourLimit: number;
  readonly allowUnschedulable: boolean;
  readonly checks: {
    readonly apiServerDirect: boolean;
    readonly apiServerDns: boolean;
    readonly meIngress: boolean;
    readonly meService: boolean;
    readonly neighbourhood: boolean;
  };
  /** Every how many rounds full-sized packets go to each neighbour; 0: never. */
  readonly mtuRounds: number;
  readonly checkUdp: boolean;
  /** How many agents besides the neighbours are checked in each round. */
  readonly sweep: number;
  readonly extraChecks: readonly ExtraCheck[];
  readonly intervalMs: number;
  /** Deadline of one check. */
  readonly timeoutMs: number;
  readonly shutdownMs: number;
  readonly reuseConnections: boolean;
  readonly insecure: boolean;
  /** Path of a PEM file. */
  readonly extraCaFile: string | undefined;
  /** Paths of PEM files; `undefined`: plain HTTP only. */
  readonly tls:
    | { readonly certFile: string; readonly keyFile: string }
    | undefined;
  /** Seconds, rising. */
  readonly histogramBuckets: readonly number[];
  /** Whether /metrics has `# HELP` and `# TYPE`. */
  readonly exposeMetadata: boolean;
  readonly trace: "failures" | "always";
  readonly logFormat: "text" | "json";
}

/** Rounds from one look at the MTU to the next, unless a number is set. */
const MTU_ROUNDS = 12;

/** Deadline of a check, in milliseconds, as in upstream. */
const TIMEOUT_MS = 5_000;

/**
 * Reads the settings.
 *
 * @param env Environment variables; an empty one counts as not set.
 * @param readFile Reads a text file that a setting names; throws when it cannot.
 * @throws {AggregateError} With a {@linkcode ConfigError} for each wrong variable.
 */
export function parseConfig(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): Config {
  const errors: unknown[] = [];

  function text(name: SettingName): string {
    return env[name]?.trim() || SETTINGS.find((s) => s.name === name)!.default;
  }
  /** Collects the error instead of throwing it, so that all are shown at once. */
  function read<T>(
    name: SettingName,
    parse: (name: string, text: string) => T,
  ): T {
    try {
      return parse(name, text(name));
    } catch (error) {
      errors.push(error);
      return undefined as T; // never seen: parseConfig throws below
    }
  }
  function optional<T>(
    name: SettingName,
    parse: (name: string, text: string) => T,
  ): T | undefined {
    return text(name) === "" ? undefined : read(name, parse);
  }
  /** Must be there with `KUBENURSE_USE_TLS`, and must be right wherever it is there. */
  function tlsFile(
    name: SettingName,
    parse: (name: string, text: string) => string,
  ): string {
    const wanted = /^(true|t|1)$/i.test(text("KUBENURSE_USE_TLS"));
    return wanted ? read(name, parse) : optional(name, parse) ?? "";
  }

  const apiPort = read(
    "KUBERNETES_SERVICE_PORT",
    (n, t) => integer(n, t, 1, 65535),
  );
  read("KUBENURSE_VICTORIAMETRICS_HISTOGRAM", unsupported);
  const certFile = tlsFile(
    "KUBENURSE_CERT_FILE",
    (n, t) => caFile(n, t, readFile),
  );
  const keyFile = tlsFile(
    "KUBENURSE_CERT_KEY",
    (n, t) => pemKeyFile(n, t, readFile),
  );
  const config: Config = {
    listen: read("KUBENURSE_LISTEN_ADDRESS", listenAddress),
    nodeName: optional("NODE_NAME", dnsName),
    podName: optional("POD_NAME", dnsName) ?? hostName(env.HOSTNAME),
    namespace: optional("KUBENURSE_NAMESPACE", dnsName),
    apiServerDirect: `https://${
      read("KUBERNETES_SERVICE_HOST", apiServerHost)
    }:${apiPort}`,
    apiServerDns: `https://${read("KUBERNETES_SERVICE_DNS", host)}:${apiPort}`,
    ingressUrl: optional("KUBENURSE_INGRESS_URL", httpUrl),
    serviceUrl: optional("KUBENURSE_SERVICE_URL", httpUrl),
    neighbourFilter: read("KUBENURSE_NEIGHBOUR_FILTER", labelSelector),
    discovery: read(
      "KUBENURSE_DISCOVERY",
      (n, t) => oneOf(n, t, ["auto", "pods", "endpointslices"]),
    ),
    headlessService: read("KUBENURSE_HEADLESS_SERVICE", dnsName),
    neighbourLimit: read(
      "KUBENURSE_NEIGHBOUR_LIMIT",
      (n, t) => integer(n, t, 0, 1_000_000),
    ),
    allowUnschedulable: read("KUBENURSE_ALLOW_UNSCHEDULABLE", boolean),
    checks: {
      apiServerDirect: read("KUBENURSE_CHECK_API_SERVER_DIRECT", boolean),
      apiServerDns: read("KUBENURSE_CHECK_API_SERVER_DNS", boolean),
      meIngress: read("KUBENURSE_CHECK_ME_INGRESS", boolean),
      meService: read("KUBENURSE_CHECK_ME_SERVICE", boolean),
      neighbourhood: read("KUBENURSE_CHECK_NEIGHBOURHOOD", boolean),
    },
    mtuRounds: read("KUBENURSE_CHECK_MTU", rounds),
    checkUdp: read("KUBENURSE_CHECK_UDP", boolean),
    sweep: read("KUBENURSE_SWEEP", (n, t) => integer(n, t, 0, 100)),
    extraChecks: optional("KUBENURSE_EXTRA_CHECKS", extraChecks) ?? [],
    intervalMs: read("KUBENURSE_CHECK_INTERVAL", interval),
    timeoutMs: TIMEOUT_MS,
    shutdownMs: read("KUBENURSE_SHUTDOWN_DURATION", durationMs),
    reuseConnections: read("KUBENURSE_REUSE_CONNECTIONS", boolean),
    insecure: read("KUBENURSE_INSECURE", boolean),
    extraCaFile: optional(
      "KUBENURSE_EXTRA_CA",
      (n, t) => caFile(n, t, readFile),
    ),
    tls: read("KUBENURSE_USE_TLS", boolean) ? { certFile, keyFile } : undefined,
    histogramBuckets: read("KUBENURSE_HISTOGRAM_BUCKETS", buckets),
    exposeMetadata: read("KUBENURSE_EXPOSE_METADATA", boolean),
    trace: read(
      "KUBENURSE_TRACE",
      (n, t) => oneOf(n, t, ["failures", "always"]),
    ),
    logFormat: read(
      "KUBENURSE_LOG_FORMAT",
      (n, t) => oneOf(n, t, ["text", "json"]),
    ),
  };
  if (errors.length > 0) throw new AggregateError(errors, "wrong settings");
  return Object.freeze(config);
}

/**
 * Names of variables that look like ours and are not: typing errors, or settings
 * of another version. What Kubernetes itself sets for a Service called
 * "kubenurse" (`KUBENURSE_PORT`, `KUBENURSE_SERVICE_HOST`, ...) is left out.
 */
export function unknownSettings(
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const known = new Set<string>(SETTINGS.map(({ name }) => name));
  const serviceLink = /^KUBENURSE_(SERVICE_(HOST|PORT(_.+)?)|PORT(_.+)?)$/;
  return Object.keys(env)
    .filter((name) => name.startsWith("KUBENURSE_"))
    .filter((name) => !known.has(name) && !serviceLink.test(name))
    .sort();
}

function interval(variable: string, text: string): number {
  const ms = durationMs(variable, text);
  if (ms >= 100) return ms;
  throw new ConfigError(variable, text, "a duration of 100ms or more");
}

/** As a toggle, and as a number. */
function rounds(variable: string, text: string): number {
  if (/^(true|t)$/i.test(text)) return MTU_ROUNDS;
  if (/^(false|f)$/i.test(text)) return 0;
  return integer(variable, text, 0, 100_000);
}

function unsupported(variable: string, text: string): void {
  if (!boolean(variable, text)) return;
  throw new ConfigError(
    variable,
    text,
    '"false": buckets with the label vmrange are not supported, those with le are always there',
  );
}

function apiServerHost(variable: string, text: string): string {
  if (text !== "") return host(variable, text);
  throw new ConfigError(
    variable,
    text,
    'the address of the API server; every Pod has it, outside a cluster use "deno task dev"',
  );
}

/** Set by the container runtime; on a workstation it may be anything. */
function hostName(text: string | undefined): string | undefined {
  return text !== undefined && NAME.test(text) ? text : undefined;
}

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

function dnsName(variable: string, text: string): string {
  if (NAME.test(text)) return text;
  throw new ConfigError(
    variable,
    text,
    "the name of a Kubernetes object (lower case letters, digits, - and .)",
  );
}

function pemKeyFile(
  variable: string,
  path: string,
  readFile: (path: string) => string,
): string {
  const wanted = "a readable PEM file with a private key";
  let pem: string;
  try {
    pem = readFile(path);
  } catch (error) {
    throw new ConfigError(variable, path, `${wanted} (${fileWords(error)})`);
  }
  if (/-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/.test(pem)) return path;
  throw new ConfigError(variable, path, wanted);
}

function caFile(
  variable: string,
  path: string,
  readFile: (path: string) => string,
): string {
  const wanted = "a readable PEM file with at least one certificate";
  let pem: string;
  try {
    pem = readFile(path);
  } catch (error) {
    throw new ConfigError(variable, path, `${wanted} (${fileWords(error)})`);
  }
  const blocks = pem.match(
    /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g,
  );
  if (!blocks) throw new ConfigError(variable, path, wanted);
  for (const [i, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch {
      const which = `number ${i + 1} of ${blocks.length} cannot be read`;
      throw new ConfigError(variable, path, `${wanted} (${which})`);
    }
  }
  return path;
}
