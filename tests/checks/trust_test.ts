import { assertEquals } from "@std/assert";
import type { Outcome } from "../../lib/checks/check.ts";
import type { HttpRequest } from "../../lib/checks/http_probe.ts";
import { httpsServer, trusting } from "../../lib/checks/trust.ts";
import type { Seen } from "../../lib/checks/trust.ts";
import { failed, ok } from "../fakes/checks.ts";

const URL_TEXT = "https://kubenurse.example/alwayshappy";
const UNKNOWN = failed({
  phase: "tls",
  message: "in the TLS handshake: the certificate cannot be verified",
});
const UNTRUSTED = failed({
  phase: "tls",
  message: "chain: the certificate cannot be verified",
});
const WRONG_NAME = failed({
  phase: "tls",
  message: "the certificate is for example.com, not for localhost",
});
const GATEWAY = failed({ phase: "status", code: 502, message: "answered 502" });

/** Which trust each try had, in order. */
type Trust = "cluster" | "well-known" | "insecure" | "any";

function setup(
  answer: (trust: Trust, url: string) => Outcome,
  { ca = () => Promise.resolve(["PEM"]), insecure = false, seen }: {
    ca?: () => Promise<readonly string[]>;
    insecure?: boolean;
    /** What a look at the certificate tells. */
    seen?: Seen;
  } = {},
) {
  const looks: number[] = [];
  const tries: [Trust, number][] = [];
  const probe = trusting<HttpRequest>(
    (request, timeoutMs) => {
      const trust = request.insecure
        ? "insecure"
        : request.ca === undefined
        ? "well-known"
        : request.ca.length > 0
        ? "cluster"
        : "any";
      tries.push([trust, timeoutMs]);
      return Promise.resolve(answer(trust, request.url));
    },
    {
      server: httpsServer,
      ca,
      insecure,
      look(_, timeoutMs) {
        looks.push(timeoutMs);
        return Promise.resolve(seen);
      },
    },
  );
  return { tries, looks, probe: (url = URL_TEXT) => probe({ url }, 5_000) };
}

const CASES: readonly {
  name: string;
  cluster: Outcome;
  wellKnown: Outcome;
  want: Outcome;
  tries: number;
}[] = [
  {
    name: "asks once when the cluster's CA vouches",
    cluster: ok(1),
    wellKnown: ok(2),
    want: ok(1),
    tries: 1,
  },
  {
    name: "asks again when only a well-known CA vouches",
    cluster: UNKNOWN,
    wellKnown: ok(2),
    want: ok(2),
    tries: 2,
  },
  {
    name: "asks again for a self-signed certificate in the chain",
    cluster: UNTRUSTED,
    wellKnown: ok(2),
    want: ok(2),
    tries: 2,
  },
  {
    name: "reports the first try when nobody vouches",
    cluster: UNKNOWN,
    wellKnown: UNTRUSTED,
    want: UNKNOWN,
    tries: 2,
  },
  {
    name: "reports the second try when that got further",
    cluster: UNKNOWN,
    wellKnown: GATEWAY,
    want: GATEWAY,
    tries: 2,
  },
  {
    name: "does not ask again for the wrong name",
    cluster: WRONG_NAME,
    wellKnown: ok(),
    want: WRONG_NAME,
    tries: 1,
  },
  {
    name: "does not ask again for a bad answer",
    cluster: GATEWAY,
    wellKnown: ok(),
    want: GATEWAY,
    tries: 1,
  },
  {
    name: "does not ask again when there is no time left",
    cluster: { ...UNKNOWN, seconds: 5 },
    wellKnown: ok(),
    want: { ...UNKNOWN, seconds: 5 },
    tries: 1,
  },
];
for (const { name, cluster, wellKnown, want, tries } of CASES) {
  Deno.test(`trusting() ${name}`, async () => {
    const made = setup((trust) => trust === "cluster" ? cluster : wellKnown);
    assertEquals(await made.probe(), want);
    assertEquals(made.tries.length, tries);
  });
}

