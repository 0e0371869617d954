import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { followers } from "../../lib/discovery/ring.ts";
import {
  CATCH_UP_ROUNDS,
  createSweep,
  MOST_FAILING,
} from "../../lib/discovery/sweep.ts";
import type { Random } from "../../lib/platform.ts";
import { below, seeded, shuffled } from "../fakes/random.ts";

const INTERVAL_MS = 5_000;

/** All but `self`, as the ring has them from there on. */
function others(self: string, nodes: readonly string[]) {
  const inZone = (node: string) => ({ node, zone: "" });
  return followers(inZone(self), nodes.map(inZone), 0).chosen
    .map((nodeName) => ({ nodeName }));
}

function named(n: number, random: Random): string[] {
  const names = Array.from({ length: n }, () => `node-${below(1e9, random)}`);
  return [...new Set(names)];
}

function sweep(perRound: number, wall = () => 0) {
  return createSweep({ perRound, intervalMs: INTERVAL_MS, wall });
}

function names(partners: readonly { readonly nodeName: string }[]): string[] {
  return partners.map(({ nodeName }) => nodeName);
}

Deno.test("createSweep() takes each in turn, once in each lap", () => {
  const random = seeded(1);
  for (let i = 0; i < 2_000; i++) {
    const [self, ...rest] = named(2 + below(60, random), random);
    const all = others(self!, rest);
    const perRound = 1 + below(8, random);
    let wall = below(1e12, random);
    const current = sweep(perRound, () => wall);
    const partners = (all: { nodeName: string }[]) => {
      wall += INTERVAL_MS;
      return current.partners(all);
    };
    const lap = Math.ceil(all.length / perRound);
    const first = Array.from({ length: lap }, () => names(partners(all)));
    assertEquals(new Set(first.flat()), new Set(names(all)));
    for (const [i, round] of first.entries()) {
      const steps = i < CATCH_UP_ROUNDS ? 2 : 1;
      assertEquals(round.length, Math.min(steps * perRound, all.length));
      assertEquals(new Set(round).size, round.length);
    }
    // in any lap, not only in the first
    const later = Array.from({ length: 3 * lap }, () => names(partners(all)));
    for (let from = 0; from <= 2 * lap; from++) {
      const seen = new Set(later.slice(from, from + lap).flat());
      assertEquals(seen.size, all.length);
    }
  }
});

Deno.test("createSweep() has each node checked by as many as it checks, at the same time everywhere", () => {
  const random = seeded(2);
  for (let i = 0; i < 200; i++) {
    const nodes = named(3 + below(60, random), random);
    const perRound = 1 + below(nodes.length - 1, random);
    let time = 1_700_000_000_000 + i * 7_000;
    const wall = () => time;
    const agents = nodes.map((self) => ({
      all: others(self, nodes),
      ...sweep(perRound, wall),
    }));
    for (let round = 0; round < CATCH_UP_ROUNDS + 5; round++) {
      const steps = round < CATCH_UP_ROUNDS ? 2 : 1;
      const targets = agents.flatMap(({ all, partners }) =>
        names(partners(all))
      );
      for (const node of nodes) {
        const times = targets.filter((target) => target === node).length;
        assertEquals(times, Math.min(steps * perRound, nodes.length - 1));
      }
      time += INTERVAL_MS;
    }
  }
});

/** For how many rounds at most each of `all` had no turn. */
function longestWaits(
  rounds: readonly (readonly string[])[],
  all: readonly string[],
): number[] {
  return all.map((node) => {
    const turns = rounds.flatMap((round, at) =>
      round.includes(node) ? [at] : []
    );
    const gaps = [...turns, rounds.length]
      .map((at, i, those) => at - (those[i - 1] ?? -1));
    return Math.max(...gaps);
  });
}

