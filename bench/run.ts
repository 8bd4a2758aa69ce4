/**
 * `npm run bench`: measures tapeline side by side with what one would use otherwise, on every runtime that is there.
 *
 * ```sh
 * npm run bench -- read write                 # some groups
 * npm run bench -- --runtime node,deno        # some runtimes
 * npm run bench -- --rounds 11                # measured rounds; 5 by default
 * npm run bench -- --cpu                      # on a busy machine: read and write by processor time, not by the clock
 * npm run bench -- --quick                    # a little of all, to see that it works: the figures mean nothing
 * npm run bench -- --write-docs               # the tables go to docs/performance.md too
 * ```
 *
 * Tapes are made in a temporary folder: `TMPDIR` says on which disk.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findRuntime, type Runtime, type RuntimeName, runtimeNames } from "../test/helpers/runtime.ts";
import {
  type Command,
  type GroupName,
  groupNames,
  type Job,
  measuresPrograms,
  type Report,
  workloads,
} from "./plan.ts";
import { ratios, table } from "./table.ts";

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const timeoutSeconds = 3600;

const { values, positionals } = parseArgs({
  options: {
    runtime: { type: "string" },
    rounds: { type: "string", default: "5" },
    cpu: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    "write-docs": { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const groups = chosen(groupNames, positionals, "group");
const names = chosen(runtimeNames, values.runtime?.split(",") ?? [], "runtime");
const { quick } = values;
const clock = values.cpu ? "cpu" : "wall";
const rounds = quick ? 1 : Number(values.rounds);
if (!(rounds >= 1)) throw new Error(`Cannot measure ${values.rounds} rounds`);

/** Those of `all` that are asked for, in their order; all of them when none is. */
function chosen<T extends string>(all: readonly T[], asked: readonly string[], what: string): readonly T[] {
  const unknown = asked.find((name) => !all.some((known) => known === name));
  if (unknown !== undefined) {
    throw new Error(`Cannot measure ${what} ${unknown}: there are ${all.join(", ")}`);
  }
  return asked.length === 0 ? all : all.filter((name) => asked.includes(name));
}

/** Workers run as plain JavaScript, so that no loader of TypeScript is measured with them. */
function compile(): void {
  const { status } = spawnSync("tsc", ["-p", path(".")], { stdio: "inherit" });
  if (status !== 0) throw new Error("Cannot compile bench/");
}

function installPeers(): void {
  if (existsSync(path("node_modules"))) return;
  console.log("Installing what to compare with: npm ci --prefix bench");
  const { status } = spawnSync("npm", ["ci", "--prefix", path(".")], { stdio: "inherit" });
  if (status !== 0) console.log("That failed: what is missing is left out of the tables");
}

function nodeItself(): Runtime {
  const node = findRuntime("node");
  if ("missing" in node) throw new Error(`Cannot measure without Node: ${node.missing}`);
  return node;
}

/** How to start a script that is plain JavaScript. */
function starter({ name, command }: Runtime): Command {
  return name.startsWith("node") ? [command[0]] : command;
}

/** The same, for a process that can ask for its garbage to be collected. */
function measuring({ name, command }: Runtime): Command {
  if (name === "bun") return command;
  return name === "deno" ? [...command, "--v8-flags=--expose-gc"] : [command[0], "--expose-gc"];
}

function run(host: Runtime, job: Job): Promise<Report> {
  const [program, ...args] = measuring(host);
  const child = spawn(program, [...args, path("build/worker.js"), JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: timeoutSeconds * 1000,
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("exit", kill);
      if (code === 0) resolve(JSON.parse(output));
      else {
        reject(new Error(`its worker ended with ${signal ?? `exit code ${code}`}`));
      }
    });
  });
}

/** What one group gave on all runtimes. */
interface Results {
  readonly group: GroupName;
  readonly reports: readonly (Report & { readonly runtime: RuntimeName })[];
}

