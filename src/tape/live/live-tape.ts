import type { Bytes } from "../../lines/bytes.ts";
import { type HeldTape, holdTape } from "../../sources/tape-source.ts";
import type { TapeStore } from "../../stores/store.ts";
import { Placed, placeOf, type TapePlace } from "../../stores/tape-place.ts";
import { LineBatches, type LineOrReport } from "./line-batches.ts";

/** Lines that were read together. Whoever holds some finds those behind them. */
export interface LiveBlock {
  readonly lines: readonly LineOrReport[];
  /** Where the next line starts, in bytes from the start of the tape. */
  readonly end: number;
  next?: LiveBlock;
}

/** One who follows a tape. */
export interface LiveReader {
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
  #last: LiveBlock;
  #successor: LiveTape | undefined;
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
    this.#batches = new LineBatches(stream, offset, maxLineBytes);
    this.#last = { lines: [], end: offset };
  }

  /** The reading of a tape that is shared by all who ask, for one who has read it up to `offset`. */
  static async join(
    reader: LiveReader,
    store: TapeStore,
    key: string,
    offset: number,
    { maxLineBytes }: { readonly maxLineBytes?: number | undefined },
  ): Promise<LiveTape> {
    const { within, name } = await placeOf(store, key);
    const place = { within, name: `${name} ${maxLineBytes}` };
    let live = living.at(place);
    if (live === undefined) {
      live = new LiveTape(store, key, place, offset, maxLineBytes);
      living.put(place, live);
    } else if (live.#last.end < offset) live = live.#moveTo(offset);
    live.add(reader);
    return live;
  }

  /** The reading that has taken the place of this one, further on. */
  get successor(): LiveTape | undefined {
    return this.#successor;
  }

  add(reader: LiveReader): void {
    this.#readers.add(reader);
  }

  /** A reading of its own for a reader that cannot get to where this one is. */
  startAnew(reader: LiveReader, offset: number): LiveTape {
    const live = new LiveTape(this.#store, this.#key, this.#place, offset, this.#maxLineBytes);
    living.put(this.#place, live);
    live.add(reader);
    return live;
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
    return new LineBatches(stream, start, this.#maxLineBytes);
  }

  /** Lets go of the tape, when nobody else follows it. */
  async leave(reader: LiveReader): Promise<void> {
    this.#waiting.delete(reader);
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    living.remove(this.#place, this);
    this.#stop.abort();
    await this.#batches.close();
    await this.#tape?.release();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      const lines = await this.#batches.next();
      if (lines === undefined) this.#end = {};
      else this.#last = this.#last.next = { lines, end: this.#batches.end };
    } catch (error) {
      this.#end = { failure: { error } };
    }
    this.#isReading = false;
    if (this.#end !== undefined) living.remove(this.#place, this);
    for (const reader of this.#readers) {
      if (this.#last.end - (reader.block?.end ?? Infinity) > MAX_BEHIND_BYTES) reader.block = undefined;
    }
    this.#wakeAll();
  }

  /** Goes on further ahead, where somebody is already. The others read by themselves up to there. */
  #moveTo(offset: number): LiveTape {
    const live = new LiveTape(this.#store, this.#key, this.#place, offset, this.#maxLineBytes);
    living.put(this.#place, live);
    this.#successor = live;
    this.#wakeAll();
    return live;
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reader of waiting) reader.wake();
  }
}
