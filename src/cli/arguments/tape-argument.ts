import * as fs from "node:fs/promises";
import { basename, join } from "node:path";
import { parseMetadata, type TapeMetadata } from "../../records/metadata.ts";
import { pipe } from "../../streams/pipe.ts";
import type { InitRecord, TapeRecord } from "../../records/record.ts";
import type { TapeStore } from "../../stores/store.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import { parseRecord } from "../../transforms/parse-record.ts";
import { type CommandIo, UsageError } from "../command.ts";
import { pathStore } from "./path-store.ts";
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

const TAPE_ID = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * The folder that tapes are in: `--dir`, `$TAPELINE_DIR`, or `tapes`.
 *
 * @throws {UsageError} `--dir` is empty
 */
export function tapeFolder(dir: string | undefined, env: CommandIo["env"]): string {
  if (dir === "") throw new UsageError("--dir must name a folder");
  return dir ?? (env.TAPELINE_DIR || "tapes");
}

/**
 * The file that a TAPE argument names: the id of a tape in the folder, the path of a file, or `latest`.
 *
 * @throws {UsageError} there is no such tape, or it cannot be one
 */
export async function findTape(argument: string, folder: string): Promise<TapeFile> {
  const path = await locate(argument, folder);
  // The name of a file need not be an id; this one is shown only in messages.
  const stem = basename(path).replace(/\.jsonl$/, "");
  const tapeId = stem.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 128) || "tape";
  return { store: pathStore(path, tapeId), tapeId, key: `${tapeId}.jsonl`, path };
}

/**
 * As {@linkcode findTape}, for a tape that is to be read.
 *
 * @throws {UsageError} there is no such tape, or it cannot be one
 * @throws {TapeError} code `invalid_tape`: the file does not start as a tape does; `io`
 */
export async function openTape(argument: string, folder: string): Promise<OpenedTape> {
  const file = await findTape(argument, folder);
  const { store, tapeId, key } = file;
  const first = await firstRecord(store, key);
  return {
    ...file,
    init: first?.type === "init" ? first : await readInit(store, tapeId),
    metadata: await readMetadata(store, `${tapeId}.meta.json`),
  };
}

/** The record on the first line; undefined if there is none. */
async function firstRecord(store: TapeStore, key: string): Promise<TapeRecord | undefined> {
  let isFirst = true;
  const onError = () => isFirst = false;
  for await (const record of pipe(store.openSource(key), lineSplit({ onError }), parseRecord({ onError }))) {
    return isFirst ? record : undefined;
  }
  return undefined;
}

/** The reader knows best what is wrong with a first line. It is loaded only for that: most tapes are fine. */
async function readInit(store: TapeStore, tapeId: string): Promise<InitRecord> {
  const { StreamingTapeReader } = await import("../../tape/read/reader.ts");
  await using reader = await StreamingTapeReader.open(store, tapeId);
  return reader.init;
}

async function readMetadata(store: TapeStore, key: string): Promise<TapeMetadata | undefined> {
  try {
    const bytes = await store.get(key);
    return bytes && parseMetadata(new TextDecoder().decode(bytes), key);
  } catch {
    // A hint that cannot be read is one that is missing.
    return undefined;
  }
}

/** The path of the file that an argument names. */
async function locate(argument: string, folder: string): Promise<string> {
  const quoted = `"${escapeControls(argument)}"`;
  if (TAPE_ID.test(argument)) {
    const path = join(folder, `${argument}.jsonl`);
    if (await isFile(path)) return path;
    if (argument !== "latest") {
      const hint = `there is no ${escapeControls(path)}; "tapeline list" shows what there is`;
      throw new UsageError(`Cannot find tape ${quoted}: ${hint}`);
    }
    const latest = await latestTape(folder);
    if (latest !== undefined) return latest;
    throw new UsageError(`Cannot find the latest tape: there is none in ${escapeControls(folder)}`);
  }
  if (await isFile(argument)) return argument;
  if (argument.endsWith(".jsonl")) throw new UsageError(`Cannot find tape ${quoted}: there is no such file`);
  throw new UsageError(
    `Cannot use ${quoted} as a tape: it is neither a file nor an id (1 to 128 of the characters A-Z a-z 0-9 _ -)`,
  );
}

/** Whether there is a file of that path. */
async function isFile(path: string): Promise<boolean> {
  let stat: Awaited<ReturnType<typeof fs.stat>>;
  try {
    stat = await fs.stat(path);
  } catch {
    return false;
  }
  if (stat.isFile()) return true;
  const what = stat.isDirectory() ? "it is a folder; --dir names the folder of a tape" : "it is not a regular file";
  throw new UsageError(`Cannot read ${escapeControls(path)}: ${what}`);
}

/** The tape of a folder that was written last. */
async function latestTape(folder: string): Promise<string | undefined> {
  const { fileStore } = await import("../../stores/file.ts");
  let latest: { readonly path: string; readonly modifiedMs: number } | undefined;
  for await (const { key, modifiedMs } of fileStore(folder).list()) {
    if (!key.endsWith(".jsonl") || (latest !== undefined && latest.modifiedMs > modifiedMs)) continue;
    latest = { path: join(folder, key), modifiedMs };
  }
  return latest?.path;
}
