/**
 * The certificate that this agent shows, and its renewal: whoever renews it
 * replaces the files, and they are read again and again.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import type { Config } from "../config/config.ts";
import { fileWords } from "../config/files.ts";
import { ConfigError } from "../config/values.ts";
import type { Log } from "../log.ts";
import { wordsOf } from "../platform.ts";
import type { Clock } from "../platform.ts";
import { namesOf } from "./names.ts";
import type { Names } from "./names.ts";

/** A certificate with its chain, and its private key, PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** The pair in use. */
export interface OwnCertificate extends Pair {
  readonly names: Names;
  /** Milliseconds since 1970. */
  readonly validFrom: number;
  readonly validTo: number;
  readonly serial: string;
}

/** Where the pair is. */
export type CertificateFiles = NonNullable<Config["tls"]>;

/** What reading it touches outside. */
export interface CertificateDeps {
  /** Reads a text file; throws when it cannot. */
  readonly readFile: (path: string) => string;
  /** Throws when no server can be started with this pair. */
  readonly tryPair: (pair: Pair) => void;
}

/**
 * Reads the pair.
 *
 * @throws {ConfigError} When a file cannot be used, or the key is that of another certificate.
 */
export function readOwnCertificate(
  files: CertificateFiles,
  deps: CertificateDeps,
): OwnCertificate {
  return checked(readPair(files, deps), files, deps);
}

function readPair(
  { certFile, keyFile }: CertificateFiles,
  { readFile }: CertificateDeps,
): Pair {
  function read(variable: string, path: string, wanted: string): string {
    try {
      return readFile(path);
    } catch (error) {
      throw new ConfigError(variable, path, `${wanted} (${fileWords(error)})`);
    }
  }
  return {
    cert: read("KUBENURSE_CERT_FILE", certFile, CERTIFICATE),
    key: read("KUBENURSE_CERT_KEY", keyFile, KEY),
  };
}

function checked(
  pair: Pair,
  { certFile, keyFile }: CertificateFiles,
  { tryPair }: CertificateDeps,
): OwnCertificate {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(pair.cert);
  } catch {
    throw new ConfigError("KUBENURSE_CERT_FILE", certFile, CERTIFICATE);
  }
  try {
    tryPair(pair);
  } catch (error) {
    const other = `KUBENURSE_CERT_FILE=${JSON.stringify(certFile)}`;
    throw new ConfigError(
      "KUBENURSE_CERT_KEY",
      keyFile,
      `the key of the certificate in ${other} (${wordsOf(error)})`,
    );
  }
  return {
    ...pair,
    names: namesOf(pair.cert),
    validFrom: Date.parse(leaf.validFrom),
    validTo: Date.parse(leaf.validTo),
    serial: leaf.serialNumber,
  };
}

const CERTIFICATE = "a readable PEM file with at least one certificate";
const KEY = "a readable PEM file with a private key";

/** What keeps it. */
export interface KeptCertificate {
  current(): OwnCertificate;
  /**
   * Looks for a new one until `signal` aborts; never rejects. A pair that cannot
   * be used leaves the one before in use, is logged once, and tried again.
   *
   * @param use Puts a new one to use; throws when it cannot.
   */
  run(signal: AbortSignal, use: (pair: Pair) => void): Promise<void>;
}

/** From one look at the files to the next, milliseconds. */
const LOOK_MS = 10_000;
/** Whoever renews does so earlier: of a certificate's life, the part that is too short. */
const LATE_SHARE = 0.1;

/** Keeps a certificate that was read. */
export function keepCertificate(
  first: OwnCertificate,
  files: CertificateFiles,
  { clock, log, ...deps }: CertificateDeps & {
    readonly clock: Clock;
    readonly log: Log;
  },
): KeptCertificate {
  let current = first;
  /** What was logged of the files since the newest good pair. */
  let told: string | undefined;
  /** What was logged of the end of the certificate in use. */
  let ending: "late" | "expired" | undefined;

  function look(use: (pair: Pair) => void) {
    try {
      const pair = readPair(files, deps);
      if (pair.cert === current.cert && pair.key === current.key) {
        told = undefined;
        return;
      }
      const read = checked(pair, files, deps);
      use(read);
      current = read;
      told = ending = undefined;
      log.info("the certificate was renewed", {
        serial: read.serial,
        until: new Date(read.validTo).toISOString(),
      });
    } catch (error) {
      const words = wordsOf(error);
      if (words !== told) {
        log.warn(
          "cannot use the new certificate, the one before stays in use",
          {
            error: words,
          },
        );
      }
      told = words;
    }
  }

  function tellEnd() {
    const { validFrom, validTo, serial } = current;
    const left = validTo - clock.wall();
    const state = left <= 0
      ? "expired"
      : left < (validTo - validFrom) * LATE_SHARE
      ? "late"
      : undefined;
    if (state !== undefined && state !== ending) {
      log.warn(
        state === "expired"
          ? "the certificate has expired, checks by others fail"
          : "the certificate expires soon and was not renewed",
        {
          serial,
          until: new Date(validTo).toISOString(),
          file: files.certFile,
        },
      );
    }
    ending = state;
  }

  return {
    current: () => current,
    async run(signal, use) {
      while (!signal.aborted) {
        tellEnd();
        await clock.sleep(LOOK_MS, signal);
        if (!signal.aborted) look(use);
      }
    },
  };
}

/** Whom a neighbour's certificate is to name, where all agents share one: see docs/configuration.md. */
export function sharedName(
  { names }: Pick<OwnCertificate, "names">,
  ownIps: readonly string[],
): string | undefined {
  if (ownIps.some((ip) => names.ips.includes(ip))) return undefined;
  return names.dns[0]?.replace(/^\*\./, "kubenurse.");
}
