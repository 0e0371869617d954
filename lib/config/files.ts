/**
 * Files that settings name.
 *
 * @module
 */
import { wordsOf } from "../platform.ts";

/** Folders whose files the binary may read, which is compiled in: see docs/configuration.md. */
export const READABLE = [
  "/var/run/secrets", // ServiceAccount token, CA and namespace; Secrets
  "/etc/kubenurse",
  "/etc/ssl",
];

/** Why a file cannot be read. */
export function fileWords(error: unknown): string {
  return error instanceof Error && error.name === "NotCapable"
    ? `the agent may read files below ${READABLE.join(", ")} alone`
    : wordsOf(error);
}
