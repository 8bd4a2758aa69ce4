#!/usr/bin/env node
import process from "node:process";
import { type Command, UsageError } from "./command.ts";
import { Interrupted, OutputClosed, type ProcessIo, processIo } from "./terminal/process-io.ts";
import { escapeControls, styleFor } from "./terminal/text.ts";

/** What `tapeline --help` says of each command, and where it is: nothing of a command is loaded before it is called. */
const COMMANDS: Readonly<Record<string, readonly [summary: string, load: () => Promise<Command>]>> = {
  record: [
    "record an MCP server while a client talks to it",
    async () => (await import("./commands/record.ts")).record,
  ],
  tail: ["watch a tape while it grows", async () => (await import("./commands/tail/tail.ts")).tail],
  cat: ["print all of a tape", async () => (await import("./commands/cat.ts")).cat],
  show: ["one message with its answer", async () => (await import("./commands/show.ts")).show],
  replay: ["print the messages of a tape, in their time", async () => (await import("./commands/replay.ts")).replay],
  list: ["list the tapes of a folder", async () => (await import("./commands/list.ts")).list],
  info: ["statistics, slowest calls and errors of a tape", async () => (await import("./commands/info.ts")).info],
  verify: ["check a tape for damage", async () => (await import("./commands/verify.ts")).verify],
  repair: ["make a whole tape of a damaged one", async () => (await import("./commands/repair.ts")).repair],
  demo: ["record, watch and summarise a real MCP session", async () => (await import("./commands/demo/demo.ts")).demo],
};

const HELP = `Records JSON-RPC and MCP sessions as tapes; follows, prints and replays them.

Usage:
  tapeline [--dir DIR] COMMAND …

Commands:
${Object.entries(COMMANDS).map(([name, [summary]]) => `  ${name.padEnd(8)}${summary}`).join("\n")}

Options:
  --dir DIR      where tapes are kept; by default $TAPELINE_DIR, or else ./tapes
  -h, --help     help, also of each command: tapeline tail --help
  -V, --version  the version

A TAPE is the id of a tape in DIR, or so much of its beginning that no other id
begins so; the path of a file; the name of a tape, which means the latest one of
that name; "latest", the tape of DIR that was written last, or "latest-1", the
one before. Without a TAPE, the latest is meant. Where several of these fit, a
full id comes first, then a path, "latest", a name, and the beginning of an id.

Examples:
  tapeline record -- npx -y @modelcontextprotocol/server-everything
  tapeline tail
  tapeline show 17
  tapeline info latest-1
  tapeline replay --speed 10 --from client session.jsonl

Exit codes:
  0  fine
  1  failed
  2  wrong use: an unknown command, option or tape, or a file that is no tape
  3  done, but the tape is damaged or has gaps; stderr says where ("verify" and
     "repair" say so on stdout)
`;

/** Does what the command line says and gives the exit code. */
async function main(args: readonly string[], io: ProcessIo): Promise<number> {
  const { name, rest, wants } = await readArguments(args);
  if (wants === "version") {
    const { VERSION } = await import("../version.ts");
    await io.stdout.write(`tapeline ${VERSION}\n`);
    return 0;
  }
  if (name === undefined) {
    if (wants === undefined) throw new UsageError('no command was given; "tapeline --help" lists them');
    await io.stdout.write(await painted(HELP, io));
    return 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]![1] : undefined;
  if (load === undefined) throw await unknown("command", name, Object.keys(COMMANDS));
  const command = await load();
  if (wants === "help" || asksForHelp(command.ownArguments?.(rest) ?? rest)) {
    await io.stdout.write(await painted(command.help, io));
    return 0;
  }
  return await command.run(rest, io);
}

/** What stands before the command's name, and the name itself. */
async function readArguments(args: readonly string[]): Promise<{
  readonly name: string | undefined;
  readonly rest: readonly string[];
  readonly wants: "help" | "version" | undefined;
}> {
  const dir: string[] = [];
  let wants: "help" | "version" | undefined;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--dir" && args[at + 1] !== undefined) dir.push(`--dir=${args[++at]}`);
    else if (arg.startsWith("--dir=")) dir.push(arg);
    else if (arg === "--dir") throw new UsageError('--dir needs a folder; see "tapeline --help"');
    else if (arg === "-h" || arg === "--help" || (arg === "help" && wants === undefined)) wants = "help";
    else if (arg === "-V" || arg === "--version") return { name: undefined, rest: [], wants: "version" };
    else if (arg.startsWith("-")) throw await unknown("option", arg, ["--dir", "--help", "--version"]);
    else return { name: arg, rest: [...dir, ...args.slice(at + 1)], wants };
  }
  return { name: undefined, rest: [], wants };
}

/** Whether `--help` is among a command's own arguments: what stands behind `--` is another program's. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === "--help" || arg === "-h");
}

async function unknown(what: string, word: string, known: readonly string[]): Promise<UsageError> {
  const { nearest } = await import("../nearest.ts");
  const meant = nearest(word, known);
  const hint = meant === undefined ? '"tapeline --help" lists them all' : `did you mean ${meant}?`;
  return new UsageError(`there is no ${what} "${escapeControls(word)}"; ${hint}`);
}

async function painted(help: string, io: ProcessIo): Promise<string> {
  if (!io.isTty) return help;
  const { paintHelp } = await import("./terminal/help.ts");
  return paintHelp(help, styleFor(io));
}

/** Says what went wrong in one line, and gives the exit code. */
async function explain(error: unknown, io: ProcessIo): Promise<number> {
  const reason = io.signal.aborted ? io.signal.reason : undefined;
  if (reason instanceof OutputClosed) return 0;
  if (reason instanceof Interrupted) return reason.signal === "SIGINT" ? 130 : 143;
  if (reason !== undefined && reason === io.outputFailure) return 1;
  const message = error instanceof Error ? error.message : String(error);
  await io.stderr.write(`tapeline: ${escapeControls(message)}\n`);
  if (io.env.TAPELINE_DEBUG && error instanceof Error) await io.stderr.write(`${error.stack}\n`);
  return isWrongUse(error) ? 2 : 1;
}

/** Errors of the file system that come from a path that is wrong, or not ours. */
const WRONG_PATH = new Set([
  ...["EACCES", "EEXIST", "EISDIR", "ELOOP", "ENAMETOOLONG", "ENOENT", "ENOTDIR", "EPERM", "EROFS"],
]);

function isWrongUse(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  // By name: the library itself is loaded only by the commands that need it.
  if (!(error instanceof Error) || error.name !== "TapeError" || !("code" in error)) return false;
  if (error.code === "io") return WRONG_PATH.has(String((error.cause as { code?: unknown } | undefined)?.code));
  return ["invalid_argument", "invalid_tape", "tape_not_found"].includes(String(error.code));
}

const io = processIo();
let code = await main(process.argv.slice(2), io).catch((error) => explain(error, io));
await io.flush();
if (io.outputFailure !== undefined) {
  await io.stderr.write(`tapeline: Cannot write to stdout: ${escapeControls(io.outputFailure.message)}\n`);
  await io.flush();
  code = 1;
}
process.exit(code);
