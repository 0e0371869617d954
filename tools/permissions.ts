/**
 * What the binary may do.
 *
 * @module
 */
import { READABLE } from "../lib/config/files.ts";

/** Flags of `deno compile`; what is not here the binary cannot do. */
export const PERMISSIONS = [
  "--allow-net",
  "--allow-env",
  `--allow-read=${READABLE.join(",")}`,
  "--deny-import", // by default some hosts of packages are allowed
];
