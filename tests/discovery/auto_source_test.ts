import { assertEquals, assertRejects } from "@std/assert";
import { autoSource } from "../../lib/discovery/auto_source.ts";
import type { Agent } from "../../lib/discovery/neighbours.ts";
import type { Source } from "../../lib/discovery/source.ts";
import { ApiError } from "../../lib/kubernetes/client.ts";
import { fakeLog } from "../fakes/log.ts";
import { agent } from "../fakes/pods.ts";

const { signal } = new AbortController();

/** What a source has: so many agents, or an error of this status. */
type Has = number | { readonly status: number };

/** A step: what there is, and which sources are asked and which one is taken. */
interface Step {
  readonly pods: Has;
  readonly slices: Has;
  readonly asked: string;
  readonly gives: Has;
}

const AWAY = { status: 0 };
const FORBIDDEN = { status: 403 };
const MISSING = { status: 404 };

const CASES: readonly {
  name: string;
  steps: readonly Step[];
  log?: readonly string[];
}[] = [
  {
    name: "stays with Pods while they are few",
    steps: [
      { pods: 50, slices: 50, asked: "slices pods", gives: 50 },
      { pods: 3, slices: 3, asked: "pods", gives: 3 },
    ],
  },
  {
    name: "takes EndpointSlices from the start when there are many",
    steps: [
      { pods: 5_000, slices: 5_000, asked: "slices", gives: 5_000 },
      { pods: 5_000, slices: 4_999, asked: "slices", gives: 4_999 },
    ],
    log: ["info agents are found by EndpointSlices they are many"],
  },
  {
    name: "changes with the number of agents, but not to and fro",
    steps: [
      { pods: 45, slices: 45, asked: "slices pods", gives: 45 },
      { pods: 60, slices: 60, asked: "pods", gives: 60 },
      { pods: 60, slices: 60, asked: "slices", gives: 60 },
      { pods: 45, slices: 45, asked: "slices", gives: 45 },
      { pods: 40, slices: 40, asked: "slices pods", gives: 40 },
      { pods: 45, slices: 45, asked: "pods", gives: 45 },
    ],
    log: [
      "info agents are found by Pods ",
      "info agents are found by EndpointSlices they are many",
      "info agents are found by Pods 40 are few",
    ],
  },
  {
    name: "takes Pods without the permission, until it is there",
    steps: [
      { pods: 300, slices: FORBIDDEN, asked: "slices pods", gives: 300 },
      { pods: 300, slices: FORBIDDEN, asked: "slices pods", gives: 300 },
      { pods: 300, slices: 300, asked: "slices", gives: 300 },
      { pods: 300, slices: FORBIDDEN, asked: "slices pods", gives: 300 },
    ],
    log: [
      "info agents are found by Pods error 403",
      "info agents are found by EndpointSlices they are many",
      "info agents are found by Pods error 403",
    ],
  },
  {
    name: "takes Pods when the Service has no endpoints, or only some",
    steps: [
      { pods: 300, slices: MISSING, asked: "slices pods", gives: 300 },
      { pods: 300, slices: 7, asked: "slices pods", gives: 300 },
      { pods: 300, slices: 300, asked: "slices", gives: 300 },
      { pods: 300, slices: 7, asked: "slices pods", gives: 300 },
    ],
    log: [
      "info agents are found by Pods error 404",
      "info agents are found by Pods 7 are few",
      "info agents are found by EndpointSlices they are many",
      "info agents are found by Pods 7 are few",
    ],
  },
  {
    name: "does not give EndpointSlices up for an outage",
    steps: [
      { pods: 300, slices: 300, asked: "slices", gives: 300 },
      { pods: 300, slices: AWAY, asked: "slices", gives: AWAY },
      {
        pods: 300,
        slices: { status: 429 },
        asked: "slices",
        gives: { status: 429 },
      },
      { pods: 300, slices: 300, asked: "slices", gives: 300 },
    ],
    log: ["info agents are found by EndpointSlices they are many"],
  },
  {
    name: "takes whatever works first",
    steps: [
      { pods: AWAY, slices: AWAY, asked: "slices pods", gives: AWAY },
      {
        pods: FORBIDDEN,
        slices: MISSING,
        asked: "slices pods",
        gives: FORBIDDEN,
      },
      { pods: 3, slices: { status: 500 }, asked: "slices pods", gives: 3 },
    ],
  },
];
for (const { name, steps, log: lines = [] } of CASES) {
  Deno.test(`autoSource() ${name}`, async () => {
    let step = steps[0]!;
    let asked: string[] = [];
    function source(kind: "pods" | "slices"): Source {
      return {
        list() {
          asked.push(kind);
          const has = step[kind];
          return typeof has === "number"
            ? Promise.resolve({ agents: agents(has), bytes: 1 })
            : Promise.reject(new ApiError(`error ${has.status}`, has.status));
        },
      };
    }
    const log = fakeLog();
    const auto = autoSource({
      pods: source("pods"),
      slices: source("slices"),
      log,
    });
    for (step of steps) {
      asked = [];
      if (typeof step.gives === "number") {
        assertEquals(
          (await auto.list(signal, false)).agents.length,
          step.gives,
        );
      } else {
        const error = await assertRejects(
          () => auto.list(signal, false),
          ApiError,
        );
        assertEquals(error.status, step.gives.status);
      }
      assertEquals(asked.join(" "), step.asked);
    }
    assertEquals(
      log.lines.map((line, i) => `${line} ${log.fields[i]!.because}`),
      lines,
    );
  });
}

function agents(n: number): Agent[] {
  return Array.from({ length: n }, (_, i) => agent(i));
}
