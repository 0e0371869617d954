/** What many agents together ask of the API server. */
import { assert, assertLessOrEqual } from "@std/assert";
import { agentList } from "../../lib/discovery/agent_list.ts";
import { lookUps } from "../../lib/discovery/look_ups.ts";
import { pollMs, spreadMs } from "../../lib/discovery/pace.ts";
import { ApiError } from "../../lib/kubernetes/client.ts";
import { fakeClock } from "../fakes/clock.ts";
import { fakeLog } from "../fakes/log.ts";
import { agent } from "../fakes/pods.ts";
import { seeded } from "../fakes/random.ts";

const MINUTE = 60_000;
/** A list that 500 agents get as often as 5,000 get one of EndpointSlices. */
const AGENTS = Array.from({ length: 500 }, (_, i) => agent(i));
const BYTES = 15_000_000;
const USUAL_MS = 375_000;

/** How many of the times are in each minute from the first on. */
function perMinute(times: readonly number[], minutes: number): number[] {
  const counts: number[] = Array(minutes).fill(0);
  for (const at of times) counts[Math.floor(at / MINUTE)]! += 1;
  return counts;
}

Deno.test("agentList() of a fleet neither floods an API server that is away nor one that comes back", async () => {
  assert(pollMs(AGENTS.length, BYTES) === USUAL_MS);
  const clock = fakeClock();
  const asked: number[] = [];
  let isAway = false;
  const stop = new AbortController();
  const fleet = Array.from({ length: 200 }, (_, i) => {
    const list = agentList({
      clock,
      random: seeded(i),
      log: fakeLog(),
      source: {
        list() {
          asked.push(clock.now());
          return isAway
            ? Promise.reject(new ApiError("away", 0))
            : Promise.resolve({ agents: AGENTS, bytes: BYTES });
        },
      },
    });
    // as after a rolling update
    const running = clock.sleep(i * USUAL_MS / 200)
      .then(() => list.run(stop.signal));
    return { list, running };
  });
  await clock.advance(20 * MINUTE);
  isAway = true;
  await clock.advance(10 * MINUTE);
  isAway = false;
  await clock.advance(20 * MINUTE);
  stop.abort();
  await Promise.all(fleet.map(({ running }) => running));

  const steady = 200 / USUAL_MS * MINUTE;
  const rates = perMinute(asked, 50);
  assertLessOrEqual(Math.max(...rates), 3 * steady, rates.join(" "));
  for (const { list } of fleet) {
    const { asOf, error } = list.state();
    assert(error === undefined && asOf! > 40 * MINUTE);
  }
});

Deno.test("lookUps() of a fleet spread over its time what a zone's outage makes all ask at once", async () => {
  const clock = fakeClock();
  const random = seeded(7);
  const asked: number[] = [];
  const spread = spreadMs(5_000);
  // a hundredth of the 10,000 pairs that 1,000 of 5,000 nodes are in
  const fleet = Array.from({ length: 100 }, () =>
    lookUps({
      clock,
      random,
      log: fakeLog(),
      onNode() {
        asked.push(clock.now());
        return Promise.resolve([]);
      },
      found() {},
    }));
  const all = Promise.all(fleet.map((one) => one.ask("node-1", spread)));
  await clock.advance(spread);
  await all;
  const fifths = [0, 0, 0, 0, 0];
  for (const at of asked) {
    fifths[Math.min(4, Math.floor(at / spread * 5))]! += 1;
  }
  assert(fifths.every((n) => n > 8 && n < 36), fifths.join(" "));
});
