/**
 * Servers that do what goes wrong in clusters, on real sockets of the loopback
 * address.
 *
 * @module
 */
import dgram from "node:dgram";
import net from "node:net";
import type { KeyPair } from "../../lib/demo/certificates.ts";

/** A server; it listens until it is disposed. */
export interface RealPeer extends AsyncDisposable {
  readonly port: number;
}

/** What a server does with each connection, once something has come. */
export type Manner =
  /** Reads on and never writes. */
  | "silent"
  /** Ends the connection with RST. */
  | "resets"
  /** Answers with this text and ends the connection. */
  | { readonly answers: string }
  /** The same, and the connection stays open. */
  | { readonly begins: string };

/** What a server answers by. */
interface Sides {
  readonly write: (text: string, end: boolean) => void;
  readonly reset: () => void;
}

function behave(manner: Manner, { write, reset }: Sides) {
  if (manner === "silent") return;
  if (manner === "resets") return reset();
  if ("answers" in manner) write(manner.answers, true);
  else write(manner.begins, false);
}

/** Starts a plain TCP server on a free port. */
export function startTcpPeer(manner: Manner): Promise<RealPeer> {
  return listening((socket) =>
    socket.once("data", () =>
      behave(manner, {
        write: (text, end) => end ? socket.end(text) : socket.write(text),
        reset: () => socket.resetAndDestroy(),
      }))
  );
}

/**
 * Starts a TLS server on a free port, HTTP/1.1; what it does begins after the
 * handshake.
 */
export async function startTlsPeer(
  manner: Manner,
  certificate: KeyPair,
): Promise<RealPeer> {
  const outer = new Set<net.Socket>();
  const listener = Deno.listenTls({
    ...{ hostname: "127.0.0.1", port: 0 },
    ...certificate,
  });
  const served: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      served.push(
        serveTls(connection, manner, () => {
          for (const socket of outer) socket.resetAndDestroy();
        }).catch(() => {}), // the other side has gone
      );
    }
  })();
  // only a plain socket can be reset, so one passes everything on to the TLS server
  const front = await listening((socket) => {
    outer.add(socket);
    const inner = net.connect(listener.addr.port, "127.0.0.1");
    inner.on("error", () => socket.destroy());
    socket.on("close", () => {
      outer.delete(socket);
      inner.destroy();
    });
    socket.pipe(inner).pipe(socket);
  });
  return {
    port: front.port,
    async [Symbol.asyncDispose]() {
      await front[Symbol.asyncDispose]();
      listener.close();
      await accepting;
      await Promise.all(served);
    },
  };
}

async function serveTls(
  connection: Deno.TlsConn,
  manner: Manner,
  reset: () => void,
) {
  using _ = connection;
  const buffer = new Uint8Array(65_536);
  if (await connection.read(buffer) === null) return;
  let ended = false;
  let written: Promise<unknown> | undefined;
  behave(manner, {
    write(text, end) {
      written = connection.write(new TextEncoder().encode(text));
      ended = end;
    },
    reset,
  });
  await written;
  while (!ended && await connection.read(buffer) !== null);
}

async function listening(
  serve: (socket: net.Socket) => void,
): Promise<RealPeer> {
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {}); // the other side has gone
    socket.on("close", () => open.delete(socket));
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** What a name server answers; silent: nothing. */
export type NameServerManner =
  | "silent"
  | "NOERROR"
  | "SERVFAIL"
  | "NXDOMAIN"
  | "REFUSED"
  /** The name exists and has no record. */
  | "NODATA";

/** Response codes of RFC 1035, section 4.1.1. */
const RCODES = { NOERROR: 0, NODATA: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };

/**
 * Starts a name server; to what it answers well it answers with 127.0.0.1.
 *
 * @param port By default a free one.
 */
export async function startNameServer(
  manner: NameServerManner,
  port = 0,
): Promise<RealPeer> {
  const socket = dgram.createSocket("udp4");
  socket.on("message", (query, from) => {
    if (manner === "silent") return;
    const answer = answerTo(query, RCODES[manner], manner === "NOERROR");
    socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(port, "127.0.0.1", resolve));
  return {
    port: socket.address().port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

/** An A record of the name that was asked for: 127.0.0.1, for a minute. */
const RECORD = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1];

function answerTo(query: Uint8Array, code: number, record: boolean) {
  let end = 12; // the header, then the question
  while (query[end] !== 0) end += query[end]! + 1;
  return new Uint8Array([
    ...query.slice(0, 2),
    ...[0x81, 0x80 | code, 0, 1, 0, record ? 1 : 0, 0, 0, 0, 0],
    ...query.slice(12, end + 5),
    ...(record ? RECORD : []),
  ]);
}
