import type { Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import { TapeError } from "../../../errors.ts";
import { ioError } from "../../../sinks/file/file-error.ts";
import { writerOf } from "../../../sinks/file/file-lock.ts";
import { fileSink } from "../../../sinks/file/file.ts";
import type { TapeMetadata } from "../../../records/metadata.ts";
import type { LineTarget } from "../../../tape/derive/output/line-output.ts";
import { homePath } from "../../arguments/home-path.ts";
import { isPackedPath, pathInStore, pathStore } from "../../arguments/path-store.ts";
import type { OpenedTape } from "../../arguments/tape-argument.ts";
import { type CommandIo, UsageError } from "../../command.ts";
import { escapeControls } from "../../terminal/text.ts";

/** Names of what lies beside tapes. */
const OF_A_TAPE = /\.(meta\.json|index|torn|dropped|lock|unproven|jsonl\.(bak|draft))$/;

/** Where a tape goes that is being made. */
export interface TapeOutput extends LineTarget {
  /** The file; undefined for stdout. */
  readonly path: string | undefined;
  /** The tape is complete: it gets its name, and its metadata beside it. */
  finish(metadata: TapeMetadata): Promise<void>;
  /** It will not be complete: nothing of it is left. */
  discard(): Promise<void>;
}

/** What the options of a command say of its output. */
export interface OutputOptions {
  /** `-o`: a file, a folder, or `-` for stdout, which is the default. */
  readonly to: string | undefined;
  /** Whether a file may be replaced. */
  readonly force: boolean;
}

/**
 * Opens what `-o` names.
 *
 * @param command its name, and what shows the same on a terminal, for who gave no file
 * @throws {UsageError} it is there already, one of the tapes that are read, or a terminal
 * @throws {TapeError} code `locked`, `io`
 */
export async function openOutput(
  { to, force }: OutputOptions,
  tapeId: string,
  inputs: readonly Pick<OpenedTape, "path">[],
  command: string,
  io: CommandIo,
): Promise<TapeOutput> {
  if (to === "") throw new UsageError("-o needs a file, a folder, or - for stdout");
  if (to !== undefined && to !== "-") return await openFile(homePath(to, io.env.HOME), force, tapeId, inputs);
  if (io.isTty) {
    throw new UsageError(
      `Cannot write a tape to a terminal: say where with -o FILE, or pipe it; see "tapeline ${command} --help"`,
    );
  }
  return {
    path: undefined,
    async append(chunks) {
      // What was written may wait in the pipe, and the memory is used again.
      for (const chunk of chunks) await io.stdout.write(chunk.slice());
    },
    finish: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  };
}

async function openFile(
  given: string,
  force: boolean,
  tapeId: string,
  inputs: readonly Pick<OpenedTape, "path">[],
): Promise<TapeOutput> {
  const { path, written } = await outputFile(given, force, tapeId, inputs);
  return await fileOutput(path, written);
}

/** The file of a tape that is being made. */
export interface OutputFile {
  /** Where it will be. */
  readonly path: string;
  /** Where it is until it is whole: the same, but where it replaces another one. */
  readonly written: string;
}

/**
 * The file that `-o` names, for a tape of this id.
 *
 * @throws {UsageError} it is there already, or one of the files that are read
 * @throws {TapeError} code `locked`, `io`
 */
export async function outputFile(
  given: string,
  force: boolean,
  tapeId: string,
  inputs: readonly { readonly path: string }[],
): Promise<OutputFile> {
  if (isPackedPath(given)) {
    throw new UsageError(
      `Cannot write ${
        escapeControls(given)
      }: such a name is that of a packed tape; "tapeline compress --blocks" makes one`,
    );
  }
  const found = await stat(given);
  const path = found?.isDirectory() || /[/\\]$/.test(given) ? join(given, `${tapeId}.jsonl`) : given;
  const existing = path === given ? found : await stat(path);
  if (OF_A_TAPE.test(path)) {
    throw new UsageError(
      `Cannot write ${escapeControls(path)}: what belongs to a tape is called so; choose another name`,
    );
  }
  const isInTheWay = await checkBelongings(path, existing !== undefined, force);
  if (existing === undefined && !isInTheWay) return { path, written: path };
  if (existing !== undefined) await checkReplaceable(path, existing, force, inputs);
  // Until the new one is whole, the old one stays.
  const draft = `${path}.draft`;
  if (await writerOf(draft) === "alive") {
    throw new TapeError("locked", `Cannot replace ${escapeControls(path)}: somebody else does`);
  }
  await fs.rm(draft, { force: true });
  return { path, written: draft };
}

/** Looks at the file that is to be replaced. */
async function checkReplaceable(
  path: string,
  existing: Stats,
  force: boolean,
  inputs: readonly { readonly path: string }[],
): Promise<void> {
  const name = escapeControls(path);
  for (const input of inputs) {
    const other = await stat(input.path);
    if (other?.dev === existing.dev && other.ino === existing.ino) {
      throw new UsageError(`Cannot write ${name}: it is one of the tapes that are read`);
    }
  }
  if (!existing.isFile()) throw new UsageError(`Cannot write ${name}: it is not a regular file; stdout can be piped`);
  if (!force) throw new UsageError(`Cannot write ${name}: it is there already; --force replaces it`);
  if (await writerOf(path) === "alive") throw new TapeError("locked", `Cannot replace ${name}: it is being written`);
}

/**
 * Whether something lies where the metadata and the index of a new tape would be. Those of a tape that is replaced are its own.
 *
 * @throws {UsageError} they are not to be replaced, or belong to another tape
 */
async function checkBelongings(path: string, isThere: boolean, force: boolean): Promise<boolean> {
  const other = path.endsWith(".jsonl") ? isThere ? undefined : path.slice(0, -".jsonl".length) : `${path}.jsonl`;
  const isOthers = other !== undefined && (await stat(other))?.isFile() === true;
  if (isThere && !isOthers) return false;
  const pathOf = pathInStore(path, "tape");
  for (const [key, what] of [["tape.meta.json", "metadata"], ["tape.index", "index"]] as const) {
    if (await stat(pathOf(key)) === undefined) continue;
    if (force && !isOthers) return true;
    const hint = isOthers ? `it is that of ${escapeControls(other)}` : "--force replaces it";
    throw new UsageError(
      `Cannot write ${escapeControls(path)}: ${
        escapeControls(pathOf(key))
      }, where its ${what} would be, is there already; ${hint}`,
    );
  }
  return false;
}

/** Gives a tape that is whole the place of another one, of which nothing stays. */
export async function putInPlace({ path, written }: OutputFile): Promise<void> {
  if (written === path) return;
  // The keys of what belongs to a tape begin with its id, whatever its file is called.
  const id = "tape";
  for (const key of [`${id}.index`, `${id}.meta.json`]) await fs.rm(pathInStore(path, id)(key), { force: true });
  await fs.rename(written, path).catch((error) => {
    throw ioError(`Cannot replace ${escapeControls(path)}`, error);
  });
}

async function fileOutput(path: string, written: string): Promise<TapeOutput> {
  const sink = fileSink(written, { mode: "create" });
  await sink.open();
  return {
    path,
    append: (chunks) => sink.append(chunks),
    async finish(metadata) {
      await sink.close();
      await putInPlace({ path, written });
      await pathStore(path, "tape").put(
        "tape.meta.json",
        new TextEncoder().encode(`${JSON.stringify(metadata, null, 2)}\n`),
      );
    },
    async discard() {
      await sink.abort().catch(() => {});
      await fs.rm(written, { force: true });
    },
  };
}

async function stat(path: string): Promise<Stats | undefined> {
  try {
    return await fs.stat(path);
  } catch {
    return undefined;
  }
}
