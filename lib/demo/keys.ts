/**
 * Single keys from the terminal, without Enter.
 *
 * @module
 */

/** Reads keys between start and stop. */
export interface Keys {
  start(pressed: (key: string) => void): void;
  /** Leaves the terminal as it was. */
  stop(): void;
}

/** Keys of the standard input, which has to be a terminal. */
export function readKeys(): Keys {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  async function readAll(pressed: (key: string) => void) {
    for (;;) {
      const { value, done } = await reader!.read();
      if (done) return;
      for (const key of new TextDecoder().decode(value)) pressed(key);
    }
  }

  return {
    start(pressed) {
      Deno.stdin.setRaw(true, { cbreak: true }); // Ctrl-C stays a signal
      reader = Deno.stdin.readable.getReader();
      readAll(pressed).catch(() => {}); // the terminal is gone; Ctrl-C still works
    },
    stop() {
      reader?.cancel().catch(() => {});
      Deno.stdin.setRaw(false);
    },
  };
}
