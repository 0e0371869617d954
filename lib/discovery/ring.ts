/**
 * The ring: all nodes in the order of a hash of their names, each probing those
 * that follow it, but for exchanges that bring it to other zones. With the same
 * list everywhere, every node is probed by exactly as many others as it probes; a
 * node that comes or goes moves one place.
 *
 * @module
 */
import { spread } from "./zones.ts";

/** A node by its name and its zone; all without a zone are one zone, `""`. */
export interface RingNode {
  readonly node: string;
  readonly zone: string;
}

/** All nodes but one, as they follow it on the ring, the nearest first. */
export interface Followers {
  /** Those that it probes. */
  readonly chosen: string[];
  readonly others: string[];
}

/**
 * The nodes that `self` probes: of each other zone at least one, where `limit` and
 * the zone's size allow, see {@linkcode spread}.
 *
 * @param nodes `self` and repeated names in it do not count.
 * @param limit Most nodes to choose; 0 means all.
 */
export function followers(
  self: RingNode,
  nodes: readonly RingNode[],
  limit: number,
): Followers {
  const ring = ringOrder([
    ...nodes.filter(({ node }) => node !== self.node),
    self,
  ]);
  const own = ring.indexOf(self);
  const after = [...ring.slice(own + 1), ...ring.slice(0, own)]
    .map(({ node }) => node);
  if (limit === 0 || limit >= after.length) {
    return { chosen: after, others: [] };
  }
  const targets = spread(zoneNumbers(ring), limit)
    .subarray(own * limit, (own + 1) * limit);
  const probed = new Set(Array.from(targets, (at) => ring[at]!.node));
  return {
    chosen: after.filter((node) => probed.has(node)),
    others: after.filter((node) => !probed.has(node)),
  };
}

/**
 * {@linkcode followers} that remembers the newest answer, for as long as it is
 * asked for the same nodes: in a cluster of thousands it takes tens of
 * milliseconds, and a list is renewed far more often than its nodes change.
 */
export function rememberedFollowers(): typeof followers {
  let zones = new Map<string, string>();
  let asked = "";
  let answer: Followers | undefined;
  return (self, nodes, limit) => {
    const now = JSON.stringify([self.node, self.zone, limit]);
    const isSame = now === asked && nodes.length === zones.size &&
      nodes.every(({ node, zone }) => zones.get(node) === zone);
    if (!answer || !isSame) {
      answer = followers(self, nodes, limit);
      zones = new Map(nodes.map(({ node, zone }) => [node, zone]));
      asked = now;
    }
    return answer;
  };
}

/** All nodes, each once, in the order of the ring. */
export function ringOrder(nodes: readonly RingNode[]): RingNode[] {
  return [...new Map(nodes.map((one) => [one.node, one])).values()]
    .map((one) => ({ one, at: place(one.node) }))
    .sort((a, b) => order(a.at, b.at) || order(a.one.node, b.one.node))
    .map(({ one }) => one);
}

/** Whether a node stands before another in {@linkcode ringOrder}. */
export function comesBefore(node: string, other: string): boolean {
  return (order(place(node), place(other)) || order(node, other)) < 0;
}

/** The zones by numbers, from 0 in the order of the ring. */
function zoneNumbers(ring: readonly RingNode[]): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(ring, ({ zone }) => {
    if (!numbers.has(zone)) numbers.set(zone, numbers.size);
    return numbers.get(zone)!;
  });
}

/**
 * Where a name stands on the ring, from 0 to 2^32 - 1: FNV-1a with the finishing
 * step of MurmurHash3, for names that differ in their last digit alone would else
 * stand side by side.
 *
 * Sources: Fowler, Noll, Vo, "The FNV Non-Cryptographic Hash Algorithm" (IETF
 * draft-eastlake-fnv); Austin Appleby, MurmurHash3 `fmix32` (public domain).
 */
export function place(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function order<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
