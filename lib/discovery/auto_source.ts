/**
 * Chooses between Pods and EndpointSlices, by the number of agents and by what
 * there is and is allowed.
 *
 * @module
 */
import { ApiError } from "../kubernetes/client.ts";
import type { Log } from "../log.ts";
import { wordsOf } from "../platform.ts";
import type { Listing, Source } from "./source.ts";

/** From so many agents on, EndpointSlices ... */
const MANY = 50;
/** ... down to so many. */
const FEW = 40;

/** Makes the source; it chooses anew at each list. */
export function autoSource(
  { pods, slices, log }: {
    readonly pods: Source;
    readonly slices: Source;
    readonly log: Log;
  },
): Source {
  let bySlices = false;
  /** The newest number of Pods; before the first list there may be any. */
  let size = Infinity;
  let told = "";

  /** The list, or why there is none to be used. */
  async function fromSlices(
    signal: AbortSignal,
    fresh: boolean,
  ): Promise<Listing | string> {
    try {
      const listing = await slices.list(signal, fresh);
      const n = listing.agents.length;
      return n > (bySlices ? FEW : MANY) ? listing : `${n} are few`;
    } catch (error) {
      const { status = 0 } = error instanceof ApiError ? error : {};
      // what they were enough for until now is not given up for an outage
      if (bySlices && status !== 403 && status !== 404) throw error;
      return wordsOf(error);
    }
  }

  function tell(words: string, because: string) {
    if (told !== words + because) log.info(words, { because });
    told = words + because;
  }

  return {
    async list(signal, fresh) {
      const found = bySlices || size > MANY
        ? await fromSlices(signal, fresh)
        : "";
      if (typeof found !== "string") {
        bySlices = true;
        tell("agents are found by EndpointSlices", "they are many");
        return found;
      }
      const listing = await pods.list(signal, fresh);
      size = listing.agents.length;
      // of a small cluster it goes without saying
      if (bySlices || size > MANY) tell("agents are found by Pods", found);
      bySlices = false;
      return listing;
    },
  };
}
