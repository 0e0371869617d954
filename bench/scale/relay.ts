/**
 * A relay between an agent and the API server that counts what passes, without
 * looking into it. Checks by the DNS name are told from all else by the name
 * that TLS sends in the clear.
 *
 * @module
 */

/** What has passed so far. */
export interface Passed {
  readonly connections: number;
  /** From the API server to the agent. */
  readonly bytes: number;
}

/** The relay; its connections end with the agent. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Connections whose first packet has the name in it. */
  named(): Passed;
  /** All others. */
  others(): Passed;
  /** Resolves when no named connection has been open for `ms`. */
  quiet(ms: number): Promise<void>;
}

/** Where it listens, to where it passes on, and the name to look for. */
export interface RelayOptions {
  readonly listen: { readonly hostname: string; readonly port: number };
  readonly to: { readonly hostname: string; readonly port: number };
  readonly name: string;
}

const BUFFER_BYTES = 64 * 1024;

/** Starts one. */
export function relay({ listen, to, name }: RelayOptions): Relay {
  const named = { connections: 0, bytes: 0, open: 0, endedAt: 0 };
  const others = { connections: 0, bytes: 0, open: 0, endedAt: 0 };
  const listener = Deno.listen(listen);

  async function pass(down: Deno.TcpConn) {
    const hello = new Uint8Array(BUFFER_BYTES);
    const n = await down.read(hello);
    if (n === null) return;
    const text = new TextDecoder("latin1").decode(hello.subarray(0, n));
    const tally = text.includes(name) ? named : others;
    tally.connections++;
    tally.open++;
    try {
      using up = await Deno.connect(to);
      await writeAll(up, hello.subarray(0, n));
      await Promise.all([
        copy(down, up, () => {}),
        copy(up, down, (bytes) => void (tally.bytes += bytes)),
      ]);
    } finally {
      tally.open--;
      tally.endedAt = performance.now();
    }
  }

  const accepting = (async () => {
    for await (const down of listener) {
      // an end that resets its connection ends the other one's too
      pass(down).catch(() => {}).finally(() => down.close());
    }
  })();

  return {
    port: listener.addr.port,
    named: () => ({ ...named }),
    others: () => ({ ...others }),
    async quiet(ms) {
      while (named.open > 0 || performance.now() - named.endedAt < ms) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
    },
  };
}

async function copy(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  passed: (bytes: number) => void,
) {
  const buffer = new Uint8Array(BUFFER_BYTES);
  try {
    for (;;) {
      const n = await from.read(buffer);
      if (n === null) break;
      passed(n);
      await writeAll(to, buffer.subarray(0, n));
    }
  } finally {
    await to.closeWrite().catch(() => {});
  }
}

async function writeAll(to: Deno.TcpConn, data: Uint8Array) {
  for (let at = 0; at < data.length;) at += await to.write(data.subarray(at));
}
