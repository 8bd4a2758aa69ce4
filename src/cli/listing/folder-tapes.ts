import { join } from "node:path";
import type { TapeMetadata } from "../../records/metadata.ts";
import { fileStoreIn } from "../../stores/file.ts";
import type { TapeStore } from "../../stores/store.ts";
import { listedTape, type TapeEntry, withEach } from "../../tape/listed-tape.ts";
import { NO_KEYS, type TapeKeys } from "../arguments/keys/tape-keys.ts";
import { asciiJson } from "../terminal/text.ts";
import { entryAt, type FolderScan, isSettled, scanFolder } from "./folder-scan.ts";
import { type KeptRow, KeptRows } from "./kept-rows.ts";
import { quickFiles } from "./quick-files.ts";
import { rowOf, type TapeRow } from "./tape-row.ts";

/** So many tapes are looked at together: those that must be read wait for the disk. */
const AT_ONCE = 32;
/** The cache is written anew when more than this part of it has changed. */
const CHANGED_PART = 1 / 50;

/** What came of looking at a tape, now or before. */
interface Found {
  readonly row: TapeRow;
  /** Where it is in the scan. */
  readonly at: number;
  readonly source: KeptRow | TapeMetadata;
  readonly isKept: boolean;
  /** Whether it stays so as long as the files do. */
  readonly isLasting: boolean;
}

/** The tapes of a folder, as lists have them. */
export class FolderTapes {
  /** All of them, in no particular order. */
  readonly rows: readonly TapeRow[];
  /** Ids of tapes that are gone, of which something is left. */
  readonly leftovers: readonly string[];
  /** What is called as a tape is, and is none of this folder: links, folders, names that are no ids. */
  readonly odd: readonly string[];
  readonly #folder: string;
  readonly #store: TapeStore;
  readonly #scan: FolderScan;
  readonly #found: readonly Found[];
  readonly #kept: KeptRows | undefined;
  readonly #readAtMs: number;

  private constructor(
    folder: string,
    store: TapeStore,
    scan: FolderScan,
    found: readonly Found[],
    kept: KeptRows | undefined,
    readAtMs: number,
  ) {
    this.rows = found.map(({ row }) => row);
    this.leftovers = scan.leftovers;
    this.odd = scan.odd;
    this.#folder = folder;
    this.#store = store;
    this.#scan = scan;
    this.#found = found;
    this.#kept = kept;
    this.#readAtMs = readAtMs;
  }

  /**
   * Looks at all tapes of a folder.
   *
   * @param cache where the user's programs keep what they can do without; undefined to read all anew
   * @param options.keys open those that are encrypted
   * @throws {TapeError} code `io`
   */
  static async in(
    folder: string,
    cache: string | undefined,
    signal: AbortSignal,
    { keys = NO_KEYS, readAtMs = Date.now() }: { readonly keys?: TapeKeys; readonly readAtMs?: number } = {},
  ): Promise<FolderTapes> {
    const store = keys.unlockAll(fileStoreIn(quickFiles(), folder));
    const kept = cache === undefined ? undefined : await KeptRows.of(folder, cache);
    const scan = await scanFolder(folder, signal);
    const keptRows = kept?.rowsOf(scan) ?? [];
    const found: Found[] = [];
    const others: number[] = [];
    for (let at = 0; at < scan.ids.length; at++) {
      const one = keptRows[at];
      if (one === undefined || mayBeGoneOnWith(one.row)) others.push(at);
      else found.push({ row: one.row, at, source: one, isKept: true, isLasting: true });
    }
    found.push(...await withEach(others, AT_ONCE, (at) => find(store, scan, at, keptRows[at], signal)));
    await keys.check();
    return new FolderTapes(folder, store, scan, found, kept, readAtMs);
  }

  /** How many tapes had to be read: of the others it was known what they are. */
  get readCount(): number {
    return this.#found.filter(({ isKept }) => !isKept).length;
  }

