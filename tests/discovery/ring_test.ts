import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import {
  followers,
  place,
  rememberedFollowers,
  ringOrder,
} from "../../lib/discovery/ring.ts";
import { below, seeded, shuffled } from "../fakes/random.ts";

interface Cluster {
  readonly nodes: readonly string[];
  readonly limit: number;
}

/** The followers in a cluster of one zone. */
function followersOf(
  self: string,
  nodes: readonly string[],
  limit: number,
): string[] {
  const inZone = (node: string) => ({ node, zone: "" });
  return followers(inZone(self), nodes.map(inZone), limit).chosen;
}

/** How clusters name their nodes. */
const NAMES: readonly ((i: number, n: number) => string)[] = [
  (i) => `node-${i}`,
  (i) => `node-${String(i).padStart(5, "0")}`,
  (i) => `ip-10-0-${i >> 8}-${i & 255}.eu-west-1.compute.internal`,
  (_, n) => `gke-pool-${n.toString(36)}`,
];

function* clusters(count: number, seed: number): Generator<Cluster> {
  const random = seeded(seed);
  for (let i = 0; i < count; i++) {
    const naming = NAMES[below(NAMES.length, random)]!;
    const nodes = Array.from(
      { length: below(40, random) },
      (_, i) => naming(i, below(1e9, random)),
    );
    yield { nodes: [...new Set(nodes)], limit: below(14, random) };
  }
}

/** Who probes whom, as `"a b"`. */
function pairs({ nodes, limit }: Cluster): Set<string> {
  return new Set(
    nodes.flatMap((node) =>
      followersOf(node, nodes, limit).map((other) => `${node} ${other}`)
    ),
  );
}

