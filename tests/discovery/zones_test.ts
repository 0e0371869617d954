import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { ringOrder } from "../../lib/discovery/ring.ts";
import type { RingNode } from "../../lib/discovery/ring.ts";
import { spread } from "../../lib/discovery/zones.ts";
import type { Random } from "../../lib/platform.ts";
import { below, seeded } from "../fakes/random.ts";

interface Cluster {
  /** Zones in the order of the ring, from 0, each with a node. */
  readonly zones: readonly number[];
  readonly k: number;
}

/** Nodes of `count` zones that are about as large, or very different in size. */
function nodesOf(
  n: number,
  count: number,
  skewed: boolean,
  random: Random,
): RingNode[] {
  const shares = Array.from(
    { length: count },
    () => skewed ? Math.exp(4 * random()) : 1,
  );
  const sum = shares.reduce((a, b) => a + b);
  const names = Array.from({ length: n }, () => `n-${below(1e9, random)}`);
  return [...new Set(names)].map((node) => {
    let left = random() * sum;
    const zone = shares.findIndex((share) => (left -= share) < 0);
    return { node, zone: String(Math.max(0, zone)) };
  });
}

function zonesOf(ring: readonly RingNode[]): number[] {
  const names = [...new Set(ring.map(({ zone }) => zone))];
  return ring.map(({ zone }) => names.indexOf(zone));
}

function* clusters(
  count: number,
  seed: number,
  most = 300,
): Generator<Cluster> {
  const random = seeded(seed);
  for (let i = 0; i < count; i++) {
    const n = 2 + below(most - 1, random);
    const nodes = nodesOf(n, 1 + below(6, random), i % 2 === 0, random);
    const zones = zonesOf(ringOrder(nodes));
    yield { zones, k: Math.min(1 + below(10, random), zones.length - 1) };
  }
}

/** Whom each node probes, one list for each. */
function targets({ zones, k }: Cluster): number[][] {
  const out = [...spread(Int32Array.from(zones), k)];
  return zones.map((_, node) => out.slice(node * k, (node + 1) * k));
}

/** The other zones that come next on the ring, `k` at most. */
function wanted({ zones, k }: Cluster, node: number): number[] {
  const after = [...zones.slice(node), ...zones.slice(0, node)];
  return [...new Set(after)].slice(1, k + 1);
}

function sizes(zones: readonly number[]): number[] {
  const counts: number[] = [];
  for (const zone of zones) counts[zone] = (counts[zone] ?? 0) + 1;
  return counts;
}

/** By zone: how many nodes want to probe it, how many do, and how many can. */
function wishes(cluster: Cluster) {
  const { zones, k } = cluster;
  const all = sizes(zones).map((size) => ({
    want: 0,
    have: 0,
    room: k * size,
  }));
  const chosen = targets(cluster);
  for (const [node, others] of chosen.entries()) {
    for (const zone of wanted(cluster, node)) {
      all[zone]!.want++;
      if (others.some((one) => zones[one] === zone)) all[zone]!.have++;
    }
  }
  return all;
}

Deno.test("spread() has each node probe k others and be probed by k others, whatever the zones", () => {
  for (const cluster of clusters(3_000, 1)) {
    const probed = cluster.zones.map(() => 0);
    for (const [node, others] of targets(cluster).entries()) {
      assertEquals(new Set(others).size, cluster.k);
      assert(!others.includes(node));
      for (const other of others) probed[other]!++;
    }
    assert(probed.every((times) => times === cluster.k));
  }
});

Deno.test("spread() brings each node to every zone that it wants, as far as arithmetic allows", () => {
  let tight = 0;
  for (const cluster of clusters(4_000, 2)) {
    for (const { want, have, room } of wishes(cluster)) {
      if (want !== room) assertEquals(have, Math.min(want, room));
      else { // not one exchange may be wrong then
        assert(have >= want - 1);
        tight++;
      }
    }
  }
  assert(tight > 0);
});

Deno.test("spread() does so for 5,000 nodes", () => {
  const random = seeded(3);
  for (const skewed of [false, true]) {
    for (const k of [2, 5, 10]) {
      const zones = zonesOf(ringOrder(nodesOf(5_000, 5, skewed, random)));
      for (const { want, have, room } of wishes({ zones, k })) {
        assertEquals(have, Math.min(want, room));
      }
    }
  }
});

Deno.test("spread() has all probe every other zone, where three zones are alike and ten neighbours", () => {
  const zones = Array.from(
    { length: 99 },
    (_, i) => i < 33 ? 0 : i < 66 ? 1 : 2,
  );
  for (const others of targets({ zones, k: 10 })) {
    assertEquals(new Set(others.map((one) => zones[one])).size, 3);
  }
});

Deno.test("spread() has a zone of one node probed by k others, from other zones alone", () => {
  const zones = Array.from({ length: 50 }, (_, i) => i === 20 ? 1 : 0);
  const probing = targets({ zones, k: 4 })
    .flatMap((others, node) => others.includes(20) ? [node] : []);
  assertEquals(probing.length, 4);
});

Deno.test("spread() is the ring itself where there is one zone", () => {
  assertEquals(targets({ zones: [0, 0, 0, 0], k: 2 }), [
    [1, 2],
    [2, 3],
    [3, 0],
    [0, 1],
  ]);
});

Deno.test("spread() bears as many zones as nodes", () => {
  const zones = Array.from({ length: 200 }, (_, i) => i);
  for (const others of targets({ zones, k: 10 })) {
    assertEquals(new Set(others).size, 10);
  }
});

/** Who probes whom, by names. */
function pairs(nodes: readonly RingNode[], k: number): Set<string> {
  const ring = ringOrder(nodes);
  const chosen = targets({ zones: zonesOf(ring), k });
  return new Set(
    chosen.flatMap((others, node) =>
      others.map((other) => `${ring[node]!.node} ${ring[other]!.node}`)
    ),
  );
}

/** Pairs that go or come with one node, on average and at most, over many nodes. */
function changes(nodes: readonly RingNode[], k: number, random: Random) {
  const before = pairs(nodes, k);
  const counts = Array.from({ length: 60 }, () => {
    const gone = below(nodes.length, random);
    const after = pairs(nodes.toSpliced(gone, 1), k);
    return before.symmetricDifference(after).size;
  });
  return {
    average: counts.reduce((a, b) => a + b) / counts.length,
    most: Math.max(...counts),
  };
}

Deno.test("spread() changes hardly more for a node that leaves or comes than the ring does", () => {
  const random = seeded(4);
  for (const zones of [1, 2, 3, 4]) {
    for (const n of [100, 300, 1_000]) {
      const nodes = nodesOf(n, zones, false, random);
      const { average, most } = changes(nodes, 10, random);
      assertLessOrEqual(
        average,
        zones < 4 ? 36 : 48,
        `${zones} zones, ${n} nodes`,
      );
      assertLessOrEqual(most, zones === 1 ? 30 : 150);
    }
  }
});

Deno.test("spread() changes a part of the pairs where the zones leave hardly any choice", () => {
  const random = seeded(5);
  for (const [zones, k] of [[3, 2], [6, 5], [4, 3]] as const) {
    const nodes = nodesOf(300, zones, false, random);
    const { average } = changes(nodes, k, random);
    assertLessOrEqual(average, nodes.length * k / 3);
  }
});
