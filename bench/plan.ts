import type { RuntimeName } from "../test/helpers/runtime.ts";

/** What can be measured; each has a file of its own. */
export const groupNames = [
  "read",
  "write",
  "follow",
  "proxy",
  "memory",
  "start",
  "info",
  "list",
  "derive",
  "convert",
  "query",
  "seek",
  "index",
  "sign",
  "packed",
  "zstd",
  "crypto",
  "redact",
] as const;

/** One of {@linkcode groupNames}. */
export type GroupName = (typeof groupNames)[number];

/** What each group measures, every one in a process of its own. */
export const workloads: Readonly<Record<GroupName, readonly string[]>> = {
  read: ["450 B", "2 KB", "1 MB messages", "non-ASCII"],
  write: ["mixed", "notifications", "synced"],
  follow: ["1 follower", "50 followers"],
  proxy: ["echo"],
  memory: ["read", "write", "follow", "filter"],
  start: ["command line"],
  info: ["a million frames"],
  list: ["10,000 tapes"],
  derive: ["450 B"],
  convert: ["jsonrpc", "mcporter"],
  query: ["450 B", "2 KB"],
  seek: ["a random frame", "the last frames"],
  index: ["build", "record"],
  sign: ["record", "verify"],
  packed: ["450 B"],
  zstd: ["450 B"],
  crypto: ["1 KB", "a line of 200 B", "a line of 1000 B", "a line of 2000 B"],
  redact: ["450 B"],
};

/**
 * Whether what is measured is a program, started by a process that always runs on Node: else it is the library, and the
 * process that measures runs on the runtime in question.
 */
export const measuresPrograms: Readonly<Record<GroupName, boolean>> = {
  read: false,
  write: false,
  follow: false,
  proxy: true,
  memory: true,
  start: true,
  info: true,
  list: true,
  derive: true,
  convert: true,
  query: false,
  seek: false,
  index: false,
  sign: false,
  packed: false,
  zstd: false,
  crypto: false,
  redact: false,
};

/** How to start a runtime with a script: the program and what stands before the script's path. */
export type Command = readonly [program: string, ...args: string[]];

/** What a worker is told. */
export interface Job {
  readonly group: GroupName;
  readonly workload: string;
  readonly runtime: RuntimeName;
  /** Starts the runtime that is measured. */
  readonly subject: Command;
  /** Starts Node, for helpers that shall be the same whatever is measured. */
  readonly node: Command;
  /** Measured rounds, after one that warms up. */
  readonly rounds: number;
  /** Little of everything, to see that it works. */
  readonly quick: boolean;
  /** What speed is measured by, where nothing has to be waited for. */
  readonly clock: "wall" | "cpu";
  /** For tapes; workers that come later find what earlier ones made. */
  readonly folder: string;
}

/** A target, and whether it is met. */
export interface Goal {
  readonly text: string;
  readonly met: boolean;
}

/** One line of a table: what a candidate reached. */
export interface Row {
  /** As in the issue (`R1`, `W2`); empty for what is only compared with. */
  readonly target: string;
  readonly workload: string;
  readonly candidate: string;
  /** The median as it is printed, with its unit, or why there is none. */
  readonly figure: string;
  /** To the baseline of the same run. */
  readonly ratio?: number | undefined;
  readonly goal?: Goal | undefined;
  /** What was measured, for the JSON. */
  readonly samples?: readonly number[] | undefined;
}

/** What a worker answers. */
export interface Report {
  readonly rows: readonly Row[];
  /** What was measured on, for people. */
  readonly facts: readonly string[];
}
