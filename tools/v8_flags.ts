/**
 * V8's settings for the agent.
 *
 * @module
 */

/**
 * A small young generation, without which resident memory drifts, and no
 * optimizing compilers: they cost more memory than an agent saves in CPU time.
 * Without them there is no WebAssembly either, which nothing here uses.
 * Figures: docs/scaling.md.
 */
export const V8_FLAGS =
  "--max-semi-space-size=1,--optimize-for-size,--lite-mode";