  /** The path of a tape. */
  pathOf({ tapeId }: TapeRow): string {
    return join(this.#folder, `${tapeId}.jsonl${this.#scan.packed.has(tapeId) ? ".zst" : ""}`);
  }

  /** All that is known of tapes, one JSON object in ASCII for each: their metadata, with their path and state. */
  async *jsonOf(rows: readonly TapeRow[]): AsyncGenerator<string, void, undefined> {
    const found = new Map(this.#found.map((each) => [each.row, each]));
    const textOf = await this.#texts();
    for (const row of rows) {
      const shown = asciiJson({ path: this.pathOf(row), state: row.state });
      const text = await textOf(found.get(row)!);
      yield `${text.slice(0, -1)},${shown.slice(1)}`;
    }
  }

  /** Keeps what was found out, for the next list. */
  async keep(): Promise<void> {
    if (this.#kept === undefined) return;
    const lasting = this.#found.filter(({ at, isLasting }) => isLasting && isSettled(this.#scan, at, this.#readAtMs));
    const again = lasting.filter(({ isKept }) => isKept).length;
    const changed = lasting.length - again + this.#kept.count - again;
    if (changed <= this.#found.length * CHANGED_PART) return;
    const textOf = await this.#texts();
    const rows = [];
    for (const found of lasting.toSorted((a, b) => a.at - b.at)) {
      rows.push({ row: found.row, at: found.at, text: await textOf(found) });
    }
    await this.#kept.keep(this.#scan, rows);
  }

  /** The metadata of a tape as JSON: kept, or of what was read now. */
  async #texts(): Promise<(found: Found) => string | Promise<string>> {
    const keptText = this.#found.some(({ isKept }) => isKept) ? await this.#kept?.texts() : undefined;
    return ({ source, at, isKept }) => {
      if (!isKept) return textOf(source as TapeMetadata);
      if (keptText !== undefined) return keptText(source as KeptRow);
      // They were kept, and are no more what they were.
      return entryOf(this.#store, this.#scan, at).then((entry) => listedTape(this.#store, entry))
        .then(({ metadata }) => textOf(metadata));
    };
  }
}

async function find(
  store: TapeStore,
  scan: FolderScan,
  at: number,
  kept: KeptRow | undefined,
  signal: AbortSignal,
): Promise<Found> {
  signal.throwIfAborted();
  const entry = await entryOf(store, scan, at);
  if (kept !== undefined && await isStopped(store, entry.tape.key)) {
    return { row: kept.row, at, source: kept, isKept: true, isLasting: true };
  }
  const listed = await listedTape(store, entry);
  const row = rowOf(entry, listed);
  const stays = !listed.isLive || mayBeGoneOnWith(row) || row.state === "finalized";
  return { row, at, source: listed.metadata, isKept: false, isLasting: stays && !isEncrypted(listed.metadata) };
}

/** The tape at a place of the scan; a packed one as it is when it is unpacked. */
async function entryOf(store: TapeStore, scan: FolderScan, at: number): Promise<TapeEntry> {
  const entry = entryAt(scan, at);
  const { tapeId, tape } = entry;
  if (!scan.packed.has(tapeId)) return entry;
  try {
    const meta = `${tapeId}.meta.json`;
    const [size, metaSize] = await Promise.all([store.size(tape.key), store.size(meta)]);
    const { modifiedMs } = tape;
    return {
      tapeId,
      tape: { ...tape, size: size ?? tape.size },
      meta: metaSize === undefined ? undefined : { key: meta, size: metaSize, modifiedMs },
    };
  } catch {
    // What is wrong with it shows when it is read.
    return entry;
  }
}

/** Whether nobody writes a tape, so that what was kept of it is so still. */
async function isStopped(store: TapeStore, key: string): Promise<boolean> {
  const writer = await store.writerOf?.(key);
  return writer === "gone" || writer === "none";
}

/** What such a tape is depends on who writes it: as long as nobody does, it stays so. */
function mayBeGoneOnWith({ state }: TapeRow): boolean {
  return state === "interrupted" || state === "empty";
}

/** What is encrypted is kept nowhere else, and is another thing for who has its key. */
function isEncrypted(metadata: object): boolean {
  return "encryption" in metadata;
}

/** As JSON in ASCII, without what lists add. */
function textOf(metadata: TapeMetadata): string {
  const { path: _path, state: _state, ...own } = metadata as TapeMetadata & { path?: unknown; state?: unknown };
  return asciiJson(own);
}
