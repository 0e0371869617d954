/**
 * The Nodes of the demo's API server: which are cordoned, and a watch of that.
 *
 * @module
 */

/** As in `v1.Node`, only what is used. */
export interface DemoNode {
  readonly kind: "Node";
  readonly apiVersion: "v1";
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly unschedulable?: true };
}

/** What a client wants to watch. */
export interface NodeWatch {
  /** Events after this version; 0: first all that there is. */
  readonly from: number;
  /** The field selector `spec.unschedulable=true`. */
  readonly onlyCordoned: boolean;
  readonly bookmarks: boolean;
  /** The stream ends after this, milliseconds. */
  readonly timeoutMs: number;
}

/** The Nodes and those who watch them. */
export interface NodeStore {
  list(onlyCordoned: boolean): DemoNode[];
  /** Events as lines of JSON, as the API server sends them. */
  watch(wanted: NodeWatch): ReadableStream<Uint8Array>;
  setCordoned(name: string, cordoned: boolean): void;
  /** Makes all versions so far too old: watches end with status 410. */
  expire(): void;
  /** Ends all watches. */
  endWatches(): void;
}

interface Change {
  readonly version: number;
  readonly node: DemoNode;
}

interface Watcher {
  changed(change: Change): void;
  bookmark(): void;
  end(lastEvent?: unknown): void;
}

/** Changes that are remembered; older versions are too old to watch from. */
const MAX_CHANGES = 1_000;

/**
 * Makes a store.
 *
 * @param clock The cluster's version: the newest one, and how to get a new one.
 */
export function nodeStore(
  names: readonly string[],
  clock: { now(): number; next(): number },
  bookmarkMs: number,
): NodeStore {
  const nodes = new Map<string, DemoNode>();
  const watchers = new Set<Watcher>();
  let changes: Change[] = [];
  let oldest = 0;
  for (const name of names) put(name, false);

  function put(name: string, cordoned: boolean): Change {
    const version = clock.next();
    const node: DemoNode = {
      kind: "Node",
      apiVersion: "v1",
      metadata: {
        name,
        resourceVersion: String(version),
        labels: { "kubernetes.io/hostname": name },
      },
      spec: cordoned ? { unschedulable: true } : {},
    };
    nodes.set(name, node);
    return { version, node };
  }

  function list(onlyCordoned: boolean): DemoNode[] {
    return [...nodes.values()].filter(({ spec }) =>
      !onlyCordoned || spec.unschedulable
    );
  }

  function watch(wanted: NodeWatch): ReadableStream<Uint8Array> {
    const { from, onlyCordoned } = wanted;
    let watcher: Watcher;
    let timers: ReturnType<typeof setTimeout>[] = [];
    function over() {
      watchers.delete(watcher);
      timers.forEach((timer) => clearTimeout(timer));
      timers = [];
    }
    return new ReadableStream({
      start(controller) {
        function send(event: unknown) {
          controller.enqueue(
            new TextEncoder().encode(`${JSON.stringify(event)}\n`),
          );
        }
        watcher = {
          changed({ node }) {
            send({ type: typeOf(node, onlyCordoned), object: node });
          },
          bookmark() {
            if (wanted.bookmarks) send(bookmarkEvent(clock.now()));
          },
          end(lastEvent) {
            if (lastEvent) send(lastEvent);
            over();
            controller.close();
          },
        };
        if (from !== 0 && from < oldest) return watcher.end(tooOld(from));
        if (from === 0) {
          for (const object of list(onlyCordoned)) {
            send({ type: "ADDED", object });
          }
        } else {
          changes.filter(({ version }) => version > from)
            .forEach(watcher.changed);
        }
        watchers.add(watcher);
        timers = [
          setInterval(watcher.bookmark, bookmarkMs),
          setTimeout(() => {
            watcher.bookmark();
            watcher.end();
          }, wanted.timeoutMs),
        ];
      },
      cancel: over,
    });
  }

  return {
    list,
    watch,
    setCordoned(name, cordoned) {
      const node = nodes.get(name);
      if (!node) throw new RangeError(`There is no node ${name}`);
      if (cordoned === Boolean(node.spec.unschedulable)) return;
      const change = put(name, cordoned);
      changes.push(change);
      if (changes.length > MAX_CHANGES) oldest = changes.shift()!.version;
      watchers.forEach((watcher) => watcher.changed(change));
    },
    expire() {
      const before = clock.now();
      oldest = clock.next();
      changes = [];
      watchers.forEach((watcher) => watcher.end(tooOld(before)));
    },
    endWatches() {
      watchers.forEach((watcher) => watcher.end());
    },
  };
}

/** To one who watches cordoned nodes alone, the others do not exist. */
function typeOf({ spec }: DemoNode, onlyCordoned: boolean): string {
  if (!onlyCordoned) return "MODIFIED";
  return spec.unschedulable ? "ADDED" : "DELETED";
}

function bookmarkEvent(version: number) {
  return {
    type: "BOOKMARK",
    object: {
      kind: "Node",
      apiVersion: "v1",
      metadata: { resourceVersion: String(version) },
    },
  };
}

function tooOld(version: number) {
  return {
    type: "ERROR",
    object: {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: `too old resource version: ${version}`,
      reason: "Expired",
      code: 410,
    },
  };
}
