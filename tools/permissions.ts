/**
 * What the binary may do.
 *
 * @module
 */

/** Files that settings may name: see docs/configuration.md. */
export const READABLE = [
  "/var/run/secrets", // ServiceAccount token, CA and namespace; Secrets
  "/etc/kubenurse",
  "/etc/ssl",
];

/** Flags of `deno compile`; what is not here the binary cannot do. */
export const PERMISSIONS = [
  "--allow-net",
  "--allow-env",
  `--allow-read=${READABLE.join(",")}`,
  "--deny-import", // by default some hosts of packages are allowed
];
