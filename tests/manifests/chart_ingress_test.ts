import { assert, assertEquals } from "@std/assert";
import { envOf, helm, only, toolTest } from "./tools.ts";

const INGRESSES = [
  {
    url: "a.example",
    env: "https://a.example",
    tls: [{ hosts: ["a.example"] }],
  },
  {
    url: "https://a.example:8443",
    env: "https://a.example:8443",
    tls: [{ hosts: ["a.example"] }],
  },
  { url: "http://a.example", env: "http://a.example", tls: undefined },
  {
    url: "A.Example",
    env: "https://A.Example",
    tls: [{ hosts: ["a.example"] }],
  },
];
for (const { url, env, tls } of INGRESSES) {
  toolTest(`the chart makes the Ingress for ${url}`, ["helm"], async () => {
    const objects = await helm(`--set=ingress.url=${url}`);
    const { spec } = only(objects, "Ingress");
    assertEquals(spec.rules[0].host, "a.example");
    assertEquals(spec.tls, tls);
    const found = envOf(objects).find(({ name }) =>
      name === "KUBENURSE_INGRESS_URL"
    );
    assertEquals(found?.value, env);
  });
}

toolTest("the chart checks an Ingress that others make", ["helm"], async () => {
  const objects = await helm(
    "--set=ingress.enabled=false,ingress.url=a.example",
  );
  assert(!objects.some(({ kind }) => kind === "Ingress"));
  assert(envOf(objects).some(({ value }) => value === "https://a.example"));
});

for (const none of ["", "null"]) {
  toolTest(`the chart makes no Ingress for the URL "${none}"`, [
    "helm",
  ], async () => {
    const objects = await helm(`--set=ingress.url=${none}`);
    assert(!objects.some(({ kind }) => kind === "Ingress"));
    const names = envOf(objects).map(({ name }) => name);
    assert(!names.includes("KUBENURSE_INGRESS_URL"));
    assert(!names.includes("KUBENURSE_CHECK_ME_INGRESS"));
  });
}
