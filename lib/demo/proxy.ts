/**
 * A plain reverse proxy: what stands for a Service and for an Ingress.
 *
 * @module
 */
import { wordsOf } from "../platform.ts";
import type { KeyPair } from "./certificates.ts";
import { startEndpoint } from "./endpoint.ts";

/** A running proxy. */
export interface Proxy {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts a proxy on a free port.
 *
 * @param target Base URL to send the next request to; `undefined`: there is
 * nobody, which is answered 503.
 * @param tls Serves HTTPS with this certificate; none: plain HTTP.
 */
export async function startProxy(
  target: () => string | undefined,
  tls?: KeyPair,
): Promise<Proxy> {
  // no idle connections: a backend that breaks must not take later requests along
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  async function forward(request: Request, base: string): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    return await fetch(`${base}${pathname}${search}`, {
      client,
      method: request.method === "HEAD" ? "HEAD" : "GET",
      headers: {
        accept: request.headers.get("accept") ?? "*/*",
        "accept-encoding": "identity", // as it comes, so it goes
      },
      redirect: "manual",
    });
  }

  const endpoint = await startEndpoint(async (request) => {
    let error = "no backend is there";
    // a second one, for the first may have gone since it was chosen
    for (let tries = 0; tries < 2; tries++) {
      const base = target();
      if (base === undefined) return text(503, error);
      try {
        return await forward(request, base);
      } catch (thrown) {
        error = wordsOf(thrown);
      }
    }
    return text(502, error);
  }, tls);
  return {
    url: endpoint.url,
    async close() {
      await endpoint.close();
      client.close();
    },
  };
}

function text(status: number, words: string): Response {
  return new Response(`${words}\n`, { status });
}