async function measure(group: GroupName): Promise<Results> {
  const reports: (Report & { readonly runtime: RuntimeName })[] = [];
  for (const runtime of found) {
    for (const workload of workloads[group]) {
      const title = `${runtime.name} ${runtime.version} ${group}: ${workload}`;
      const startedAt = performance.now();
      const subject = starter(runtime);
      try {
        const job: Job = {
          group,
          workload,
          runtime: runtime.name,
          subject,
          node: starter(node),
          rounds,
          quick,
          clock,
          folder,
        };
        reports.push({ runtime: runtime.name, ...(await run(measuresPrograms[group] ? node : runtime, job)) });
        console.log(`${title} ${((performance.now() - startedAt) / 1000).toFixed(1)}s`);
      } catch (error) {
        console.log(`FAILED ${title}: ${(error as Error).message}`);
        process.exitCode = 1;
      }
    }
  }
  return { group, reports };
}

/** The table of a group, and what one should know to read it. */
function textOf({ group, reports }: Results): string {
  const columns = found.map(({ name, version }) => ({
    title: `${name} ${version}`,
    rows: reports.filter(({ runtime }) => runtime === name).flatMap(({ rows }) => rows),
  }));
  const cell = ["median", ratios[group], "whether the target is met"].filter((part) => part !== "").join(", ");
  const facts = new Set([`In each cell: ${cell}`, ...reports.flatMap(({ facts }) => facts)]);
  return [table(columns, quick), "", ...Array.from(facts, (fact) => `- ${fact}`)].join("\n");
}

/** What all this was measured on. */
const machine = {
  date: new Date().toISOString(),
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 1e9),
  system: `${process.platform} ${release()} ${process.arch}`,
};

function describeMachine(): string {
  const { cpu, cores, memoryGb, system, date } = machine;
  const runtimes = found.map(({ name, version }) =>
    name.startsWith("node") ? `Node ${version}` : `${name[0]!.toUpperCase()}${name.slice(1)} ${version}`
  );
  const how = clock === "cpu" ? ", reading and writing by processor time" : "";
  return `Measured ${date.slice(0, 10)} on ${cpu}, ${cores} cores, ${memoryGb} GB, ${system}; ${
    runtimes.join(", ")
  }; ` +
    `${rounds} rounds${how}.`;
}

/** Puts a table between its marks in docs/performance.md. */
function writeDocs(group: GroupName, text: string): void {
  const file = path("../docs/performance.md");
  const before = readFileSync(file, "utf8");
  const [start, end] = [`<!-- bench:${group} -->`, `<!-- /bench:${group} -->`];
  const [from, to] = [before.indexOf(start), before.indexOf(end)];
  if (from < 0 || to < from) {
    throw new Error(`Cannot write the table of ${group}: ${file} has no ${start} … ${end}`);
  }
  const after = `${before.slice(0, from + start.length)}\n\n${describeMachine()}\n\n${text}\n\n${before.slice(to)}`;
  writeFileSync(file, after);
}

compile();
if (!quick) installPeers();
const probes = names.map(findRuntime);
const found = probes.filter((probe) => "command" in probe);
const node = nodeItself();
for (const { name, missing } of probes.filter((probe) => "missing" in probe)) {
  console.log(`${name} did not run: ${missing}${name === "node24" ? " (npm test installs it)" : ""}`);
}

const folder = mkdtempSync(join(tmpdir(), "tapeline-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const all: Results[] = [];
for (const group of groups) {
  const results = await measure(group);
  all.push(results);
  const text = textOf(results);
  console.log(`\n${text}\n`);
  if (values["write-docs"]) writeDocs(group, text);
}
mkdirSync(path("results"), { recursive: true });
const file = path(`results/${machine.date.replaceAll(":", "-")}.json`);
writeFileSync(file, JSON.stringify({ machine, quick, rounds, clock, runtimes: found, results: all }, undefined, 1));
console.log(`${describeMachine()}\nAll samples are in ${file}`);
