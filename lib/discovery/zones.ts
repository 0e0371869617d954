/**
 * Zones on the ring: exchanges after which each node probes the other zones, as
 * far as there are enough neighbours for that. Works on places, not on names.
 *
 * @module
 */

/**
 * Whom each node probes: its `k` followers on the ring, but for exchanges. If `x`
 * probes nobody in a zone and `u` can spare its check of `y` there, `x` takes that
 * over, and `u` one that `x` can spare. So each node goes on probing exactly `k`
 * others and being probed by exactly `k`.
 *
 * A node wants to probe the zones that come next on the ring, all others where `k`
 * allows. A zone of `m` nodes takes `k × m` checks, and so many nodes at most can
 * have their wish.
 *
 * @param zones Number of each node's zone, from 0, in the order of the ring.
 * @param k From 1 to the number of nodes less one.
 * @returns `k` places on the ring for each node, one node after the other.
 */
export function spread(zones: Int32Array, k: number): Int32Array {
  const arcs = ringArcs(zones, k);
  const count = zones.reduce((most, zone) => Math.max(most, zone), 0) + 1;
  if (count === 1) return arcs.out;
  wish(arcs, count);
  /** By zone: the nodes that want to probe it and do not yet, in the order of the ring. */
  const waiting = Array.from({ length: count }, (): number[] => []);
  let served = 0;
  for (let turn = 0, before = -1; turn < 2 || served > before; turn++) {
    before = served;
    for (let node = 0; node < zones.length; node++) {
      served += serve(arcs, node, waiting[zones[node]!]!);
      if (turn > 0) continue;
      for (const zone of missing(arcs, node)) waiting[zone]!.push(node);
    }
  }
  return arcs.out;
}

/** Who probes whom; rows of `k` places, or of `wishes` zones, one for each node. */
interface Arcs {
  readonly k: number;
  readonly zones: Int32Array;
  /** Whom a node probes. */
  readonly out: Int32Array;
  /** Who probes a node. */
  readonly into: Int32Array;
  /** The zones that a node wants to probe. */
  wanted: Int32Array;
  wishes: number;
}

function ringArcs(zones: Int32Array, k: number): Arcs {
  const n = zones.length;
  const out = new Int32Array(n * k);
  const into = new Int32Array(n * k);
  for (let node = 0; node < n; node++) {
    for (let step = 1; step <= k; step++) {
      out[node * k + step - 1] = (node + step) % n;
      into[node * k + step - 1] = (node - step + n) % n;
    }
  }
  return { k, zones, out, into, wanted: new Int32Array(0), wishes: 0 };
}

/** Writes down which zones each node wants: those that come next, up to `k`. */
function wish(arcs: Arcs, count: number) {
  const { zones, k } = arcs;
  const n = zones.length;
  arcs.wishes = Math.min(k, count - 1);
  arcs.wanted = new Int32Array(n * arcs.wishes);
  const next: number[] = []; // zones, the nearest first
  for (let i = 2 * n - 1; i >= 0; i--) { // the first turn only fills `next`
    const zone = zones[i % n]!;
    if (next[0] !== zone) {
      const at = next.indexOf(zone);
      if (at > 0) next.splice(at, 1);
      next.unshift(zone);
    }
    if (i >= n) continue;
    for (let wish = 0; wish < arcs.wishes; wish++) {
      arcs.wanted[i * arcs.wishes + wish] = next[wish + 1]!; // behind its own
    }
  }
}

/** The zones that a node wants to probe and does not. */
function missing(arcs: Arcs, node: number): number[] {
  const row = node * arcs.wishes;
  const zones: number[] = [];
  for (let i = row; i < row + arcs.wishes; i++) {
    const zone = arcs.wanted[i]!;
    if (probed(arcs, node, zone) === 0) zones.push(zone);
  }
  return zones;
}

/** How many of a zone a node probes. */
function probed({ k, zones, out }: Arcs, node: number, zone: number): number {
  let count = 0;
  for (let i = node * k; i < (node + 1) * k; i++) {
    if (zones[out[i]!] === zone) count++;
  }
  return count;
}

/** Whether a node has what it wants without this one. */
function spares(arcs: Arcs, node: number, target: number): boolean {
  const zone = arcs.zones[target]!;
  const row = node * arcs.wishes;
  return indexIn(arcs.wanted, row, row + arcs.wishes, zone) === -1 ||
    probed(arcs, node, zone) > 1;
}

/** Gives checks of `y` to those who wait for its zone, the nearest first; how many. */
function serve(arcs: Arcs, y: number, waiting: number[]): number {
  const { k, into } = arcs;
  let served = 0;
  for (let i = y * k; i < (y + 1) * k; i++) {
    if (waiting.length === 0) break;
    if (!spares(arcs, into[i]!, y)) continue;
    // among so many there is one that shares no target, where there are enough nodes
    const last = Math.max(0, waiting.length - 3 * k);
    for (let at = waiting.length - 1; at >= last; at--) {
      const x = waiting[at]!;
      const has = probed(arcs, x, arcs.zones[y]!) > 0; // by another's exchange
      if (!has && !exchange(arcs, x, into[i]!, y)) continue;
      waiting.splice(at, 1);
      if (has) continue;
      served++;
      break;
    }
  }
  return served;
}

/** From `x → v` and `u → y` to `x → y` and `u → v`, if there is such a `v`. */
function exchange(arcs: Arcs, x: number, u: number, y: number): boolean {
  const { k, out, into } = arcs;
  for (let i = (x + 1) * k - 1; i >= x * k; i--) {
    const v = out[i]!;
    if (v === u || !spares(arcs, x, v)) continue;
    if (indexIn(out, u * k, (u + 1) * k, v) !== -1) continue;
    out[indexIn(out, u * k, (u + 1) * k, y)] = v;
    out[i] = y;
    into[indexIn(into, y * k, (y + 1) * k, u)] = x;
    into[indexIn(into, v * k, (v + 1) * k, x)] = u;
    return true;
  }
  return false;
}

/** As `indexOf`, between two indexes. */
function indexIn(
  list: Int32Array,
  from: number,
  to: number,
  value: number,
): number {
  for (let i = from; i < to; i++) if (list[i] === value) return i;
  return -1;
}
