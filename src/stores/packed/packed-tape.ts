import { type Bytes, concat } from "../../bytes/bytes.ts";
import { isTapeError, printable, TapeError } from "../../errors.ts";
import { loadBlockZstd, type ZstdEngine } from "../../codecs/zstd/engine.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import { hold, type OpenSourceOptions, source } from "../../streams/source.ts";
import type { HeldChunks } from "../../streams/held-chunks.ts";
import type { SourceSpec } from "../../streams/source-spec.ts";
import { nextChunk } from "../../streams/batches.ts";
import { NONE } from "../../streams/stage-spec.ts";
import type { TapeStore } from "../store.ts";
import { MAX_METADATA_BYTES } from "../stored-metadata.ts";
import { BlockTable, findTable, notPacked } from "./block-table.ts";
import type { DecodedBlocks } from "./decoded-blocks.ts";
import { FRAME, FRAME_HEADER_BYTES } from "./layout.ts";

/** So much of the end of a file is read at once: the seek table of 2 GB of tape has as much. */
const END_BYTES = 64 * 1024;

/** Where something stands in a file. */
interface Part {
  readonly start: number;
  readonly end: number;
}

/** A packed tape of a store, by its seek table. */
export class PackedTape {
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #table: BlockTable;
  readonly #tableStart: number;
  readonly #decoded: DecodedBlocks;
  #parts: Promise<ReadonlyMap<number, Part>> | undefined;

  private constructor(
    store: TapeStore,
    key: string,
    table: BlockTable,
    tableStart: number,
    decoded: DecodedBlocks,
  ) {
    this.#store = store;
    this.#key = key;
    this.#table = table;
    this.#tableStart = tableStart;
    this.#decoded = decoded;
  }

  /**
   * Reads the seek table of a packed tape.
   *
   * @param key such as `demo.jsonl.zst`
   * @param decoded blocks that were decoded before
   * @returns undefined where there is no such key
   * @throws {TapeError} code `invalid_tape`: it is no packed tape; `io`
   */
  static async open(store: TapeStore, key: string, decoded: DecodedBlocks): Promise<PackedTape | undefined> {
    const size = await store.size(key);
    if (size === undefined) return undefined;
    const from = Math.max(0, size - END_BYTES);
    const end = await readRange(store, key, from, size);
    const place = findTable(key, end, size);
    const frame = place.start >= from
      ? end.subarray(place.start - from)
      : await readRange(store, key, place.start, size);
    return new PackedTape(store, key, new BlockTable(key, frame, place), place.start, decoded);
  }

  /** Size of the tape in bytes, when it is unpacked. */
  get size(): number {
    return this.#table.plainBytes;
  }

  /** How many blocks it has. */
  get blocks(): number {
    return this.#table.count;
  }

