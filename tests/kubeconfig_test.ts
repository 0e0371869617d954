import { KubeConfig } from "@kubernetes/client-node";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { startApiServer } from "../lib/demo/api_server.ts";
import { createCa } from "../lib/demo/certificates.ts";
import { devSettings, impossibleOutside } from "../lib/dev/dev.ts";
import { currentContext } from "../lib/dev/kubeconfig.ts";
import { apiFetch } from "../lib/kubernetes/access.ts";

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };
const authority = await createCa();
const client = await authority.issue(["a-developer"]);

type Part = Record<string, unknown>;

/** A kubeconfig; JSON is YAML too. */
function kubeconfig(cluster: Part, user: Part, rest: Part = {}): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{
      name: "kind",
      cluster: { server: "https://127.0.0.1:6443", ...cluster },
    }],
    users: [{ name: "me", user }],
    contexts: [{ name: "dev", context: { cluster: "kind", user: "me" } }],
    "current-context": "dev",
    ...rest,
  });
}

/** Reads a kubeconfig from a directory that has `files` too. */
async function contextOf(text: string, files: Record<string, string> = {}) {
  const directory = await Deno.makeTempDir();
  for (const [name, content] of Object.entries({ ...files, config: text })) {
    await Deno.writeTextFile(`${directory}/${name}`, content);
  }
  try {
    const config = new KubeConfig();
    config.loadFromFile(`${directory}/config`);
    const { credentials, ...context } = await currentContext(config);
    return {
      ...context,
      headers: await credentials.headers(),
      ca: await credentials.ca(),
      clientCertificate: credentials.clientCertificate,
    };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const CA_DATA = { "certificate-authority-data": btoa(authority.cert) };
const TOKEN = { token: "a-token" };
const WITH_TOKEN = { Authorization: "Bearer a-token" };
const COMMON = {
  name: "dev",
  host: "127.0.0.1",
  port: "6443",
  namespace: undefined,
  headers: {},
  ca: [authority.cert],
  clientCertificate: undefined,
};

function execPlugin(status: Part): Part {
  const answer = { apiVersion: "client.authentication.k8s.io/v1", status };
  return {
    exec: {
      apiVersion: "client.authentication.k8s.io/v1",
      command: Deno.execPath(),
      args: ["eval", `console.log(${JSON.stringify(JSON.stringify(answer))})`],
    },
  };
}

const GOOD = [
  {
    name: "a token and the CA's data",
    text: kubeconfig(CA_DATA, TOKEN),
    want: { ...COMMON, headers: WITH_TOKEN },
  },
  {
    name: "a client certificate's data",
    text: kubeconfig(CA_DATA, {
      "client-certificate-data": btoa(client.cert),
      "client-key-data": btoa(client.key),
    }),
    want: { ...COMMON, clientCertificate: client },
  },
  {
    name: "files by paths relative to the kubeconfig",
    text: kubeconfig({ "certificate-authority": "ca.crt" }, {
      "client-certificate": "client.crt",
      "client-key": "./client.key",
    }),
    files: {
      "ca.crt": authority.cert,
      "client.crt": client.cert,
      "client.key": client.key,
    },
    want: { ...COMMON, clientCertificate: client },
  },
  {
    name: "the well-known CAs, the usual port and a namespace",
    text: kubeconfig({ server: "https://k8s.example.com/" }, TOKEN, {
      contexts: [{
        name: "dev",
        context: { cluster: "kind", user: "me", namespace: "monitoring" },
      }],
    }),
    want: {
      ...COMMON,
      host: "k8s.example.com",
      port: "443",
      namespace: "monitoring",
      ca: [],
      headers: WITH_TOKEN,
    },
  },
  {
    name: "an IPv6 address",
    text: kubeconfig({ ...CA_DATA, server: "https://[::1]:6443" }, TOKEN),
    want: { ...COMMON, host: "[::1]", headers: WITH_TOKEN },
  },
  {
    name: "a user name and password",
    text: kubeconfig(CA_DATA, { username: "me", password: "secret" }),
    want: {
      ...COMMON,
      headers: { Authorization: `Basic ${btoa("me:secret")}` },
    },
  },
  {
    name: "an exec plugin that gives a token",
    text: kubeconfig(CA_DATA, execPlugin(TOKEN)),
    want: { ...COMMON, headers: WITH_TOKEN },
  },
  {
    name: "an exec plugin that gives a certificate",
    text: kubeconfig(
      CA_DATA,
      execPlugin({
        clientCertificateData: client.cert,
        clientKeyData: client.key,
      }),
    ),
    want: { ...COMMON, clientCertificate: client },
  },
];
for (const { name, text, files, want } of GOOD) {
  Deno.test(`currentContext() reads ${name}`, SANITIZERS, async () => {
    assertEquals<unknown>(await contextOf(text, files), want);
  });
}

const SERVER_WANTED =
  'expected https, a host and a port, such as "https://127.0.0.1:6443"';
const WRONG = [
  {
    name: "no current context",
    text: kubeconfig(CA_DATA, TOKEN, { "current-context": "" }),
    want:
      'The kubeconfig has no current context: choose one with "kubectl config use-context"',
  },
  {
    name: "an unknown context",
    text: kubeconfig(CA_DATA, TOKEN, { "current-context": "gone" }),
    want: 'The kubeconfig has no context "gone", which it says to use',
  },
  {
    name: "an unknown cluster",
    text: kubeconfig(CA_DATA, TOKEN, { clusters: [] }),
    want:
      'The context "dev" is for the cluster "kind", which the kubeconfig does not have',
  },
  {
    name: "an unknown user",
    text: kubeconfig(CA_DATA, TOKEN, { users: [] }),
    want:
      'The context "dev" is for the user "me", whom the kubeconfig does not have',
  },
  {
    name: "plain HTTP",
    text: kubeconfig({ server: "http://localhost:8001" }, TOKEN),
    want:
      `The cluster "kind" has the server "http://localhost:8001": ${SERVER_WANTED}`,
  },
  {
    name: "a server with a path",
    text: kubeconfig({ server: "https://proxy.example.com/k8s/1" }, TOKEN),
    want:
      `The cluster "kind" has the server "https://proxy.example.com/k8s/1": ${SERVER_WANTED}`,
  },
  {
    name: "a server that nobody vouches for",
    text: kubeconfig({ "insecure-skip-tls-verify": true }, TOKEN),
    want:
      'The cluster "kind" has insecure-skip-tls-verify, which is not supported: a token is never sent to a server that nobody vouches for; set certificate-authority',
  },
  {
    name: "a proxy",
    text: kubeconfig({ "proxy-url": "http://proxy:3128" }, TOKEN),
    want: 'The cluster "kind" has a proxy-url, which is not supported',
  },
  {
    name: "another name in the server's certificate",
    text: kubeconfig({ "tls-server-name": "k8s" }, TOKEN),
    want:
      'The cluster "kind" has a tls-server-name, which is not supported: use that name in server',
  },
  {
    name: "a user without credentials",
    text: kubeconfig(CA_DATA, { tokenFile: "token" }),
    want:
      'The user "me" has no credentials that can be used: expected token, client-certificate, exec, auth-provider or username',
  },
  {
    name: "a plugin that fails",
    text: kubeconfig(CA_DATA, {
      exec: {
        command: Deno.execPath(),
        args: ["eval", "console.error('please log in\\nagain'); Deno.exit(1)"],
      },
    }),
    want: 'Cannot use the credentials of the context "dev": please log in',
  },
];
for (const { name, text, want } of WRONG) {
  Deno.test(`currentContext() refuses ${name}`, SANITIZERS, async () => {
    const error = await assertRejects(() => contextOf(text), Error);
    assertEquals(error.message, want);
  });
}

Deno.test("currentContext() names a file that is missing", async () => {
  const text = kubeconfig({ "certificate-authority": "gone.crt" }, TOKEN);
  const error = await assertRejects(() => contextOf(text), Error);
  assertMatch(
    error.message,
    /^Cannot use the credentials of the context "dev": .*gone\.crt.*$/,
  );
});

Deno.test("currentContext() leads to the API server", SANITIZERS, async () => {
  await using server = await startApiServer({ token: "a-token", authority });
  const text = kubeconfig({ ...CA_DATA, server: server.url }, TOKEN);
  const config = new KubeConfig();
  config.loadFromString(text);
  const { credentials, host, port } = await currentContext(config);
  const origin = `https://${host}:${port}`;
  const fetch = apiFetch(credentials, [origin]);
  const answer = await fetch(`${origin}/version`, {
    signal: AbortSignal.timeout(5_000),
  });
  assertEquals(answer.status, 200);
  await answer.text();
  fetch.close();
});

/** `deno task dev` with this environment. */
async function runDev(env: Record<string, string>) {
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
  );
  const [, ...args] = tasks.dev.command.split(" ");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: new URL("..", import.meta.url),
    env,
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), errors: text.decode(stderr) };
}

