/**
 * `npm test`: every test file on every runtime, each in a process of its own.
 *
 * ```sh
 * npm test -- --runtime node,deno line-split   # on these runtimes, the files with this in their path
 * ```
 *
 * uvu's own runner knows Node only, and passes a file that forgot `.run()`. So this one does not trust a file that
 * counted no tests, and ends with a line that a machine can read: `N passed, N failed`, and `, N skipped` if some were.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { findRuntime, node24Folder, type Runtime, type RuntimeName, runtimeNames } from "./helpers/runtime.ts";

const processes = 2;
const timeoutSeconds = 300;
const testFolder = fileURLToPath(new URL(".", import.meta.url));

interface Job {
  readonly runtime: Runtime;
  /** Below the test folder. */
  readonly file: string;
}

interface Result extends Job {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What tests said of why they were skipped, or checked less than they could. */
  readonly reasons: readonly string[];
  readonly output: string;
  /** What is wrong with the file as a whole. */
  readonly fault: string | undefined;
}

function selectedRuntimes(list: string | undefined): readonly RuntimeName[] {
  if (list === undefined) return runtimeNames;
  const selected = list.split(",");
  const unknown = selected.filter((name) => !runtimeNames.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`Cannot test on ${unknown}: the runtimes are ${runtimeNames}`);
  return runtimeNames.filter((name) => selected.includes(name));
}

function selectedFiles(parts: readonly string[]): string[] {
  const walk = (folder: string): string[] =>
    readdirSync(testFolder + folder, { withFileTypes: true }).flatMap((entry) => {
      const path = folder + entry.name;
      if (entry.isDirectory()) return entry.name === "node_modules" ? [] : walk(`${path}/`);
      return path.endsWith(".test.ts") ? [path] : [];
    });
  const files = walk("").filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)));
  if (files.length === 0) throw new Error(`Cannot test ${parts.join(", ")}: no such file in test/`);
  return files.sort();
}

function installNode24(): void {
  if (existsSync(`${node24Folder}/node_modules`)) return;
  console.log("Installing Node 24: npm ci --prefix test/runtimes/node24");
  spawnSync("npm", ["ci", "--include=optional", "--prefix", node24Folder], { stdio: "inherit" });
}

