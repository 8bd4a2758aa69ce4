#!/usr/bin/env node
import { writeSync } from "node:fs";
import process from "node:process";
import { VERSION } from "../version.ts";
import { useCompileCache } from "./compile-cache.ts";
import type { Program, Wants } from "./program.ts";

// What starts first, and knows only where the rest is: a command is loaded when it is called, and nothing else with it.
// In the package each `import()` of this file is a file of its own (scripts/bundle.ts), so of what is imported here as well
// there are two: that may be constants and functions, but nothing that has a state or is asked for its class.

/** What `tapeline --help` says of each command, and where it is. */
const COMMANDS: Readonly<Record<string, readonly [summary: string, load: () => Promise<Program>]>> = {
  record: [
    "record an MCP server while a client talks to it",
    async () => (await import("./commands/record.ts")).program,
  ],
  tail: ["watch a tape while it grows", async () => (await import("./commands/tail/tail.ts")).program],
  cat: ["print all of a tape", async () => (await import("./commands/cat.ts")).program],
  show: ["one message with its answer", async () => (await import("./commands/show.ts")).program],
  replay: ["print the messages of a tape, in their time", async () => (await import("./commands/replay.ts")).program],
  list: ["list the tapes of a folder", async () => (await import("./commands/store/list.ts")).program],
  rm: ["delete tapes", async () => (await import("./commands/store/rm.ts")).program],
  prune: [
    "delete tapes that are old, too many or too large",
    async () => (await import("./commands/store/prune.ts")).program,
  ],
  info: ["statistics, slowest calls and errors of a tape", async () => (await import("./commands/info.ts")).program],
  grep: ["what a query selects, from one tape or many", async () => (await import("./commands/grep.ts")).program],
  filter: [
    "what a query selects of a tape, as a tape",
    async () => (await import("./commands/derive/filter.ts")).program,
  ],
  cut: ["a part of a tape, as a tape", async () => (await import("./commands/derive/cut.ts")).program],
  head: [
    "the first frames of a tape, as a tape",
    async () => (await import("./commands/derive/head.ts")).program,
  ],
  concat: [
    "one tape of several, one behind the other",
    async () => (await import("./commands/derive/concat.ts")).program,
  ],
  merge: ["one tape of several, by time", async () => (await import("./commands/derive/merge.ts")).program],
  split: ["several tapes of one", async () => (await import("./commands/derive/split.ts")).program],
  redact: [
    "a tape without the secrets in it",
    async () => (await import("./commands/redact/redact.ts")).program,
  ],
  scan: ["what of a tape looks like a secret", async () => (await import("./commands/redact/scan.ts")).program],
  convert: [
    "make tapes of what other programs recorded",
    async () => (await import("./commands/convert.ts")).program,
  ],
  compress: [
    "make a tape smaller",
    async () => (await import("./commands/pack/compress.ts")).program,
  ],
  decompress: [
    "make a tape of a compressed one again",
    async () => (await import("./commands/pack/decompress.ts")).program,
  ],
  encrypt: [
    "make an encrypted tape of another one",
    async () => (await import("./commands/recode/encrypt.ts")).program,
  ],
  decrypt: [
    "make a plain tape of an encrypted one",
    async () => (await import("./commands/recode/decrypt.ts")).program,
  ],
  share: [
    "make a file to give away, without secrets",
    async () => (await import("./commands/pack/share.ts")).program,
  ],
  index: ["build the index of a tape", async () => (await import("./commands/index.ts")).program],
  verify: ["check a tape for damage", async () => (await import("./commands/verify.ts")).program],
  repair: ["make a whole tape of a damaged one", async () => (await import("./commands/repair.ts")).program],
  keygen: [
    "make a key to sign tapes with, or to encrypt for",
    async () => (await import("./commands/keys/keygen.ts")).program,
  ],
  rekey: [
    "change who can read an encrypted tape",
    async () => (await import("./commands/keys/rekey.ts")).program,
  ],
  demo: [
    "record, watch and summarise a real MCP session",
    async () => (await import("./commands/demo/demo.ts")).program,
  ],
};

/** What `tapeline help` explains beside the commands. */
const PAGES: Readonly<Record<string, () => Promise<Program>>> = {
  query: async () => (await import("./query-help.ts")).program,
};

/** What stands before the command's name, and the name itself; no name where something that is not known stands there. */
function readArguments(args: readonly string[]): {
  readonly name: string | undefined;
  readonly rest: readonly string[];
  readonly wants: Wants;
} {
  const dir: string[] = [];
  let wants: Wants;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--dir" && args[at + 1] !== undefined) dir.push(`--dir=${args[++at]}`);
    else if (arg.startsWith("--dir=")) dir.push(arg);
    else if (arg === "-h" || arg === "--help" || (arg === "help" && wants === undefined)) wants = "help";
    else if (arg === "-V" || arg === "--version") return { name: undefined, rest: [], wants: "version" };
    else if (wants === "help" && Object.hasOwn(PAGES, arg)) return { name: arg, rest: [], wants };
    else if (Object.hasOwn(COMMANDS, arg)) return { name: arg, rest: [...dir, ...args.slice(at + 1)], wants };
    else return { name: undefined, rest: args.slice(at), wants: undefined };
  }
  return { name: undefined, rest: [], wants };
}

/** Without opening stdout as a stream, which takes longer than all the rest. */
function isWritten(text: string): boolean {
  try {
    return writeSync(1, text) === text.length;
  } catch {
    return false;
  }
}

async function load(name: string | undefined): Promise<Program> {
  if (name !== undefined) return await (Object.hasOwn(PAGES, name) ? PAGES[name]!() : COMMANDS[name]![1]());
  const { overviewOf } = await import("./overview.ts");
  return overviewOf(Object.entries(COMMANDS).map(([name, [summary]]) => [name, summary]));
}

const { name, rest, wants } = readArguments(process.argv.slice(2));
if (wants === "version" && isWritten(`tapeline ${VERSION}\n`)) process.exit(0);
useCompileCache();
void load(name).then((program) => program(rest, wants));
