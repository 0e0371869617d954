/**
 * Settings to compare: of V8, of glibc's allocator, and of the agent.
 *
 * @module
 */
import { compile } from "../../tools/compile.ts";
import { V8_FLAGS } from "../../tools/v8_flags.ts";
import { MALLOC } from "../process.ts";
import type { Figures } from "./figures.ts";

/** One way to compile and to start the agent. */
export interface Variant {
  readonly name: string;
  /** As for `--v8-flags`; not given: the binary that was built. */
  readonly v8?: string;
  /** Environment for the allocator. */
  readonly malloc: Readonly<Record<string, string>>;
  /** Settings of the agent. */
  readonly env?: Readonly<Record<string, string>>;
}

const { MALLOC_ARENA_MAX, MALLOC_TRIM_THRESHOLD_ } = MALLOC;
const FLAGS = V8_FLAGS.split(",");
/** No compilers but that to bytecode, and no record of types for others. */
const LITE = "--lite-mode";

function withMalloc(name: string, malloc: Variant["malloc"]): Variant {
  return { name: `glibc: ${name}`, malloc };
}

function withV8(name: string, flags: readonly string[]): Variant {
  return { name: `V8: ${name}`, v8: flags.join(","), malloc: MALLOC };
}

/**
 * Of V8 and the allocator: what is in use, that without each of its parts, and
 * what could be added.
 */
export const RUNTIME: readonly Variant[] = [
  { name: "as built", malloc: MALLOC },
  withMalloc("nothing set", {}),
  withMalloc("without MALLOC_TRIM_THRESHOLD_", { MALLOC_ARENA_MAX }),
  withMalloc("without MALLOC_ARENA_MAX", { MALLOC_TRIM_THRESHOLD_ }),
  withMalloc("and MALLOC_MMAP_THRESHOLD_=65536", {
    ...MALLOC,
    MALLOC_MMAP_THRESHOLD_: "65536",
  }),
  withV8("nothing set", []),
  ...FLAGS.map((flag) =>
    withV8(`without ${flag}`, FLAGS.filter((other) => other !== flag))
  ),
  ...[
    ["--no-turbofan", "--no-maglev"],
    ["--no-turbofan", "--no-maglev", "--no-sparkplug"],
  ].map((flags) =>
    withV8(`${flags.join(" ")} in place of ${LITE}`, [
      ...FLAGS.filter((other) => other !== LITE),
      ...flags,
    ])
  ),
  ...["--single-threaded-gc", "--memory-saver-mode"]
    .map((flag) => withV8(`and ${flag}`, [...FLAGS, flag])),
];

/** Of the agent: each value of each variable by itself, beside the defaults. */
export function agentVariants(
  vary: Readonly<Record<string, readonly string[]>>,
): readonly Variant[] {
  const set = Object.entries(vary).flatMap(([name, values]) =>
    values.map((value) => ({
      name: `${name}=${value}`,
      malloc: MALLOC,
      env: { [name]: value },
    }))
  );
  return [{ name: "defaults", malloc: MALLOC }, ...set];
}

/** The binary of a variant, compiled if need be. */
export async function binaryOf(
  { v8 }: Variant,
  built: string,
): Promise<string> {
  if (v8 === undefined) return built;
  const out = `dist/bench/kubenurse${v8.replace(/\W+/g, "_")}`;
  await Deno.mkdir("dist/bench", { recursive: true });
  await compile(out, v8, { quiet: true });
  return out;
}

/** Rows for a Markdown table: of each variant, the figures of some runs. */
export function settingsRows(
  measured: ReadonlyMap<Variant, readonly Figures[]>,
): string[][] {
  const range = (values: readonly number[], digits = 0) => {
    const [least, most] = [Math.min(...values), Math.max(...values)]
      .map((value) => value.toFixed(digits));
    return least === most ? least! : `${least} to ${most}`;
  };
  return [
    [
      ...["setting", "RSS, peak, MB", "RSS at the end, MB", "CPU, ms per s"],
      ...["series", "/metrics, KB", "start to first round, ms"],
      "discovery, first 30 s, KB",
    ],
    ...[...measured].map(([{ name }, runs]) => [
      name,
      range(runs.map((f) => f.peakMb)),
      range(runs.map((f) => f.rssMb)),
      range(runs.map((f) => f.cpuMsPerS), 1),
      range(runs.map((f) => f.series)),
      range(runs.map((f) => f.metricsBytes / 1e3), 1),
      range(runs.map((f) => f.firstRoundMs)),
      range(runs.map((f) => f.start.discoveryBytes / 1e3)),
    ]),
  ];
}
