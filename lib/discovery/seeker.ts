/**
 * Looks nodes up for what the list does not tell: the node's address and the
 * phase of those that are probed, and who comes after an agent that has gone.
 *
 * @module
 */
import type { Clock } from "../platform.ts";

/** Nodes to be looked up without a failure. */
export interface Seeker {
  /** Looks for the agent to come on a node that has lost its own. */
  seek(node: string): void;
  /** Looks until `signal` aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** What it needs. */
export interface SeekerDeps {
  readonly clock: Clock;
  /** Nodes of which something lacks that is shown. */
  lacking(): readonly string[];
  /** Whether there is an agent on the node of which all is known. */
  isKnown(node: string): boolean;
  /** Looks a node up. */
  ask(node: string): void;
}

const TICK_MS = 1_000;
/** From the first look to the second; doubling ... */
const AGAIN_MS = 3_000;
/** ... up to this. A successor that has not come by then is left to the list. */
const AGAIN_CAP_MS = 192_000;

/** Makes it. */
export function seeker(deps: SeekerDeps): Seeker {
  const { clock } = deps;
  const due = new Map<string, { at: number; waitMs: number }>();

  function tick() {
    const now = clock.now();
    const lacking = new Set(deps.lacking());
    for (const node of lacking) {
      if (!due.has(node)) due.set(node, { at: now, waitMs: AGAIN_MS });
    }
    for (const [node, { at, waitMs }] of due) {
      if (at > now) continue;
      const over = waitMs > AGAIN_CAP_MS && !lacking.has(node);
      if (over || deps.isKnown(node)) {
        due.delete(node);
        continue;
      }
      deps.ask(node);
      due.set(node, {
        at: now + Math.min(waitMs, AGAIN_CAP_MS),
        waitMs: waitMs * 2,
      });
    }
  }

  return {
    seek(node) {
      if (due.has(node)) return;
      due.set(node, { at: clock.now() + AGAIN_MS, waitMs: AGAIN_MS });
    },
    async run(signal) {
      while (!signal.aborted) {
        tick();
        await clock.sleep(TICK_MS, signal);
      }
    },
  };
}
