import { isTapeError } from "../../errors.ts";
import type { IndexEntry } from "../../index/index-entry.ts";
import { decodeHeader, ENTRY_BYTES, type IndexHeader } from "../../index/layout.ts";
import { type Bytes, concat } from "../../bytes/bytes.ts";
import { crc32 } from "../../bytes/crc32.ts";
import { checkTapeId, tapeKeys } from "../../records/tape-id.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { IndexPages } from "./index-pages.ts";

/** Entries at the end that a power loss has damaged are passed over, so many at most. */
const MAX_DAMAGED = 1024;

/** Which entries to hand out. */
export interface EntriesOptions {
  /**
   * Where in the tape to start, in bytes: with the block that holds this byte.
   *
   * @default {the beginning of the tape, or its end}
   */
  readonly from?: number | undefined;
  /**
   * Goes backwards.
   *
   * @default {false}
   */
  readonly reverse?: boolean | undefined;
}

/**
 * The index of a tape, looked up in its store. It is a hint: it may end before the tape does, and what it says was true
 * of the tape when it was made. Whoever follows it looks at the line that it points to.
 *
 * Where the index turns out to be damaged it knows nothing more: lookups give undefined, and `entries` ends early.
 */
export class TapeIndex {
  readonly #store: TapeStore;
  readonly #keys: ReturnType<typeof tapeKeys>;
  readonly #pages: IndexPages;
  /** How many entries there are, as far as it is known. */
  #count = 0;

  private constructor(store: TapeStore, tapeId: string, crc: number) {
    this.#store = store;
    this.#keys = tapeKeys(tapeId);
    this.#pages = new IndexPages(store, this.#keys.index, crc);
  }

  /**
   * Opens the index of a tape; undefined where there is none that can be used: it is missing, damaged, or that of another tape.
   *
   * @throws {TapeError} code `invalid_argument`, `io`
   */
  static async open(store: TapeStore, tapeId: string): Promise<TapeIndex | undefined> {
    checkStore("look up an index", store);
    const opened = await openIndex(store, checkTapeId(tapeId));
    if ("why" in opened) return undefined;
    const index = new TapeIndex(store, tapeId, opened.crc);
    await index.refresh();
    return index;
  }

  /** How many blocks are known. More come while the tape is being written; {@linkcode refresh} looks. */
  get size(): number {
    return this.#count;
  }

