/**
 * The programs that render and check manifests.
 *
 * @module
 */
import { parseAllDocuments } from "yaml";

/** A program, and the variable that says where it is if not on the PATH. */
export type Tool = "kubectl" | "helm" | "prometheus" | "promtool";

/** Of a Kubernetes object, what every one has. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
  };
  // deno-lint-ignore no-explicit-any -- a test reads whatever it compares
  readonly [field: string]: any;
}

/** Root of the repository. */
export const ROOT = new URL("../../", import.meta.url).pathname;

/** Reads a file, by its path below the root. */
export function read(path: string): string {
  return Deno.readTextFileSync(ROOT + path);
}

/** Path of a program; `undefined`: it is not there. */
export function find(tool: Tool): string | undefined {
  const named = Deno.env.get(tool.toUpperCase());
  if (named) return named;
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.map((folder) => `${folder}/${tool}`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** A test that needs programs; where one is not there, its name says so. */
export function toolTest(
  name: string,
  tools: readonly Tool[],
  fn: () => Promise<void>,
): void {
  const missing = tools.filter((tool) => find(tool) === undefined);
  if (missing.length === 0) Deno.test(name, fn);
  else Deno.test(`${name} (needs ${missing.join(", ")})`, { ignore: true }, fn);
}

/** Runs a program in the root; never throws for its exit code. */
export async function run(
  tool: Tool,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = await new Deno.Command(find(tool)!, { args, cwd: ROOT })
    .output();
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

const rendered = new Map<string, Promise<string>>();

/** Objects as a program renders them; it is run once for the same arguments. */
async function render(tool: Tool, ...args: string[]): Promise<KubeObject[]> {
  const key = JSON.stringify([tool, ...args]);
  if (!rendered.has(key)) rendered.set(key, output(tool, ...args));
  return parseAllDocuments(await rendered.get(key)!)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}

async function output(tool: Tool, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(tool, ...args);
  if (code === 0) return stdout;
  throw new Error(`${tool} ${args.join(" ")}: ${stderr}`);
}

/** What `kubectl apply -k` would apply. */
export function kustomize(folder: string): Promise<KubeObject[]> {
  return render("kubectl", "kustomize", folder);
}

/** The chart's folder. */
export const CHART = "manifests/helm/kubenurse";

/** What `helm install kubenurse` would install in `kube-system`, unless `args` say else. */
export function helm(...args: string[]): Promise<KubeObject[]> {
  const where = args.includes("-n") ? [] : ["-n", "kube-system"];
  return render("helm", "template", "kubenurse", CHART, ...where, ...args);
}

/** The only object of a kind. */
export function only(
  objects: readonly KubeObject[],
  kind: string,
  name?: string,
): KubeObject {
  const found = objects.filter((object) =>
    object.kind === kind &&
    (name === undefined || object.metadata.name === name)
  );
  if (found.length !== 1) throw new Error(`${found.length} objects: ${kind}`);
  return found[0]!;
}

/** A variable in the DaemonSet. */
export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

/** Variables of the agent's container. */
export function envOf(objects: readonly KubeObject[]): EnvVar[] {
  return only(objects, "DaemonSet").spec.template.spec.containers[0].env;
}
