import * as fs from "node:fs/promises";
import { TapeError } from "../../../errors.ts";
import { tapeKeys } from "../../../records/tape-id.ts";
import { writerOf } from "../../../sinks/file/file-lock.ts";
import type { CodingOptions } from "../../../tape/derive/output/derived-coding.ts";
import { recodeTape, type RecodeTapeResult } from "../../../tape/recode/recode-tape.ts";
import { homePath } from "../../arguments/home-path.ts";
import { isPackedPath, pathInStore, pathStore } from "../../arguments/path-store.ts";
import { stdoutStore } from "../../arguments/stdout-store.ts";
import { inPaths, type OpenedTape } from "../../arguments/tape-argument.ts";
import { type CommandIo, UsageError } from "../../command.ts";
import { Progress } from "../../terminal/progress.ts";
import { asciiJson, escapeControls } from "../../terminal/text.ts";
import { formatBytes } from "../../terminal/units.ts";
import { type OutputFile, outputFile, putInPlace } from "../derive/output.ts";
import { letGo, removeTape } from "../pack/packed-output.ts";

/** The options of the commands that make the same tape in another codec. */
export const RECODE_OPTIONS = {
  output: { type: "string", short: "o" },
  "in-place": { type: "boolean" },
  force: { type: "boolean" },
  rm: { type: "boolean" },
  sign: { type: "string" },
  json: { type: "boolean" },
  dir: { type: "string" },
} as const;

/** Their values. */
export interface RecodeValues {
  readonly output?: string | undefined;
  readonly "in-place"?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly rm?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** How their help explains them. */
export const RECODE_HELP = `  -o, --output OUT  the file of the new tape, a folder for it, or - for stdout
  --in-place        puts the new tape in the place of TAPE, once it was read
                    again and says the same
  --force           replaces OUT if it is there
  --rm              deletes TAPE, its metadata and its index; once the new tape
                    was read again, too
  --sign FILE       signs the new tape with the private key in FILE
  --json            what was done, as one JSON object on one line
  --dir DIR         where tapes are kept; by default $TAPELINE_DIR or ./tapes
`;

/** How it explains the exit codes. */
export const RECODE_EXIT_HELP = `Exit codes:
  0  done
  1  failed; nothing is left of the new tape
  2  wrong use, no such tape, a damaged one, or a file in the way
  3  done, but the last line of TAPE was torn, and is left out
`;

/** What a command does with a tape. */
export interface RecodeCommand {
  /** Its name. */
  readonly name: string;
  /** What it has done then, as in "DONE in its place". */
  readonly done: string;
  readonly coding: CodingOptions;
}

/**
 * Refuses options that say no place for the new tape, or several.
 *
 * @throws {UsageError}
 */
export function checkPlace(command: string, values: RecodeValues): void {
  const { output, "in-place": inPlace = false, rm = false, json = false, force = false } = values;
  const isPiped = output === "-";
  if (output === "") throw new UsageError("-o needs a file, a folder, or - for stdout");
  if (output === undefined && !inPlace) {
    throw new UsageError(`${command} needs -o OUT or --in-place; see "tapeline ${command} --help"`);
  }
  const other = output !== undefined ? "-o" : rm ? "--rm" : force ? "--force" : undefined;
  if (inPlace && other !== undefined) throw new UsageError(`--in-place and ${other} exclude each other`);
  if (isPiped && json) throw new UsageError("--json and -o - exclude each other: both are for stdout");
  if (isPiped && rm) throw new UsageError("--rm and -o - exclude each other: nobody knows what is kept");
}

/** Makes the same tape in another codec, where the options say; says what has become of it, and gives the exit code. */
export async function recodeFile(
  command: RecodeCommand,
  tape: OpenedTape,
  values: RecodeValues,
  io: CommandIo,
): Promise<number> {
  const isPiped = values.output === "-";
  const inPlace = values["in-place"] === true;
  if (isPiped) {
    if (io.isTty) throw new UsageError("Cannot write a tape to a terminal: say where with -o FILE, or pipe it");
    const result = await recode(command, tape, stdoutStore(io), { index: false }, io);
    return await tellNotes(tape, result, values, io);
  }
  if (inPlace && isPackedPath(tape.path)) {
    throw new UsageError(
      `Cannot ${command.name} ${escapeControls(tape.path)} in place: it is packed; -o OUT takes it out`,
    );
  }
  const output = inPlace ? await inItsPlace(tape) : await outputOf(tape, values, io);
  // Whoever holds it is its only writer: nothing comes to it between reading and deleting.
  const isHeld = inPlace || values.rm === true;
  const held = isHeld ? await named(command, tape, () => tape.store.openSink(tape.key, { mode: "append" })) : undefined;
  try {
    const result = await recode(command, tape, pathStore(output.written, tape.tapeId), { isChecked: isHeld }, io);
    await settle(output, tape.tapeId, io.signal);
    if (values.rm === true) await removeTape(tape);
    await tell(command, tape, output.path, result, values, io);
    return await tellNotes(tape, result, values, io);
  } finally {
    await letGo(held);
  }
}

async function recode(
  command: RecodeCommand,
  tape: OpenedTape,
  to: Parameters<typeof recodeTape>[2],
  how: { readonly isChecked?: boolean; readonly index?: boolean },
  io: CommandIo,
): Promise<RecodeTapeResult> {
  const progress = new Progress(await tape.store.size(tape.key) ?? 0, io);
  const options = { ...command.coding, ...how, signal: io.signal, onProgress: (bytes: number) => progress.at(bytes) };
  return await named(command, tape, () => recodeTape(tape.store, tape.tapeId, to, options)).finally(() =>
    progress.clear()
  );
}

/** Errors then name the command and the file that was given. */
async function named<T>({ name }: RecodeCommand, tape: OpenedTape, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof TapeError) {
      error.message = inPaths(error.message.replace(/^Cannot recode /, `Cannot ${name} `), tape);
    }
    throw error;
  }
}

