import { assertEquals } from "@std/assert";
import { createCa } from "../../lib/demo/certificates.ts";
import { namesOf } from "../../lib/tls/names.ts";

const CA = await createCa();

const CASES: readonly {
  name: string;
  names: readonly string[];
  want: { dns: readonly string[]; ips: readonly string[] };
}[] = [
  {
    name: "one DNS name",
    names: ["kubenurse.kube-system.svc"],
    want: { dns: ["kubenurse.kube-system.svc"], ips: [] },
  },
  {
    name: "a wildcard and others, in their order",
    names: ["*.kubenurse.svc", "b.example", "a.example"],
    want: { dns: ["*.kubenurse.svc", "b.example", "a.example"], ips: [] },
  },
  {
    name: "addresses of both families",
    names: ["10.1.2.3", "a.example", "fd00::1:0:0:2"],
    want: { dns: ["a.example"], ips: ["10.1.2.3", "fd00::1:0:0:2"] },
  },
  {
    name: "so many that their length takes three bytes",
    names: Array.from({ length: 30 }, (_, i) => `name-${i}.kubenurse.example`),
    want: {
      dns: Array.from({ length: 30 }, (_, i) => `name-${i}.kubenurse.example`),
      ips: [],
    },
  },
];
for (const { name, names, want } of CASES) {
  Deno.test(`namesOf() reads ${name}`, async () => {
    const { cert } = await CA.issue(names);
    assertEquals(namesOf(cert), want);
  });
}

Deno.test("namesOf() of a certificate without names is empty", () => {
  assertEquals(namesOf(CA.cert), { dns: [], ips: [] });
});

Deno.test("namesOf() reads names that are marked as critical", () => {
  const der = Uint8Array.of(
    ...[0x30, 0x14, 0x06, 0x03, 0x55, 0x1d, 0x11, 0x01, 0x01, 0xff],
    ...[0x04, 0x0a, 0x30, 0x08, 0x82, 0x01, 0x61, 0x87, 0x03, 10, 0, 1],
  );
  const pem = `-----BEGIN CERTIFICATE-----\n${
    btoa(String.fromCharCode(...der))
  }\n-----END CERTIFICATE-----\n`;
  assertEquals(namesOf(pem), { dns: ["a"], ips: ["10.0.1"] });
});
