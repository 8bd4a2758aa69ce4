import { readdir } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { join } from "node:path";
import { printable } from "../../../errors.ts";
import { codeOf, ioError } from "../../../sinks/file/file-error.ts";
import { pipe } from "../../../streams/pipe.ts";
import { lineSplit } from "../../../transforms/line-split.ts";
import type { TapeKeys } from "../../arguments/keys/tape-keys.ts";
import { findTape, type OpenedTape, openTape, type TapeFile } from "../../arguments/tape-argument.ts";
import { NoSuchTapeError, tapesIn } from "../../arguments/tape-names.ts";
import type { CommandIo } from "../../command.ts";
import { escapeControls } from "../../terminal/text.ts";

/** How often to look for a new tape, in milliseconds. */
const POLL_MS = 250;
/** So often is looked for the metadata of a new tape: its recorder puts them soon after its first line. */
const METADATA_LOOKS = 4;

/**
 * Opens the tape that an argument names, and waits until there is one; undefined when that was interrupted.
 *
 * @throws {UsageError} the argument cannot name a tape, or could name several
 * @throws {TapeError} code `invalid_tape`, `io`
 */
export async function waitForTape(
  argument: string | undefined,
  folder: string,
  keys: TapeKeys,
  io: CommandIo,
): Promise<OpenedTape | undefined> {
  for (let isFirst = true; !io.signal.aborted; isFirst = false) {
    const startMs = performance.now();
    const file = await findIfThere(argument, folder, keys);
    if (file !== undefined && await hasLine(file)) return await openTape(file.path, folder, keys);
    if (isFirst) await sayWaiting(argument === undefined ? "a first tape" : `tape "${argument}"`, folder, io);
    // A folder may hold so many tapes that looking at all their names takes a while.
    await pause(io.signal, 4 * (performance.now() - startMs));
  }
  return undefined;
}

/** Says on stderr what there is not yet. */
export async function sayWaiting(what: string, folder: string, io: CommandIo): Promise<void> {
  await io.stderr.write(`tapeline: waiting for ${escapeControls(`${what} in ${folder}`)}\n`);
}

/** The ids of the tapes that are put into a folder from now on, until the signal. */
export async function* newTapes(folder: string, known: Iterable<string>, signal: AbortSignal): AsyncGenerator<string> {
  const told = new Set(known);
  const seen = new Set([...told].map((id) => `${id}.jsonl`));
  while (!signal.aborted) {
    // Names cost little to look at, the files themselves more.
    const names = (await namesIn(folder)).filter((name) => name.endsWith(".jsonl") && !seen.has(name));
    // Those that appear between two looks in the order in which they were written.
    for (const { id } of names.length === 0 ? [] : (await tapesIn(folder)).reverse()) {
      if (told.has(id)) continue;
      told.add(id);
      yield id;
    }
    for (const name of names) seen.add(name);
    await pause(signal);
  }
}

/**
 * Opens a tape that has just been made: waits for its first line, and a moment for its metadata. Undefined when that was
 * interrupted, or the tape has gone again.
 *
 * @throws {TapeError} code `invalid_tape`, `io`
 */
export async function openNewTape(
  id: string,
  folder: string,
  keys: TapeKeys,
  signal: AbortSignal,
): Promise<OpenedTape | undefined> {
  const path = join(folder, `${id}.jsonl`);
  for (let looks = 0; !signal.aborted;) {
    const file = await findIfThere(path, folder, keys);
    if (file === undefined) return undefined;
    const tape = await hasLine(file) ? await openTape(path, folder, keys) : undefined;
    if (tape?.metadata !== undefined || (tape !== undefined && ++looks === METADATA_LOOKS)) return tape;
    await pause(signal);
  }
  return undefined;
}

async function findIfThere(
  argument: string | undefined,
  folder: string,
  keys: TapeKeys,
): Promise<TapeFile | undefined> {
  try {
    return await findTape(argument, folder, keys);
  } catch (error) {
    if (error instanceof NoSuchTapeError) return undefined;
    throw error;
  }
}

/** Whether the first line is whole, and not still being written. */
async function hasLine({ store, key }: TapeFile): Promise<boolean> {
  for await (const line of pipe(store.openSource(key), lineSplit({ onError: () => {} }))) return line.terminated;
  return false;
}

/** What a folder holds; nothing if there is no such folder. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw ioError(`Cannot list ${printable(folder, 4096)}`, error);
  }
}

async function pause(signal: AbortSignal, leastMs: number = 0): Promise<void> {
  await setTimeout(Math.max(POLL_MS, leastMs), undefined, { signal }).catch(() => {});
}
