/**
 * Objects of a cluster that is not there, as large as real ones: Nodes as their
 * kubelets report them, Pods of the agents' DaemonSet, and the EndpointSlices
 * that the endpoint slice controller would make of these.
 *
 * @module
 */

/** A JSON object of the Kubernetes API. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** An agent's Pod that no kubelet runs. */
export interface FakePod {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  readonly node: string;
}

/** Marks what the benchmark made, and may delete. */
export const FAKE = "bench.kubenurse/fake";
/** Most endpoints in a slice, as the controller has it by default. */
export const SLICE_SIZE = 100;
/** The addresses of the Pods, all of one host: 10.200.0.0/16. */
export const POD_NETWORK = "10.200.0.0/16";
/** The container port named `http` in the manifests. */
export const POD_PORT = 8080;
/** The Service whose slices list the agents. */
export const HEADLESS = "kubenurse-headless";

const ZONES = ["europe-west4-a", "europe-west4-b", "europe-west4-c"];
const ZONE = "topology.kubernetes.io/zone";
/** Images on a node; a kubelet reports 50 at most. */
const IMAGES = 36;

/** Name of the `i`th Node. */
export function nodeName(i: number): string {
  return `prod-worker-${String(i).padStart(5, "0")}.example.net`;
}

/** The `i`th address of {@linkcode POD_NETWORK}. */
export function podAddress(i: number): string {
  return `10.200.${(i >> 8) & 255}.${i & 255}`;
}

/** Digits that differ from one `seed` to another, as those of a hash do. */
function hex(seed: number, length: number): string {
  let [text, state] = ["", Math.imul(seed + 1, 0x9e3779b1)];
  while (text.length < length) {
    state = Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x6d2b79f5 | 0;
    text += (state >>> 0).toString(16).padStart(8, "0");
  }
  return text.slice(0, length);
}

function image(i: number) {
  const name = `registry.example.net/platform/component-${i}`;
  return {
    names: [`${name}@sha256:${hex(i, 64)}`, `${name}:v1.${i}.0`],
    sizeBytes: 20_000_000 + i * 1_234_567,
  };
}

/** The `i`th Node, some 13 KB with its managed fields. */
export function node(i: number, now: string): Json {
  const name = nodeName(i);
  const size = { cpu: "16", memory: "65843956Ki", pods: "110" };
  const storage = { "ephemeral-storage": "101430960Ki", "hugepages-2Mi": "0" };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        [FAKE]: "true",
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/instance-type": "n2-standard-16",
        "beta.kubernetes.io/os": "linux",
        "failure-domain.beta.kubernetes.io/region": "europe-west4",
        "failure-domain.beta.kubernetes.io/zone": ZONES[i % 3],
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "n2-standard-16",
        "topology.kubernetes.io/region": "europe-west4",
        [ZONE]: ZONES[i % 3],
        "example.net/pool": `workers-${i % 7}`,
        "example.net/rack": `r${i % 113}`,
      },
      annotations: {
        "csi.volume.kubernetes.io/nodeid": JSON.stringify({
          "disk.csi.example.net": `projects/prod/zones/${ZONES[i % 3]}/${name}`,
        }),
        "node.alpha.kubernetes.io/ttl": "300",
        "projectcalico.org/IPv4Address": `10.31.${i >> 8}.${i & 255}/16`,
        "projectcalico.org/IPv4IPIPTunnelAddr": `10.201.${i >> 8}.${i & 255}`,
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
      },
    },
    spec: {
      podCIDR: `10.${202 + (i >> 12)}.${(i >> 4) & 255}.${(i & 15) * 16}/28`,
      providerID: `cloud://prod/${ZONES[i % 3]}/${name}`,
    },
    status: {
      addresses: [
        { type: "InternalIP", address: hostAddress(i) },
        { type: "Hostname", address: name },
      ],
      allocatable: { ...size, ...storage, cpu: "15890m" },
      capacity: { ...size, ...storage },
      conditions: conditions(now, now),
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      images: Array.from({ length: IMAGES }, (_, j) => image((i + j) % 80)),
      nodeInfo: {
        architecture: "amd64",
        bootID: hex(i, 32),
        containerRuntimeVersion: "containerd://1.7.27",
        kernelVersion: "6.6.72+",
        kubeProxyVersion: "v1.34.4",
        kubeletVersion: "v1.34.4",
        machineID: hex(i + 1, 32),
        operatingSystem: "linux",
        osImage: "Container-Optimized OS",
        systemUUID: hex(i + 2, 32),
      },
    },
  };
}

function hostAddress(i: number): string {
  return `10.31.${i >> 8}.${i & 255}`;
}

