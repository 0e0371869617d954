/**
 * The fake Nodes, Pods and EndpointSlices in the API server: grown, kept alive by
 * heartbeats, and restarted.
 *
 * @module
 */
import { inParallel } from "./api.ts";
import type { Api } from "./api.ts";
import {
  FAKE,
  HEADLESS,
  heartbeat,
  node,
  nodeName,
  pod,
  podAddress,
  podStatus,
  slice,
  SLICE_SIZE,
  zoneOf,
} from "./objects.ts";
import type { FakePod, Json } from "./objects.ts";
import type { Network } from "./network.ts";

/** What there is of them. */
export interface Population {
  /** By the number of their Node. */
  readonly pods: readonly FakePod[];
  /** Creates what is missing to have `n` Nodes with a Pod each. */
  grow(n: number): Promise<void>;
  /** A random kubelet reports its node's status. */
  beat(): Promise<void>;
  /** A random Pod, not the first, is deleted and has a successor at another address. */
  restart(): Promise<void>;
}

const PODS = "/api/v1/namespaces/kube-system/pods";
const SLICES =
  "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices";
const DAEMON_SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/kubenurse";
const OURS = `labelSelector=${encodeURIComponent(`${FAKE}=true`)}`;

/**
 * Begins with none: those of an earlier run are deleted.
 *
 * @param network What makes the addresses of Pods answer, and no more answer.
 */
export async function population(
  api: Api,
  network: Pick<Network, "change">,
): Promise<Population> {
  const start = now();
  const daemonSet = await api.get(DAEMON_SET);
  const pods: FakePod[] = [];
  let addresses = 1;
  let names = Date.now();
  /** One after the other, for each rewrites a slice. */
  let restarted = Promise.resolve();

  await api.delete(`${PODS}?${OURS}&gracePeriodSeconds=0`);
  await api.delete(`${SLICES}?${OURS}`);
  await api.delete(`/api/v1/nodes?${OURS}`);

  async function createPod(i: number): Promise<FakePod> {
    const ip = podAddress(addresses++);
    const suffix = (names++).toString(36).slice(-5);
    const { metadata } = await api.post(
      `${PODS}?fieldManager=kube-controller-manager`,
      pod(i, daemonSet, suffix),
    );
    const { name, uid } = metadata;
    const status = podStatus(i, ip, now());
    await api.patch(`${PODS}/${name}/status`, status, "kubelet");
    return { name, uid, ip, node: nodeName(i) };
  }

  /** The slice that holds the `i`th Pod, as it should be now. */
  function sliceOf(i: number, without?: FakePod): Json {
    const n = Math.floor(i / SLICE_SIZE);
    const members = pods.slice(n * SLICE_SIZE, (n + 1) * SLICE_SIZE)
      .filter((one) => one !== without);
    return slice(n, members, zoneOf);
  }

  async function writeSlice(wanted: Json, isNew: boolean) {
    if (isNew) return await api.post(SLICES, wanted);
    return await api.put(`${SLICES}/${wanted.metadata.name}`, wanted);
  }

  return {
    pods,
    async grow(n) {
      const from = pods.length;
      const added = Array.from({ length: n - from }, (_, i) => from + i);
      await inParallel(added, async (i) => {
        await api.post("/api/v1/nodes?fieldManager=kubelet", node(i, start));
        pods[i] = await createPod(i);
      });
      await network.change(pods.slice(from).map(({ ip }) => ip), []);
      const slices = new Set(added.map((i) => Math.floor(i / SLICE_SIZE)));
      await inParallel(slices, async (slice) => {
        const first = slice * SLICE_SIZE;
        await writeSlice(sliceOf(first), first >= from);
      });
    },
    async beat() {
      const name = nodeName(Math.floor(Math.random() * pods.length));
      await api.patch(
        `/api/v1/nodes/${name}/status`,
        heartbeat(start, now()),
        "kubelet",
      );
    },
    restart: () => restarted = restarted.then(restart),
  };

  async function restart() {
    const i = 1 + Math.floor(Math.random() * (pods.length - 1));
    const old = pods[i]!;
    await api.delete(`${PODS}/${old.name}?gracePeriodSeconds=0`);
    await writeSlice(sliceOf(i, old), false);
    pods[i] = await createPod(i);
    await network.change([pods[i]!.ip], [old.ip]);
    await writeSlice(sliceOf(i), false);
  }
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

/** The JSON of one Node, one Pod and all slices, as agents would receive them. */
export async function sizes(api: Api, { pods }: Population) {
  const bytes = (value: Json) => JSON.stringify(value).length;
  const { name, node } = pods.at(-1)!;
  return {
    node: bytes(await api.get(`/api/v1/nodes/${node}`)),
    pod: bytes(await api.get(`${PODS}/${name}`)),
    slices: bytes(
      await api.get(
        `${SLICES}?labelSelector=kubernetes.io/service-name=${HEADLESS}`,
      ),
    ),
  };
}
