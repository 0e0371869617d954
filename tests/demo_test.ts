import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { startCluster } from "../lib/demo/cluster.ts";
import type { Cluster } from "../lib/demo/cluster.ts";
import { demoHelp, parseOptions } from "../lib/demo/options.ts";
import { plainScreen, terminalScreen } from "../lib/demo/screen.ts";
import { plain, statusLines, tableLines } from "../lib/demo/table.ts";
import type { Cell, Row } from "../lib/demo/table.ts";
import { addressLines, rowsOf } from "../lib/demo/view.ts";
import { eventually } from "./fakes/eventually.ts";

const SANITIZERS = {
  sanitizeOps: true,
  sanitizeResources: true,
  sanitizeExit: true,
};
const NODES = ["node-1", "node-2", "node-3", "node-4", "node-5"];

interface Seen {
  readonly status: number;
  readonly alive: Record<string, unknown>;
  /** `kubenurse_errors` by type. */
  readonly errors: Record<string, number>;
}

/** What a node's agent answers to others, over the network. */
async function seenBy(url: string): Promise<Seen> {
  const alive = await fetch(`${url}/alive`);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const errors = metrics.matchAll(
    /^kubenurse_errors\{type="([^"]+)"\} (\d+)$/gm,
  );
  return {
    status: alive.status,
    alive: await alive.json(),
    errors: Object.fromEntries(
      [...errors].map(([, type, count]) => [type, Number(count)]),
    ),
  };
}

async function table(cluster: Cluster): Promise<string> {
  return tableLines(await rowsOf(cluster), plain).join("\n");
}

Deno.test(
  "startCluster() shows a node that breaks and heals",
  SANITIZERS,
  async (t) => {
    const log: string[] = [];
    const cluster = await startCluster({
      nodes: NODES,
      interval: "200ms",
      logOf: (node) => ({
        info: (message, fields) =>
          void log.push(`${node} ${message}: ${fields?.type}`),
        warn: (message, fields) =>
          void log.push(`${node} ${message}: ${fields?.type}`),
      }),
    });
    const broken = cluster.nodes[2]!;
    const others = cluster.nodes.filter((node) => node !== broken);
    const all = <T>(read: (url: string) => Promise<T>) => () =>
      Promise.all(others.map(({ url }) => read(url)));
    try {
      await t.step("every check becomes ok", async () => {
        const seen = await eventually(
          all(seenBy),
          (seen) =>
            seen.every(({ status, alive }) =>
              status === 200 && alive.me_service === "ok"
            ),
        );
        for (const { alive } of seen) {
          for (
            const type of [
              "api_server_direct",
              "api_server_dns",
              "me_ingress",
              "me_service",
              "neighbourhood_state",
              "path_node-3",
            ]
          ) assertEquals(alive[type], "ok", type);
          assertEquals((alive.neighbourhood as unknown[]).length, 4);
        }
        assertEquals(
          await table(cluster),
          `
        api_server_  me_              path_
node    direct dns   ingress service  node-1 node-2 node-3 node-4 node-5 errors
node-1  ok     ok    ok      ok       -      ok     ok     ok     ok          0
node-2  ok     ok    ok      ok       ok     -      ok     ok     ok          0
node-3  ok     ok    ok      ok       ok     ok     -      ok     ok          0
node-4  ok     ok    ok      ok       ok     ok     ok     -      ok          0
node-5  ok     ok    ok      ok       ok     ok     ok     ok     -           0`
            .slice(1),
        );
      });

      await t.step("the four others see it when it breaks", async () => {
        await cluster.breakNode("node-3");
        const refused =
          /connection refused \(phase connect, failing since .*, \d+ in a row\)$/;
        // a check that was under way when it broke fails in another phase
        const seen = await eventually(
          all(seenBy),
          (seen) =>
            seen.every(({ status, alive }) =>
              status === 500 && refused.test(String(alive["path_node-3"]))
            ),
        );
        for (const { errors } of seen) {
          const { "path_node-3": failed, ...rest } = errors;
          assert(failed! > 0);
          assertEquals(Object.values(rest).filter((count) => count > 0), []);
        }
        const text = await table(cluster);
        for (const { name } of others) {
          assertMatch(text, new RegExp(`^${name} .* FAIL .* [1-9]\\d*$`, "m"));
        }
        assertMatch(text, /^node-3( +(ok|-)){9} +0$/m);
        assertEquals(
          log.filter((line) => line.includes("is failing")).sort(),
          others.map(({ name }) => `${name} check is failing: path_node-3`),
        );
      });

      await t.step("it refuses connections, its Pod is there", async () => {
        const error = await fetch(broken.url).catch((error) => error);
        assert(error instanceof TypeError);
        const { alive } = await seenBy(others[0]!.url);
        const names = (alive.neighbourhood as { NodeName: string }[])
          .map(({ NodeName }) => NodeName);
        assert(names.includes("node-3"));
        assertEquals(alive.me_service, "ok"); // goes to those that listen
      });

      await t.step("everything is ok again when it heals", async () => {
        const { url } = broken;
        await cluster.healNode("node-3");
        assertEquals(broken.url, url);
        await eventually(
          all(seenBy),
          (seen) =>
            seen.every(({ status, alive }) =>
              status === 200 && alive["path_node-3"] === "ok"
            ),
        );
        assertEquals((await table(cluster)).includes("FAIL"), false);
        assertEquals(
          log.filter((line) => line.includes("has recovered")).sort(),
          others.map(({ name }) => `${name} check has recovered: path_node-3`),
        );
      });

      await t.step("the token goes to the API server alone", () => {
        assert(cluster.apiServer.requests.every((r) => r.authorization));
      });
    } finally {
      await cluster.close();
    }
  },
);

