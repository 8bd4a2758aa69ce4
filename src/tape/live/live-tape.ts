import type { Bytes } from "../../bytes/bytes.ts";
import { type HeldTape, holdTape } from "../../sources/tape-source.ts";
import type { TapeStore } from "../../stores/store.ts";
import { Placed, placeOf, type TapePlace } from "../../stores/tape-place.ts";
import { LineBatches, type LineOrReport } from "./line-batches.ts";
import { decoderOf } from "../../stores/decoding.ts";

/** Lines that were read together. Whoever holds some finds those behind them. */
export interface LiveBlock {
  readonly lines: LineOrReport[];
  /** Where the next line starts, in bytes from the start of the tape. */
  readonly end: number;
  next?: LiveBlock | undefined;
}

/** One who follows a tape. */
export interface LiveReader {
  /** The reading that it shares. */
  live: LiveTape | undefined;
  /** The last block that it was given; undefined where it has fallen behind, and reads by itself. */
  block: LiveBlock | undefined;
  /** Lets it look again, where it waits. */
  wake(): void;
}

/** Who is further behind than this, in bytes, is not waited for: it reads by itself. */
const MAX_BEHIND_BYTES = 1024 * 1024;

const living = new Placed<LiveTape>();

/**
 * A tape that is followed, once for all in this process who do: one watches it, reads it and splits it into lines. It reads
 * when somebody wants more than there is, so the quickest set the pace, and nobody waits for the others.
 */
export class LiveTape {
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #place: TapePlace;
  readonly #maxLineBytes: number | undefined;
  readonly #stop = new AbortController();
  readonly #batches: LineBatches;
  /** The tape that is read, for those who read by themselves: also when another has taken its place. */
  readonly #tape: HeldTape | undefined;
  readonly #readers = new Set<LiveReader>();
  readonly #waiting = new Set<LiveReader>();
  #isReading = false;
  /** The first block whose `next` somebody may yet ask for. */
  #oldest: LiveBlock;
  #last: LiveBlock;
  #end: { readonly failure?: { readonly error: unknown } } | undefined;

  private constructor(
    store: TapeStore,
    key: string,
    place: TapePlace,
    offset: number,
    maxLineBytes: number | undefined,
  ) {
    this.#store = store;
    this.#key = key;
    this.#place = place;
    this.#maxLineBytes = maxLineBytes;
    const stream = store.openSource(key, { start: offset, follow: true, signal: this.#stop.signal });
    this.#tape = holdTape(stream);
    this.#batches = new LineBatches(stream, offset, maxLineBytes, decoderOf(store));
    this.#oldest = this.#last = { lines: [], end: offset };
  }

  /** Lets a reader that has read a tape up to `offset` share the reading of all who ask for that tape. */
  static async join(
    reader: LiveReader,
    store: TapeStore,
    key: string,
    offset: number,
    { maxLineBytes }: { readonly maxLineBytes?: number | undefined },
  ): Promise<void> {
    const { within, name } = await placeOf(store, key);
    const place = { within, name: `${name} ${maxLineBytes}` };
    let live = living.at(place);
    if (live === undefined || live.#last.end < offset) {
      const further = new LiveTape(store, key, place, offset, maxLineBytes);
      living.put(place, further);
      // The others read by themselves up to there.
      if (live !== undefined) live.#moveTo(further);
      live = further;
    }
    live.#add(reader);
  }

  /** Who joins from now on does not share this reading: it is where its tape does not reach any more. */
  retire(): void {
    living.remove(this.#place, this);
  }

  /** Whether only one follows. Nobody else is going to ask for the blocks that it was given. */
  get isOfOne(): boolean {
    return this.#readers.size === 1;
  }

  /** The block that was read last. */
  get last(): LiveBlock {
    return this.#last;
  }

  /** That there will be no more blocks, and why. */
  get end(): { readonly failure?: { readonly error: unknown } } | undefined {
    return this.#end;
  }

  /** Has the next block read, and wakes the reader then. */
  want(reader: LiveReader): void {
    this.#waiting.add(reader);
    if (!this.#isReading) void this.#read();
  }

  /** The lines between two places in the tape. */
  linesBetween(start: number, end: number): LineBatches {
    const stream: ReadableStream<Bytes> = this.#tape?.open({ start, end }) ??
      this.#store.openSource(this.#key, { start, end });
    return new LineBatches(stream, start, this.#maxLineBytes, decoderOf(this.#store));
  }

  /** Lets go of the tape, when nobody else follows it. */
  async leave(reader: LiveReader): Promise<void> {
    this.#waiting.delete(reader);
    if (this.#readers.delete(reader) && this.#readers.size === 0) await this.#close();
  }

  #add(reader: LiveReader): void {
    this.#readers.add(reader);
    reader.live = this;
    reader.block = undefined;
  }

  /** All readers go on with another reading of the same tape. */
  #moveTo(live: LiveTape): void {
    for (const reader of this.#readers) live.#add(reader);
    this.#readers.clear();
    this.#wakeAll();
    // They have what they need of it: how it ends concerns nobody.
    this.#close().catch(() => {});
  }

  async #close(): Promise<void> {
    this.retire();
    this.#stop.abort();
    await this.#batches.close();
    await this.#tape?.release();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    const before = this.#last.end;
    try {
      const lines = await this.#batches.next();
      if (lines === undefined) this.#end = {};
      else this.#last = this.#last.next = { lines, end: this.#batches.end };
    } catch (error) {
      this.#end = { failure: { error } };
    }
    this.#isReading = false;
    if (this.#end !== undefined) this.retire();
    for (const reader of this.#readers) {
      // Who has read all that there was is not behind, however much has come.
      if (before - (reader.block?.end ?? Infinity) > MAX_BEHIND_BYTES) reader.block = undefined;
    }
    this.#unlink();
    this.#wakeAll();
  }

  /**
   * Parts the blocks that all have read from those behind them. A block that nobody holds, and that the garbage collector
   * takes to be old, would keep every later one in memory until the next full collection.
   */
  #unlink(): void {
    let slowest = this.#last.end;
    for (const { block } of this.#readers) {
      if (block !== undefined && block.end < slowest) slowest = block.end;
    }
    for (let block = this.#oldest; block.end < slowest && block.next !== undefined; block = this.#oldest) {
      this.#oldest = block.next;
      block.next = undefined;
    }
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reader of waiting) reader.wake();
  }
}
