/**
 * `npm run wpt -- PATH`: the Web Platform Tests of transform streams and piping, from a checkout of them, with `stage`,
 * `compose` and `pipe` in the place of the platform's streams. Ends with exit code 1 if a test came out in another way
 * than `wpt/expectations.ts` says.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { runInThisContext } from "node:vm";
import { differences } from "./wpt/expectations.ts";
import { collectTests, globals, type WptTest } from "./wpt/harness.ts";
import { type Beyond, route, type Variant } from "./wpt/routing.ts";

const HELP = `Usage: npm run wpt -- PATH [--verbose]

Runs the Web Platform Tests of transform streams and piping against stage, compose
and pipe. PATH is a checkout of them, which is not part of this repository:

  git clone --depth 1 --filter=blob:none --sparse https://github.com/web-platform-tests/wpt
  git -C wpt sparse-checkout set streams

  --verbose     print every test, and why it failed
  --help        print this`;

const suites: readonly { readonly folder: string; readonly variants: readonly Variant[] }[] = [
  { folder: "streams/transform-streams", variants: ["stage", "compose"] },
  { folder: "streams/piping", variants: ["stage", "fused"] },
];

const timeoutMs = 5_000;

type Outcome =
  | "passed"
  | "failed"
  | "failed as expected"
  | "passed unexpectedly"
  | "asked the platform"
  | "failed on the platform too";

interface Result {
  readonly name: string;
  readonly outcome: Outcome;
  readonly detail: string;
}

const expected = new Map(differences.flatMap(({ tests, why }) => tests.map((name) => [name, why])));

/** The tests of a file, with what its META lines want loaded before. */
function testsOf(path: string): WptTest[] {
  const text = readFileSync(path, "utf8");
  const scripts = [...text.matchAll(/^\/\/ META: script=(\S+)/gm)].map(([, script]) => join(dirname(path), script!));
  for (const script of scripts) load(script, readFileSync(script, "utf8"));
  return collectTests(() => load(path, text));
}

/** In a function of its own: many files declare the same names. */
function load(filename: string, text: string): void {
  runInThisContext(`(function () {${text}\n})`, { filename })();
}

async function failureOf(test: WptTest): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let onRejection!: (error: unknown) => void;
  const trouble = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened in ${timeoutMs} ms`)), timeoutMs);
    onRejection = (error) => reject(new Error(`nobody handles the rejection ${String(error)}`));
    process.on("unhandledRejection", onRejection);
  });
  try {
    await Promise.race([test.run(), trouble]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
    // What comes late belongs to this test.
    await new Promise((resolve) => setTimeout(resolve, 0));
    process.off("unhandledRejection", onRejection);
  }
}

async function runTest(test: WptTest, name: string, variant: Variant): Promise<Result> {
  const beyond = new Set<Beyond>();
  const restore = route(variant, (what) => beyond.add(what));
  const failure = await failureOf(test).finally(restore);
  if (beyond.size > 0) return { name, outcome: "asked the platform", detail: [...beyond].join(", ") };
  const why = expected.get(test.name);
  if (why !== undefined) {
    return { name, outcome: failure === undefined ? "passed unexpectedly" : "failed as expected", detail: why };
  }
  if (failure === undefined) return { name, outcome: "passed", detail: "" };
  const isOurs = await failureOf(test) === undefined;
  return { name, outcome: isOurs ? "failed" : "failed on the platform too", detail: failure };
}

async function run(checkout: string, isVerbose: boolean): Promise<boolean> {
  Object.assign(globalThis, globals);
  const counts = new Map<Outcome, number>();
  const seen = new Set<string>();
  for (const { folder, variants } of suites) {
    const files = readdirSync(join(checkout, folder)).filter((file) => file.endsWith(".any.js")).sort();
    for (const variant of variants) {
      for (const file of files) {
        for (const test of testsOf(join(checkout, folder, file))) {
          const result = await runTest(test, `${variant} ${file}: ${test.name}`, variant);
          seen.add(test.name);
          counts.set(result.outcome, (counts.get(result.outcome) ?? 0) + 1);
          if (isVerbose || /^failed$|unexpectedly/.test(result.outcome)) {
            console.log(`${result.outcome}: ${result.name}${result.detail && ` (${result.detail})`}`);
          }
        }
      }
    }
  }
  const unknown = [...expected.keys()].filter((name) => !seen.has(name));
  for (const name of unknown) console.log(`expected to fail, but not there: ${name}`);
  console.log([...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", "));
  return (counts.get("failed") ?? 0) + (counts.get("passed unexpectedly") ?? 0) === 0;
}

const { values: { help, verbose = false }, positionals: [checkout, ...more] } = parseArgs({
  allowPositionals: true,
  options: { help: { type: "boolean" }, verbose: { type: "boolean" } },
});
if (help) console.log(HELP);
else if (checkout === undefined || more.length > 0 || !existsSync(join(checkout, "streams/piping"))) {
  if (checkout !== undefined) console.error(`Cannot run the tests in ${checkout}: there is no streams/piping\n`);
  console.error(HELP);
  process.exitCode = 2;
} else if (!await run(checkout, verbose)) process.exitCode = 1;
