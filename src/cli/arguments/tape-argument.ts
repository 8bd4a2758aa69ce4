import * as fs from "node:fs/promises";
import { basename, join } from "node:path";
import type { TapeMetadata } from "../../records/metadata.ts";
import { isTapeError, printable } from "../../errors.ts";
import type { InitRecord } from "../../records/record.ts";
import { decoding } from "../../stores/decoding.ts";
import type { TapeStore } from "../../stores/store.ts";
import { readInit } from "../../tape/first-record.ts";
import { type CommandIo, UsageError } from "../command.ts";
import { homePath } from "./home-path.ts";
import type { TapeKeys } from "./keys/tape-keys.ts";
import { pathInStore, pathStore, stemOf } from "./path-store.ts";
import { idMeant, NoSuchTapeError, readMetadata } from "./tape-names.ts";
import { escapeControls } from "../terminal/text.ts";

/** The file of a tape. */
export interface TapeFile {
  readonly store: TapeStore;
  /** Id of the tape in its store. */
  readonly tapeId: string;
  /** Key of the tape in its store. */
  readonly key: string;
  readonly path: string;
}

/** A tape that exists and starts as a tape does. */
export interface OpenedTape extends TapeFile {
  readonly init: InitRecord;
  /** What stands beside the tape, if anything does that can be read. */
  readonly metadata: TapeMetadata | undefined;
}

const MAX_PATH = 4096;
const TAPE_ID = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * The folder that tapes are in: `--dir`, `$TAPELINE_DIR`, or `tapes`. `~` stands for the home folder.
 *
 * @throws {UsageError} `--dir` is empty, or a folder starts with `~user`
 */
export function tapeFolder(dir: string | undefined, env: CommandIo["env"]): string {
  if (dir === "") throw new UsageError("--dir must name a folder");
  return homePath(dir ?? (env.TAPELINE_DIR || "tapes"), env.HOME);
}

/**
 * A folder that was named must be there; the default one need not be yet.
 *
 * @param what what cannot be done with it, as in "Cannot <what>"
 * @throws {UsageError} there is no such folder, or it is something else
 */
export async function checkFolder(what: string, folder: string): Promise<void> {
  // Not there, or not to be seen: the same for whoever asks.
  const stat = await fs.stat(folder).catch(() => undefined);
  if (stat?.isDirectory()) return;
  const why = stat === undefined ? "there is no such folder" : "it is a file, not a folder";
  throw new UsageError(`Cannot ${what} ${escapeControls(folder)}: ${why}`);
}

/**
 * The file that a TAPE argument names. What comes first wins: the id of a tape in the folder, the path of a file, `latest`
 * or `latest-1`, the name of a tape, the beginning of an id. Without an argument it is the latest.
 *
 * @param keys open it where it is encrypted
 * @throws {NoSuchTapeError} there is no such tape
 * @throws {UsageError} it cannot be one, or could be several
 */
export async function findTape(argument: string | undefined, folder: string, keys: TapeKeys): Promise<TapeFile> {
  const path = await locate(argument ?? "latest", folder, keys);
  // The name of a file need not be an id; this one is shown only in messages.
  const stem = stemOf(basename(path));
  const tapeId = stem.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 128) || "tape";
  return { store: keys.unlock(pathStore(path, tapeId), path), tapeId, key: `${tapeId}.jsonl`, path };
}

/**
 * As {@linkcode findTape}, for a tape that is to be read.
 *
 * @throws {NoSuchTapeError} there is no such tape
 * @throws {UsageError} it cannot be one, or could be several
 * @throws {TapeError} code `invalid_tape`: the file does not start as a tape does; `invalid_argument`: no key opens it; `io`
 */
export async function openTape(argument: string | undefined, folder: string, keys: TapeKeys): Promise<OpenedTape> {
  const file = await findTape(argument, folder, keys);
  const { store, tapeId, key } = file;
  const init = await naming(file, () => readInit(store, key));
  return {
    ...file,
    init,
    store: await naming(file, () => decoding(store, key, init)),
    metadata: await readMetadata(store, `${tapeId}.meta.json`),
  };
}

/**
 * Does with a tape what the library does. Errors then name the file that was given, and not the id or a key by which it
 * goes in its store.
 */
export async function naming<T>(file: TapeFile, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (isTapeError(error)) error.message = inPaths(error.message, file);
    throw error;
  }
}

/** What the library says of a tape, with the paths of files in place of its keys. */
export function inPaths(text: string, { path, tapeId }: TapeFile): string {
  const pathOf = pathInStore(path, tapeId);
  const key = new RegExp(`(?<![\\w./\\\\-])${tapeId}(\\.[a-z]+){1,3}(?![\\w.-])`, "g");
  return text.replace(key, (key) => printable(pathOf(key), MAX_PATH))
    .replace(new RegExp(`^(Cannot \\w+ )${tapeId}(?![\\w.-])`), (_, start) => start + printable(path, MAX_PATH));
}

/** The path of the file that an argument names. */
async function locate(argument: string, folder: string, keys: TapeKeys): Promise<string> {
  const isId = TAPE_ID.test(argument);
  const path = join(folder, `${argument}.jsonl`);
  if (isId && await isFile(path)) return path;
  if (isId && await isFile(`${path}.zst`)) return `${path}.zst`;
  if (argument === "-") {
    throw new UsageError(
      'Cannot read a tape from stdin: a tape is read more than once; "tapeline concat -o FILE -" saves it',
    );
  }
  // A name may start with that; only what has a slash behind it is meant as a path.
  if (/^~[^/]*\//.test(argument)) argument = homePath(argument, undefined);
  // A folder may be called as a tape is.
  if (await isFile(argument, isId)) return argument;
  if (/\.jsonl(\.zst)?$/.test(argument)) {
    throw new NoSuchTapeError(`Cannot find tape "${escapeControls(argument)}": there is no such file`);
  }
  const meant = join(folder, `${await idMeant(argument, folder, keys)}.jsonl`);
  return !await isFile(meant) && await isFile(`${meant}.zst`) ? `${meant}.zst` : meant;
}

/**
 * Whether there is a file of that path.
 *
 * @throws {UsageError} there is something else, but for a folder where one does not matter
 */
async function isFile(path: string, isFolderFine: boolean = false): Promise<boolean> {
  let stat: Awaited<ReturnType<typeof fs.stat>>;
  try {
    stat = await fs.stat(path);
  } catch {
    return false;
  }
  if (stat.isFile()) return true;
  if (isFolderFine && stat.isDirectory()) return false;
  const what = stat.isDirectory() ? "it is a folder; --dir names the folder of a tape" : "it is not a regular file";
  throw new UsageError(`Cannot read ${escapeControls(path)}: ${what}`);
}