Deno.test("trusting() gives the second try the time that is left", async () => {
  const first = { ...UNKNOWN, seconds: 1.5 };
  const { probe, tries } = setup((trust) => trust === "cluster" ? first : ok());
  await probe();
  assertEquals(tries, [["cluster", 5_000], ["well-known", 3_500]]);
});

Deno.test("trusting() remembers for each server what worked", async () => {
  const { probe, tries } = setup((trust, url) =>
    trust === "cluster" === url.includes("in.cluster") ? ok() : UNKNOWN
  );
  for (let i = 0; i < 2; i++) {
    await probe("https://public.example/alwayshappy");
    await probe("https://in.cluster/alwayshappy");
  }
  assertEquals(tries.map(([trust]) => trust), [
    "cluster", // public, first time
    "well-known",
    "cluster",
    "well-known", // public, second time
    "cluster",
  ]);
});

Deno.test("trusting() notices when a server changes its CA", async () => {
  let wellKnown = true;
  const { probe, tries } = setup((trust) =>
    (trust === "well-known") === wellKnown ? ok() : UNKNOWN
  );
  await probe();
  wellKnown = false;
  assertEquals(await probe(), ok());
  assertEquals(await probe(), ok());
  assertEquals(tries.map(([trust]) => trust), [
    "cluster",
    "well-known",
    "well-known", // as remembered
    "cluster",
    "cluster",
  ]);
});

Deno.test("trusting() adds nothing to plain HTTP", async () => {
  const { probe, tries } = setup(() => ok(), { insecure: true });
  await probe("http://kubenurse:8080/alwayshappy");
  assertEquals(tries, [["well-known", 5_000]]);
});

Deno.test("trusting() asks once when told to accept any certificate", async () => {
  const { probe, tries } = setup(() => UNKNOWN, { insecure: true });
  assertEquals(await probe(), UNKNOWN);
  assertEquals(tries, [["insecure", 5_000]]);
});

Deno.test("trusting() trusts the well-known CAs when there are no others or they cannot be read", async () => {
  for (
    const ca of [
      () => Promise.resolve([]),
      () => Promise.reject(new Error("no file")),
    ]
  ) {
    const { probe, tries } = setup(() => UNKNOWN, { ca });
    assertEquals(await probe(), UNKNOWN);
    assertEquals(tries, [["any", 5_000]]);
  }
});

const SEEN: Seen = { words: "it expired on 2026-11-22", certificateDays: -2 };
const LOOKS: readonly [string, Outcome, Outcome, number[]][] = [
  ["of a certificate that nobody vouches for", UNKNOWN, UNKNOWN, [4_980]],
  ["of no certificate for the wrong name", WRONG_NAME, UNKNOWN, []],
  ["of no certificate that a well-known CA vouches for", UNKNOWN, ok(), []],
];
for (const [name, cluster, wellKnown, want] of LOOKS) {
  Deno.test(`trusting() takes a look ${name}`, async () => {
    const { probe, looks } = setup(
      (trust) => trust === "cluster" ? cluster : wellKnown,
      { seen: SEEN },
    );
    const outcome = await probe();
    assertEquals(looks, want);
    if (want.length === 0) return;
    assertEquals(outcome, {
      ...UNKNOWN,
      certificateDays: -2,
      message: `${UNKNOWN.message}: ${SEEN.words}`,
    });
  });
}

Deno.test("trusting() takes no look when there is no time left", async () => {
  const { probe, looks } = setup(
    (trust) => trust === "cluster" ? UNKNOWN : { ...UNKNOWN, seconds: 4.99 },
    { seen: SEEN },
  );
  assertEquals(await probe(), UNKNOWN);
  assertEquals(looks, []);
});

Deno.test("trusting() reads the CA anew each time", async () => {
  let reads = 0;
  const { probe } = setup(() => ok(), {
    ca: () => Promise.resolve([`PEM ${reads++}`]),
  });
  await probe();
  await probe();
  assertEquals(reads, 2);
});