Deno.test("createSweep() passes nobody over when the agent is restarted", () => {
  const random = seeded(3);
  for (let i = 0; i < 1_000; i++) {
    const [self, ...rest] = named(3 + below(40, random), random);
    const all = others(self!, rest);
    const perRound = 1 + below(3, random);
    let wall = below(1e12, random);
    let current = sweep(perRound, () => wall);
    let restarts = 0;
    const lap = Math.ceil(all.length / perRound);
    const rounds = Array.from({ length: 4 * lap }, () => {
      if (random() < 0.3) {
        current = sweep(perRound, () => wall);
        restarts++;
      }
      const round = names(current.partners(all));
      wall += INTERVAL_MS;
      return round;
    });
    const longest = Math.max(...longestWaits(rounds, names(all)));
    assertLessOrEqual(longest, lap + CATCH_UP_ROUNDS, `${restarts} restarts`);
  }
});

Deno.test("createSweep() passes nobody over when the agent is away for a while", () => {
  const random = seeded(8);
  for (let i = 0; i < 300; i++) {
    const all = others("a", named(100 + below(200, random), random));
    const perRound = 1 + below(3, random);
    let wall = below(1e12, random);
    let current = sweep(perRound, () => wall);
    const lap = Math.ceil(all.length / perRound);
    // in rounds of time, those that it was away for among them
    const rounds: string[][] = [];
    while (rounds.length < 4 * lap) {
      const alive = CATCH_UP_ROUNDS + below(60, random);
      for (let round = 0; round < alive; round++, wall += INTERVAL_MS) {
        rounds.push(names(current.partners(all)));
      }
      for (let away = below(CATCH_UP_ROUNDS + 1, random); away > 0; away--) {
        rounds.push([]);
        wall += INTERVAL_MS;
      }
      current = sweep(perRound, () => wall);
    }
    const longest = Math.max(...longestWaits(rounds, names(all)));
    assertLessOrEqual(longest, lap + 2 * CATCH_UP_ROUNDS);
  }
});

Deno.test("createSweep() makes up for rounds that were left out", () => {
  const all = others("a", named(200, seeded(9)));
  let wall = 1e12;
  const { partners } = sweep(1, () => wall);
  const counts = (rounds: number, apart: number) =>
    Array.from({ length: rounds }, () => {
      wall += apart * INTERVAL_MS;
      return partners(all).length;
    });
  counts(CATCH_UP_ROUNDS, 1);
  assertEquals(counts(3, 1), [1, 1, 1]);
  assertEquals(counts(3, 2), [2, 2, 2], "each takes as long as two");
  assertEquals(counts(1, 4), [2]);
  assertEquals(counts(4, 1), [2, 2, 1, 1]);
  wall += 1e9; // a clock that is set
  assertEquals(counts(CATCH_UP_ROUNDS + 1, 1).at(-1), 1);
  wall -= 1e9;
  assertEquals(counts(2, 1), [1, 1]);
});

Deno.test("createSweep() comes round in an agent that never lives for long", () => {
  const random = seeded(4);
  for (let i = 0; i < 300; i++) {
    const [self, ...rest] = named(30, random);
    const all = others(self!, rest);
    let wall = below(1e12, random);
    const seen = new Set<string>();
    for (let life = 0; life < 300; life++) {
      const { partners } = sweep(1, () => wall);
      for (let round = 0; round < 3; round++) {
        names(partners(all)).forEach((node) => seen.add(node));
        wall += INTERVAL_MS;
      }
      wall += below(60_000, random); // not there
    }
    assertEquals(seen.size, all.length);
  }
});

Deno.test("createSweep() does not mind rounds that are left out or a clock that is set", () => {
  const random = seeded(5);
  for (let i = 0; i < 1_000; i++) {
    const [self, ...rest] = named(2 + below(40, random), random);
    const all = others(self!, rest);
    let wall = below(1e12, random);
    const { partners } = sweep(1, () => wall);
    const seen = Array.from({ length: all.length }, () => {
      wall += random() < 0.1
        ? below(1e12, random) - 5e11
        : INTERVAL_MS * (1 + below(3, random));
      return names(partners(all));
    });
    assertEquals(new Set(seen.flat()).size, all.length);
  }
});

