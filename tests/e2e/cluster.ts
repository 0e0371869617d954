/**
 * What the end-to-end tests need of a real cluster: kubectl, the agents, and the
 * tool that breaks the network of a test cluster.
 *
 * `KUBECONFIG` names the cluster and `KUBENURSE_IMAGE` the image that its nodes
 * hold; without them the tests are skipped, by name. `KUBENURSE_CLUSTER_TOOL`
 * names the tool; without it the tests that break something are skipped.
 *
 * @module
 */
import { parse } from "yaml";

const KUBECONFIG = Deno.env.get("KUBECONFIG");
const IMAGE = Deno.env.get("KUBENURSE_IMAGE");
const TOOL = Deno.env.get("KUBENURSE_CLUSTER_TOOL");

/** Host of the Ingress of the test cluster. */
const INGRESS_HOST = Deno.env.get("KUBENURSE_E2E_INGRESS_HOST") ??
  "kubenurse.lab";

/** A test that needs a cluster; with `breaks`, also the tool that breaks it. */
export function clusterTest(
  name: string,
  fn: () => Promise<void>,
  { breaks = false } = {},
): void {
  const missing = [
    KUBECONFIG ? [] : ["KUBECONFIG"],
    IMAGE ? [] : ["KUBENURSE_IMAGE"],
    breaks && !TOOL ? ["KUBENURSE_CLUSTER_TOOL"] : [],
  ].flat();
  Deno.test({
    name: missing.length > 0 ? `${name} (needs ${missing.join(", ")})` : name,
    ignore: missing.length > 0,
    async fn() {
      await deployed();
      await fn();
    },
  });
}

/** Runs a program; its standard output, or an error with all that it said. */
async function run(
  program: string,
  args: readonly string[],
  stdin?: string,
): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const out = new TextDecoder().decode(stdout);
  if (code === 0) return out;
  const said = new TextDecoder().decode(stderr);
  throw new Error(`${program} ${args.join(" ")}: exit ${code}\n${out}${said}`);
}

/** `kubectl`, as a user types it. */
export function kubectl(...args: string[]): Promise<string> {
  return run("kubectl", args);
}

/** `kubectl apply -f -`. */
export function apply(objects: unknown): Promise<string> {
  return run("kubectl", ["apply", "-f", "-"], JSON.stringify(objects));
}

/** `kubectl get ... -o json`. */
// deno-lint-ignore no-explicit-any
export async function get(...args: string[]): Promise<any> {
  return JSON.parse(await kubectl("get", ...args, "-o", "json"));
}

/** Breaks or mends the test cluster, for example `tool("partition", "node-1", "node-2")`. */
export function tool(...args: string[]): Promise<string> {
  return run(TOOL!, args);
}

/** Waits until `attempt` neither throws nor gives `undefined`, and gives its last error else. */
export async function eventually<T>(
  what: string,
  seconds: number,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  const end = Date.now() + seconds * 1e3;
  let last: unknown = "nothing";
  while (true) {
    try {
      const value = await attempt();
      if (value !== undefined) return value;
    } catch (error) {
      last = error instanceof Error ? error.message : error;
    }
    if (Date.now() > end) {
      throw new Error(`${what}: not within ${seconds} s; last: ${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** One agent of the DaemonSet. */
export interface AgentPod {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly ip: string;
  readonly ready: boolean;
  readonly restarts: number;
}

/** The agents that are not stopping, by node. */
export async function agents(): Promise<AgentPod[]> {
  const list = await get("pods", ...IN_NAMESPACE, ...SELECTED);
  // deno-lint-ignore no-explicit-any
  return list.items.filter((pod: any) => !pod.metadata.deletionTimestamp)
    .map(toAgentPod)
    .sort((a: AgentPod, b: AgentPod) => a.node < b.node ? -1 : 1);
}

/** The agent in a Pod. */
// deno-lint-ignore no-explicit-any
export function toAgentPod(pod: any): AgentPod {
  return {
    name: pod.metadata.name,
    uid: pod.metadata.uid,
    node: pod.spec.nodeName,
    ip: pod.status.podIP ?? "",
    ready: (pod.status.conditions ?? []).some((
      c: { type: string; status: string },
    ) => c.type === "Ready" && c.status === "True"),
    restarts: pod.status.containerStatuses?.[0]?.restartCount ?? 0,
  };
}

const NAMESPACE = "kube-system";
const IN_NAMESPACE = ["-n", NAMESPACE];
const SELECTED = ["-l", "app.kubernetes.io/name=kubenurse"];

/** An answer of an agent, whatever the status. */
export async function ask(
  agent: AgentPod,
  path: string,
  timeoutMs = 5_000,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://${agent.ip}:8080${path}`, {
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: response.status, text: await response.text() };
}

/** What an agent's `/alive` says. */
// deno-lint-ignore no-explicit-any
export async function alive(agent: AgentPod): Promise<Record<string, any>> {
  return JSON.parse((await ask(agent, "/alive")).text);
}

/** Names of the checks that an agent says are failing, in order. */
export async function failing(agent: AgentPod): Promise<string[]> {
  return Object.entries(await alive(agent))
    .filter(([key]) => CHECK.test(key))
    .filter(([, value]) => value !== "ok" && value !== "skipped")
    .map(([key]) => key).sort();
}

const CHECK = /^(api_server_|me_|path_|neighbourhood_state)/;

/** Sums of an agent's samples of a metric, by the label `type`. */
export async function counts(
  agent: AgentPod,
  metric: string,
  timeoutMs?: number,
): Promise<Record<string, number>> {
  const { text } = await ask(agent, "/metrics", timeoutMs);
  const sums: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const match = new RegExp(`^${metric}\\{(.*)\\} (\\S+)$`).exec(line);
    const type = /type="([^"]*)"/.exec(match?.[1] ?? "")?.[1];
    if (type === undefined) continue;
    sums[type] = (sums[type] ?? 0) + Number(match![2]);
  }
  return sums;
}