/** The demo as a user starts it, with the permissions of its task. */
async function spawnDemo(...flags: string[]) {
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
  );
  const [, ...args] = tasks.demo.command.split(" ");
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args, ...flags],
    cwd: new URL("..", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let output = "";
  const errors = new Response(child.stderr).text();
  const reading = (async () => {
    for await (
      const part of child.stdout.pipeThrough(new TextDecoderStream())
    ) {
      output += part;
    }
  })();
  return {
    output: () => Promise.resolve(output),
    kill: (signal: Deno.Signal) => child.kill(signal),
    async ended() {
      const { code } = await child.status;
      await reading;
      return { code, errors: await errors };
    },
  };
}

/** The last table in the output. */
function lastTable(output: string): string {
  return output.slice(output.lastIndexOf("Each row is a node"));
}

Deno.test(
  "demo.ts breaks and heals a node for scripts",
  SANITIZERS,
  async () => {
    const demo = await spawnDemo(
      ...["--break", "node-2", "--after=2s", "--heal-after", "7s"],
    );
    let ended: { code: number; errors: string };
    try {
      const failing = await eventually(
        demo.output,
        (output) => lastTable(output).split("FAIL").length === 5,
        60_000,
      );
      assertMatch(
        failing,
        /every 2s\nnode-1 +http:\/\/127\.0\.0\.1:\d+\/alive /,
      );
      assertMatch(
        failing,
        /^\d\d:\d\d:\d\d node-2 refuses connections from now/m,
      );
      assertMatch(
        lastTable(failing),
        /\nnode-2 refuses connections; 4 of 5 nodes see it\.\nSee path_node-2 in /,
      );
      const healed = await eventually(
        demo.output,
        (output) => lastTable(output).includes("Every check is ok."),
        60_000,
      );
      assertMatch(healed, /node-2 listens again\n/);
      assertEquals(lastTable(healed).includes("FAIL"), false);
      const [, url] = /^node-1 +(\S+)\/alive/m.exec(healed)!;
      const { status, errors } = await seenBy(url!);
      assertEquals(status, 200);
      assert(errors["path_node-2"]! > 0);
    } finally {
      demo.kill("SIGINT");
      ended = await demo.ended();
    }
    assertEquals(ended, { code: 0, errors: "" });
  },
);

