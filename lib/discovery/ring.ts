/**
 * The ring: all nodes in the order of a hash of their names, each probing those
 * that follow it. With the same list everywhere, every node is probed by exactly
 * as many others as it probes; a node that comes or goes moves one place.
 *
 * @module
 */

/**
 * The nodes that follow `self` on the ring, nearest first.
 *
 * @param nodes Names; `self` and repeated names in it do not count.
 * @param limit Most nodes to return; 0 means all.
 */
export function followers(
  self: string,
  nodes: readonly string[],
  limit: number,
): string[] {
  const others = [...new Set(nodes)].filter((node) => node !== self);
  const placed = others.map((node) => ({ node, place: place(node) }))
    .sort((a, b) => order(a.place, b.place) || order(a.node, b.node));
  const own = place(self);
  const first = placed.findIndex((other) =>
    (order(other.place, own) || order(other.node, self)) > 0
  );
  const start = first === -1 ? 0 : first;
  const turned = [...placed.slice(start), ...placed.slice(0, start)];
  return turned.slice(0, limit === 0 ? undefined : limit)
    .map(({ node }) => node);
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
