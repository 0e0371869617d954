import { assertEquals, assertStringIncludes } from "@std/assert";
import { X509Certificate } from "node:crypto";
import tls from "node:tls";
import { createCa } from "../../lib/demo/certificates.ts";
import type { KeyPair } from "../../lib/demo/certificates.ts";
import {
  alive,
  allOk,
  apply,
  applyManifests,
  clusterTest,
  counts,
  eventually,
  increased,
  kubectl,
  tool,
} from "./cluster.ts";
import type { AgentPod } from "./cluster.ts";

const NAME = "kubenurse.kube-system.svc";
const SECRET = "kubenurse-agent-tls";
const CA = await createCa();

function applySecret({ cert, key }: KeyPair): Promise<string> {
  return apply({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: SECRET, namespace: "kube-system" },
    type: "kubernetes.io/tls",
    stringData: { "tls.crt": cert, "tls.key": key, "ca.crt": CA.cert },
  });
}

/** Serial number of the certificate that an agent shows. */
function shownBy({ ip }: AgentPod): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect(
      { host: ip, port: 8443, servername: NAME, ca: CA.cert },
      () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      },
    );
    socket.on("error", reject);
  });
}

async function allShow(
  found: readonly AgentPod[],
  { cert }: KeyPair,
  seconds: number,
) {
  const { serialNumber } = new X509Certificate(cert);
  await eventually("all agents show the certificate", seconds, async () => {
    for (const one of found) assertEquals(await shownBy(one), serialNumber);
    return true;
  });
}

async function errors(
  found: readonly AgentPod[],
): Promise<Record<string, number>[]> {
  return await Promise.all(found.map((one) => counts(one, "kubenurse_errors")));
}

/** Waits until all agents are new, and all is well with them. */
async function replaced(change: () => Promise<unknown>): Promise<AgentPod[]> {
  const before = (await allOk(60)).map(({ uid }) => uid);
  await change();
  await kubectl(
    ...["-n", "kube-system", "rollout", "status", "daemonset/kubenurse"],
    "--timeout=120s",
  );
  return await eventually("all agents are replaced", 60, async () => {
    const found = await allOk(60);
    return found.some(({ uid }) => before.includes(uid)) ? undefined : found;
  });
}

/** Checks of paths that have failed at all. */
async function failedPaths(found: readonly AgentPod[]): Promise<string[]> {
  return (await errors(found)).flatMap((one) => increased({}, one))
    .filter((type) => type.startsWith("path_"));
}

clusterTest(
  "KUBENURSE_USE_TLS: a fleet changes over, checks itself by https, and takes a renewed Secret, all without an error",
  async () => {
    const pairs = [await CA.issue([NAME], 30), await CA.issue([NAME], 30)];
    await applySecret(pairs[0]!);
    try {
      const found = await replaced(() => applyManifests(["tls"]));
      assertEquals(await failedPaths(found), []);
      await allShow(found, pairs[0]!, 10);

      const [a, b] = found as [AgentPod, AgentPod];
      await tool("partition", a.node, b.node);
      try {
        const path = `path_${b.node}`;
        await eventually("the path fails by https", 30, async () => {
          const words = (await alive(a))[path];
          assertStringIncludes(words, `GET https://${b.ip}:8443/alwayshappy: `);
          return true;
        });
      } finally {
        await tool("heal");
      }
      await allOk(60);

      const before = await errors(found);
      await applySecret(pairs[1]!);
      await allShow(found, pairs[1]!, 180); // the kubelet takes its time
      const after = await allOk(30);
      assertEquals(
        after.map(({ uid, restarts }) => [uid, restarts]),
        found.map(({ uid }) => [uid, 0]),
      );
      for (const [i, now] of (await errors(found)).entries()) {
        assertEquals(increased(before[i]!, now), []);
      }
    } finally {
      const found = await replaced(() => applyManifests());
      assertEquals(await failedPaths(found), []);
      await kubectl("-n", "kube-system", "delete", "secret", SECRET);
    }
  },
  { breaks: true },
);
