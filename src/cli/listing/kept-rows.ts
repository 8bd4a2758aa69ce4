import { Buffer } from "node:buffer";
import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "../../bytes/crc32.ts";
import { VERSION } from "../../version.ts";
import { makeCacheFolder } from "../cache-folder.ts";
import { type FolderScan, STAT_FIELDS } from "./folder-scan.ts";
import { packRows, ROW_NUMBERS, unpackRows } from "./pack-rows.ts";
import type { TapeRow } from "./tape-row.ts";

/** Grows with every change of what is kept. */
const FORMAT = 2;
const HEADER_BYTES = 256;
/** Fewer tapes are read again in no time. */
const MIN_TAPES = 100;
/** More than this is not kept, and not believed. */
const MAX_BYTES = 256 * 1024 * 1024;
/** So many folders are known; beyond that those go that were kept longest ago. */
const MAX_FOLDERS = 20;
/** Of the tape and of its metadata. */
const STATS = 2 * STAT_FIELDS;

/** A row that was kept. */
export interface KeptRow {
  readonly row: TapeRow;
  /** Where the metadata start among the texts, and where they end. */
  readonly start: number;
  readonly end: number;
}

/** A row to be kept. */
export interface RowToKeep {
  readonly row: TapeRow;
  /** Where the tape is in the scan. */
  readonly at: number;
  /** The metadata as JSON in ASCII. */
  readonly text: string;
}

/** What stands in a file of the cache, behind its header. */
interface Sections {
  readonly numbers: Bytes;
  readonly words: Bytes;
  readonly texts: Bytes;
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * What was found out about the tapes of a folder, kept in a file of the user's cache, so that the next list need not read
 * their metadata again. A row counts as long as the tape and its metadata are the files they were: the same inode, size and
 * times, of which one can be set by nobody.
 *
 * Nothing depends on it: a file that cannot be read, or is not what was written, is none; where none can be written,
 * none is. The file is a header, numbers and words of all rows, and the metadata one behind the other, which only
 * `--json` reads.
 */
export class KeptRows {
  readonly #path: string;
  readonly #rows: readonly TapeRow[];
  /** For each row what its files were, and where its text ends. */
  readonly #numbers: Float64Array;
  readonly #texts: () => Promise<string>;

  private constructor(
    path: string,
    rows: readonly TapeRow[] = [],
    numbers: Float64Array = new Float64Array(0),
    texts: () => Promise<string> = () => Promise.resolve(""),
  ) {
    this.#path = path;
    this.#rows = rows;
    this.#numbers = numbers;
    this.#texts = texts;
  }

  /**
   * What is kept about the tapes of a folder.
   *
   * @param cache where the user's programs keep what they can do without
   */
  static async of(folder: string, cache: string): Promise<KeptRows> {
    const { dev = 0, ino = 0 } = await fs.stat(folder).catch(() => undefined) ?? {};
    const path = join(cache, `${dev}-${ino}.list`);
    try {
      const file = new KeptFile(path);
      const { words, numbers } = await file.rows();
      const rows = unpackRows({ words, numbers });
      return new KeptRows(path, rows, numbers.subarray(rows.length * ROW_NUMBERS), () => file.texts());
    } catch {
      return new KeptRows(path);
    }
  }

  /** How many rows are kept. */
  get count(): number {
    return this.#rows.length;
  }

