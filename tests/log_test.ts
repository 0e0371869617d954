import { assertEquals } from "@std/assert";
import { createLog } from "../lib/log.ts";
import type { Fields, Log } from "../lib/log.ts";

function logged(format: "text" | "json", tell: (log: Log) => void): string[] {
  const lines: string[] = [];
  const wall = Date.UTC(2024, 1, 29, 12, 0, 0, 5);
  tell(createLog(format, (line) => lines.push(line), () => wall));
  return lines;
}

const TIME = "2024-02-29T12:00:00.005Z";

const CASES: readonly {
  name: string;
  message: string;
  fields?: Fields;
  text: string;
  json: Record<string, unknown>;
}[] = [
  {
    name: "writes a message alone",
    message: "kubenurse starts",
    text: "kubenurse starts",
    json: { msg: "kubenurse starts" },
  },
  {
    name: "writes fields of all types",
    message: "m",
    fields: { a: "b", n: 1.5, yes: true },
    text: "m a=b n=1.5 yes=true",
    json: { msg: "m", a: "b", n: 1.5, yes: true },
  },
  {
    name: "quotes only what needs it",
    message: "m",
    fields: {
      url: "http://[::1]:80/",
      path: "path_node-1.example",
      e: "",
      s: "a b",
      eq: "a=b",
      q: 'say "no"',
    },
    text:
      'm url="http://[::1]:80/" path=path_node-1.example e="" s="a b" eq="a=b" q="say \\"no\\""',
    json: {
      msg: "m",
      url: "http://[::1]:80/",
      path: "path_node-1.example",
      e: "",
      s: "a b",
      eq: "a=b",
      q: 'say "no"',
    },
  },
  {
    name: "keeps other scripts",
    message: "\u65e5\u672c",
    fields: { a: "\u00e9" },
    text: '\u65e5\u672c a="\u00e9"',
    json: { msg: "\u65e5\u672c", a: "\u00e9" },
  },
  {
    name: "never starts a line of its own for what others said",
    message: "no\n2024 WARN fake\r\nline\u001b[31m",
    fields: { error: "a\nb\r\u001b[0m" },
    text: 'no 2024 WARN fake line [31m error="a\\nb\\r\\u001b[0m"',
    json: {
      msg: "no\n2024 WARN fake\r\nline\u001b[31m",
      error: "a\nb\r\u001b[0m",
    },
  },
  {
    name: "lets no control character of later standards through",
    message: "a\u007f\u009b31m\u2028b",
    fields: { e: "\u0085\u2029\u007f" },
    text: 'a 31m b e="\\u0085\\u2029\\u007f"',
    json: { msg: "a\u007f\u009b31m\u2028b", e: "\u0085\u2029\u007f" },
  },
];
for (const { name, message, fields, text, json } of CASES) {
  Deno.test(`createLog() as text ${name}`, () => {
    const lines = logged("text", (log) => log.info(message, fields));
    assertEquals(lines, [`${TIME} INFO ${text}`]);
  });
  Deno.test(`createLog() as JSON ${name}`, () => {
    const [line, ...rest] = logged("json", (log) => log.info(message, fields));
    assertEquals(rest, []);
    assertEquals(line, line!.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ""));
    assertEquals(JSON.parse(line!), { time: TIME, level: "info", ...json });
  });
}

Deno.test("createLog() tells warnings from the rest", () => {
  assertEquals(logged("text", (log) => log.warn("w")), [`${TIME} WARN w`]);
  assertEquals(logged("json", (log) => log.warn("w")), [
    `{"time":"${TIME}","level":"warn","msg":"w"}`,
  ]);
});
