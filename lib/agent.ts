/**
 * One agent: all parts put together. Owns its state and no global one, so that
 * several can live in one process (the demo does that).
 *
 * @module
 */
import { createBackends } from "./backends.ts";
import { createPathMtu } from "./checks/path_mtu.ts";
import { createProbes } from "./checks/probes.ts";
import type { ProbeDeps } from "./checks/probes.ts";
import { checksFor } from "./checks/sources.ts";
import type { CheckDeps } from "./checks/sources.ts";
import type { Config } from "./config/config.ts";
import { createDiscovery } from "./discovery/discovery.ts";
import { createSweep } from "./discovery/sweep.ts";
import { createHandler } from "./http/routes.ts";
import type { Handler } from "./http/routes.ts";
import { createIncoming } from "./http/incoming.ts";
import { apiClient } from "./kubernetes/client.ts";
import type { Log } from "./log.ts";
import { createMetrics } from "./metrics/metrics.ts";
import type { MetricsOptions, Readings } from "./metrics/metrics.ts";
import type { Random } from "./platform.ts";
import { createRecorder } from "./recorder.ts";
import { createResults } from "./results.ts";
import { runRounds } from "./runner.ts";
import { sharedName } from "./tls/own_certificate.ts";
import type { OwnCertificate } from "./tls/own_certificate.ts";
import { sendBurst } from "./udp/burst.ts";
import { createEcho } from "./udp/echo.ts";
import type { Echo } from "./udp/echo.ts";
import { createUdpLoss } from "./udp/loss.ts";

/** What an agent touches outside. */
export interface AgentDeps extends ProbeDeps {
  readonly random: Random;
  readonly log: Log;
  readonly process: Pick<Readings, "cpuSeconds" | "memory">;
  readonly build: Omit<MetricsOptions, "buckets" | "trace" | "metadata">;
  /** Namespace of the agents' Pods. */
  readonly namespace: string;
  readonly hostname: string;
  readonly impossible?: CheckDeps["impossible"];
  /** What this agent shows by TLS; `undefined`: nothing. */
  readonly certificate?: (() => OwnCertificate) | undefined;
}

/** A running part of the program. */
export interface Agent {
  readonly handler: Handler;
  /** Answers UDP packets, where their loss is measured. */
  readonly echo?: Pick<Echo, "answer">;
  /** `/ready` says no from now on. */
  retire(): void;
  /** Discovers and probes until `signal` aborts; resolves when all is quiet. */
  run(signal: AbortSignal): Promise<void>;
  /** Results of the newest round, for whoever shows them. */
  results(): ReturnType<ReturnType<typeof createResults>["all"]>;
}

/** Most checks at the same time. */
const CONCURRENCY = 128;
/** The loss of UDP packets is that over this time, or three rounds if these take longer. */
const UDP_WINDOW_MS = 120_000;
const DAY_MS = 86_400_000;
/** The first round waits so long for the first list of neighbours. */
const FIRST_LIST_MS = 2_000;

const NOT_LISTED =
  "not listed yet, the first request to the API server is still running";

