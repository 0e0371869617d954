/**
 * Shows the demo: redrawn in place on a terminal, line by line elsewhere.
 *
 * @module
 */
import { plain, statusLines, tableLines } from "./table.ts";
import type { Paint, Row } from "./table.ts";

/** Shows the state of the demo. */
export interface Screen {
  /** Shows what each node sees; called often. */
  show(rows: readonly Row[]): void;
  /** Adds a line to the log. */
  log(line: string): void;
  /** Leaves the terminal as it was. */
  close(): void;
}

/** What stays the same. */
export interface Intro {
  readonly title: string;
  /** See `addressLines`. */
  readonly addresses: readonly string[];
  /** What keys there are. */
  readonly keys: string;
}

/** Writes text; all of it. */
export type Write = (text: string) => void;

const CAPTION = "Each row is a node that checks, each column what it checks:";

/** A state that is over sooner is not worth a table: the agents do not beat in step. */
const SETTLED_MS = 1_000;

/**
 * Prints what stays, then log lines as they come, and the table when it has
 * changed, but not for counters that grow.
 *
 * @param now Monotonic time, milliseconds.
 */
export function plainScreen(
  write: Write,
  { title, addresses, keys }: Intro,
  now: () => number,
): Screen {
  let last: readonly Row[] = [];
  let seen = "";
  let seenAt = 0;
  let shown = "";
  write(`${[title, ...addresses, keys, ""].join("\n")}\n`);

  function print() {
    if (seen === shown) return;
    shown = seen;
    const lines = [CAPTION, ...tableLines(last, plain), ...statusLines(last)];
    write(`\n${lines.join("\n").trimEnd()}\n\n`);
  }

  return {
    show(rows) {
      last = rows;
      const state = JSON.stringify(
        rows.map(({ broken, cells }) => [broken, ...cells]),
      );
      if (state !== seen) seenAt = now();
      seen = state;
      if (now() - seenAt >= SETTLED_MS) print();
    },
    log: (line) => write(`${line}\n`),
    close: print,
  };
}

/** Alternate screen, cursor, and the breaking of long lines. */
const TAKE = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const GIVE_BACK = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/** Lines of the log that are kept; more than any terminal shows. */
const MAX_LOG = 200;

/**
 * Takes over the terminal until it is closed.
 *
 * @param size Of the terminal, in characters, as it is now.
 */
export function terminalScreen(
  write: Write,
  size: () => { rows: number },
  { title, addresses, keys }: Intro,
  paint: Paint,
): Screen {
  const log: string[] = [];
  let shown = "";
  write(TAKE);

  function frame(rows: readonly Row[], height: number): string[] {
    const top = [
      paint("bold", title),
      ...addresses,
      "",
      CAPTION,
      ...tableLines(rows, paint),
      "",
      ...statusLines(rows),
      "",
    ];
    const room = Math.max(0, height - top.length - 1);
    const tail = room === 0 ? [] : log.slice(-room);
    return [
      ...top,
      ...tail.map((line) => paint("faint", line)),
      ...Array.from({ length: room - tail.length }, () => ""),
      paint("bold", keys),
    ].slice(-height); // of what does not fit, the keys come last
  }

  return {
    show(rows) {
      const lines = frame(rows, size().rows);
      const text = lines.map((line) => `${line}\x1b[K`).join("\r\n");
      if (text === shown) return;
      shown = text;
      write(`\x1b[H${text}\x1b[J`);
    },
    log(line) {
      log.push(line);
      if (log.length > MAX_LOG) log.shift();
    },
    close: () => write(GIVE_BACK),
  };
}
