/**
 * From a kubeconfig to the API server's address and the credentials for it.
 * Reading and authentication are those of `@kubernetes/client-node`; requests go
 * by `fetch` as in a cluster. Only for the development entry: that package is far
 * larger than the agent.
 *
 * @module
 */
import { KubeConfig } from "@kubernetes/client-node";
import type { Cluster, User } from "@kubernetes/client-node";
import type { Credentials } from "../kubernetes/access.ts";
import { wordsOf } from "../platform.ts";

/** What the current context of a kubeconfig says. */
export interface KubeconfigContext {
  readonly name: string;
  /** Host name or address, and port, of the API server. */
  readonly host: string;
  readonly port: string;
  readonly namespace: string | undefined;
  readonly credentials: Credentials;
}

/** Name of the context that client-node makes up where there is no kubeconfig. */
const NO_KUBECONFIG = "loaded-context";

/**
 * Reads the kubeconfig that kubectl would read: `KUBECONFIG`, else
 * `~/.kube/config`.
 *
 * @throws {Error} With one line that says what cannot be read.
 */
export function loadKubeconfig(): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch (error) {
    const from = Deno.env.get("KUBECONFIG");
    throw new Error(
      `Cannot read ${from ? `KUBECONFIG=${quoted(from)}` : "~/.kube/config"}: ${
        firstLine(error)
      }`,
    );
  }
  if (config.getCurrentContext() === NO_KUBECONFIG) {
    throw new Error(
      "There is no kubeconfig: set KUBECONFIG or write ~/.kube/config",
    );
  }
  return config;
}

/**
 * The current context of a kubeconfig. Files that it names are read anew for each
 * request, except for client certificates; exec plugins run now and when their
 * token expires.
 *
 * @throws {Error} With one line that says what cannot be used and what to do.
 */
export async function currentContext(
  config: KubeConfig,
): Promise<KubeconfigContext> {
  const name = config.getCurrentContext();
  const context = config.getContextObject(name);
  if (!context) {
    throw new Error(
      name
        ? `The kubeconfig has no context ${quoted(name)}, which it says to use`
        : 'The kubeconfig has no current context: choose one with "kubectl config use-context"',
    );
  }
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    throw new Error(
      `The context ${quoted(name)} is for the cluster ${
        quoted(context.cluster)
      }, which the kubeconfig does not have`,
    );
  }
  const user = config.getCurrentUser();
  if (!user) {
    throw new Error(
      `The context ${quoted(name)} is for the user ${
        quoted(context.user)
      }, whom the kubeconfig does not have`,
    );
  }
  const { hostname, port } = serverOf(cluster);
  checkUser(user);
  return {
    name,
    host: hostname,
    port: port || "443",
    namespace: context.namespace,
    credentials: await credentialsOf(config, cluster),
  };
}

/** The address of the API server, of which only a host and a port may be needed. */
function serverOf(cluster: Cluster): URL {
  function refused(why: string) {
    return new Error(`The cluster ${quoted(cluster.name)} has ${why}`);
  }
  const url = URL.canParse(cluster.server)
    ? new URL(cluster.server)
    : undefined;
  if (!url || url.protocol !== "https:" || url.pathname !== "/") {
    throw refused(
      `the server ${
        quoted(cluster.server ?? "")
      }: expected https, a host and a port, such as "https://127.0.0.1:6443"`,
    );
  }
  if (cluster.skipTLSVerify) {
    throw refused(
      "insecure-skip-tls-verify, which is not supported: a token is never sent to a server that nobody vouches for; set certificate-authority",
    );
  }
  if (cluster.proxyUrl) throw refused("a proxy-url, which is not supported");
  if (cluster.tlsServerName) {
    throw refused(
      "a tls-server-name, which is not supported: use that name in server",
    );
  }
  return url;
}

function checkUser(user: User) {
  const { token, certData, certFile, exec, authProvider, username } = user;
  if (token || certData || certFile || exec || authProvider || username) return;
  throw new Error(
    `The user ${
      quoted(user.name)
    } has no credentials that can be used: expected token, client-certificate, exec, auth-provider or username`,
  );
}

async function credentialsOf(
  config: KubeConfig,
  cluster: Cluster,
): Promise<Credentials> {
  /** Runs exec plugins and reads files. */
  async function authenticated() {
    const options: {
      headers: Record<string, string>;
      auth?: string;
      cert?: unknown;
      key?: unknown;
    } = { headers: {} };
    await config.applyToHTTPSOptions(
      options as Parameters<KubeConfig["applyToHTTPSOptions"]>[0],
    );
    return options;
  }

  async function headers(): Promise<Record<string, string>> {
    const { headers, auth } = await authenticated();
    const basic = auth && { Authorization: `Basic ${btoa(auth)}` };
    return Object.fromEntries(
      Object.entries({ ...headers, ...(basic || {}) })
        .map(([name, value]) => [name, value.trim()]), // a file may end in a line break
    );
  }

  async function ca(): Promise<string[]> {
    if (cluster.caFile) return [await Deno.readTextFile(cluster.caFile)];
    return cluster.caData ? [atob(cluster.caData)] : [];
  }

  try {
    await ca();
    await headers();
    const { cert, key } = await authenticated();
    return {
      headers,
      ca,
      ...(cert && key
        ? { clientCertificate: { cert: String(cert), key: String(key) } }
        : {}),
    };
  } catch (error) {
    throw new Error(
      `Cannot use the credentials of the context ${
        quoted(config.getCurrentContext())
      }: ${firstLine(error)}`,
    );
  }
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function firstLine(error: unknown): string {
  return wordsOf(error).trim().split("\n")[0] || "it failed without a word";
}