Deno.test("demo.ts ends by itself", SANITIZERS, async () => {
  const demo = await spawnDemo("--exit-after", "100ms");
  assertEquals(await demo.ended(), { code: 0, errors: "" });
});

Deno.test("demo.ts tells wrong flags in one line", SANITIZERS, async () => {
  const demo = await spawnDemo("--brake", "node-1");
  assertEquals(await demo.ended(), {
    code: 2,
    errors:
      'Unknown flag "--brake": expected --break, --after, --heal-after, --exit-after or --help\n',
  });
  assertEquals(await demo.output(), "");
});

const GOOD_FLAGS = [
  { flags: "", want: { exitAfterMs: undefined } },
  { flags: "--help --nonsense", want: "help" },
  { flags: "-h", want: "help" },
  { flags: "--exit-after 1m30s", want: { exitAfterMs: 90_000 } },
  {
    flags: "--break node-5",
    want: {
      exitAfterMs: undefined,
      breaking: { node: "node-5", afterMs: 5_000, healAfterMs: undefined },
    },
  },
  {
    flags: "--heal-after=6s --break=node-1 --after 0 --exit-after 20s",
    want: {
      exitAfterMs: 20_000,
      breaking: { node: "node-1", afterMs: 0, healAfterMs: 6_000 },
    },
  },
] as const;
for (const { flags, want } of GOOD_FLAGS) {
  Deno.test(`parseOptions() reads ${JSON.stringify(flags)}`, () => {
    assertEquals<unknown>(parseOptions(words(flags), NODES), want);
  });
}

const WRONG_FLAGS = [
  {
    flags: "node-1",
    want:
      'Unknown flag "node-1": expected --break, --after, --heal-after, --exit-after or --help',
  },
  {
    flags: "--break node-9",
    want:
      'Cannot read --break="node-9": expected "node-1" or "node-2" or "node-3" or "node-4" or "node-5"',
  },
  {
    flags: "--break node-1 --after 5",
    want:
      'Cannot read --after="5": expected a duration such as "5s" or "1m30s"',
  },
  {
    flags: "--exit-after",
    want:
      'Cannot read --exit-after="": expected a duration such as "5s" or "1m30s"',
  },
  {
    flags: "--after 5s",
    want: "--after needs --break with the name of a node",
  },
  {
    flags: "--heal-after 5s",
    want: "--heal-after needs --break with the name of a node",
  },
  {
    flags: "--break node-1 --break node-2",
    want: "--break is given twice",
  },
];
for (const { flags, want } of WRONG_FLAGS) {
  Deno.test(`parseOptions() refuses ${JSON.stringify(flags)}`, () => {
    const error = assertThrows(() => parseOptions(words(flags), NODES), Error);
    assertEquals(error.message, want);
  });
}

function words(text: string): string[] {
  return text === "" ? [] : text.split(" ");
}

Deno.test("demoHelp() names every flag", () => {
  const help = demoHelp(NODES);
  for (const flag of ["--break", "--after", "--heal-after", "--exit-after"]) {
    assertMatch(help, new RegExp(`^  ${flag} \\S+  `, "m"));
  }
});

/** Two nodes; each check of the other one is `cell`. */
function rows(cell: Cell, broken = false, errors = 0): Row[] {
  return [
    { node: "a", broken: false, errors, cells: new Map([["path_b", cell]]) },
    { node: "b", broken, errors: 0, cells: new Map([["path_a", "ok"]]) },
  ];
}

