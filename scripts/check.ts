/**
 * `npm run check`: all that can be said of the tree without running its tests. Every step runs, whatever became of the
 * one before it; none needs the network, but the benchmark fetches what it compares with, if it can. Ends with `N passed, N failed`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";

const entries = [
  "src/mod.ts",
  "src/file.ts",
  "src/mcp.ts",
  "src/crypto.ts",
  "src/zstd.ts",
  "src/redact.ts",
  "src/testing.ts",
];
const documented = ["README.md", "docs", "src"].filter((path) => existsSync(path));
/** Where the examples of the documentation run, because they write tapes. */
const scratch = mkdtempSync(join(tmpdir(), "tapeline-check-"));

interface Step {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly cwd?: string;
}

const steps: readonly Step[] = [
  { name: "types", command: ["tsc"] },
  { name: "build", command: ["npm", "run", "build"] },
  { name: "format", command: ["deno", "fmt", "--check"] },
  { name: "lint", command: ["deno", "lint"] },
  // --no-npm, because the types of a dependency are not ours to document. It wants entries that only re-export.
  { name: "documentation", command: ["deno", "doc", "--lint", "--no-npm", "--quiet", ...entries] },
  {
    name: "documentation examples",
    command: [
      ...["deno", "test", "--doc", "--allow-all", "--permit-no-files"] as const,
      ...["--config", resolve("deno.json"), ...documented.map((path) => resolve(path))],
    ],
    cwd: scratch,
  },
  { name: "API reference", command: ["tsx", "scripts/docs.ts", "--output", join(scratch, "api")] },
  { name: "JSR package", command: ["deno", "publish", "--dry-run", "--allow-dirty"] },
  { name: "npm package", command: ["publint", "--strict"] },
  // Only that it works: what it measures here means nothing.
  { name: "benchmark", command: ["npm", "run", "bench", "--", "--quick", "--runtime", "node"] },
  { name: "npm package types", command: ["attw", "--pack", "--profile", "esm-only"] },
];

function passes({ name, command: [program, ...args], cwd = "." }: Step): boolean {
  const startedAt = performance.now();
  const { error, status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
    maxBuffer: Infinity,
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (status === 0) console.log(`ok ${name} ${seconds}s`);
  else console.log(`FAILED ${name} ${seconds}s: ${[program, ...args].join(" ")}\n${error ?? stdout + stderr}`);
  return status === 0;
}

const failed = steps.filter((step) => !passes(step));
rmSync(scratch, { recursive: true });
if (failed.length > 0) console.log(`\nFailed: ${failed.map(({ name }) => name).join(", ")}`);
console.log(`${steps.length - failed.length} passed, ${failed.length} failed`);
if (failed.length > 0) process.exitCode = 1;
