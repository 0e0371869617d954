/**
 * Requests to the API server with the ServiceAccount's token and CA, by `fetch`.
 *
 * @module
 */
import { ConfigError } from "../config/values.ts";
import { wordsOf } from "../platform.ts";

/** Where the kubelet mounts what a Pod needs to talk to the API server. */
export const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Credentials for the API server; read anew for each request, since they rotate. */
export interface Credentials {
  /** Headers that authenticate, such as `authorization`. */
  headers(): Promise<Record<string, string>>;
  /** CA certificates that vouch for the API server, PEM; empty: the well-known ones. */
  ca(): Promise<readonly string[]>;
  /** Client certificate and key, PEM, where the kubeconfig has one. */
  readonly clientCertificate?: { readonly cert: string; readonly key: string };
}

/** One GET request to the API server; rejects as `fetch` does. */
export type ApiFetch = (
  url: string,
  init: { signal: AbortSignal; headers?: Record<string, string> },
) => Promise<Response>;

/** The same with connections of its own. */
export interface ApiAccess extends ApiFetch {
  /** The next request has a new connection. */
  forget(): void;
  /** Gives up what it holds; only for programs that go on without it. */
  close(): void;
}

/** Credentials from the files of a mounted ServiceAccount. */
export function serviceAccount(
  readFile: (path: string) => Promise<string>,
  directory: string = SERVICE_ACCOUNT,
): Credentials {
  return {
    async headers() {
      return { authorization: `Bearer ${await read("token")}` };
    },
    async ca() {
      return [await read("ca.crt")];
    },
  };
  async function read(name: string): Promise<string> {
    try {
      return (await readFile(`${directory}/${name}`)).trim();
    } catch (error) {
      throw new CredentialsError(
        `cannot read ${directory}/${name}: ${fileWords(error)}`,
      );
    }
  }
}

/** The runtime repeats the number of the error and the path. */
function fileWords(error: unknown): string {
  return wordsOf(error).replace(/( \(os error \d+\))?: \w+ '.*'$/, "");
}

/** A request that was not sent, for what it needs to authenticate cannot be used. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

/**
 * The namespace of a mounted ServiceAccount.
 *
 * @throws {ConfigError} When there is no such file or no name in it.
 */
export async function serviceAccountNamespace(
  readFile: (path: string) => Promise<string>,
  directory: string = SERVICE_ACCOUNT,
): Promise<string> {
  const path = `${directory}/namespace`;
  let why: string;
  try {
    const name = (await readFile(path)).trim();
    if (name !== "") return name;
    why = "it is empty";
  } catch (error) {
    why = fileWords(error);
  }
  throw new ConfigError(
    "KUBENURSE_NAMESPACE",
    "",
    `a namespace such as "kube-system", or that of the ServiceAccount in ${path} (${why})`,
  );
}

/**
 * Makes the function through which everything goes that carries the token.
 *
 * Each request has a connection of its own, unless told: a check must not profit
 * from an earlier one, and discovery must not hang on a connection that has died.
 *
 * @param origins The only origins that are ever given the token.
 * @param keep Whether to keep connections for the next request.
 */
export function apiFetch(
  credentials: Credentials,
  origins: readonly string[],
  { keep = false } = {},
): ApiAccess {
  const allowed = new Set(origins.map((origin) => new URL(origin).origin));
  const clients = clientsByCa(credentials, keep ? 1 : 0);
  const get: ApiFetch = async (url, { signal, headers }) => {
    if (!allowed.has(new URL(url).origin)) {
      throw new Error(
        `${url} is not the API server: it does not get the token`,
      );
    }
    const secrets = await credentials.headers();
    for (const [name, value] of Object.entries(secrets)) {
      // what fetch says of a value that cannot be sent would quote it
      if (!/^[\x20-\x7e]+$/.test(value) || /^Bearer\s*$/i.test(value)) {
        throw new CredentialsError(
          `cannot send the header ${name}: its value is empty or not one line of ASCII (a token file with something else in it?)`,
        );
      }
    }
    const client = clients.get(await credentials.ca());
    return await fetch(url, {
      client,
      signal,
      headers: { "user-agent": "kubenurse", ...headers, ...secrets },
      redirect: "manual", // a redirect must not carry the token elsewhere
    });
  };
  return Object.assign(get, { forget: clients.forget, close: clients.close });
}

/** Keeps one client until the CA changes or it is forgotten; the one before lives on for its last requests. */
function clientsByCa(
  { clientCertificate }: Credentials,
  poolMaxIdlePerHost: number,
) {
  let current: { ca: string; client: Deno.HttpClient } | undefined;
  let former: Deno.HttpClient | undefined;
  function forget() {
    former?.close();
    former = current?.client;
    current = undefined;
  }
  return {
    forget,
    get(certificates: readonly string[]): Deno.HttpClient {
      const ca = certificates.join("\n");
      if (current?.ca === ca) return current.client;
      const client = Deno.createHttpClient({
        caCerts: [...certificates],
        poolMaxIdlePerHost,
        ...clientCertificate,
      });
      forget();
      current = { ca, client };
      return client;
    },
    close() {
      former?.close();
      current?.client.close();
      former = current = undefined;
    },
  };
}
