/**
 * One agent outside a cluster, against that of the current kubeconfig.
 *
 * @module
 */
import { wordsOf } from "../platform.ts";
import { start } from "../start.ts";
import { currentContext, loadKubeconfig } from "./kubeconfig.ts";
import type { KubeconfigContext } from "./kubeconfig.ts";

/** Environment variables. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where the agents are, unless a context or setting says otherwise. */
const NAMESPACE = "kube-system";

/**
 * Runs the agent until SIGINT or SIGTERM.
 *
 * @returns The exit code: 2 for a kubeconfig that cannot be used, else that of `start`.
 */
export async function runDev(env: Env): Promise<number> {
  let context: KubeconfigContext;
  try {
    context = await currentContext(loadKubeconfig());
  } catch (error) {
    Deno.stderr.writeSync(new TextEncoder().encode(`${wordsOf(error)}\n`));
    return 2;
  }
  return await start(devSettings(env, context), {
    credentials: context.credentials,
    namespace: () => Promise.resolve(context.namespace ?? NAMESPACE),
    impossible: impossibleOutside(env),
  });
}

/** The settings, with what a Pod would have taken from the kubeconfig. */
export function devSettings(
  env: Env,
  { host, port }: Pick<KubeconfigContext, "host" | "port">,
): Env {
  const server = env.KUBERNETES_SERVICE_HOST ? {} : {
    KUBERNETES_SERVICE_HOST: host,
    KUBERNETES_SERVICE_PORT: env.KUBERNETES_SERVICE_PORT || port,
  };
  // nothing is to be drained here: Ctrl-C ends it at once
  return { KUBENURSE_SHUTDOWN_DURATION: "0", ...env, ...server };
}

/** Why checks do not work outside a cluster, by type; not those that a setting
 * asks for or switches off. */
export function impossibleOutside(env: Env): Record<string, string> {
  const reasons = [
    {
      type: "api_server_dns",
      setting: "KUBENURSE_CHECK_API_SERVER_DNS",
      why: `${
        env.KUBERNETES_SERVICE_DNS || "kubernetes.default.svc.cluster.local"
      } resolves only inside the cluster`,
    },
    {
      type: "path",
      setting: "KUBENURSE_CHECK_NEIGHBOURHOOD",
      why: "Pod IPs are not reachable from outside the cluster",
    },
  ];
  return Object.fromEntries(
    reasons.filter(({ setting }) => !env[setting]?.trim())
      .map(({ type, setting, why }) => [
        type,
        `${why}; ${setting}=true makes it try`,
      ]),
  );
}