  /**
   * Looks how far the index has come.
   *
   * @throws {TapeError} code `io`
   */
  async refresh(): Promise<void> {
    const [indexBytes = 0, tapeBytes = 0] = await Promise.all([
      this.#store.size(this.#keys.index),
      this.#store.size(this.#keys.tape),
    ]);
    let count = Math.max(0, Math.floor(indexBytes / ENTRY_BYTES) - 1);
    // What a power loss has left at the end may be anything.
    const least = Math.max(0, count - MAX_DAMAGED);
    while (count > least && await this.#pages.entry(count - 1) === undefined) count--;
    const last = await this.#pages.entry(count - 1);
    if (last === undefined) count = 0;
    else if (last.end > tapeBytes) count = await this.#firstOf(count, ({ end }) => end > tapeBytes) ?? 0;
    this.#count = count;
  }

  /**
   * The block from which on to look for the first frame whose sequence number is `seq` or more: no frame before it has one.
   * Undefined where the index does not help.
   *
   * @throws {TapeError} code `io`
   */
  async beforeSeq(seq: number): Promise<IndexEntry | undefined> {
    return await this.#before(({ maxSeq }) => maxSeq >= seq);
  }

  /**
   * The block from which on to look for the first record whose time is `ms` or later: none before it has such a time.
   * Undefined where the index does not help.
   *
   * @param ms milliseconds since the start of the tape
   * @throws {TapeError} code `io`
   */
  async beforeTime(ms: number): Promise<IndexEntry | undefined> {
    return await this.#before(({ maxTs }) => maxTs >= ms);
  }

  /**
   * The block that holds a byte of the tape, or else the last one.
   *
   * @param offset bytes from the start of the tape
   * @throws {TapeError} code `io`
   */
  async at(offset: number): Promise<IndexEntry | undefined> {
    return await this.#before(({ end }) => end > offset);
  }

  /**
   * The blocks of the tape in their order, one behind the other without anything between them, some at a time. What follows
   * the last of them the index does not know.
   *
   * @throws {TapeError} in the iterator: code `io`
   */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<readonly IndexEntry[], void, undefined> {
    const { from, reverse = false } = options;
    if (from === undefined || reverse) await this.refresh();
    const start = from === undefined
      ? reverse ? this.#count - 1 : 0
      : await this.#firstOf(this.#count, ({ end }) => end > from) ?? Infinity;
    const step = reverse ? -1 : 1;
    let batch: IndexEntry[] = [];
    let border = start === 0 && !reverse ? 0 : undefined;
    for (let number = Math.min(start, this.#count - 1);; number += step) {
      if (number < 0 || number >= this.#count) {
        if (batch.length > 0) yield batch;
        if (number < 0) return;
        batch = [];
        await this.refresh();
        if (number >= this.#count) return;
      }
      const entry = await this.#pages.entry(number);
      const isNext = entry !== undefined && (border === undefined || border === (reverse ? entry.end : entry.offset));
      if (!isNext) break;
      border = reverse ? entry.offset : entry.end;
      batch.push(entry);
      if (batch.length === BATCH_ENTRIES) {
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0) yield batch;
  }

  async #before(isReached: (entry: IndexEntry) => boolean): Promise<IndexEntry | undefined> {
    let found = await this.#firstOf(this.#count, isReached);
    // What is behind the last block may have come since.
    if (found === this.#count) {
      await this.refresh();
      found = await this.#firstOf(this.#count, isReached);
    }
    if (found === undefined || this.#count === 0) return undefined;
    const number = Math.min(found, this.#count - 1);
    const entry = await this.#pages.entry(number);
    const previous = await this.#pages.entry(number - 1);
    return entry !== undefined && entry.offset === (number === 0 ? 0 : previous?.end) ? entry : undefined;
  }

  /** How many of the first `count` entries come before one for which this is so; undefined where one of them is damaged. */
  async #firstOf(count: number, isReached: (entry: IndexEntry) => boolean): Promise<number | undefined> {
    let [low, high] = [0, count];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const entry = await this.#pages.entry(middle);
      if (entry === undefined) {
        // It may have been built anew meanwhile.
        this.#pages.forget();
        return undefined;
      }
      if (isReached(entry)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** So many entries are handed out at once. */
const BATCH_ENTRIES = 256;

/** What the header of a usable index says, or why the index is not usable. */
export type OpenedIndex = Pick<IndexHeader, "tapeId" | "crc"> | { readonly why: string };

/**
 * Looks at the header of the index of a tape, and whether the tape is the one that it was made of.
 *
 * @throws {TapeError} code `io`
 */
export async function openIndex(store: TapeStore, tapeId: string): Promise<OpenedIndex> {
  const keys = tapeKeys(tapeId);
  const bytes = await readRange(store, keys.index, 0, ENTRY_BYTES);
  if (bytes === undefined) return { why: "there is none" };
  const header = decodeHeader(bytes, tapeId);
  if ("why" in header) return header;
  const { startLength, startCrc } = header;
  const start = await readRange(store, keys.tape, 0, startLength);
  const isIts = start?.length === startLength && crc32(start, 0) === startCrc;
  return isIts ? header : { why: "the tape begins in another way than the one that it was made of" };
}

/** A range of bytes; undefined where there is no such key. */
async function readRange(store: TapeStore, key: string, start: number, end: number): Promise<Bytes | undefined> {
  const chunks: Bytes[] = [];
  try {
    for await (const chunk of store.openSource(key, { start, end })) chunks.push(chunk);
  } catch (error) {
    if (isTapeError(error, "tape_not_found")) return undefined;
    throw error;
  }
  return concat(chunks);
}
