import * as fs from "node:fs/promises";
import { basename, join } from "node:path";
import { TapeError } from "../../../errors.ts";
import { tapeKeys } from "../../../records/tape-id.ts";
import { ioError } from "../../../sinks/file/file-error.ts";
import { writerOf } from "../../../sinks/file/file-lock.ts";
import { fileSink } from "../../../sinks/file/file.ts";
import { sink, type TapeSink } from "../../../streams/sink.ts";
import { homePath } from "../../arguments/home-path.ts";
import { stemOf } from "../../arguments/path-store.ts";
import type { TapeFile } from "../../arguments/tape-argument.ts";
import { type CommandIo, UsageError } from "../../command.ts";
import { escapeControls } from "../../terminal/text.ts";

/** A file that has its name only when it is whole. */
export interface DraftedFile {
  /** Where it will be. */
  readonly path: string;
  /** Where it is until then. */
  readonly draft: string;
  readonly sink: TapeSink;
}

/**
 * Where the new file goes: what `-o` names, or beside the tape.
 *
 * @param ending how its name has to end
 */
export async function outputPath(
  given: string | undefined,
  tapePath: string,
  ending: string,
  io: CommandIo,
): Promise<string> {
  if (given === "") throw new UsageError("-o needs a file, a folder, or - for stdout");
  if (given === undefined) return stemOf(tapePath) + ending;
  const path = homePath(given, io.env.HOME);
  const isFolder = /[/\\]$/.test(path) || (await fs.stat(path).catch(() => undefined))?.isDirectory() === true;
  return isFolder ? join(path, basename(stemOf(tapePath)) + ending) : path;
}

/**
 * Refuses a file that is there already, unless it may be replaced.
 *
 * @param source the tape that is read
 * @throws {UsageError} it is there already, or is the tape that is read
 * @throws {TapeError} code `locked`
 */
export async function checkReplaceable(path: string, force: boolean, source: string): Promise<void> {
  const name = escapeControls(path);
  const existing = await fs.stat(path).catch(() => undefined);
  if (existing !== undefined) {
    const tape = await fs.stat(source);
    if (tape.dev === existing.dev && tape.ino === existing.ino) {
      throw new UsageError(`Cannot write ${name}: it is the tape that is read`);
    }
    if (!existing.isFile()) throw new UsageError(`Cannot write ${name}: it is not a regular file`);
    if (!force) throw new UsageError(`Cannot write ${name}: it is there already; --force replaces it`);
    if (await writerOf(path) === "alive") throw new TapeError("locked", `Cannot replace ${name}: it is being written`);
  }
}

/**
 * Opens the draft of a file.
 *
 * @throws {TapeError} code `locked`, `io`
 */
export async function openDraft(path: string): Promise<DraftedFile> {
  const draft = `${path}.draft`;
  if (await writerOf(draft) === "alive") {
    throw new TapeError("locked", `Cannot write ${escapeControls(path)}: somebody else does`);
  }
  await fs.rm(draft, { force: true });
  const sink = fileSink(draft, { mode: "create" });
  await sink.open();
  return { path, draft, sink };
}

/** Gives a whole file its name. */
export async function keepDraft({ path, draft }: DraftedFile): Promise<void> {
  await fs.rename(draft, path).catch((error) => {
    throw ioError(`Cannot write ${escapeControls(path)}`, error);
  });
}

/** Leaves nothing of a file that has not become whole. */
export async function dropDraft({ draft, sink }: DraftedFile): Promise<void> {
  await sink.abort().catch(() => {});
  await fs.rm(draft, { force: true });
}

/** Stdout, as the end of a pipeline. */
export function stdoutSink(command: string, what: string, io: CommandIo): WritableStream<Uint8Array> {
  if (io.isTty) {
    throw new UsageError(
      `Cannot write ${what} to a terminal: say where with -o FILE, or pipe it; see "tapeline ${command} --help"`,
    );
  }
  return sink<Uint8Array>({
    async write(chunks) {
      for (const chunk of chunks) await io.stdout.write(chunk);
    },
  });
}

/** Takes away a tape, of which there is another one now, with what belongs to it. */
export async function removeTape({ store, tapeId }: TapeFile): Promise<void> {
  const { tape, meta, index } = tapeKeys(tapeId);
  for (const key of [tape, meta, index]) await store.delete(key);
}

/** Lets go of a tape that was held so that nothing came to it. */
export async function letGo(held: TapeSink | undefined): Promise<void> {
  await held?.abort(new TapeError("closed", "There is another tape in its place"));
}