async function outputOf(tape: OpenedTape, values: RecodeValues, io: CommandIo): Promise<OutputFile> {
  const path = homePath(values.output!, io.env.HOME);
  return await outputFile(path, values.force === true, tape.tapeId, [tape]);
}

async function inItsPlace({ path }: OpenedTape): Promise<OutputFile> {
  if ((await fs.lstat(path)).isSymbolicLink()) {
    // The link would be replaced, and the tape stay what it is.
    throw new UsageError(
      `Cannot replace ${escapeControls(path)}: it is a symbolic link; name the file that it leads to`,
    );
  }
  const written = `${path}.draft`;
  if (await writerOf(written) === "alive") {
    throw new TapeError("locked", `Cannot replace ${escapeControls(path)}: somebody else does`);
  }
  await fs.rm(written, { force: true });
  return { path, written };
}

/** A tape that is whole gets its name, and what belongs to it theirs. */
async function settle(output: OutputFile, tapeId: string, signal: AbortSignal): Promise<void> {
  const [from, to] = [pathInStore(output.written, tapeId), pathInStore(output.path, tapeId)];
  const { tape, meta, index } = tapeKeys(tapeId);
  if (signal.aborted) {
    for (const key of [tape, meta, index]) await fs.rm(from(key), { force: true });
    throw signal.reason;
  }
  if (output.written === output.path) return;
  await putInPlace(output);
  for (const key of [meta, index]) {
    if (await fs.stat(from(key)).catch(() => undefined) !== undefined) await fs.rename(from(key), to(key));
  }
}

async function tell(
  { done }: RecodeCommand,
  tape: OpenedTape,
  path: string,
  { readBytes, writtenBytes, unsignedCheckpoints }: RecodeTapeResult,
  values: RecodeValues,
  io: CommandIo,
): Promise<void> {
  if (values.json === true) {
    const fields = {
      tape_id: tape.init.tape_id,
      path,
      tape_path: tape.path,
      read_bytes: readBytes,
      written_bytes: writtenBytes,
      unsigned_checkpoint_count: unsignedCheckpoints,
      is_tape_deleted: values.rm === true,
    };
    return await io.stdout.write(`${asciiJson(fields)}\n`);
  }
  const name = escapeControls(tape.path);
  const gone = values.rm === true ? ", which is deleted" : "";
  const what = values["in-place"] === true ? "in its place" : `made of ${name}${gone}`;
  const sizes = `${formatBytes(writtenBytes)}, ${(100 * writtenBytes / readBytes).toPrecision(3)} % of ${
    formatBytes(readBytes)
  }`;
  await io.stdout.write(`${escapeControls(path)}: ${done}, ${what}; ${sizes}\n`);
}

/** Says what is not on the new tape. */
async function tellNotes(
  tape: OpenedTape,
  { unsignedCheckpoints, isUnfinished }: RecodeTapeResult,
  values: RecodeValues,
  { stderr }: CommandIo,
): Promise<number> {
  const name = escapeControls(tape.path);
  const isHeld = values["in-place"] === true || values.rm === true;
  const isGrowing = !isHeld && await tape.store.writerOf?.(tape.key) === "alive";
  if (unsignedCheckpoints > 0) {
    await stderr.write(`tapeline: ${name} was signed; nobody has signed the new tape, and --sign FILE does\n`);
  }
  if (isGrowing) await stderr.write(`tapeline: ${name} is being written: what came since is not in it\n`);
  else if (isUnfinished) await stderr.write(`tapeline: the last line of ${name} is torn, and was left out\n`);
  return isUnfinished && !isGrowing ? 3 : 0;
}