  /**
   * Bytes of the tape. Only the blocks that hold them are read and decoded, one at a time.
   *
   * The stream fails with code `io` where a block is damaged.
   */
  async open(options: OpenSourceOptions): Promise<ReadableStream<Bytes>> {
    const { start = 0, end = Infinity, signal } = options;
    const table = this.#table;
    const last = Math.min(end, table.plainBytes);
    if (last <= start) return source<Bytes>({ pull: () => Promise.resolve(undefined) });
    const [first, behind] = [table.blockAt(start), table.blockAt(last - 1) + 1];
    const packed = this.#store.openSource(this.#key, {
      start: table.packed[first],
      end: table.packed[behind],
      signal,
    });
    const blocks = new PackedBlocks(
      await loadBlockZstd(),
      this.#key,
      table,
      this.#decoded,
      hold(packed),
      first,
      behind,
    );
    return source(new Range(blocks, start, last));
  }

  /**
   * What it says of the tape, undefined where it says nothing.
   *
   * @throws {TapeError} code `invalid_tape`, `io`
   */
  async metadata(): Promise<TapeMetadata | undefined> {
    const part = (await this.#findParts()).get(FRAME.metadata);
    if (part === undefined) return undefined;
    if (part.end - part.start > MAX_METADATA_BYTES) {
      throw notPacked(this.#key, `its metadata have more than ${MAX_METADATA_BYTES} bytes`);
    }
    const text = new TextDecoder().decode(await this.#read(part));
    try {
      const { metadata } = JSON.parse(text);
      return metadata;
    } catch (cause) {
      throw notPacked(this.#key, "its metadata are no JSON object", cause);
    }
  }

  /**
   * The index of the tape; undefined where it has none.
   *
   * @throws {TapeError} code `invalid_tape`, `io`
   */
  async index(): Promise<
    { size: number; open(options: OpenSourceOptions): Promise<ReadableStream<Bytes>> } | undefined
  > {
    const part = (await this.#findParts()).get(FRAME.index);
    if (part === undefined) return undefined;
    const open = ({ start = 0, end = Infinity, signal }: OpenSourceOptions) =>
      Promise.resolve(this.#store.openSource(this.#key, {
        start: Math.min(part.start + start, part.end),
        end: Math.min(part.start + end, part.end),
        signal,
      }));
    return { size: part.end - part.start, open };
  }

  /** The skippable frames between the blocks and the seek table: the first of each kind. */
  #findParts(): Promise<ReadonlyMap<number, Part>> {
    return this.#parts ??= (async () => {
      const parts = new Map<number, Part>();
      for (let at = this.#table.packedBytes; at < this.#tableStart;) {
        const start = at + FRAME_HEADER_BYTES;
        const header = start <= this.#tableStart ? await this.#read({ start: at, end: start }) : new Uint8Array(0);
        if (header.length < FRAME_HEADER_BYTES) throw notPacked(this.#key, `it is damaged at byte ${at}`);
        const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
        const [magic, end] = [view.getUint32(0, true), start + view.getUint32(4, true)];
        // Any other zstd frame there would be part of what "zstd -d" unpacks, and of no block.
        if ((magic & 0xfffffff0) >>> 0 !== FRAME.metadata || end > this.#tableStart) {
          throw notPacked(this.#key, `it is damaged at byte ${at}`);
        }
        if (!parts.has(magic)) parts.set(magic, { start, end });
        at = end;
      }
      return parts;
    })();
  }

  #read({ start, end }: Part): Promise<Bytes> {
    return readRange(this.#store, this.#key, start, end);
  }
}

/** Reads bytes of an object, all of them. */
export async function readRange(store: TapeStore, key: string, start: number, end: number): Promise<Bytes> {
  const chunks: Bytes[] = [];
  if (end > start) { for await (const chunk of store.openSource(key, { start, end })) chunks.push(chunk); }
  const bytes = chunks.length === 1 ? chunks[0]! : concat(chunks);
  if (bytes.length < end - start) throw notPacked(key, `it ends at byte ${start + bytes.length}, before its time`);
  return bytes;
}

/** Decodes blocks of a packed tape, one after the other. */
class PackedBlocks {
  readonly #zstd: ZstdEngine;
  readonly #key: string;
  readonly #table: BlockTable;
  readonly #decoded: DecodedBlocks;
  readonly #packed: HeldChunks<Bytes>;
  readonly #first: number;
  readonly #behind: number;
  #at: number;
  /** What was read and belongs to blocks that come. */
  #rest: Bytes = new Uint8Array(0);

  constructor(
    zstd: ZstdEngine,
    key: string,
    table: BlockTable,
    decoded: DecodedBlocks,
    packed: HeldChunks<Bytes>,
    first: number,
    behind: number,
  ) {
    this.#zstd = zstd;
    this.#key = key;
    this.#table = table;
    this.#decoded = decoded;
    this.#packed = packed;
    this.#first = this.#at = first;
    this.#behind = behind;
  }

  /** Where the next block starts in the tape. */
  get offset(): number {
    return this.#table.plain[this.#at]!;
  }

  async next(): Promise<Bytes | undefined> {
    if (this.#at === this.#behind) return undefined;
    const at = this.#at;
    const stored = await this.#take(this.#table.packed[at + 1]! - this.#table.packed[at]!);
    this.#at++;
    const plainBytes = this.#table.plain[at + 1]! - this.#table.plain[at]!;
    // Who reads a few lines comes back to the same block; of a long reading none but the first and the last.
    const isKept = at === this.#first || at === this.#behind - 1;
    return isKept
      ? this.#decoded.of(stored, () => this.#decode(at, stored, plainBytes))
      : this.#decode(at, stored, plainBytes);
  }

  cancel(reason: unknown): Promise<void> {
    return this.#packed.cancel(reason);
  }

  #decode(at: number, stored: Bytes, plainBytes: number): Bytes {
    let content: Bytes | undefined;
    let cause: unknown;
    try {
      content = this.#zstd.decompress(stored, plainBytes);
    } catch (error) {
      if (!isTapeError(error)) throw error;
      cause = error;
    }
    if (content?.length === plainBytes) return content;
    const [packedAt, plainAt] = [this.#table.packed[at]!, this.#table.plain[at]!];
    const why = cause === undefined ? "it has another size than the seek table says" : reasonOf(cause);
    throw new TapeError(
      "io",
      `Cannot read block ${at + 1} of ${printable(this.#key, 4096)}, at byte ${packedAt}: ${why}`,
      { cause, offset: plainAt, length: plainBytes },
    );
  }

  async #take(length: number): Promise<Bytes> {
    const chunks: Bytes[] = [this.#rest];
    let held = this.#rest.length;
    while (held < length) {
      const chunk = await nextChunk(this.#packed.chunks);
      if (chunk === NONE) throw notPacked(this.#key, "it is cut off");
      chunks.push(chunk);
      held += chunk.length;
    }
    const bytes = held === this.#rest.length ? this.#rest : concat(chunks);
    this.#rest = bytes.subarray(length);
    return bytes.subarray(0, length);
  }
}

/** What an error says, without what could not be done. */
function reasonOf(error: unknown): string {
  return String((error as Error).message).replace(/^Cannot [^:]*: /, "");
}

/** From a byte to another one of what blocks hold. */
class Range implements SourceSpec<Bytes> {
  readonly #blocks: PackedBlocks;
  readonly #start: number;
  readonly #end: number;

  constructor(blocks: PackedBlocks, start: number, end: number) {
    this.#blocks = blocks;
    this.#start = start;
    this.#end = end;
  }

  async pull(): Promise<readonly Bytes[] | undefined> {
    try {
      const { offset } = this.#blocks;
      const block = await this.#blocks.next();
      if (block === undefined) {
        await this.cancel(undefined);
        return undefined;
      }
      const part = block.subarray(Math.max(0, this.#start - offset), this.#end - offset);
      return part.length === 0 ? [] : [part];
    } catch (error) {
      await this.cancel(error).catch(() => {});
      throw error;
    }
  }

  cancel(reason: unknown): Promise<void> {
    return this.#blocks.cancel(reason);
  }
}