function conditions(since: string, now: string): Json[] {
  const pressures = ["MemoryPressure", "DiskPressure", "PIDPressure"];
  const problems = [
    "KernelDeadlock",
    "ReadonlyFilesystem",
    "FrequentContainerdRestart",
    "NetworkUnavailable",
  ];
  const condition = (type: string, status: string) => ({
    type,
    status,
    lastHeartbeatTime: now,
    lastTransitionTime: since,
    reason: `KubeletReports${type}${status}`,
    message: `kubelet and node problem detector report ${type} ${status}`,
  });
  return [
    ...[...problems, ...pressures].map((type) => condition(type, "False")),
    condition("Ready", "True"),
  ];
}

/** What a kubelet sends as its heartbeat: the conditions with new times. */
export function heartbeat(since: string, now: string): Json {
  return { status: { conditions: conditions(since, now) } };
}

/** A Pod on the `i`th Node, as the DaemonSet controller would create it. */
export function pod(i: number, daemonSet: Json, suffix: string): Json {
  const { metadata, spec } = daemonSet.spec.template;
  const named = {
    matchFields: [
      { key: "metadata.name", operator: "In", values: [nodeName(i)] },
    ],
  };
  const taints = ["not-ready", "unreachable", "disk-pressure"];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${daemonSet.metadata.name}-${suffix}`,
      generateName: `${daemonSet.metadata.name}-`,
      namespace: daemonSet.metadata.namespace,
      annotations: metadata.annotations,
      labels: {
        ...metadata.labels,
        [FAKE]: "true",
        "controller-revision-hash": "6d5f8c7b9d",
        "pod-template-generation": "1",
      },
      ownerReferences: [{
        apiVersion: "apps/v1",
        kind: "DaemonSet",
        name: daemonSet.metadata.name,
        uid: daemonSet.metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      }],
    },
    spec: {
      ...spec,
      nodeName: nodeName(i),
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [named],
          },
        },
      },
      tolerations: [
        ...spec.tolerations ?? [],
        ...taints.map((name) => ({
          key: `node.kubernetes.io/${name}`,
          operator: "Exists",
          effect: "NoExecute",
        })),
      ],
    },
  };
}

/** The status that a kubelet would report of a Pod that is ready. */
export function podStatus(i: number, ip: string, now: string): Json {
  const types = [
    ...["PodReadyToStartContainers", "Initialized", "Ready"],
    ...["ContainersReady", "PodScheduled"],
  ];
  const image = "ghcr.io/kubenurse/kubenurse-ts";
  return {
    status: {
      phase: "Running",
      podIP: ip,
      podIPs: [{ ip }],
      hostIP: hostAddress(i),
      hostIPs: [{ ip: hostAddress(i) }],
      startTime: now,
      qosClass: "Burstable",
      conditions: types.map((type) => ({
        type,
        status: "True",
        observedGeneration: 1,
        lastTransitionTime: now,
      })),
      containerStatuses: [{
        name: "kubenurse",
        image: `${image}:0.1.0`,
        imageID: `${image}@sha256:${hex(7, 64)}`,
        containerID: `containerd://${hex(i, 64)}`,
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: now } },
      }],
    },
  };
}

/** The `n`th slice of {@linkcode HEADLESS}, of at most {@linkcode SLICE_SIZE} Pods. */
export function slice(
  n: number,
  pods: readonly FakePod[],
  zoneOf: (node: string) => string,
): Json {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${HEADLESS}-${hex(n, 5)}${n}`,
      generateName: `${HEADLESS}-`,
      namespace: "kube-system",
      annotations: {
        "endpoints.kubernetes.io/last-change-trigger-time":
          "2026-01-01T00:00:00Z",
      },
      labels: {
        [FAKE]: "true",
        "app.kubernetes.io/instance": "kubenurse",
        "app.kubernetes.io/name": "kubenurse",
        "endpointslice.kubernetes.io/managed-by":
          "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": HEADLESS,
        "service.kubernetes.io/headless": "",
      },
    },
    addressType: "IPv4",
    ports: [{ name: "http", port: POD_PORT, protocol: "TCP" }],
    endpoints: pods.map(({ name, uid, ip, node }) => ({
      addresses: [ip],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: node,
      zone: zoneOf(node),
      targetRef: { kind: "Pod", namespace: "kube-system", name, uid },
    })),
  };
}

/** The zone of a Node of {@linkcode node}. */
export function zoneOf(name: string): string {
  return ZONES[Number(/\d+/.exec(name)?.[0] ?? 0) % 3]!;
}
