/**
 * Many requests to an API server with an administrator's client certificate.
 *
 * @module
 */
import { currentContext, loadKubeconfig } from "../../lib/dev/kubeconfig.ts";
import type { Json } from "./objects.ts";

/** Access to the API server of the current kubeconfig. */
export interface Api {
  /** Its host and port. */
  readonly host: string;
  readonly port: number;
  /** CA certificates that vouch for it, PEM. */
  readonly ca: string;
  /** @throws {Error} For any answer but success. */
  get(path: string): Promise<Json>;
  post(path: string, body: Json): Promise<Json>;
  put(path: string, body: Json): Promise<Json>;
  /** A strategic merge patch, as kubelets send it. */
  patch(path: string, body: Json, manager: string): Promise<Json>;
  delete(path: string): Promise<Json>;
}

/** Reads the kubeconfig. */
export async function adminApi(): Promise<Api> {
  const { host, port, credentials } = await currentContext(loadKubeconfig());
  const ca = (await credentials.ca()).join("\n");
  const client = Deno.createHttpClient({
    caCerts: [ca],
    ...credentials.clientCertificate,
  });

  async function request(
    method: string,
    path: string,
    body?: Json,
    type = "application/json",
  ): Promise<Json> {
    const response = await fetch(`https://${host}:${port}${path}`, {
      client,
      method,
      headers: { "content-type": type, ...await credentials.headers() },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.ok) return JSON.parse(text);
    throw new Error(`${method} ${path}: ${response.status} ${text}`);
  }

  return {
    host,
    port: Number(port),
    ca,
    get: (path) => request("GET", path),
    post: (path, body) => request("POST", path, body),
    put: (path, body) => request("PUT", path, body),
    patch: (path, body, manager) =>
      request(
        "PATCH",
        `${path}?fieldManager=${manager}`,
        body,
        "application/strategic-merge-patch+json",
      ),
    delete: (path) => request("DELETE", path),
  };
}

/** Calls `act` with each of `items`, a few at a time. */
export async function inParallel<T>(
  items: Iterable<T>,
  act: (item: T) => Promise<unknown>,
  most = 24,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  async function worker() {
    for (;;) {
      const { value, done } = queue.next();
      if (done) return;
      await act(value);
    }
  }
  await Promise.all(Array.from({ length: most }, worker));
}
