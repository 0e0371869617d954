/**
 * A Summary of the last minute, as all of ours are.
 *
 * @module
 */
import { Summary } from "./prom_client.ts";

/** Window, seconds. */
const WINDOW_S = 60;

/** What tells one from another. */
export type WindowSummaryOptions = Omit<
  ConstructorParameters<typeof Summary>[0],
  "percentiles" | "maxAgeSeconds" | "ageBuckets" | "compressCount"
>;

/**
 * Says that a quantile of no samples is not a number, as Go's client does. Of
 * prom-client it is 0, by which a path that has died would look instant.
 */
export class WindowSummary extends Summary {
  constructor(options: WindowSummaryOptions) {
    super({
      ...options,
      percentiles: [0.5, 0.9, 0.99],
      maxAgeSeconds: WINDOW_S,
      ageBuckets: 5,
      compressCount: 100, // samples that a digest keeps one by one; 1000 unless told
    });
  }

  override async get() {
    const metric = await super.get();
    const values = metric.values.map((one) =>
      // no request takes no time: 0 stands for nothing
      "quantile" in one.labels && one.value === 0 ? { ...one, value: NaN } : one
    );
    return { ...metric, values };
  }
}
