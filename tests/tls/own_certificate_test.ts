import { assert, assertEquals, assertThrows } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { ConfigError } from "../../lib/config/values.ts";
import { createCa } from "../../lib/demo/certificates.ts";
import {
  keepCertificate,
  readOwnCertificate,
  sharedName,
} from "../../lib/tls/own_certificate.ts";
import type { Pair } from "../../lib/tls/own_certificate.ts";
import { tryPair } from "../../lib/tls/server.ts";
import { fakeClock } from "../fakes/clock.ts";
import { fakeLog } from "../fakes/log.ts";

const CA = await createCa();
const [OLD, NEW, NEWER] = await Promise.all(
  [1, 2, 3].map(() => CA.issue(["kubenurse.kube-system.svc", "10.1.2.3"], 30)),
) as [Pair, Pair, Pair];
const FILES = { certFile: "/tls/tls.crt", keyFile: "/tls/tls.key" };
const DAY_MS = 86_400_000;

/** Files that a test replaces; one that is missing cannot be read. */
function disk({ cert, key }: Partial<Pair>) {
  const files: Record<string, string | undefined> = {};
  function write({ cert, key }: Partial<Pair>) {
    files[FILES.certFile] = cert;
    files[FILES.keyFile] = key;
  }
  write({ cert, key });
  const readFile = (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error("No such file or directory");
    return text;
  };
  return { write, deps: { readFile, tryPair } };
}

Deno.test("readOwnCertificate() reads the pair, its names and its time", () => {
  const read = readOwnCertificate(FILES, disk(OLD).deps);
  const { serialNumber, validFrom, validTo } = new X509Certificate(OLD.cert);
  assertEquals(read, {
    ...OLD,
    names: { dns: ["kubenurse.kube-system.svc"], ips: ["10.1.2.3"] },
    serial: serialNumber,
    validFrom: Date.parse(validFrom),
    validTo: Date.parse(validTo),
  });
});

Deno.test("readOwnCertificate() reads a chain: the first certificate is the own one", () => {
  const chain = { cert: `${OLD.cert}\n${CA.cert}`, key: OLD.key };
  const { serial } = readOwnCertificate(FILES, disk(chain).deps);
  assertEquals(serial, new X509Certificate(OLD.cert).serialNumber);
});

const KEY_OF =
  'Cannot read KUBENURSE_CERT_KEY="/tls/tls.key": expected the key of the certificate in KUBENURSE_CERT_FILE="/tls/tls.crt" (';
const WRONG: readonly { name: string; pair: Partial<Pair>; want: string }[] = [
  {
    name: "a certificate that is missing",
    pair: { key: OLD.key },
    want:
      'Cannot read KUBENURSE_CERT_FILE="/tls/tls.crt": expected a readable PEM file with at least one certificate (No such file or directory)',
  },
  {
    name: "a key that is missing",
    pair: { cert: OLD.cert },
    want:
      'Cannot read KUBENURSE_CERT_KEY="/tls/tls.key": expected a readable PEM file with a private key (No such file or directory)',
  },
  {
    name: "half a certificate",
    pair: { cert: OLD.cert.slice(0, 200), key: OLD.key },
    want:
      'Cannot read KUBENURSE_CERT_FILE="/tls/tls.crt": expected a readable PEM file with at least one certificate',
  },
  {
    name: "the key of another certificate",
    pair: { cert: OLD.cert, key: NEW.key },
    want: KEY_OF,
  },
  {
    name: "half a key",
    pair: { cert: OLD.cert, key: OLD.key.slice(0, 60) },
    want: KEY_OF,
  },
  { name: "an empty key", pair: { cert: OLD.cert, key: "" }, want: KEY_OF },
];
for (const { name, pair, want } of WRONG) {
  Deno.test(`readOwnCertificate() refuses ${name}`, () => {
    const { message } = assertThrows(
      () => readOwnCertificate(FILES, disk(pair).deps),
      ConfigError,
    );
    assertEquals(message.slice(0, want.length), want);
    if (want === KEY_OF) assert(/ \([^)]{5,}\)$/.test(message), message);
  });
}

/** A certificate that is kept while `test` runs. */
async function kept(
  test: (all: {
    clock: ReturnType<typeof fakeClock>;
    log: ReturnType<typeof fakeLog>;
    write: (pair: Partial<Pair>) => void;
    /** Certificates that were put to use. */
    used: string[];
    current: () => string;
  }) => Promise<void>,
  { wall = Date.now(), use = () => {} }: {
    wall?: number;
    use?: (pair: Pair) => void;
  } = {},
) {
  const { write, deps } = disk(OLD);
  const clock = fakeClock(wall);
  const log = fakeLog();
  const certificate = keepCertificate(
    readOwnCertificate(FILES, deps),
    FILES,
    { ...deps, clock, log },
  );
  const stop = new AbortController();
  const used: string[] = [];
  const running = certificate.run(stop.signal, (pair) => {
    use(pair);
    used.push(pair.cert);
  });
  await test({
    clock,
    log,
    write,
    used,
    current: () => certificate.current().cert,
  });
  stop.abort();
  await running;
}