const STATUS = [
  { name: "all well", rows: rows("ok"), want: "Every check is ok." },
  {
    name: "a node that was broken just now",
    rows: rows("ok", true),
    want: "b refuses connections. The next round of checks will find out.",
  },
  {
    name: "a broken node",
    rows: rows("FAIL", true),
    want:
      'b refuses connections; 1 of 2 nodes see it.\nSee path_b in /alive and kubenurse_errors{type="path_b"} in /metrics.',
  },
  {
    name: "a node that was healed just now",
    rows: rows("FAIL"),
    want: "Every node listens. The next round of checks will find out.",
  },
  {
    name: "the start",
    rows: rows("ok").map((row) => ({ ...row, cells: new Map() })),
    want: "The first round of checks is under way.",
  },
];
for (const { name, rows, want } of STATUS) {
  Deno.test(`statusLines() tells ${name}`, () => {
    assertEquals(statusLines(rows).join("\n").trim(), want);
  });
}

const INTRO = { title: "title", addresses: ["a  url"], keys: "keys" };

Deno.test("plainScreen() prints a state once, when it has settled", () => {
  let text = "";
  let now = 0;
  const screen = plainScreen((part) => text += part, INTRO, () => now);
  function after(ms: number, shown: Row[]): string {
    now += ms;
    text = "";
    screen.show(shown);
    return text;
  }
  assertEquals(text, "title\na  url\nkeys\n\n");
  assertEquals(after(0, rows("ok")), "");
  assertMatch(
    after(1_000, rows("ok")),
    /^\nEach row .*\nEvery check is ok\.\n\n$/s,
  );
  assertEquals(after(5_000, rows("ok", false, 7)), ""); // only a counter
  assertEquals(after(500, rows("FAIL", true, 8)), "");
  assertEquals(after(999, rows("FAIL", true, 9)), "");
  assertMatch(after(1, rows("FAIL", true, 10)), /^a .* FAIL +10$/m);
  assertEquals(after(500, rows("ok")), "");
  text = "";
  screen.close(); // what has not settled is not lost
  assertMatch(text, /Every check is ok/);
});

Deno.test("terminalScreen() fits the terminal and leaves it as it was", () => {
  let text = "";
  let height = 15;
  const screen = terminalScreen(
    (part) => text += part,
    () => ({ rows: height }),
    INTRO,
    plain,
  );
  function frame(): string[] {
    text = "";
    screen.show(rows("ok"));
    // deno-lint-ignore no-control-regex
    return text.replaceAll(/\x1b\[[HKJ]/g, "").split("\r\n");
  }
  assertEquals(text, "\x1b[?1049h\x1b[?25l\x1b[?7l");
  for (let i = 1; i <= 9; i++) screen.log(`line ${i}`);
  assertEquals(frame().slice(-3), ["line 8", "line 9", "keys"]);
  assertEquals(frame(), [""]); // nothing new: nothing is written
  height = 20;
  assertEquals(frame().length, 20);
  height = 5;
  const low = frame();
  assertEquals(low.length, 5);
  assertEquals(low.at(-1), "keys");
  text = "";
  screen.close();
  assertEquals(text, "\x1b[?7h\x1b[?25h\x1b[?1049l");
});

Deno.test("addressLines() names what to open", SANITIZERS, async () => {
  const silent = { info() {}, warn() {} };
  const cluster = await startCluster({
    nodes: ["node-1"],
    interval: "1s",
    logOf: () => silent,
  });
  try {
    const [node, rest] = addressLines(cluster);
    const { url } = cluster.nodes[0]!;
    assertEquals(node, `node-1  ${url}/alive  ${url}/metrics`);
    assertEquals(
      rest,
      `service ${cluster.serviceUrl}  ingress ${cluster.ingressUrl}`,
    );
    assertMatch(url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assertMatch(cluster.ingressUrl, /^https:\/\/127\.0\.0\.1:\d+$/);
    const answer = await fetch(`${cluster.serviceUrl}/alwayshappy`);
    assertEquals(await answer.text(), "ok\n");
    await cluster.breakNode("node-1");
    const none = await fetch(`${cluster.serviceUrl}/alwayshappy`);
    assertEquals([none.status, await none.text()], [
      503,
      "no backend is there\n",
    ]);
  } finally {
    await cluster.close();
  }
});