Deno.test("createSweep() bears a clock that stands before 1970", () => {
  const all = others("a", ["b", "c", "d"]);
  const { partners } = sweep(1, () => -1e9);
  const seen = [1, 2, 3].flatMap(() => names(partners(all)));
  assertEquals(new Set(seen).size, 3);
});

Deno.test("createSweep() passes nobody over when nodes come and go", () => {
  const random = seeded(6);
  for (let i = 0; i < 500; i++) {
    const [self, ...rest] = named(8 + below(40, random), random);
    const steady = rest.slice(0, rest.length / 2);
    const perRound = 1 + below(4, random);
    const { partners } = sweep(perRound, () => i * 12_345_678);
    const rounds = Array.from({ length: 4 * rest.length }, () => {
      const coming = rest.slice(steady.length).filter(() => random() < 0.5);
      return names(partners(others(self!, [...steady, ...coming])));
    });
    const lap = Math.ceil(rest.length / perRound);
    for (const longest of longestWaits(rounds, steady)) {
      assertLessOrEqual(longest, lap);
    }
  }
});

Deno.test("createSweep() checks nobody where there is nobody or none is wanted", () => {
  assertEquals(sweep(1).partners([]), []);
  const { partners } = sweep(0);
  assertEquals(partners(others("a", ["b", "c"])), []);
});

Deno.test("createSweep() checks a path that failed in each round until it is well", () => {
  const all = others("a", ["b", "c", "d", "e", "f", "g"]);
  const { partners, failed, answered, failing } = sweep(1);
  for (let i = 0; i < CATCH_UP_ROUNDS; i++) partners(all);
  const [broken] = names(partners(all));
  assert(failed(broken!));
  for (let round = 0; round < 3; round++) {
    const now = names(partners(all));
    assertEquals(now[0], broken);
    assertEquals(now.length, 2);
    assertEquals(failing(), [broken!]);
  }
  answered(broken!);
  assertEquals(failing(), []);
  assertEquals(names(partners(all)).includes(broken!), false);
});

Deno.test("createSweep() checks those alone that failed while it is paused, and then goes on where it was", () => {
  const all = others("a", named(50, seeded(10)));
  const { partners, failed } = sweep(1);
  for (let i = 0; i < CATCH_UP_ROUNDS; i++) partners(all);
  const [broken] = names(partners(all));
  failed(broken!);
  for (let i = 0; i < 3; i++) {
    assertEquals(names(partners(all, true)), [broken]);
  }
  const at = all.findIndex(({ nodeName }) => nodeName === broken);
  assertEquals(names(partners(all)), [
    broken!,
    all[(at + 1) % all.length]!.nodeName,
  ]);
});

Deno.test("createSweep() checks nobody twice in a round", () => {
  const all = others("a", ["b", "c"]);
  const { partners, failed } = sweep(1);
  failed(names(partners(all))[0]!);
  for (let round = 0; round < 4; round++) {
    const now = names(partners(all));
    assertEquals(new Set(now).size, now.length);
  }
});

Deno.test("createSweep() forgets a path that failed when its node has left", () => {
  const all = others("a", ["b", "c", "d"]);
  const { partners, failed, failing } = sweep(1);
  const [gone] = names(partners(all));
  failed(gone!);
  const left = all.filter(({ nodeName }) => nodeName !== gone);
  assertEquals(names(partners(left)).includes(gone!), false);
  assertEquals(failing(), []);
});

Deno.test("createSweep() checks no more than so many again", () => {
  const random = seeded(7);
  const all = others("a", named(50, random));
  const { partners, failed, failing } = sweep(1);
  const kept = shuffled(names(all), random).map(failed);
  assertEquals(kept.filter((one) => one).length, MOST_FAILING);
  assertEquals(failing().length, MOST_FAILING);
  assertLessOrEqual(names(partners(all)).length, MOST_FAILING + 1);
  assert(failed(failing()[0]!), "one that is known to fail fails on");
});
