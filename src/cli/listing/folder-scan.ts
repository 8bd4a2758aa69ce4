import { lstatSync, readdirSync, type Stats } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { printable } from "../../errors.ts";
import { codeOf, ioError } from "../../sinks/file/file-error.ts";
import type { StoreEntry } from "../../stores/store.ts";
import type { TapeEntry } from "../../tape/listed-tape.ts";

/** A file, by what tells it from another, and from itself after a change: inode, size, and times of change. */
export const STAT_FIELDS = 4;

/** What is in a folder. */
export interface FolderScan {
  /** The ids of its tapes, sorted as their names are. */
  readonly ids: readonly string[];
  /**
   * For each of them {@linkcode STAT_FIELDS} numbers of the tape, and as many of its metadata, which are NaN where there
   * are none.
   */
  readonly stats: Float64Array;
  /** Ids of the tapes that are packed, with their metadata: the numbers are those of the packed file. */
  readonly packed: ReadonlySet<string>;
  /** Ids of tapes that are gone, of which something is left. */
  readonly leftovers: readonly string[];
  /** What is called as a tape is, and is none of this folder: links, folders, names that are no ids. */
  readonly odd: readonly string[];
}

/** So often somebody else may have a turn, such as Ctrl-C. */
const TURN = 512;
const ID = /^[A-Za-z0-9_-]{1,128}$/;
const TAPE = ".jsonl";
const PACKED = ".jsonl.zst";
const SHARED = ".shared.jsonl.zst";
const META = ".meta.json";
const LOCK = ".jsonl.lock";
/** What else belongs to a tape. */
const BESIDE: ReadonlySet<string> = new Set([
  META,
  ".index",
  ".torn",
  ".dropped",
  ".jsonl.draft",
  ".jsonl.bak",
  ".jsonl.unproven",
]);

/**
 * Looks at all files of a folder, one after the other: a call that waits takes a fifth of one that goes through the threads of
 * the runtime, and a command that lists has nothing else to do. The names are sorted, so that all that belongs to a tape
 * stands together.
 *
 * @throws {TapeError} code `io`
 */
export async function scanFolder(folder: string, signal: AbortSignal): Promise<FolderScan> {
  const scan = new Scan(folder);
  const names = namesIn(folder);
  let id = "";
  let endings: string[] = [];
  let calls = 0;
  for (const name of names) {
    const dot = name.indexOf(".");
    if (dot <= 0) continue;
    if (dot !== id.length || !name.startsWith(id)) {
      scan.add(id, endings);
      id = name.slice(0, dot);
      endings = [];
      if (++calls % TURN === 0) {
        await setImmediate();
        signal.throwIfAborted();
      }
    }
    endings.push(name.slice(dot));
  }
  scan.add(id, endings);
  return scan.done();
}

/** The names in a folder, sorted; none where there is no such folder. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw ioError(`Cannot list ${printable(folder, 4096)}`, error);
  }
}

class Scan {
  readonly #folder: string;
  readonly #ids: string[] = [];
  readonly #leftovers: string[] = [];
  readonly #odd: string[] = [];
  readonly #packed = new Set<string>();
  #stats = new Float64Array(1024);

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes in all that begins with the same id, by its endings. */
  add(id: string, endings: readonly string[]): void {
    if (endings.length === 0) return;
    const isId = ID.test(id);
    for (const ending of endings) {
      const isTape = ending.endsWith(TAPE) || ending.endsWith(PACKED);
      // What was made to be given away is no tape of this folder.
      if (ending === SHARED) continue;
      if (isTape && !(isId && (ending === TAPE || ending === PACKED))) this.#odd.push(id + ending);
    }
    if (!isId) return;
    if (endings.includes(TAPE)) this.#addTape(id, TAPE, endings.includes(META));
    else if (endings.includes(PACKED)) this.#addTape(id, PACKED, false);
    // Where there is a lock, somebody may be making the tape.
    else if (!endings.includes(LOCK) && endings.some((ending) => BESIDE.has(ending))) this.#leftovers.push(id);
  }

  #addTape(id: string, ending: string, hasMeta: boolean): void {
    const tape = this.#stat(id + ending);
    if (tape === undefined) return;
    if (!tape.isFile()) {
      this.#odd.push(id + ending);
      return;
    }
    if (ending === PACKED) this.#packed.add(id);
    const meta = hasMeta ? this.#stat(id + META) : undefined;
    const at = this.#ids.push(id) * 2 * STAT_FIELDS;
    if (at > this.#stats.length) {
      const grown = new Float64Array(2 * at);
      grown.set(this.#stats);
      this.#stats = grown;
    }
    this.#put(at - 2 * STAT_FIELDS, tape);
    this.#put(at - STAT_FIELDS, meta?.isFile() === true ? meta : undefined);
  }

  #put(at: number, stat: Stats | undefined): void {
    this.#stats[at] = stat?.ino ?? NaN;
    this.#stats[at + 1] = stat?.size ?? NaN;
    this.#stats[at + 2] = stat?.mtimeMs ?? NaN;
    this.#stats[at + 3] = stat?.ctimeMs ?? NaN;
  }

  #stat(name: string): Stats | undefined {
    try {
      return lstatSync(`${this.#folder}/${name}`);
    } catch (error) {
      // Deleted since the folder was read.
      if (codeOf(error) === "ENOENT") return undefined;
      throw ioError(`Cannot look up ${printable(join(this.#folder, name), 4096)}`, error);
    }
  }

  done(): FolderScan {
    return {
      ids: this.#ids,
      stats: this.#stats.subarray(0, this.#ids.length * 2 * STAT_FIELDS),
      packed: this.#packed,
      leftovers: this.#leftovers,
      odd: this.#odd,
    };
  }
}

/** The tape at a place of the scan, as a store would list it. */
export function entryAt({ ids, stats }: FolderScan, at: number): TapeEntry {
  const tapeId = ids[at]!;
  const start = at * 2 * STAT_FIELDS;
  const entry = (key: string, at: number): StoreEntry => ({ key, size: stats[at + 1]!, modifiedMs: stats[at + 2]! });
  return {
    tapeId,
    tape: entry(tapeId + TAPE, start),
    meta: Number.isNaN(stats[start + STAT_FIELDS]) ? undefined : entry(tapeId + META, start + STAT_FIELDS),
  };
}

/** Times of files are no finer than this, on the coarsest file system: two changes in a row may have the same time. */
const TIME_GRAIN_MS = 2_000;

/** Whether the next change of the tape at that place, or of its metadata, will show in its numbers. */
export function isSettled({ stats }: FolderScan, at: number, nowMs: number): boolean {
  const start = at * 2 * STAT_FIELDS;
  for (const field of [2, 3, 6, 7]) if (stats[start + field]! >= nowMs - TIME_GRAIN_MS) return false;
  return true;
}
