import * as fs from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { tapeKeys } from "../../../records/tape-id.ts";
import { fileStore } from "../../../stores/file.ts";
import type { TapeStore } from "../../../stores/store.ts";
import { listedTape } from "../../../tape/listed-tape.ts";
import { TapeManager } from "../../../tape/manager.ts";
import { parseOptions, styleOption } from "../../arguments/options.ts";
import { isPackedPath } from "../../arguments/path-store.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../../arguments/keys/key-options.ts";
import type { TapeKeys } from "../../arguments/keys/tape-keys.ts";
import { findTape, inPaths, naming, type TapeFile, tapeFolder } from "../../arguments/tape-argument.ts";
import { NoSuchTapeError } from "../../arguments/tape-names.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { isTape, mayBeWritten } from "../../listing/choose-tapes.ts";
import { rowOf } from "../../listing/tape-row.ts";
import { type Program, programOf } from "../../program.ts";
import { escapeControls } from "../../terminal/text.ts";
import { beingWritten, type Doomed, leftover, removeTapes } from "./remove-tapes.ts";

const HELP = `Deletes tapes for good, with their metadata and all that belongs to them.

Usage:
  tapeline rm [--yes] [--dry-run] [--json] [--dir DIR] TAPE…

It shows what would go, and asks. Where nobody can be asked, as in a script, it
deletes only with --yes. A tape that is being written is left alone, and so is a
file that is no tape. The tape itself goes first: should that be as far as it
comes, what is left is no tape, and "tapeline rm" with the same id deletes it.

Options:
  -y, --yes     delete without a question
  --dry-run     only say what would be deleted
  --json        one JSON object a line for each tape: "tape_id", "path", "name",
                "state", "size_bytes", "dry_run", "deleted" and "error"
  --color WHEN  auto, always or never; auto, the default, asks the terminal,
                NO_COLOR and FORCE_COLOR
  --dir DIR     where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Exit codes:
  0  the tapes are gone
  1  one is still there, or the answer was no
  2  wrong use: no such tape, a file that is no tape, nobody to be asked; then
     nothing was deleted

Examples:
  tapeline rm --dry-run latest
  tapeline rm --yes latest latest-1
  tapeline rm --yes session.jsonl
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("rm", args, {
    yes: { type: "boolean", short: "y" },
    "dry-run": { type: "boolean" },
    json: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  const style = styleOption(values.color, io);
  if (positionals.length === 0) throw new UsageError('rm needs the TAPE to delete; see "tapeline rm --help"');
  const folder = tapeFolder(values.dir, io.env);
  const keys = await keysOf(values, io, "show");
  const doomed = new Map<string, Doomed>();
  for (const argument of positionals) {
    const tape = await doomedTape(argument, folder, keys);
    doomed.set(tape.path, tape);
  }
  return await removeTapes([...doomed.values()], { ...values, command: "rm", style }, io);
}

/** The tape that an argument names, or what is left of it. */
async function doomedTape(argument: string, folder: string, keys: TapeKeys): Promise<Doomed> {
  let file: TapeFile;
  try {
    file = await findTape(argument, folder, keys);
  } catch (error) {
    const left = error instanceof NoSuchTapeError ? await leftOf(argument, folder) : undefined;
    if (left === undefined) throw error;
    return left;
  }
  const { store, tapeId, path, key } = inItsFolder(file, keys);
  const { size: fileSize, mtimeMs } = await fs.stat(path);
  const size = await sizeOf(store, key) ?? fileSize;
  const meta = `${tapeId}.meta.json`;
  const entry = {
    tapeId,
    tape: { key, size, modifiedMs: mtimeMs },
    meta: await store.size(meta) === undefined ? undefined : { key: meta, size: 0, modifiedMs: mtimeMs },
  };
  const row = rowOf(entry, await listedTape(store, entry));
  if (!isTape(row)) {
    const why = escapeControls(inPaths(row.fault, file).replace(/^Cannot read .*?: (?=its first line)/, ""));
    throw new UsageError(`Cannot delete ${escapeControls(path)}: it is no tape (${why})`);
  }
  return {
    row,
    path,
    bytes: isPackedPath(path) ? fileSize : sum(await sizesOf(store, tapeId)),
    refusal: mayBeWritten(row, Date.now()) ? beingWritten(path, row) : undefined,
    remove: () => naming(file, () => new TapeManager(store).delete(tapeId)),
  };
}

/** The same with the store of its folder, where the tape can be a key of it: that one cleans up behind writers that were killed. */
function inItsFolder(file: TapeFile, keys: TapeKeys): TapeFile {
  if (basename(file.path) !== file.key) return file;
  return { ...file, store: keys.unlock(fileStore(dirname(file.path)), file.path) };
}

/** What is left of a tape that was deleted. */
async function leftOf(tapeId: string, folder: string): Promise<Doomed | undefined> {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(tapeId)) return undefined;
  const store = fileStore(folder);
  const sizes = await sizesOf(store, tapeId);
  return sizes.length === 0 ? undefined : leftover(store, tapeId, join(folder, `${tapeId}.jsonl`), sum(sizes));
}

/** The size of a tape; undefined where that of a packed one cannot be told, which listing says. */
async function sizeOf(store: TapeStore, key: string): Promise<number | undefined> {
  try {
    return await store.size(key);
  } catch {
    return undefined;
  }
}

/** How many bytes each thing has that belongs to a tape. */
async function sizesOf(store: TapeStore, tapeId: string): Promise<number[]> {
  const { lock: _, ...keys } = tapeKeys(tapeId);
  const sizes = await Promise.all(Object.values(keys).map((key) => store.size(key)));
  return sizes.filter((size) => size !== undefined);
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** `tapeline rm` */
export const rm: Command = { name: "rm", summary: "delete tapes", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(rm);