/** Puts an agent together; nothing happens before {@linkcode Agent.run}. */
export function createAgent(config: Config, deps: AgentDeps): Agent {
  const { clock, log, certificate } = deps;
  const results = createResults();
  const incoming = createIncoming(clock.now);
  const backends = createBackends(clock.now);
  const discovery = createDiscovery({
    ...deps,
    api: apiClient(deps.apiFetch, config.apiServerDirect),
    discovery: config.discovery,
    selector: config.neighbourFilter,
    service: config.headlessService,
    podName: config.podName,
    nodeName: config.nodeName,
    limit: config.neighbourLimit,
    allowUnschedulable: config.allowUnschedulable,
    tls: config.tls !== undefined,
  });
  const neighbours = () =>
    config.checks.neighbourhood ? discovery.neighbours() : [];
  const sweep = createSweep({
    perRound: config.sweep,
    intervalMs: config.intervalMs,
    wall: clock.wall,
  });
  /** Whose turn it is; each call is a turn. */
  const partners = () =>
    config.checks.neighbourhood
      ? sweep.partners(discovery.others(), discovery.isOutdated())
        .map(discovery.asNeighbour)
      : [];

  const udpLoss = config.checkUdp
    ? createUdpLoss({
      clock,
      send: (target, signal) => sendBurst(target, clock, signal),
      counted: (type, burst) => metrics.udp?.burst(type, burst),
      windowMs: Math.max(UDP_WINDOW_MS, 3 * config.intervalMs),
    })
    : undefined;
  const echo = config.checkUdp
    ? createEcho({
      now: clock.now,
      refused: (why) => metrics.udp?.refused(why),
    })
    : undefined;

  const metrics = createMetrics({
    incomingChecks: incoming.count,
    neighbours: () => neighbours().length,
    listAgeSeconds: discovery.ageSeconds,
    backends: backends.distinct,
    ...(udpLoss ? { udpLoss: udpLoss.ratios } : {}),
    sweepFailing: sweep.failing,
    ownCertificateDays: certificate &&
      (() => (certificate().validTo - clock.wall()) / DAY_MS),
    ...deps.process,
  }, {
    ...deps.build,
    buckets: config.histogramBuckets,
    trace: config.trace === "always",
    metadata: config.exposeMetadata,
  });

  const probes = createProbes(config, deps);
  const checkDeps: CheckDeps = {
    ...probes,
    clock,
    mtu: createPathMtu({
      rounds: config.mtuRounds,
      now: clock.now,
      random: deps.random,
    }),
    traceAlways: config.trace === "always",
    origin: deps.hostname,
    impossible: deps.impossible,
    neighbourName: () =>
      certificate && sharedName(certificate(), discovery.ownIps()),
  };

  const recorder = createRecorder({
    clock,
    log,
    metrics,
    results,
    backends,
    sweep,
  });
  let retired = false;

  /** All nodes with a ready agent, where the neighbours and this one are all there are. */
  function allNodes(): readonly string[] | undefined {
    const others = neighbours();
    const own = discovery.nodeName();
    const { neighbourLimit: limit } = config;
    if (own === undefined || (limit > 0 && others.length >= limit)) {
      return undefined;
    }
    const ready = others.filter((one) => one.ready);
    return [own, ...ready.map(({ nodeName }) => nodeName)].sort();
  }

  function neighbourhoodState(): string {
    if (!config.checks.neighbourhood) return "skipped";
    const error = discovery.error();
    const age = discovery.ageSeconds();
    if (error === undefined) return age === undefined ? NOT_LISTED : "ok";
    return age === undefined
      ? `${error}; there is no list of neighbours yet`
      : `${error}; the list in use is ${Math.round(age)} s old`;
  }

  /** None for packets that would come when this agent has gone. */
  function udpCookie(peer: string): string | undefined {
    return echo && !retired && discovery.isAgent(peer)
      ? echo.cookie(peer)
      : undefined;
  }

  return {
    ...(echo ? { echo } : {}),
    handler: createHandler({
      metrics,
      incoming,
      view: () => ({
        hostname: deps.hostname,
        results: results.all(),
        neighbours: neighbours(),
        neighbourhoodState: neighbourhoodState(),
        answeredBy: backends.view(allNodes()),
        ...(udpLoss ? { udp: udpLoss.view() } : {}),
        complete: results.isComplete(),
      }),
      notReady() {
        if (retired) return "shutting down";
        if (!results.isComplete()) return "the first round is still running";
        if (discovery.isCordoned()) return "this node is cordoned";
        return undefined;
      },
      self: () => ({ node: discovery.nodeName(), pod: config.podName }),
      isAgent: discovery.isAgent,
      udpCookie,
    }),
    retire: () => void (retired = true),
    results: results.all,
    async run(signal) {
      recorder.started();
      const discovering = config.checks.neighbourhood
        ? discovery.run(signal)
        : undefined;
      if (discovering) {
        const waited = new AbortController();
        await Promise.race([
          discovery.first,
          clock.sleep(FIRST_LIST_MS, AbortSignal.any([signal, waited.signal])),
        ]);
        waited.abort();
      }
      await runRounds(
        {
          clock,
          random: deps.random,
          checks: () => checksFor(config, neighbours(), partners(), checkDeps),
          isStillThere: discovery.isStillThere,
          answered: discovery.answered,
          outcome(check, outcome) {
            recorder.outcome(check, outcome);
            udpLoss?.checked(check, outcome);
          },
          round(checks, seconds) {
            recorder.round(checks, seconds);
            udpLoss?.keepOnly(checks);
          },
        },
        { ...config, concurrency: CONCURRENCY },
        signal,
      );
      await udpLoss?.stop();
      await discovering;
      probes.close();
    },
  };
}
