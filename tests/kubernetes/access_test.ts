import { assertEquals, assertRejects } from "@std/assert";
import { ConfigError } from "../../lib/config/values.ts";
import { createCa } from "../../lib/demo/certificates.ts";
import { startEndpoint } from "../../lib/demo/endpoint.ts";
import type { Handler } from "../../lib/demo/endpoint.ts";
import {
  apiFetch,
  CredentialsError,
  serviceAccount,
  serviceAccountNamespace,
} from "../../lib/kubernetes/access.ts";
import type { ApiAccess } from "../../lib/kubernetes/access.ts";

const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };
const authority = await createCa();
const TOKEN = "Bearer a-token";

/** Two HTTPS servers of the same CA; only the first is the API server. */
async function twoServers(
  answer: (other: string) => Handler,
  test: (access: ApiAccess, api: string, other: string) => Promise<void>,
): Promise<Request[]> {
  const asked: Request[] = [];
  const tls = await authority.issue(["127.0.0.1"]);
  const other = await startEndpoint((request) => {
    asked.push(request);
    return new Response("mine");
  }, tls);
  const api = await startEndpoint(answer(other.url), tls);
  const access = apiFetch({
    headers: () => Promise.resolve({ authorization: TOKEN }),
    ca: () => Promise.resolve([authority.cert]),
  }, [api.url]);
  try {
    await test(access, api.url, other.url);
  } finally {
    access.close();
    await api.close();
    await other.close();
  }
  return asked;
}

const { signal } = new AbortController();

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(
    `apiFetch() does not follow a redirect by ${status}`,
    SANITIZERS,
    async () => {
      const asked = await twoServers(
        (other) => () =>
          new Response(null, { status, headers: { location: other } }),
        async (access, api) => {
          const response = await access(`${api}/version`, { signal });
          assertEquals(response.status, status);
          await response.body?.cancel();
        },
      );
      assertEquals(asked, []);
    },
  );
}

Deno.test(
  "apiFetch() sends the token to the API server and refuses others",
  SANITIZERS,
  async () => {
    let authorization: string | null = null;
    const asked = await twoServers(
      () => (request) => {
        authorization = request.headers.get("authorization");
        return new Response("{}");
      },
      async (access, api, other) => {
        await (await access(`${api}/version`, {
          signal,
          headers: { authorization: "of the caller" },
        })).text();
        await assertRejects(
          () => access(`${other}/version`, { signal }),
          Error,
          `${other}/version is not the API server: it does not get the token`,
        );
        await assertRejects(
          () => access(`${api.replace("https:", "http:")}/version`, { signal }),
          Error,
          "is not the API server",
        );
      },
    );
    assertEquals(authorization, TOKEN);
    assertEquals(asked, []);
  },
);

const CONNECTIONS: readonly {
  name: string;
  keep: boolean;
  forget: boolean;
  want: number;
}[] = [
  {
    name: "has a fresh connection for each request",
    keep: false,
    forget: false,
    want: 5,
  },
  {
    name: "keeps its connection when told to",
    keep: true,
    forget: false,
    want: 1,
  },
  {
    name: "has a fresh one for each request after one that was forgotten",
    keep: true,
    forget: true,
    want: 5,
  },
];
for (const { name, keep, forget, want } of CONNECTIONS) {
  Deno.test(`apiFetch() ${name}`, SANITIZERS, async () => {
    const ports = new Set<number>();
    const tls = await authority.issue(["127.0.0.1"]);
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls },
      (_, { remoteAddr }) => {
        ports.add(remoteAddr.port);
        return new Response("{}");
      },
    );
    const url = `https://127.0.0.1:${server.addr.port}`;
    const access = apiFetch(
      {
        headers: () => Promise.resolve({}),
        ca: () => Promise.resolve([authority.cert]),
      },
      [url],
      { keep },
    );
    for (let i = 0; i < 5; i++) {
      await (await access(`${url}/version`, { signal })).text();
      if (forget) access.forget();
    }
    access.close();
    await server.shutdown();
    assertEquals(ports.size, want);
  });
}

Deno.test("serviceAccountNamespace() reads the file of the folder", async () => {
  const read: string[] = [];
  const namespace = await serviceAccountNamespace((path) => {
    read.push(path);
    return Promise.resolve("monitoring\n");
  }, "/folder");
  assertEquals(namespace, "monitoring");
  assertEquals(read, ["/folder/namespace"]);
});

for (
  const { name, readFile, why } of [
    {
      name: "is not there",
      readFile: Deno.readTextFile,
      why: "No such file or directory",
    },
    {
      name: "is empty",
      readFile: () => Promise.resolve("\n"),
      why: "it is empty",
    },
    {
      name: "may not be read",
      readFile: () => Promise.reject(new Deno.errors.NotCapable("not allowed")),
      why: "not allowed",
    },
  ]
) {
  Deno.test(`serviceAccountNamespace() tells what is wanted when the file ${name}`, async () => {
    const error = await assertRejects(
      () => serviceAccountNamespace(readFile, "/no/such/folder"),
      ConfigError,
    );
    assertEquals(
      error.message,
      'Cannot read KUBENURSE_NAMESPACE="": expected a namespace such as "kube-system", ' +
        `or that of the ServiceAccount in /no/such/folder/namespace (${why})`,
    );
  });
}

const TOKENS: readonly [name: string, token: string][] = [
  ["two lines", "abc-SECRET\nsecond"],
  ["nothing", " "],
  ["letters that are not ASCII", "SECRET-\u00e9"],
];
for (const [name, token] of TOKENS) {
  Deno.test(`apiFetch() does not send a token of ${name}, and does not show it`, async () => {
    const files: Record<string, string> = {
      "/sa/token": token,
      "/sa/ca.crt": authority.cert,
    };
    const access = apiFetch(
      serviceAccount((path) => Promise.resolve(files[path]!), "/sa"),
      ["https://127.0.0.1:1"],
    );
    const error = await assertRejects(
      () =>
        access("https://127.0.0.1:1/", {
          signal: new AbortController().signal,
        }),
      CredentialsError,
    );
    access.close();
    assertEquals(
      error.message,
      "cannot send the header authorization: its value is empty or not one line of ASCII (a token file with something else in it?)",
    );
  });
}

Deno.test("apiFetch() names the file that is missing", async () => {
  const access = apiFetch(serviceAccount(Deno.readTextFile, "/nowhere"), [
    "https://127.0.0.1:1",
  ]);
  const error = await assertRejects(
    () =>
      access("https://127.0.0.1:1/", { signal: new AbortController().signal }),
    CredentialsError,
  );
  access.close();
  assertEquals(
    error.message,
    "cannot read /nowhere/token: No such file or directory",
  );
});
