/**
 * Failed checks that agents have counted.
 *
 * @module
 */
import { assert } from "@std/assert";
import { agents, allOk, counts, increased } from "./cluster.ts";
import type { AgentPod } from "./cluster.ts";

/**
 * Watches the error counters of every agent that lives while `fn` runs, those
 * that go and those that come, until all is well again.
 */
export async function errorsDuring(
  fn: () => Promise<void>,
  settle: () => Promise<unknown> = () => allOk(60),
): Promise<string[]> {
  const first = new Map<string, Record<string, number>>();
  const failed = new Set<string>();
  const known = new Map<string, AgentPod>();
  let done = false;

  async function read(agent: AgentPod) {
    const { uid, node } = agent;
    try {
      const now = await counts(agent, "kubenurse_errors", 1_000);
      if (!first.has(uid)) first.set(uid, before.has(uid) ? now : {});
      for (const type of increased(first.get(uid)!, now)) {
        failed.add(`${node}: ${type}`);
      }
    } catch {
      // it has not started yet, or has gone
    }
  }

  async function watch() {
    while (!done) {
      for (const agent of await agents()) known.set(agent.uid, agent);
      // at the same time: one that has gone must not delay the others
      await Promise.all(
        [...known.values()].filter(({ ip }) => ip !== "").map(read),
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  const before = new Set((await agents()).map(({ uid }) => uid));
  const watching = watch();
  try {
    await fn();
    await settle();
    // one more round, in which a late failure would show
    const end = Date.now() + 6_000;
    while (Date.now() < end) await new Promise((r) => setTimeout(r, 500));
  } finally {
    done = true;
    await watching;
  }
  for (const { uid, name, ready } of await agents()) {
    assert(!ready || first.has(uid), `${name} was never read`);
  }
  return [...failed].sort();
}
