import { checkOptions, type OptionNames } from "../../arguments.ts";
import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { parseMetadata, type TapeMetadata } from "../../records/metadata.ts";
import type { FrameRecord, InitRecord, TapeRecord } from "../../records/record.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { checkTapeId, tapeKeys } from "../../records/tape-id.ts";
import { parseLine } from "../../lines/parse-line.ts";
import { readInit } from "../first-record.ts";
import { lineLimitOf } from "../../stores/line-limit.ts";
import { type FollowedReader, Following, type FollowOptions } from "./following.ts";
import { LineCursor } from "./line-cursor.ts";
import { LineIterator } from "./line-iterator.ts";
import { findFrame } from "./seek.ts";

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
}

/** With the limit that the tape itself names, where nobody names another. */
type KnownOptions = ReaderOptions & { readonly maxLineBytes: number };

const READER_OPTIONS: OptionNames<ReaderOptions> = { onError: true, maxLineBytes: true };

const FOLLOW_OPTIONS: OptionNames<FollowOptions> = { signal: true, waitForWriter: true, onInterrupted: true };

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
  }

  /**
   * Opens a tape at its beginning, the init record.
   *
   * @throws {TapeError} code `tape_not_found`; `invalid_tape`: the first line is no init record; `invalid_argument`; `io`
   */
  static async open(store: TapeStore, tapeId: string, options: ReaderOptions = {}): Promise<StreamingTapeReader> {
    checkStore("read a tape", store);
    checkOptions("read a tape", options, READER_OPTIONS);
    const { tape } = tapeKeys(checkTapeId(tapeId));
    const init = await readInit(store, tape, options.maxLineBytes);
    const maxLineBytes = options.maxLineBytes ?? lineLimitOf(init);
    const cursor = new LineCursor(store, tape, { maxLineBytes });
    return new StreamingTapeReader(store, tapeId, init, { ...options, maxLineBytes }, cursor);
  }

  /**
   * The metadata beside the tape; undefined where there are none, or none that can be read. They may lag behind.
   *
   * @throws {TapeError} code `io`
   */
  async metadata(): Promise<TapeMetadata | undefined> {
    const { meta } = tapeKeys(this.tapeId);
    const bytes = await this.#store.get(meta);
    if (bytes === undefined) return undefined;
    try {
      return parseMetadata(new TextDecoder().decode(bytes), meta);
    } catch {
      // A hint that cannot be read is one that is missing.
      return undefined;
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
   * @throws {TapeError} in the iterator: code `corrupted_record` or `line_too_long` without `onError`; `io`
   */
  records(): AsyncIterableIterator<TapeRecord> {
    return new LineIterator(() => this.#open(), parseLine, this.#options.onError);
  }

  /**
   * The frames from here to the end of what is written so far.
   *
   * @throws {TapeError} in the iterator: code `corrupted_record` or `line_too_long` without `onError`; `io`
   */
  frames(): AsyncIterableIterator<FrameRecord> {
    const frameOf = (line: TapeLine) => {
      const record = parseLine(line);
      return record.type === "frame" ? record : undefined;
    };
    return new LineIterator(() => this.#open(), frameOf, this.#options.onError);
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
      const cursor = this.#open();
      this.#followings.add(following);
      await cursor.close();
      const { maxLineBytes, onError } = this.#options;
      return {
        store: this.#store,
        tapeId: this.tapeId,
        onError,
        isClosed: () => this.#isClosed,
        readMetadata: () => this.metadata(),
        openCursor: (how) => this.#cursor = this.#cursor.fork({ ...how, maxLineBytes }),
      };
    };
    const following: Following = new Following(open, options, () => this.#followings.delete(following));
    return following;
  }

  /**
   * Moves to the first frame whose sequence number is `seq` or higher, without reading what stands before it.
   *
   * @returns whether there is one; if not, the position is the end of the tape
   * @throws {TapeError} code `invalid_argument`, `io`
   */
  async seekToFrame(seq: number): Promise<boolean> {
    return await this.#seek("seq", seq);
  }

  /**
   * Moves to the first frame whose time is `ts` or later.
   *
   * @param ts milliseconds since the start of the tape
   * @returns whether there is one; if not, the position is the end of the tape
   * @throws {TapeError} code `invalid_argument`, `io`
   */
  async seekToTime(ts: number): Promise<boolean> {
    return await this.#seek("ts", ts);
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

  async #seek(field: "seq" | "ts", target: number): Promise<boolean> {
    if (!(target >= 0)) {
      throw new TapeError("invalid_argument", `Cannot seek to ${field} ${target}: it must be 0 or more`);
    }
    this.#open();
    const found = await findFrame(this.#store, tapeKeys(this.tapeId).tape, field, target, this.#options.maxLineBytes);
    await this.#open().moveTo(found.offset, found.number);
    return found.exists;
  }
}
