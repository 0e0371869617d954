import { assert, assertEquals } from "@std/assert";
import dgram from "node:dgram";
import { ask as packet, PACKET_BYTES } from "../../lib/udp/packet.ts";
import {
  agents,
  alive,
  allOk,
  ask,
  clusterTest,
  counts,
  eventually,
  kubectl,
  tool,
} from "./cluster.ts";
import type { AgentPod } from "./cluster.ts";

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1e3));
}

/** Runs agents with UDP while `fn` runs, and as they were after it. */
async function withUdp(
  fn: (found: AgentPod[]) => Promise<void>,
): Promise<void> {
  try {
    await setUdp("KUBENURSE_CHECK_UDP=true");
    await fn(await allOk(60));
  } finally {
    await setUdp("KUBENURSE_CHECK_UDP-");
    await allOk(60);
  }
}

async function setUdp(setting: string): Promise<void> {
  const daemonSet = ["-n", "kube-system", "daemonset/kubenurse"];
  await kubectl("set", "env", ...daemonSet, setting);
  await kubectl("rollout", "status", ...daemonSet, "--timeout=120s");
}

/** Samples of a metric of all agents, by `"<from> <to>"`. */
async function pairs(
  found: readonly AgentPod[],
  metric: string,
): Promise<Record<string, number>> {
  const all = await Promise.all(found.map(async (agent) => {
    const values = Object.entries(await counts(agent, metric));
    return values.filter(([type]) => type.startsWith("path_")).map((
      [type, value],
    ) => [`${agent.node} ${type.slice("path_".length)}`, value] as const);
  }));
  return Object.fromEntries(all.flat());
}

/** Packets lost since these were read. */
async function lostSince(
  found: readonly AgentPod[],
  before: Record<string, number>,
): Promise<number> {
  const now = await pairs(found, "kubenurse_udp_packets_lost_total");
  return Object.entries(now)
    .reduce((sum, [pair, lost]) => sum + lost - (before[pair] ?? 0), 0);
}

clusterTest(
  "5 % of a node's packets lost each way: 10 ± 3 % on its pairs within two minutes, nothing elsewhere, and HTTP sees little",
  () =>
    withUdp(async (found) => {
      const b = found[1]!;
      await eventually("every pair is measured and well", 30, async () => {
        const ratios = await pairs(found, "kubenurse_udp_loss_ratio");
        assertEquals(Object.keys(ratios).length, 6);
        assertEquals(Object.values(ratios).filter((ratio) => ratio > 0), []);
        return true;
      });
      const errors = await pairs(found, "kubenurse_errors");
      await tool("loss", b.node, "5");
      try {
        await wait(105); // as seen when it has been so for most of two minutes
        await eventually("as much as there is", 15, async () => {
          const ratios = await pairs(found, "kubenurse_udp_loss_ratio");
          for (const [pair, ratio] of Object.entries(ratios)) {
            const [least, most] = pair.split(" ").includes(b.node)
              ? [0.07, 0.13]
              : [0, 0.005];
            assert(
              ratio >= least && ratio <= most,
              `${pair}: ${JSON.stringify(ratios)}`,
            );
          }
          return true;
        });
        const failed = Object.entries(await pairs(found, "kubenurse_errors"))
          .reduce((sum, [pair, n]) => sum + n - errors[pair]!, 0);
        assert(failed <= 3, `${failed} of some 140 checks by HTTP`);
      } finally {
        await tool("heal");
      }
      await wait(12); // the last bursts with losses get their verdict
      const lost = await pairs(found, "kubenurse_udp_packets_lost_total");
      await wait(20);
      assertEquals(await lostSince(found, lost), 0);
    }),
  { breaks: true },
);

clusterTest(
  "agents that are replaced lose no UDP packets, and answer none of a stranger",
  () =>
    withUdp(async (former) => {
      const daemonSet = ["-n", "kube-system", "daemonset/kubenurse"];
      await kubectl("rollout", "restart", ...daemonSet);
      // the last that is read of an agent that goes counts for it
      const lost = new Map<string, number>();
      let over = false;
      async function watch() {
        while (!over) {
          for (const agent of await agents()) {
            const sum = await lostSince([agent], {}).catch(() => undefined);
            if (sum !== undefined) lost.set(agent.uid, sum);
          }
        }
      }
      const watching = watch();
      await kubectl("rollout", "status", ...daemonSet, "--timeout=120s");
      const found = await allOk(60);
      await wait(12);
      over = true;
      await watching;
      assertEquals(new Set(former.map(({ uid }) => uid)).size, 3);
      assert(lost.size > 3, "agents of before and after");
      assertEquals([...lost.values()].filter((n) => n > 0), []);

      const [a] = found as [AgentPod];
      const { udp } = await alive(a);
      assertEquals(Object.keys(udp).length, 2);
      assertEquals(await answersToStranger(a), 0);
      const { text } = await ask(a, "/metrics");
      const refused =
        /^kubenurse_udp_packets_refused_total\{reason="cookie"\} 10$/m;
      assert(refused.test(text), text);
    }),
);

/** How many of ten packets with a cookie that was made up an agent answers. */
async function answersToStranger({ ip }: AgentPod): Promise<number> {
  const headers = (await fetch(`http://${ip}:8080/alwayshappy`)).headers;
  assertEquals(headers.get("kubenurse-udp"), null);
  const socket = dgram.createSocket("udp4");
  let answers = 0;
  socket.on("message", () => void answers++);
  const made = packet(crypto.getRandomValues(new Uint8Array(16)), 1n, 0);
  assertEquals(made.length, PACKET_BYTES);
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => socket.send(made, 8080, ip, resolve));
  }
  await wait(2);
  socket.close();
  return answers;
}