  /** The row of each tape of the scan, if one is kept that is about the files that are there. */
  rowsOf({ ids, stats }: FolderScan): (KeptRow | undefined)[] {
    let kept = 0;
    // Both are sorted as the names of tapes are, in which a dot stands behind the id.
    return ids.map((id, at) => {
      while (kept < this.#rows.length && `${this.#rows[kept]!.tapeId}.` < `${id}.`) kept++;
      const row = this.#rows[kept];
      if (row?.tapeId !== id || !this.#isAbout(kept, stats, at)) return undefined;
      return { row, start: this.#endOfText(kept - 1), end: this.#endOfText(kept) };
    });
  }

  #isAbout(kept: number, stats: Float64Array, at: number): boolean {
    for (let field = 0; field < STATS; field++) {
      if (!Object.is(this.#numbers[kept * (STATS + 1) + field], stats[at * STATS + field])) return false;
    }
    return true;
  }

  #endOfText(kept: number): number {
    return kept < 0 ? 0 : this.#numbers[kept * (STATS + 1) + STATS]!;
  }

  /** The metadata that belong to kept rows, as JSON in ASCII; undefined where they are not what was kept. */
  async texts(): Promise<((kept: KeptRow) => string) | undefined> {
    try {
      const texts = await this.#texts();
      return ({ start, end }) => texts.slice(start, end);
    } catch {
      return undefined;
    }
  }

  /** Keeps these rows, in the order of the scan, and no others. */
  async keep(scan: FolderScan, kept: readonly RowToKeep[]): Promise<void> {
    if (kept.length < MIN_TAPES) return;
    const { numbers, words } = packRows(kept.map(({ row }) => row));
    const all = new Float64Array(numbers.length + kept.length * (STATS + 1));
    all.set(numbers);
    let at = numbers.length;
    let end = 0;
    for (const one of kept) {
      all.set(scan.stats.subarray(one.at * STATS, (one.at + 1) * STATS), at);
      all[at + STATS] = end += one.text.length;
      at += STATS + 1;
    }
    const encoder = new TextEncoder();
    await new KeptFile(this.#path).write({
      numbers: new Uint8Array(all.buffer),
      words: encoder.encode(words),
      texts: encoder.encode(kept.map(({ text }) => text).join("")),
    });
  }
}

class KeptFile {
  readonly #path: string;
  #texts: { readonly start: number; readonly length: number; readonly crc: number } | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** All but the texts. */
  async rows(): Promise<{ readonly numbers: Float64Array; readonly words: string }> {
    const { size, isFile } = await fs.stat(this.#path).then((stat) => ({ size: stat.size, isFile: stat.isFile() }));
    // Reading from a pipe might never end.
    if (!isFile || size > MAX_BYTES + HEADER_BYTES) throw new Error("it is none of ours");
    return await this.#reading(async (file) => {
      const header: unknown[] = JSON.parse(ascii(await readAt(file, 0, HEADER_BYTES)));
      const [format, version, crc, textCrc, ...lengths] = header as [number, string, number, number, ...number[]];
      const [numberBytes = 0, wordBytes = 0, textBytes = 0] = lengths;
      const start = HEADER_BYTES + numberBytes + wordBytes;
      if (format !== FORMAT || version !== VERSION || size !== start + textBytes) throw new Error("it is another");
      const rows = await readAt(file, HEADER_BYTES, numberBytes + wordBytes);
      if (crc32(rows, 0) !== crc) throw new Error("it is damaged");
      this.#texts = { start, length: textBytes, crc: textCrc };
      return { numbers: new Float64Array(rows.buffer, 0, numberBytes / 8), words: ascii(rows.subarray(numberBytes)) };
    });
  }

  /** The texts, which are ASCII. */
  async texts(): Promise<string> {
    const { start, length, crc } = this.#texts!;
    const bytes = await this.#reading((file) => readAt(file, start, length));
    if (crc32(bytes, 0) !== crc) throw new Error("it is damaged");
    return ascii(bytes);
  }

  async #reading<T>(read: (file: fs.FileHandle) => Promise<T>): Promise<T> {
    const file = await fs.open(this.#path);
    try {
      return await read(file);
    } finally {
      await file.close();
    }
  }

  async write({ numbers, words, texts }: Sections): Promise<void> {
    if (numbers.length + words.length + texts.length > MAX_BYTES) return;
    const lengths = [numbers.length, words.length, texts.length];
    const header = [FORMAT, VERSION, crc32(words, crc32(numbers, 0)), crc32(texts, 0), ...lengths];
    const draft = `${this.#path}.${crypto.randomUUID()}.tmp`;
    try {
      makeCacheFolder(dirname(this.#path));
      const file = await fs.open(draft, "wx", 0o600);
      try {
        await file.writeFile(JSON.stringify(header).padEnd(HEADER_BYTES));
        for (const part of [numbers, words, texts]) await file.writeFile(part);
      } finally {
        await file.close();
      }
      await fs.rename(draft, this.#path);
      await forgetOldest(dirname(this.#path));
    } catch {
      // A full disk, or a folder that is not ours: then the metadata are read again.
      await fs.rm(draft, { force: true }).catch(() => {});
    }
  }
}

async function readAt(file: fs.FileHandle, start: number, length: number): Promise<Bytes> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, length - done, start + done);
    if (bytesRead === 0) throw new Error("it was cut off");
    done += bytesRead;
  }
  return bytes;
}

function ascii({ buffer, byteOffset, length }: Bytes): string {
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}

async function forgetOldest(folder: string): Promise<void> {
  const names = (await fs.readdir(folder)).filter((name) => /\.(list|tmp)$/.test(name));
  if (names.length <= MAX_FOLDERS) return;
  const dated = await Promise.all(names.map(async (name) => {
    const path = join(folder, name);
    return { path, mtimeMs: (await fs.stat(path)).mtimeMs };
  }));
  dated.sort((a, b) => b.mtimeMs - a.mtimeMs);
  for (const { path } of dated.slice(MAX_FOLDERS)) await fs.rm(path, { force: true });
}