/** What of `after` is greater than in `before`: the checks that have failed since. */
export function increased(
  before: Record<string, number>,
  after: Record<string, number>,
): string[] {
  return Object.keys(after)
    .filter((type) => after[type]! > (before[type] ?? 0)).sort();
}

/** The log of an agent. */
export function logs(agent: AgentPod): Promise<string> {
  return kubectl("logs", ...IN_NAMESPACE, agent.name);
}

/** Waits until every node has a ready agent whose checks are all ok and that knows all others. */
export function allOk(seconds: number): Promise<AgentPod[]> {
  return eventually("all agents are ok", seconds, async () => {
    const nodes = (await get("nodes")).items.length;
    const found = await agents();
    if (found.length !== nodes) throw new Error(`${found.length} agents`);
    for (const agent of found) {
      const { status, text } = await ask(agent, "/alive");
      const body = JSON.parse(text);
      if (status !== 200) throw new Error(`${agent.node}: ${text}`);
      if (body.me_ingress !== "ok" || body.me_service !== "ok") {
        throw new Error(`${agent.node}: ${text}`);
      }
      if (body.neighbourhood.length !== nodes - 1 || !agent.ready) {
        throw new Error(`${agent.node} is not ready or lacks neighbours`);
      }
    }
    return found;
  });
}

/**
 * Applies the manifests with the image and the host of the test cluster.
 *
 * @param components Names of components to add.
 */
export async function applyManifests(
  components: readonly string[] = [],
): Promise<string> {
  const folder = await overlay(components);
  const rendered = await run("kubectl", ["kustomize", folder]);
  return await run("kubectl", ["apply", "-f", "-"], rendered);
}

/** The objects of the manifests as they are applied here. */
// deno-lint-ignore no-explicit-any
export async function manifests(): Promise<any[]> {
  const rendered = await run("kubectl", ["kustomize", await overlay()]);
  return rendered.split(/^---$/m).map((text) => parse(text)).filter(Boolean);
}

let applied: Promise<unknown> | undefined;

/** Once per run of a test file: the agents are deployed and all is well. */
async function deployed(): Promise<void> {
  applied ??= (async () => {
    await applyManifests();
    await startRotation();
    // after an outage of the API server it takes Kubernetes more than a minute
    // to call the Pods ready again
    await allOk(180);
  })();
  await applied;
}

/** Lifetime of the token of the Pod for the rotation test, seconds: the shortest there is. */
export const TOKEN_SECONDS = 600;

/**
 * An agent by itself, whose token expires while the other tests run. It is given
 * its own label, so that it is nobody's neighbour and no backend.
 */
async function startRotation(): Promise<void> {
  const daemonSet = (await manifests()).find((o) => o.kind === "DaemonSet");
  const { spec } = daemonSet.spec.template;
  const [container] = spec.containers;
  const mount = "/var/run/secrets/kubernetes.io/serviceaccount";
  await apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: ROTATION,
      namespace: NAMESPACE,
      labels: { "app.kubernetes.io/name": ROTATION },
    },
    spec: {
      ...spec,
      automountServiceAccountToken: false,
      containers: [{
        ...container,
        env: [...container.env, {
          name: "KUBENURSE_NEIGHBOUR_FILTER",
          value: `app.kubernetes.io/name=${ROTATION}`,
        }],
        volumeMounts: [{ name: "token", mountPath: mount, readOnly: true }],
      }],
      volumes: [{
        name: "token",
        projected: {
          sources: [
            {
              serviceAccountToken: {
                path: "token",
                expirationSeconds: TOKEN_SECONDS,
              },
            },
            {
              configMap: {
                name: "kube-root-ca.crt",
                items: [{ key: "ca.crt", path: "ca.crt" }],
              },
            },
          ],
        },
      }],
    },
  });
}

/** Name of the Pod for the rotation test. */
export const ROTATION = "kubenurse-rotation";

/** What a user of the test cluster changes: the image and the host of the Ingress. */
async function overlay(components: readonly string[] = []): Promise<string> {
  // of its own for each process, since several may test at the same time
  const folder =
    new URL(`../../dist/e2e/${Deno.pid}/`, import.meta.url).pathname;
  await Deno.mkdir(folder, { recursive: true });
  const [, name, tag] = /^(.*):([^:]+)$/.exec(IMAGE!)!;
  const host = (value: string) =>
    JSON.stringify([{ op: "replace", path: "/spec/rules/0/host", value }]);
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: ["../../../manifests"],
    components: components.map((one) => `../../../manifests/components/${one}`),
    images: [{
      name: "ghcr.io/kubenurse/kubenurse-ts",
      newName: name,
      newTag: tag,
    }],
    patches: [
      { target: { kind: "Ingress" }, patch: host(INGRESS_HOST) },
      {
        patch: JSON.stringify({
          apiVersion: "apps/v1",
          kind: "DaemonSet",
          metadata: { name: "kubenurse", namespace: NAMESPACE },
          spec: {
            template: {
              spec: {
                containers: [{
                  name: "kubenurse",
                  env: [{
                    name: "KUBENURSE_INGRESS_URL",
                    value: `https://${INGRESS_HOST}`,
                  }],
                }],
              },
            },
          },
        }),
      },
    ],
  };
  await Deno.writeTextFile(
    `${folder}kustomization.yaml`,
    JSON.stringify(kustomization, null, 2),
  );
  return folder;
}
