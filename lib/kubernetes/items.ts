/**
 * Cuts the items out of a list while it is read, so that no more of it is held
 * in memory than one item.
 *
 * @module
 */

/** Takes a JSON text piece by piece. */
export interface ItemScanner {
  push(chunk: Uint8Array): void;
  /** Bytes that are held: of the item that has not ended, and around all items. */
  held(): number;
  /** The text without its items; it and all items are JSON if, and only if, the whole is. */
  end(): string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What stands before the array of items. */
const ITEMS_KEY = /[{,]\s*"items"\s*:\s*$/;

/**
 * Makes a scanner.
 *
 * Only quotes, brackets and commas are looked at, as bytes: all others in a text
 * in UTF-8 are greater than 127 or mean nothing here.
 *
 * @param onItem Is given the text of each item of the outermost object's array
 * `items`, in order; not necessarily JSON.
 */
export function itemScanner(onItem: (text: string) => void): ItemScanner {
  const decoder = new TextDecoder();
  const aroundDecoder = new TextDecoder();
  /** What is not items. */
  let around = "";
  /** What has come of the item that has not ended. */
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  let items = 0;
  let inItems = false;
  let inString = false;
  /** Whether an odd number of backslashes came last, in a string. */
  let escaping = false;
  let depth = 0;

  function keep(part: Uint8Array) {
    if (part.length === 0) return;
    if (inItems) {
      parts.push(part);
      partBytes += part.length;
    } else around += aroundDecoder.decode(part, { stream: true });
  }

  function endItem(isLast: boolean) {
    const text = decoder.decode(joined(parts));
    parts = [];
    partBytes = 0;
    if (isLast && items === 0 && text.trim() === "") return; // none at all
    items++;
    onItem(text);
  }

  /** Index after the string that the chunk is in, or its length. */
  function afterString(chunk: Uint8Array, start: number): number {
    let at = start;
    while (true) {
      const quote = chunk.indexOf(QUOTE, at);
      const end = quote === -1 ? chunk.length : quote;
      let slashes = 0;
      while (end - slashes > at && chunk[end - slashes - 1] === BACKSLASH) {
        slashes++;
      }
      // those of the chunk before count if nothing else has come since
      const odd = slashes % 2 === 1;
      const isEscaped = slashes === end - at ? odd !== escaping : odd;
      escaping = quote === -1 && isEscaped;
      if (quote === -1) return end;
      if (!isEscaped) {
        inString = false;
        return quote + 1;
      }
      at = quote + 1;
    }
  }

  return {
    push(chunk) {
      let from = 0;
      let at = 0;
      while (at < chunk.length) {
        if (inString) {
          at = afterString(chunk, at);
          continue;
        }
        const byte = chunk[at++];
        if (byte === QUOTE) {
          inString = true;
        } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
          depth++;
          if (byte === OPEN_OBJECT || depth !== 2 || inItems) continue;
          keep(chunk.subarray(from, at - 1));
          from = at - 1;
          if (!ITEMS_KEY.test(around)) continue;
          keep(chunk.subarray(from, at));
          from = at;
          inItems = true;
        } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
          if (inItems && depth === 2) {
            keep(chunk.subarray(from, at - 1));
            from = at - 1;
            endItem(true);
            inItems = false;
          }
          depth--;
        } else if (byte === COMMA && inItems && depth === 2) {
          keep(chunk.subarray(from, at - 1));
          from = at;
          endItem(false);
        }
      }
      keep(chunk.subarray(from));
    },
    held: () => partBytes + around.length,
    end: () => around + aroundDecoder.decode(),
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