/** Bundles the command from its source, for the tests that start it; below `node_modules/`, as it looks for packages from there. */
function bundleCommand(): string {
  const folder = `${testFolder}../node_modules/.cache/tapeline-test-${process.pid}`;
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const { status } = spawnSync(process.execPath, [...process.execArgv, "scripts/bundle.ts", folder], {
    cwd: `${testFolder}..`,
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("Cannot bundle the command");
  return `${folder}/main.js`;
}

/** Runs one file as the leader of a process group, of which nothing is left behind. */
function start({ runtime, file }: Job): Promise<Pick<Result, "output" | "fault">> {
  const { FORCE_COLOR: _, ...env } = process.env;
  const [program, ...args] = runtime.command;
  const child = spawn(program, [...args, testFolder + file], {
    env: {
      ...env,
      NO_COLOR: "1",
      TAPELINE_TEST_RUNTIME: runtime.name,
      TAPELINE_TEST_RUNTIMES: names.join(","),
      TAPELINE_TEST_COMMAND: command,
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const pipes = [child.stdout, child.stderr];
  const output: string[] = [];
  for (const pipe of pipes) pipe.setEncoding("utf8").on("data", (text) => output.push(text));

  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // All of the group has ended.
    }
  };
  process.once("exit", kill);
  return new Promise((resolve) => {
    let fault: string | undefined;
    const timer = setTimeout(() => {
      fault = `did not end in ${timeoutSeconds} s`;
      kill();
      for (const pipe of pipes) pipe.destroy();
    }, timeoutSeconds * 1000);
    child.on("error", (error) => fault = error.message);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      process.off("exit", kill);
      kill();
      if (code !== 0) fault ??= signal === null ? `exit code ${code}` : `killed by ${signal}`;
      resolve({ output: stripVTControlCharacters(output.join("")), fault });
    });
  });
}

async function test(job: Job): Promise<Result> {
  let { output, fault } = await start(job);
  const count = (label: string): number => {
    const inSummary = [...output.matchAll(new RegExp(`^ *${label}: +(\\d+)$`, "gm"))].at(-1);
    return Number(inSummary?.[1] ?? 0);
  };
  const [total, passed, skipped] = [count("Total"), count("Passed"), count("Skipped")];
  const reasons = [...output.matchAll(/(?:^|\s)skip: (.+)/g)].map(([, reason = ""]) => reason.trim());

  const source = readFileSync(testFolder + job.file, "utf8");
  if (source.includes(".only(")) fault ??= "has .only(): its other tests did not run";
  if (!source.includes(".run()")) fault ??= "never calls .run(): its tests did not run";
  if (total + skipped === 0) fault ??= "ran no tests";
  if (total === 0 && reasons.length === 0) fault ??= "skipped all its tests without a line `skip: reason`";
  if (passed < total) fault ??= "exit code 0 in spite of failed tests";
  return { ...job, passed, failed: Math.max(total - passed, fault ? 1 : 0), skipped, reasons, output, fault };
}

/** As in `node20`: the version tells which Node runs the tests. */
function label({ name, version }: Runtime): string {
  return name === "node" ? `node${parseInt(version)}` : name;
}

function report({ runtime, file, passed, failed, fault, output }: Result, seconds: string): void {
  const title = `${label(runtime)} ${file.replace(".test.ts", "")}`;
  if (fault === undefined) console.log(`ok ${title} ${passed} tests ${seconds}s`);
  else console.log(`FAILED ${title} ${failed} failed ${seconds}s: ${fault}\n${output.trimEnd()}\n`);
}

function verdict(results: readonly Result[], missing = 0): string {
  const sum = (key: "passed" | "failed" | "skipped"): number => results.reduce((n, result) => n + result[key], 0);
  const skipped = sum("skipped");
  return `${sum("passed")} passed, ${sum("failed") + missing} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const { values, positionals } = parseArgs({ options: { runtime: { type: "string" } }, allowPositionals: true });
const names = selectedRuntimes(values.runtime);
const files = selectedFiles(positionals);
if (names.includes("node24")) installNode24();
const probes = names.map(findRuntime);
const found = probes.filter((probe) => "command" in probe);
const missing = probes.filter((probe) => "missing" in probe);

const command = bundleCommand();
const results: Result[] = [];
// Faults of the machine are made on one Node: they take long, and Node 24 does its files as Node 20 does.
const isMadeOn = ({ name }: Runtime, file: string) =>
  name !== "node24" || !file.startsWith("faults/") || names.length === 1;
const jobs = found.flatMap((runtime) =>
  files.filter((file) => isMadeOn(runtime, file)).map((file): Job => ({ runtime, file }))
).values();
await Promise.all(Array.from({ length: processes }, async () => {
  for (const job of jobs) {
    const startedAt = performance.now();
    const result = await test(job);
    report(result, ((performance.now() - startedAt) / 1000).toFixed(1));
    results.push(result);
  }
}));

console.log();
for (const reason of new Set(results.flatMap(({ reasons }) => reasons))) {
  const where = results.filter(({ reasons }) => reasons.includes(reason)).map(({ runtime }) => label(runtime));
  console.log(`skipped on ${[...new Set(where)].join(", ")}: ${reason}`);
}
for (const runtime of found) {
  const own = results.filter((result) => result.runtime === runtime);
  console.log(`${label(runtime)} ${runtime.version}: ${own.length} files, ${verdict(own)}`);
}
if (
  found.some(({ name }) => name === "node24") && files.some((file) => file.startsWith("faults/")) && names.length > 1
) {
  console.log("test/faults ran on the other runtimes; on Node 24 with --runtime node24");
}
for (const { name, missing: why } of missing) console.log(`${name} did not run: ${why}`);
console.log(verdict(results, missing.length));
if (missing.length > 0 || results.some(({ failed }) => failed > 0)) process.exitCode = 1;
