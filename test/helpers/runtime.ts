import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The runtimes that the tests run on: the Node of `npm test` itself, a newer one that strips types, Deno, Bun. */
export const runtimeNames = ["node", "node24", "deno", "bun"] as const;

/** One of {@linkcode runtimeNames}. */
export type RuntimeName = (typeof runtimeNames)[number];

/** A runtime that works on this machine. */
export interface Runtime {
  readonly name: RuntimeName;
  /** As in `20.20.2`. */
  readonly version: string;
  /** The program, and what to put between it and the path of a `.ts` file to run that file. */
  readonly command: readonly [program: string, ...args: string[]];
}

/** A runtime that does not work on this machine. */
export interface MissingRuntime {
  readonly name: RuntimeName;
  /** Why. */
  readonly missing: string;
}

const root = new URL("../../", import.meta.url);
const path = (file: string): string => fileURLToPath(new URL(file, root));

/** Where {@linkcode runtimeNames | node24} is installed. */
export const node24Folder: string = path("test/runtimes/node24");

/** The runtime that runs this process. */
export function currentRuntime(): RuntimeName {
  if (process.versions.deno) return "deno";
  if (process.versions.bun) return "bun";
  return process.execPath.startsWith(node24Folder) ? "node24" : "node";
}

function commandOf(name: RuntimeName): Runtime["command"] {
  switch (name) {
    case "node": {
      const node = currentRuntime() === "node" ? process.execPath : process.env.npm_node_execpath ?? "node";
      return [node, "--import", import.meta.resolve("tsx")];
    }
    case "node24":
      return [`${node24Folder}/node_modules/.bin/node`];
    case "deno":
      return [path("node_modules/.bin/deno"), "run", "--allow-all", "--no-check"];
    case "bun":
      return [path("node_modules/.bin/bun")];
  }
}

/** Looks for one runtime by asking it for its version. */
export function findRuntime(name: RuntimeName): Runtime | MissingRuntime {
  const command = commandOf(name);
  const { error, status, stdout, stderr } = spawnSync(command[0], ["--version"], { encoding: "utf8" });
  if (error) return { name, missing: error.message };
  const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0];
  if (status !== 0 || version === undefined) return { name, missing: stderr.trim() || `exit code ${status}` };
  return { name, version, command };
}

/**
 * The runtimes that work on this machine, for tests that start others than their own: of those that `npm test` was
 * asked for, so that coverage on Node is not mixed with what another Node counts.
 */
export function runtimes(): Runtime[] {
  const names = process.env.TAPELINE_TEST_RUNTIMES?.split(",") ?? runtimeNames;
  return runtimeNames.filter((name) => names.includes(name)).map(findRuntime).filter((probe) => "command" in probe);
}
