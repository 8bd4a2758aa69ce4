import process from "node:process";
import { VERSION } from "../version.ts";
import { type Command, type CommandIo, UsageError } from "./command.ts";
import { Interrupted, OutputClosed, type ProcessIo, processIo } from "./terminal/process-io.ts";
import { escapeControls, styleFor } from "./terminal/text.ts";

/** What is asked of a program instead of its work. */
export type Wants = "help" | "version" | undefined;

/** Does what the arguments say, and ends the process. */
export type Program = (args: readonly string[], wants: Wants) => Promise<never>;

/** The program that a command is when it runs in a process of its own. */
export function programOf(command: Command): Program {
  return async (args, wants) => {
    const io = processIo();
    let code = await run(command, args, wants, io).catch((error) => explain(error, io));
    await io.flush();
    if (io.outputFailure !== undefined) {
      await io.stderr.write(`tapeline: Cannot write to stdout: ${escapeControls(io.outputFailure.message)}\n`);
      await io.flush();
      code = 1;
    }
    process.exit(code);
  };
}

async function run(command: Command, args: readonly string[], wants: Wants, io: ProcessIo): Promise<number> {
  if (wants === "version") await io.stdout.write(`tapeline ${VERSION}\n`);
  else if (wants === "help" || asksForHelp(command.ownArguments?.(args) ?? args)) {
    await io.stdout.write(await painted(command.help, io));
  } else return await command.run(args, io);
  return 0;
}

/** Whether `--help` is among a command's own arguments: what stands behind `--` is another program's. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === "--help" || arg === "-h");
}

async function painted(help: string, io: ProcessIo): Promise<string> {
  if (!io.isTty) return help;
  const { paintHelp } = await import("./terminal/help.ts");
  return paintHelp(help, styleFor(io));
}

/** Why a command ended early, as its exit code; what the user does not know yet is said. */
async function explain(error: unknown, io: ProcessIo): Promise<number> {
  const reason = io.signal.aborted ? io.signal.reason : undefined;
  if (reason instanceof OutputClosed) return 0;
  if (reason instanceof Interrupted) return reason.signal === "SIGINT" ? 130 : 143;
  if (reason !== undefined && reason === io.outputFailure) return 1;
  return await tellError(error, io);
}

/** Says what went wrong in one line on stderr, and gives the exit code that it means. */
export async function tellError(error: unknown, io: CommandIo): Promise<1 | 2> {
  const message = error instanceof Error ? error.message : String(error);
  // A query that cannot be read is shown, with what is wrong in it marked on a line of its own.
  const lines = message.startsWith("Cannot read the query: ") ? message.split("\n") : [message];
  await io.stderr.write(`tapeline: ${lines.map(escapeControls).join("\n")}\n`);
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
