import * as fs from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import process from "node:process";
import { printable } from "../../errors.ts";
import { codeOf } from "../../sinks/file/file-error.ts";
import type { StartHindrance } from "./command-error.ts";
import type { ServerCommand } from "./server-command.ts";

// The system has one word, ENOENT, for a command, its interpreter and its folder, and each runtime its own for the rest.
// So we look for ourselves, and believe the system only where we find nothing wrong.

/** What the codes of the system mean for a path that cannot be used. */
const WRONG_PATH: Readonly<Record<string, string>> = {
  EACCES: "a folder on the way to it may not be entered",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "its name is too long",
  ENOTDIR: "a part of its path is a file, not a folder",
};

/** What they mean for a program that is there. */
const NOT_RUN: Readonly<Record<string, string>> = {
  E2BIG: "its arguments and environment are longer than the system takes",
  EACCES: "the system does not permit it",
  EAGAIN: "the system has no room for another process",
  EMFILE: "this process has too many files open",
  ENFILE: "the system has too many files open",
  ENOEXEC: "it is neither a program of this system nor a script that starts with #!",
  ENOMEM: "the system has no memory left",
  EPERM: "the system does not permit it",
  ETXTBSY: "somebody is writing it",
};

/** How many bytes of a script say who interprets it; Linux looks at 256. */
const FIRST_LINE_BYTES = 256;

/** Why a command could not be started, given what the system said. Never repeats an argument: it may be secret. */
export async function whyNotStarted(server: ServerCommand, error: unknown): Promise<StartHindrance> {
  const { command, args, cwd, env = process.env } = server;
  if (command === "") return { why: "it has no name", isThere: false };
  const texts = [command, ...args, cwd ?? "", ...Object.entries(env).flat()];
  if (texts.some((text) => text?.includes("\0"))) {
    return { why: "its name, arguments, folder or environment hold a NUL character", isThere: true };
  }
  const folder = cwd === undefined ? undefined : await whyNoFolder(cwd);
  if (folder !== undefined) return { why: folder, isThere: true };
  const code = codeOf(error) ?? "";
  const found = await findProgram(command, cwd ?? process.cwd(), env.PATH);
  if ("why" in found) return found;
  const why = NOT_RUN[code] === undefined || code === "EACCES" ? await whyNotRun(found.path) : undefined;
  return { why: why ?? NOT_RUN[code] ?? whatTheSystemSaid(error), isThere: true };
}

/** Why no process can start in a folder; undefined if one can. */
async function whyNoFolder(cwd: string): Promise<string | undefined> {
  const name = printable(cwd, 200);
  try {
    if (!(await fs.stat(cwd)).isDirectory()) return `the folder to start it in, ${name}, is no folder`;
    await fs.access(cwd, fs.constants.X_OK);
    return undefined;
  } catch (error) {
    const code = codeOf(error) ?? "";
    if (code === "ENOENT") return `the folder to start it in, ${name}, is not there`;
    return `the folder to start it in, ${name}, cannot be used: ${WRONG_PATH[code] ?? whatTheSystemSaid(error)}`;
  }
}

/** The file that a command means, as a shell looks for it; or why there is none that can be run. */
async function findProgram(
  command: string,
  cwd: string,
  searched: string | undefined,
): Promise<{ readonly path: string } | StartHindrance> {
  if (command.includes("/")) {
    const path = resolve(cwd, command);
    return await whyNoProgram(path) ?? { path };
  }
  let hindrance: StartHindrance | undefined;
  for (const folder of (searched ?? "/usr/bin:/bin").split(delimiter)) {
    // An empty part stands for the folder that it starts in.
    const path = join(resolve(cwd, folder), command);
    const why = await whyNoProgram(path);
    if (why === undefined) return { path };
    // Of a folder that may not be entered nobody knows whether the command is in it.
    if (why.isThere && why.why !== WRONG_PATH.EACCES) hindrance ??= why;
  }
  return hindrance ?? { why: "there is no such command in $PATH", isThere: false };
}

/** Why a file cannot be run; undefined where nothing is wrong with the file itself. */
async function whyNoProgram(path: string): Promise<StartHindrance | undefined> {
  try {
    const stat = await fs.stat(path);
    if (stat.isDirectory()) return { why: "it is a folder", isThere: true };
    if (!stat.isFile()) return { why: "it is not a regular file", isThere: true };
    if ((stat.mode & 0o111) === 0) return { why: "it is not executable", isThere: true };
  } catch (error) {
    const code = codeOf(error) ?? "";
    if (code !== "ENOENT") return { why: WRONG_PATH[code] ?? whatTheSystemSaid(error), isThere: code === "EACCES" };
    const isLink = await fs.lstat(path).then(() => true, () => false);
    return { why: isLink ? "it is a link to nothing" : "there is no such command", isThere: false };
  }
  try {
    await fs.access(path, fs.constants.X_OK);
    return undefined;
  } catch {
    return { why: "its permissions, or those of its disk (noexec), do not let us run it", isThere: true };
  }
}

/** Why the system would not run a program that is there and executable; undefined where that does not show. */
async function whyNotRun(path: string): Promise<string | undefined> {
  let start: string;
  try {
    start = await firstBytes(path);
  } catch {
    // One may be permitted to run a program and not to read it.
    return undefined;
  }
  if (start.startsWith("#!")) {
    const line = start.slice(2).split("\n", 1)[0]!;
    const [interpreter = ""] = /[^ \t]+/.exec(line) ?? [];
    if (interpreter === "") return "its first line is #! and names no interpreter";
    const hindrance = await whyNoProgram(interpreter);
    const name = printable(interpreter, 200);
    if (hindrance === undefined) return undefined;
    const end = line.endsWith("\r") ? "; its lines end in CR LF" : "";
    return hindrance.why === "there is no such command"
      ? `its interpreter ${name} is not there${end}`
      : `its interpreter ${name} cannot be run: ${hindrance.why}${end}`;
  }
  return start.startsWith("\x7fELF") ? "what loads it is not there: it was built for another system" : undefined;
}

async function firstBytes(path: string): Promise<string> {
  const file = await fs.open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(FIRST_LINE_BYTES), 0, FIRST_LINE_BYTES, 0);
    return String.fromCharCode(...buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** The system's own words, where there is nothing better: its code, or a message that we did not expect. */
function whatTheSystemSaid(error: unknown): string {
  const code = codeOf(error);
  return code === undefined ? "the system does not say why" : `the system says ${printable(code, 40)}`;
}
