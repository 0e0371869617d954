/**
 * The endpoints by TLS, with a certificate that can be replaced while
 * connections come in.
 *
 * `Deno.serve` takes its certificate once and for all. So each certificate has a
 * server of its own on the loopback address, and connections from outside are
 * handed on, byte by byte, to that with the newest one. A server that was
 * replaced lives as long as its last connection. docs/design.md has what else was
 * tried.
 *
 * @module
 */
import type { Clock } from "../platform.ts";
import type { Pair } from "./own_certificate.ts";

/** Throws when a server cannot use the pair. */
export function tryPair(pair: Pair): void {
  onLoopback((hostname) => Deno.listenTls({ hostname, port: 0, ...pair }))
    .close();
}

/** Answers a request of the client at an IP address. */
export type Answer = (
  request: Request,
  peer: string,
) => Response | Promise<Response>;

/** What listens. */
export interface TlsServer {
  readonly addr: Deno.NetAddr;
  /**
   * Shows this certificate to whoever connects from now on.
   *
   * @throws {Error} When it cannot be used; nothing changes then.
   */
  renew(pair: Pair): void;
  /** Takes no more connections, and resolves when what is under way is answered. */
  shutdown(): Promise<void>;
}

/** How to answer. */
export interface TlsServerDeps {
  readonly answer: Answer;
  readonly onError: (error: unknown) => Response;
  readonly clock: Pick<Clock, "sleep">;
}

/** One certificate's server. */
interface Backend {
  readonly server: Deno.HttpServer<Deno.NetAddr>;
  /** Connections that it has. */
  open: number;
}

/** After a connection could not be taken, for example since too many are open. */
const PAUSE_MS = 100;
/** Requests are short, answers less so. */
const UP_BYTES = 4 * 1024;
const DOWN_BYTES = 16 * 1024;

/**
 * Listens.
 *
 * @throws {Error} When it cannot listen, or the certificate cannot be used.
 */
export function serveTls(
  address: { readonly hostname: string; readonly port: number },
  pair: Pair,
  { answer, onError, clock }: TlsServerDeps,
): TlsServer {
  const listener = Deno.listen(address);
  /** Who is behind a connection to a backend, by the port it comes from. */
  const peers = new Map<number, string>();
  const backends = new Set<Backend>();
  let newest: Backend;
  let closing = false;

  function start(pair: Pair): Backend {
    const server = onLoopback((hostname) =>
      Deno.serve(
        { hostname, port: 0, onListen() {}, onError, ...pair },
        (request, { remoteAddr }) =>
          answer(request, peers.get(remoteAddr.port) ?? ""),
      )
    );
    const backend = { server, open: 0 };
    backends.add(backend);
    return backend;
  }

  function release(backend: Backend) {
    backend.open--;
    retire(backend);
  }
  /** A server that was replaced goes with its last connection. */
  function retire(backend: Backend) {
    if (backend === newest || backend.open > 0 || closing) return;
    backends.delete(backend);
    backend.server.shutdown();
  }

  async function handOn(client: Deno.TcpConn) {
    const backend = newest;
    backend.open++;
    try {
      const { hostname, port } = backend.server.addr;
      const server = await Deno.connect({ hostname, port });
      const from = server.localAddr.port;
      peers.set(from, client.remoteAddr.hostname);
      try {
        await relay(client, server);
      } finally {
        peers.delete(from);
      }
    } catch {
      close(client);
    } finally {
      release(backend);
    }
  }

  async function accept() {
    while (!closing) {
      try {
        handOn(await listener.accept() as Deno.TcpConn);
      } catch {
        if (!closing) await clock.sleep(PAUSE_MS);
      }
    }
  }

  try {
    newest = start(pair);
  } catch (error) {
    listener.close();
    throw error;
  }
  accept();
  return {
    addr: listener.addr as Deno.NetAddr,
    renew(pair) {
      const before = newest;
      newest = start(pair);
      retire(before);
    },
    async shutdown() {
      closing = true;
      listener.close();
      await Promise.all([...backends].map(({ server }) => server.shutdown()));
    },
  };
}

/** A Pod may have IPv6 alone. */
function onLoopback<T>(listen: (hostname: string) => T): T {
  try {
    return listen("127.0.0.1");
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrNotAvailable)) throw error;
    return listen("::1");
  }
}

/** Carries bytes both ways; resolves once the server has ended its part. */
async function relay(client: Deno.TcpConn, server: Deno.TcpConn) {
  for (const connection of [client, server]) connection.setNoDelay();
  const down = copy(server, client, DOWN_BYTES).catch(() => close(client));
  copy(client, server, UP_BYTES).catch(() => close(server))
    // a client may go on listening after it has said all
    .then(() => down).then(() => close(client));
  await down;
  close(server);
}

async function copy(from: Deno.TcpConn, to: Deno.TcpConn, bytes: number) {
  const buffer = new Uint8Array(bytes);
  for (let read; (read = await from.read(buffer)) !== null;) {
    for (let at = 0; at < read;) {
      at += await to.write(buffer.subarray(at, read));
    }
  }
  await to.closeWrite();
}

function close(connection: Deno.TcpConn) {
  try {
    connection.close();
  } catch {
    // it is closed
  }
}
