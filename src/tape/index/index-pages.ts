import { type Bytes, concat } from "../../bytes/bytes.ts";
import { entryAt, type IndexEntry } from "../../index/index-entry.ts";
import { ENTRY_BYTES } from "../../index/layout.ts";
import type { TapeStore } from "../../stores/store.ts";

/** Entries are read so many at a time: 32 KiB, which is 32 MiB of tape. */
const PAGE_ENTRIES = 512;
/** So many pages are kept. */
const MAX_PAGES = 64;

interface Page {
  readonly bytes: Bytes;
  readonly view: DataView;
}

/** The entries of an index, read by ranges: never all of it at once, however long it is. */
export class IndexPages {
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #crc: number;
  /** The page that was asked for last comes last. */
  readonly #pages = new Map<number, Promise<Page>>();

  /** @param crc the checksum of the header */
  constructor(store: TapeStore, key: string, crc: number) {
    this.#store = store;
    this.#key = key;
    this.#crc = crc;
  }

  /**
   * The entry with this number, from 0; undefined where none is, or a damaged one.
   *
   * @throws {TapeError} code `io`
   */
  async entry(number: number): Promise<IndexEntry | undefined> {
    if (number < 0) return undefined;
    const at = number % PAGE_ENTRIES * ENTRY_BYTES;
    const first = (number - number % PAGE_ENTRIES) / PAGE_ENTRIES;
    let { bytes, view } = await this.#page(first);
    // It has grown since.
    if (at + ENTRY_BYTES > bytes.length) {
      this.#pages.delete(first);
      ({ bytes, view } = await this.#page(first));
    }
    return entryAt(bytes, view, at, this.#crc);
  }

  /** Forgets what was read. */
  forget(): void {
    this.#pages.clear();
  }

  #page(number: number): Promise<Page> {
    const known = this.#pages.get(number);
    this.#pages.delete(number);
    const page = known ?? this.#read(number);
    this.#pages.set(number, page);
    if (this.#pages.size > MAX_PAGES) this.#pages.delete(this.#pages.keys().next().value!);
    return page;
  }

  async #read(number: number): Promise<Page> {
    const start = ENTRY_BYTES * (1 + number * PAGE_ENTRIES);
    const chunks: Bytes[] = [];
    try {
      const source = this.#store.openSource(this.#key, { start, end: start + PAGE_ENTRIES * ENTRY_BYTES });
      for await (const chunk of source) chunks.push(chunk);
    } catch (error) {
      this.#pages.delete(number);
      throw error;
    }
    const bytes = concat(chunks);
    return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  }
}
