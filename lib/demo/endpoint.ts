/**
 * A listener on the loopback address that can go away and come back on the same
 * port, as a process that is restarted does.
 *
 * @module
 */
import type { KeyPair } from "./certificates.ts";

/** Answers a request. */
export type Handler = (
  request: Request,
  peer: string,
) => Response | Promise<Response>;

/** A listener; open after {@linkcode startEndpoint}. */
export interface Endpoint {
  /** Chosen by the operating system at the start; stays the same. */
  readonly port: number;
  /** `http://127.0.0.1:<port>` or `https://…`. */
  readonly url: string;
  isOpen(): boolean;
  /**
   * Refuses connections from now on. Requests that are under way get a moment
   * and are answered 503 then; what streams must be ended by the handler.
   */
  close(): Promise<void>;
  /**
   * Listens again.
   *
   * @param certificate In place of the one before.
   * @throws {Deno.errors.AddrInUse} When another process keeps the port for
   * longer than a few seconds.
   */
  open(certificate?: KeyPair): Promise<void>;
}

const HOST = "127.0.0.1";
/** Answers that are under way get so long. */
const GRACE_MS = 200;
/** A connection that left from our port while it was free is soon over. */
const RETRY_MS = 100;
const RETRIES = 100;

/**
 * Listens on a free port of the loopback address.
 *
 * @param tls Serves HTTPS with this certificate; none: plain HTTP.
 */
export async function startEndpoint(
  handler: Handler,
  tls?: KeyPair,
): Promise<Endpoint> {
  /** Give up the requests that are under way. */
  const underWay = new Set<() => void>();
  let running = listen(0);
  let isOpen = true;
  const { port } = running.addr;

  async function answer(
    request: Request,
    { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>,
  ): Promise<Response> {
    const given = Promise.withResolvers<Response>();
    const giveUp = () => given.resolve(new Response(null, { status: 503 }));
    underWay.add(giveUp);
    try {
      return await Promise.race([
        handler(request, remoteAddr.hostname),
        given.promise,
      ]);
    } finally {
      underWay.delete(giveUp);
    }
  }

  function listen(port: number) {
    return Deno.serve(
      { hostname: HOST, port, onListen() {}, ...tls },
      answer,
    );
  }

  return await Promise.resolve({
    port,
    url: `${tls ? "https" : "http"}://${HOST}:${port}`,
    isOpen: () => isOpen,
    async close() {
      if (!isOpen) return;
      isOpen = false;
      const timer = setTimeout(() => {
        for (const giveUp of underWay) giveUp();
      }, GRACE_MS);
      await running.shutdown();
      clearTimeout(timer);
    },
    async open(certificate) {
      tls = certificate ?? tls;
      for (let tries = 0; !isOpen; tries++) {
        try {
          running = listen(port);
          isOpen = true;
        } catch (error) {
          const busy = error instanceof Deno.errors.AddrInUse;
          if (!busy || tries === RETRIES) throw error;
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
    },
  });
}