Deno.test("keepCertificate() puts a renewed pair to use within ten seconds, once", () =>
  kept(async ({ clock, log, write, used, current }) => {
    await clock.advance(60_000);
    assertEquals([used, log.lines], [[], []]);
    write(NEW);
    await clock.advance(10_000);
    await clock.advance(60_000);
    assertEquals(used, [NEW.cert]);
    assertEquals(current(), NEW.cert);
    assertEquals(log.lines, ["info the certificate was renewed"]);
    write(NEWER);
    await clock.advance(10_000);
    assertEquals(used, [NEW.cert, NEWER.cert]);
  }));

Deno.test("keepCertificate() keeps the pair in use while the new one is half written", () =>
  kept(async ({ clock, log, write, used, current }) => {
    for (
      const half of [
        { cert: NEW.cert, key: OLD.key },
        { cert: NEW.cert.slice(0, 100), key: NEW.key },
        { key: NEW.key },
      ]
    ) {
      write(half);
      await clock.advance(60_000);
      assertEquals([used, current()], [[], OLD.cert]);
    }
    assertEquals(
      log.lines,
      Array(3).fill(
        "warn cannot use the new certificate, the one before stays in use",
      ),
    );
    write(NEW);
    await clock.advance(10_000);
    assertEquals([used, current()], [[NEW.cert], NEW.cert]);
  }));

Deno.test("keepCertificate() tells of the same trouble again after a good pair", () =>
  kept(async ({ clock, log, write, used }) => {
    const wrong = { cert: NEW.cert, key: OLD.key };
    for (const pair of [wrong, OLD, wrong]) {
      write(pair);
      await clock.advance(30_000);
    }
    assertEquals(log.lines.length, 2);
    assertEquals(used, []);
  }));

Deno.test("keepCertificate() tries again what could not be put to use", async () => {
  let tries = 0;
  await kept(async ({ clock, log, write, current }) => {
    write(NEW);
    await clock.advance(30_000);
    assertEquals([tries, current()], [3, NEW.cert]);
    assertEquals(log.lines, [
      "warn cannot use the new certificate, the one before stays in use",
      "info the certificate was renewed",
    ]);
  }, {
    use() {
      if (++tries < 3) throw new Error("too many open files");
    },
  });
});

Deno.test("keepCertificate() tells once of a certificate that nobody renews, and once of its end", () =>
  // it is valid from thirty days ago until thirty days from now
  kept(async ({ clock, log, write }) => {
    await clock.advance(20_000);
    assertEquals(log.lines, []);
    clock.setWall(Date.now() + 25 * DAY_MS);
    await clock.advance(60_000);
    clock.setWall(Date.now() + 31 * DAY_MS);
    await clock.advance(60_000);
    assertEquals(log.lines, [
      "warn the certificate expires soon and was not renewed",
      "warn the certificate has expired, checks by others fail",
    ]);
    assertEquals(log.fields[1], {
      serial: new X509Certificate(OLD.cert).serialNumber,
      until: new Date(new X509Certificate(OLD.cert).validTo).toISOString(),
      file: "/tls/tls.crt",
    });
    clock.setWall(Date.now());
    write(NEW);
    await clock.advance(60_000);
    assertEquals(log.lines.slice(2), ["info the certificate was renewed"]);
  }));

Deno.test("keepCertificate() tells of a certificate that has expired before the start", () =>
  kept(async ({ clock, log }) => {
    await clock.settle();
    assertEquals(log.lines, [
      "warn the certificate has expired, checks by others fail",
    ]);
  }, { wall: Date.now() + 32 * DAY_MS }));

const NAMED: readonly [
  string,
  { dns?: string[]; ips?: string[] },
  string | undefined,
][] = [
  ["the first DNS name", { dns: ["b.svc", "a.svc"] }, "b.svc"],
  ["a name below a wildcard", { dns: ["*.a.svc"] }, "kubenurse.a.svc"],
  [
    "no name where the own address is named",
    { dns: ["a.svc"], ips: ["10.1.2.3"] },
    undefined,
  ],
  [
    "the name where another address is named",
    { dns: ["a.svc"], ips: ["10.9.9.9"] },
    "a.svc",
  ],
  ["no name where there is none", {}, undefined],
];
for (const [name, { dns = [], ips = [] }, want] of NAMED) {
  Deno.test(`sharedName() is ${name}`, () => {
    const names = { dns, ips };
    assertEquals(sharedName({ names }, ["10.1.2.3", "fd00::1"]), want);
  });
}