function counted(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

Deno.test("followers() has each node probe k others and be probed by k others", () => {
  for (const { nodes, limit } of clusters(3_000, 1)) {
    const k = Math.min(limit || Infinity, Math.max(0, nodes.length - 1));
    const chosen = nodes.map((node) => followersOf(node, nodes, limit));
    for (const [i, others] of chosen.entries()) {
      assertEquals(new Set(others).size, k);
      assertEquals(others.length, k);
      assertEquals(others.includes(nodes[i]!), false);
    }
    const probed = counted(chosen.flat());
    for (const node of nodes) assertEquals(probed.get(node) ?? 0, k);
  }
});

Deno.test("followers() holds that for a thousand nodes and ten neighbours", () => {
  const nodes = Array.from({ length: 1_000 }, (_, i) => `node-${i}`);
  const probed = counted(nodes.flatMap((node) => followersOf(node, nodes, 10)));
  assertEquals(probed.size, 1_000);
  assert([...probed.values()].every((times) => times === 10));
});

Deno.test("followers() changes at most k pairs a side and k new ones for a node that leaves or comes", () => {
  const random = seeded(2);
  for (const { nodes, limit } of clusters(2_000, 3)) {
    if (limit === 0 || nodes.length < 2) continue;
    const gone = nodes[below(nodes.length, random)]!;
    const before = pairs({ nodes, limit });
    const rest = nodes.filter((node) => node !== gone);
    const after = pairs({ nodes: rest, limit });
    const removed = before.difference(after);
    const added = after.difference(before);
    assertLessOrEqual(removed.size, 2 * limit);
    assertLessOrEqual(added.size, limit);
    for (const pair of removed) assert(pair.split(" ").includes(gone));
  }
});

Deno.test("followers() does not mind order, repetition, or whether it is in the list itself", () => {
  const random = seeded(4);
  for (const { nodes, limit } of clusters(2_000, 5)) {
    const self = nodes[0] ?? "alone";
    const want = followersOf(self, nodes, limit);
    const others = nodes.filter((node) => node !== self);
    assertEquals(followersOf(self, shuffled(nodes, random), limit), want);
    assertEquals(followersOf(self, [...nodes, ...nodes], limit), want);
    assertEquals(followersOf(self, others, limit), want);
    assertEquals(followersOf(self, nodes, limit), want);
  }
});

Deno.test("followers() returns all others for limit 0, in the order of the ring", () => {
  for (const { nodes, limit } of clusters(500, 6)) {
    const self = nodes[0] ?? "alone";
    const all = followersOf(self, nodes, 0);
    assertEquals(
      all.toSorted(),
      nodes.filter((node) => node !== self).toSorted(),
    );
    if (limit > 0) {
      assertEquals(followersOf(self, nodes, limit), all.slice(0, limit));
    }
  }
});

Deno.test("followers() returns those that are not chosen too, in the order of the ring", () => {
  const random = seeded(10);
  for (const { nodes, limit } of clusters(500, 11)) {
    const inZones = nodes.map((node) => ({
      node,
      zone: `${below(3, random)}`,
    }));
    const self = inZones[0] ?? { node: "alone", zone: "" };
    const { chosen, others } = followers(self, inZones, limit);
    const all = followers(self, inZones, 0).chosen;
    const isChosen = (node: string) => chosen.includes(node);
    assertEquals(chosen, all.filter(isChosen));
    assertEquals(others, all.filter((node) => !isChosen(node)));
  }
});

Deno.test("rememberedFollowers() answers as followers() does, whatever it was asked before", () => {
  const random = seeded(12);
  const remembered = rememberedFollowers();
  for (const { nodes, limit } of clusters(300, 13)) {
    for (let turn = 0; turn < 4; turn++) {
      const asked = [
        { node: nodes[below(2, random)] ?? "alone", zone: "" },
        shuffled(nodes, random).slice(below(2, random))
          .map((node) => ({ node, zone: `${below(1 + turn, random)}` })),
        limit + below(2, random),
      ] as const;
      const want = followers(...asked);
      assertEquals(remembered(...asked), want);
      const [self, all, most] = asked;
      assertEquals(remembered(self, shuffled(all, random), most), want);
    }
  }
});

Deno.test("rememberedFollowers() does not think twice", () => {
  const remembered = rememberedFollowers();
  const nodes = ["a", "b", "c"].map((node) => ({ node, zone: "" }));
  const self = { node: "a", zone: "" };
  const answer = remembered(self, nodes, 1);
  assert(remembered(self, nodes.toReversed(), 1) === answer);
  assert(remembered(self, nodes.slice(1), 1) !== answer);
});

Deno.test("followers() gives the list that it has given in every release", () => {
  const nodes = Array.from({ length: 12 }, (_, i) => `node-${i}`);
  const numbers = followersOf("node-3", nodes, 0).map((node) => node.slice(5));
  assertEquals(numbers.join(" "), "4 6 7 9 10 8 5 11 0 1 2");
});

Deno.test("followers() of nobody is nobody", () => {
  assertEquals(followersOf("node-0", [], 10), []);
  assertEquals(followersOf("node-0", ["node-0", "node-0"], 10), []);
  assertEquals(followersOf("", ["node-1"], 10), ["node-1"]);
});

Deno.test("followers() come to other zones, in the order of the ring", () => {
  const nodes = Array.from({ length: 12 }, (_, i) => ({
    node: `node-${i}`,
    zone: i % 4 === 0 ? "b" : "a",
  }));
  const chosen = nodes.map((self) =>
    followers(self, nodes, 3).chosen.map((node) => node.slice(5)).join(" ")
  );
  assertEquals(chosen, [
    "1 2 3",
    "2 3 4",
    "3 4 6",
    "4 6 7",
    "6 7 9",
    "11 0 1",
    "7 9 0", // not 10, to come to zone b
    "9 10 8",
    "5 11 10", // 10 for 0, which node-6 needs more
    "10 8 5",
    "8 5 11",
    "0 1 2",
  ]);
});

Deno.test("followers() takes nodes without a zone for a zone of their own", () => {
  const nodes = ["a", "b", "c", "d"].flatMap((name) => [
    { node: `${name}-1`, zone: "z" },
    { node: `${name}-2`, zone: "" },
  ]);
  for (const self of nodes) {
    const zones = followers(self, nodes, 1).chosen.map((chosen) =>
      nodes.find(({ node }) => node === chosen)!.zone
    );
    assertEquals(zones, [self.zone === "" ? "z" : ""]);
  }
});

Deno.test("ringOrder() is the same from any order, each node once", () => {
  const random = seeded(8);
  for (const { nodes } of clusters(500, 9)) {
    const inZone = (node: string) => ({ node, zone: "" });
    const want = ringOrder(nodes.map(inZone));
    assertEquals(want.length, nodes.length);
    const again = shuffled([...nodes, ...nodes], random).map(inZone);
    assertEquals(ringOrder(again), want);
  }
});

Deno.test("place() is a whole number below 2^32", () => {
  for (const { nodes } of clusters(500, 7)) {
    for (const at of nodes.map(place)) {
      assert(Number.isInteger(at) && at >= 0 && at < 2 ** 32);
    }
  }
});

Deno.test("place() spreads names that differ in their last digits", () => {
  const sixteenths = Array.from(
    { length: 1_600 },
    (_, i) => String(Math.floor(place(`node-${i}`) / 2 ** 28)),
  );
  for (const [, nodes] of counted(sixteenths)) {
    assert(
      nodes > 60 && nodes < 140,
      `${nodes} nodes in a sixteenth of the ring`,
    );
  }
});
