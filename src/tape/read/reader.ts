import { checkOptions, kindOf, type OptionNames } from "../../arguments.ts";
import { isTapeError, printable, TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import type { FrameRecord, InitRecord, TapeRecord } from "../../records/record.ts";
import { decoding } from "../../stores/decoding.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { checkTapeId, tapeKeys } from "../../records/tape-id.ts";
import { parseLine } from "../../lines/parse-line.ts";
import { readInit } from "../first-record.ts";
import { lineLimitOf } from "../../stores/line-limit.ts";
import { storedMetadata } from "../../stores/stored-metadata.ts";
import { type FollowedReader, Following, type FollowOptions } from "./following.ts";
import { LineCursor } from "./line-cursor.ts";
import { LineIterator } from "./line-iterator.ts";
import { BackwardRecords } from "./backward-records.ts";
import { type Choice, ForwardRecords } from "./forward-records.ts";
import { millisecondsOf, type Range, rangeOf, type RangeOptions } from "../range/range.ts";
import { type BegunReading, RangeIterator, type RecordReading } from "../range/range-iterator.ts";
import { SelectedRecords } from "./selected-records.ts";
import { placeBehind } from "./resume-place.ts";
import { readTapeEnd } from "./tape-end.ts";
import { mayGrow } from "./tape-state.ts";
import { TapeSearch } from "../seek/tape-search.ts";

/** Options of {@linkcode StreamingTapeReader.open}. */
export interface ReaderOptions {
  /**
   * Is told of every line, or part of one, that is no record (code `corrupted_record`) or too long (`line_too_long`), and
   * of a torn last line; reading goes on behind it. Without it the call that meets it rejects with that error, and the
   * next call goes on behind it; a byte order mark and a torn last line are then left out.
   */
  readonly onError?: ((error: TapeError) => void) | undefined;
  /**
   * The longest line to read, in bytes.
   *
   * @default {what the init record says, or 10485760}
   */
  readonly maxLineBytes?: number | undefined;
  /**
   * Begins behind the record with this `resumeToken` of {@linkcode positionOf}: a record that was read before, also in
   * another process.
   *
   * @default {the beginning of the tape}
   */
  readonly from?: string | undefined;
}

/** With the limit that the tape itself names, where nobody names another. */
type KnownOptions = ReaderOptions & { readonly maxLineBytes: number };

const READER_OPTIONS: OptionNames<ReaderOptions> = { onError: true, maxLineBytes: true, from: true };

const FOLLOW_OPTIONS: OptionNames<FollowOptions> = {
  signal: true,
  waitForWriter: true,
  onWaiting: true,
  from: true,
  onInterrupted: true,
};

/**
 * Reads one tape, from a position that all its calls share: what `nextRecord()` has read, `records()` goes on from, and
 * `seekToFrame()` moves. Open one reader for each independent reading; readers never disturb each other or the writer.
 *
 * @example
 * ```ts
 * import { memoryStore, messageText, StreamingTapeReader, StreamingTapeWriter } from "tapeline";
 *
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo" });
 * await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
 * await writer.finalize();
 *
 * await using reader = await StreamingTapeReader.open(store, writer.tapeId);
 * console.log(reader.init.session_id);
 * for await (const frame of reader.frames()) console.log(frame.seq, frame.dir, messageText(frame));
 * ```
 */
export class StreamingTapeReader {
  /** The id of the tape. */
  readonly tapeId: string;
  /** The tape's first record. */
  readonly init: InitRecord;
  readonly #store: TapeStore;
  readonly #options: KnownOptions;
  readonly #search: TapeSearch;
  /** Those that have begun. */
  readonly #followings = new Set<Following>();
  #cursor: LineCursor;
  #isClosed = false;

  private constructor(store: TapeStore, tapeId: string, init: InitRecord, options: KnownOptions, cursor: LineCursor) {
    this.tapeId = tapeId;
    this.init = init;
    this.#store = store;
    this.#options = options;
    this.#cursor = cursor;
    this.#search = new TapeSearch(store, tapeId, options.maxLineBytes);
  }

  /**
   * Opens a tape at its beginning, the init record, or behind a record that was read before.
   *
   * @throws {TapeError} code `tape_not_found`; `invalid_tape`: the first line is no init record, or what was read before is not
   * there any more; `invalid_argument`; `io`
   */
  static async open(store: TapeStore, tapeId: string, options: ReaderOptions = {}): Promise<StreamingTapeReader> {
    checkStore("read a tape", store);
    checkOptions("read a tape", options, READER_OPTIONS);
    const { tape } = tapeKeys(checkTapeId(tapeId));
    const init = await readInit(store, tape, options.maxLineBytes);
    const maxLineBytes = options.maxLineBytes ?? lineLimitOf(init);
    const decoded = await decoding(store, tape, init);
    const cursor = new LineCursor(decoded, tape, { maxLineBytes });
    const reader = new StreamingTapeReader(decoded, tapeId, init, { ...options, maxLineBytes }, cursor);
    if (options.from !== undefined) await reader.seekBehind(options.from);
    return reader;
  }

  /**
   * The metadata beside the tape; undefined where there are none, or none that can be read. They may lag behind.
   *
   * @throws {TapeError} code `io`
   */
  async metadata(): Promise<TapeMetadata | undefined> {
    const { meta } = tapeKeys(this.tapeId);
    try {
      return await storedMetadata(this.#store, meta);
    } catch (error) {
      // A hint that cannot be read is one that is missing.
      if (isTapeError(error, "invalid_tape")) return undefined;
      throw error;
    }
  }

  /**
   * The next record; undefined at the end of what is written so far.
   *
   * @throws {TapeError} code `corrupted_record` or `line_too_long` without `onError`; `io`
   */
  async nextRecord(): Promise<TapeRecord | undefined> {
    const { value } = await this.records().next();
    return value;
  }

  /**
   * The records from here to the end of what is written so far. Leaving the loop leaves the position where it is.
   *
   * With bounds, a query, or in reverse, those of a part of the tape, whatever the position is, and it stays where it is. They are
   * found without reading all that stands before them; on a tape whose numbers or times go back, by reading all of it.
   * What is no record is told of as far as it stands among them.
   *
   * @param range which of them
   * @throws {TapeError} in the iterator: code `corrupted_record` or `line_too_long` without `onError`; `invalid_argument`;
   * `io`
   *
   * @example The last ten records, and what was said in the second minute
   * ```ts
   * import { memoryStore, StreamingTapeReader, StreamingTapeWriter } from "tapeline";
   *
   * const store = memoryStore();
   * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo" });
   * await writer.finalize();
   * await using reader = await StreamingTapeReader.open(store, writer.tapeId);
   * for await (const record of reader.records({ reverse: true, limit: 10 })) console.log(record.type);
   * for await (const frame of reader.frames({ fromTime: 60_000, toTime: 120_000 })) console.log(frame.seq);
   * ```
   */
  records(range?: RangeOptions): AsyncIterableIterator<TapeRecord> {
    if (range !== undefined) return this.#range(range, "records", (record) => record);
    return new LineIterator(() => this.#open(), (line) => parseLine(line, this.tapeId), this.#options.onError);
  }

  /**
   * The frames from here to the end of what is written so far, or those of a range; see {@linkcode records}.
   *
   * @param range which of them
   * @throws {TapeError} in the iterator: code `corrupted_record` or `line_too_long` without `onError`; `invalid_argument`;
   * `io`
   */
  frames(range?: RangeOptions): AsyncIterableIterator<FrameRecord> {
    const frameOf = (record: TapeRecord) => record.type === "frame" ? record : undefined;
    if (range !== undefined) return this.#range(range, "frames", frameOf);
    return new LineIterator(() => this.#open(), (line) => frameOf(parseLine(line, this.tapeId)), this.#options.onError);
  }

  /**
   * The lines from here on, unparsed: each knows its type, and of a frame its `seq`, `ts` and `dir`.
   *
   * @throws {TapeError} in the iterator: code `line_too_long` without `onError`; `io`
   */
  lines(): AsyncIterableIterator<TapeLine> {
    return new LineIterator(() => this.#open(), (line) => line, this.#options.onError);
  }

  /**
   * The records from here on, and then each new one as it is written, until the tape is finalized, interrupted or deleted,
   * or the signal ends it. It is interrupted when its writer has died, or has failed and let go of it; a writer that has
   * paused it is waited for. Tapes without metadata, and those of a store that cannot tell who writes them, are followed
   * until the signal.
   *
   * All followers of a tape in one process share one reading of it, and are handed the same records: they are frozen, and a
   * `structuredClone()` can be changed. One that takes longer than the others reads by itself what it has missed.
   *
   * @throws {TapeError} in the iterator: as {@linkcode records}; and code `invalid_tape` where the tape was replaced by
   * another, or cut back behind what was read
   */
  follow(options: FollowOptions = {}): AsyncGenerator<TapeRecord, void, undefined> {
    const open = async (): Promise<FollowedReader> => {
      checkOptions("follow a tape", options, FOLLOW_OPTIONS);
      if (options.from !== undefined) await this.seekBehind(options.from);
      const cursor = this.#open();
      this.#followings.add(following);
      await cursor.close();
      const { maxLineBytes, onError } = this.#options;
      return {
        store: this.#store,
        tapeId: this.tapeId,
        onError,
        isClosed: () => this.#isClosed,
        offset: cursor.offset,
        readMetadata: () => this.metadata(),
        openCursor: (how) => this.#cursor = this.#cursor.fork({ ...how, maxLineBytes }),
      };
    };
    const following: Following = new Following(open, options, () => this.#followings.delete(following));
    return following;
  }

  /**
   * Moves to the first frame whose sequence number is `seq` or higher, without reading what stands before it; on a tape
   * whose numbers go back, by reading. Of a large tape that this library has not written it is not looked into all of it
   * to see that: {@linkcode frames} with `fromSeq` does.
   *
   * @param seq a number, 0 or more
   * @returns whether there is one; if not, the position is the end of the tape
   * @throws {TapeError} code `invalid_argument`, `io`
   */
  async seekToFrame(seq: number): Promise<boolean> {
    if (typeof seq !== "number" || !(seq >= 0)) {
      throw new TapeError("invalid_argument", `Cannot seek to seq ${shown(seq)}: it must be 0 or more`);
    }
    return await this.#seek("seq", seq);
  }

  /**
   * Moves to the first frame whose time is `time` or later, as {@linkcode seekToFrame}.
   *
   * @param time milliseconds since the start of the tape, 0 or more, or a time of day
   * @returns whether there is one; if not, the position is the end of the tape
   * @throws {TapeError} code `invalid_argument`, `io`
   */
  async seekToTime(time: number | Date): Promise<boolean> {
    if (time instanceof Date) return await this.#seek("ts", millisecondsOf(time, this.init, "seek", "the time"));
    if (typeof time !== "number" || !(time >= 0)) {
      const wanted = "milliseconds since the start of the tape, 0 or more, or a Date";
      throw new TapeError("invalid_argument", `Cannot seek to ${shown(time)}: it must be ${wanted}`);
    }
    return await this.#seek("ts", time);
  }

  /**
   * Moves behind a record that was read before, also in another process.
   *
   * @param resumeToken that of {@linkcode positionOf}
   * @throws {TapeError} code `invalid_argument`: it is no such token, or that of another tape; `invalid_tape`: the record is not
   * there any more, as the tape was repaired, replaced or cut back; `tape_not_found`, `io`
   */
  async seekBehind(resumeToken: string): Promise<void> {
    this.#open();
    const { offset, number, read } = await placeBehind(this.#store, this.tapeId, resumeToken);
    const cursor = this.#open();
    await cursor.moveTo(offset, number);
    if (read !== undefined) cursor.accept(read);
  }

  /**
   * Whether more may come: where it is so, and nothing is left to read, nothing is there *yet*. Nothing *more* comes of a tape
   * that is finalized, or whose writer has died, unless somebody goes on with it.
   *
   * @throws {TapeError} code `tape_not_found`, `io`
   */
  async mayGrow(): Promise<boolean> {
    this.#open();
    const key = tapeKeys(this.tapeId).tape;
    if ((await this.metadata())?.status === "finalized") return false;
    if (!await mayGrow(this.#store, this.tapeId, () => this.metadata())) return false;
    return !(await readTapeEnd(this.#store, key, await this.#store.size(key) ?? 0)).isFinalized;
  }

  /** Moves to the beginning, the init record. */
  async reset(): Promise<void> {
    await this.#open().moveTo(0, 1);
  }

  /** Lets go of the tape. Whoever follows it comes to the end; other calls reject with code `closed`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(Array.from(this.#followings, (following) => following.return()));
    await this.#cursor.close();
  }

  /** Closes the reader at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(): LineCursor {
    if (this.#isClosed) throw new TapeError("closed", `Cannot read tape ${this.tapeId}: the reader is closed`);
    return this.#cursor;
  }

  async #seek(measure: "seq" | "ts", target: number): Promise<boolean> {
    this.#open();
    const found = await this.#search.frame(measure, target);
    await this.#open().moveTo(found.offset, found.number, found.block);
    return found.exists;
  }

  #range<T>(options: RangeOptions, what: string, choose: Choice<T>): AsyncIterableIterator<T> {
    const begin = async (): Promise<BegunReading<T>> => {
      const range = rangeOf(options, this.init, what);
      return { reading: await this.#begin(range, choose), limit: range.limit };
    };
    return new RangeIterator(begin, () => this.#open());
  }

  async #begin<T>(range: Range, choose: Choice<T>): Promise<RecordReading<T>> {
    const { maxLineBytes, onError } = this.#options;
    const tape = {
      store: this.#store,
      tapeId: this.tapeId,
      key: tapeKeys(this.tapeId).tape,
      maxLineBytes,
      search: this.#search,
      onError,
    };
    if (range.selection !== undefined) return await SelectedRecords.open(tape, range, range.selection, choose);
    if (range.reverse) return await BackwardRecords.open(tape, range, choose);
    if (range.isBounded) return await ForwardRecords.open(tape, range, choose);
    const records = new LineIterator(() => this.#open(), (line) => choose(parseLine(line, this.tapeId)), onError);
    return {
      take: () => records.take(),
      fill: () => this.#open().fill(),
      close: () => Promise.resolve(),
    };
  }
}

/** A place that is none, as an error names it. */
function shown(place: unknown): string {
  if (typeof place === "string") return `"${printable(place)}"`;
  return typeof place === "number" ? String(place) : kindOf(place);
}