async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

Deno.test("dev.ts tells a missing kubeconfig in one line", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/gone`;
    const named = await runDev({ KUBECONFIG: path });
    assertEquals([named.code, named.out], [2, ""]);
    assertMatch(
      named.errors,
      /^Cannot read KUBECONFIG=".*\/gone": .*ENOENT.*\n$/,
    );
    const none = await runDev({
      KUBECONFIG: "",
      HOME: directory,
      DENO_DIR: await denoDir(), // else it is a new one below HOME
    });
    assertEquals(none, {
      code: 2,
      out: "",
      errors:
        "There is no kubeconfig: set KUBECONFIG or write ~/.kube/config\n",
    });
  } finally {
    await Deno.remove(directory);
  }
});

const SERVER = { host: "127.0.0.1", port: "6443" };
const SETTINGS = [
  {
    name: "the kubeconfig's server",
    env: {},
    want: {
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: "6443",
    },
  },
  {
    name: "a server that is set",
    env: { KUBERNETES_SERVICE_HOST: "10.96.0.1" },
    want: { KUBERNETES_SERVICE_HOST: "10.96.0.1" },
  },
  {
    name: "a port that is set",
    env: { KUBERNETES_SERVICE_PORT: "443" },
    want: {
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: "443",
    },
  },
  {
    name: "further settings",
    env: {
      ...{ KUBERNETES_SERVICE_HOST: "a" },
      KUBENURSE_SHUTDOWN_DURATION: "1s",
    },
    want: { KUBERNETES_SERVICE_HOST: "a", KUBENURSE_SHUTDOWN_DURATION: "1s" },
  },
];
for (const { name, env, want } of SETTINGS) {
  Deno.test(`devSettings() takes ${name}`, () => {
    assertEquals<unknown>(devSettings(env, SERVER), {
      KUBENURSE_SHUTDOWN_DURATION: "0",
      ...want,
    });
  });
}

Deno.test("impossibleOutside() says what does not work and why", () => {
  assertEquals(impossibleOutside({}), {
    api_server_dns:
      "kubernetes.default.svc.cluster.local resolves only inside the cluster; KUBENURSE_CHECK_API_SERVER_DNS=true makes it try",
    path:
      "Pod IPs are not reachable from outside the cluster; KUBENURSE_CHECK_NEIGHBOURHOOD=true makes it try",
  });
  const named = impossibleOutside({ KUBERNETES_SERVICE_DNS: "api.test" });
  assert(named.api_server_dns!.startsWith("api.test resolves only"));
});

Deno.test("impossibleOutside() lets what is set be tried", () => {
  const env = {
    KUBENURSE_CHECK_API_SERVER_DNS: "true",
    KUBENURSE_CHECK_NEIGHBOURHOOD: "true",
  };
  assertEquals(impossibleOutside(env), {});
});
