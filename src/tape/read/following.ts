import type { TapeError } from "../../errors.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import type { TapeRecord } from "../../records/record.ts";
import type { TapeLine } from "../../lines/line.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { TapeStore } from "../../stores/store.ts";
import type { LineCursor, LineCursorOptions } from "./line-cursor.ts";
import { LineIterator } from "./line-iterator.ts";
import { readShared } from "../live/shared-record.ts";
import { MOST_BYTES, readBytes } from "../seek/blocks.ts";
import { readTapeEnd } from "./tape-end.ts";
import { WriterWatch } from "./writer-watch.ts";

/** Options of {@linkcode StreamingTapeReader.follow}. */
export interface FollowOptions {
  /** Ends the following. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Goes on waiting where the tape's writer has died, as somebody may resume it.
   *
   * @default {false}
   */
  readonly waitForWriter?: boolean | undefined;
  /**
   * Is told that nothing is there *yet*: all that is written so far was handed out, and more is waited for. When nothing
   * *more* comes, the following ends.
   */
  readonly onWaiting?: (() => void) | undefined;
  /**
   * Begins behind the record with this `resumeToken` of {@linkcode positionOf}, wherever the reader is.
   *
   * @default {where the reader is}
   */
  readonly from?: string | undefined;
  /** Is told when the following ends because the recording was interrupted: nobody writes the tape, and it has no end. */
  readonly onInterrupted?: (() => void) | undefined;
}

/** The tape that is followed, and what its reader knows of it. */
export interface FollowedReader {
  readonly store: TapeStore;
  readonly tapeId: string;
  readonly onError: ((error: TapeError) => void) | undefined;
  readonly isClosed: () => boolean;
  /** Where the reader's cursor stands. */
  readonly offset: number;
  readonly readMetadata: () => Promise<TapeMetadata | undefined>;
  /** Goes on where the reader's cursor stands, in another way; the reader goes on from there in its turn. */
  readonly openCursor: (options: Pick<LineCursorOptions, "follow" | "signal">) => LineCursor;
}

/** A tape that is followed to its end. */
class FollowedTape {
  readonly #reader: FollowedReader;
  readonly #options: FollowOptions;
  readonly #records: LineIterator<TapeRecord>;
  readonly #stop: AbortController;
  readonly #watch: WriterWatch | undefined;
  #cursor: LineCursor;
  /** The record that was taken last says that it is the last one. */
  #isFinal = false;
  /** Nobody writes any more, and what came last is being read. */
  #isLast = false;
  #isAborted: boolean;
  readonly #signal: AbortSignal | undefined;

  private constructor(reader: FollowedReader, options: FollowOptions, isOver: boolean, watch: WriterWatch | undefined) {
    this.#reader = reader;
    this.#options = options;
    this.#isAborted = options.signal?.aborted === true;
    // A signal of its own: Node warns of one that more than ten listen to.
    this.#signal = options.signal && AbortSignal.any([options.signal]);
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
    this.#stop = new AbortController();
    this.#watch = watch;
    const signals = [options.signal, this.#stop.signal, watch?.gone].filter((each) => each !== undefined);
    this.#cursor = reader.openCursor({ follow: !isOver, signal: isOver ? undefined : AbortSignal.any(signals) });
    const read = (line: TapeLine) => readShared(line, reader.tapeId, this.#cursor.lastNumber);
    this.#records = new LineIterator(() => this.#cursor, read, reader.onError);
  }

  static async start(reader: FollowedReader, options: FollowOptions): Promise<FollowedTape> {
    const { store, tapeId, readMetadata } = reader;
    // A tape of an older writer has no mark for its end; what its metadata says is then all there is to know.
    const metadata = await readMetadata();
    const isOver = metadata === undefined ? await isBehindEnd(reader) : metadata.status === "finalized";
    const isWatched = !isOver && options.waitForWriter !== true;
    const watch = isWatched ? await WriterWatch.join(store, tapeId, readMetadata) : undefined;
    return new FollowedTape(reader, options, isOver, watch);
  }

  /** The next record, if it is at hand. */
  take(): TapeRecord | undefined {
    if (this.#isFinal || this.#isAborted) return undefined;
    const record = this.#records.take(this.#cursor);
    this.#isFinal = record?.type === "checkpoint" && record.final === true;
    return record;
  }

  /** Waits for more to take. False at the end. */
  async more(): Promise<boolean> {
    if (this.#isAborted) return false;
    if (this.#isFinal) {
      this.#isFinal = false;
      const { store, tapeId } = this.#reader;
      // A tape that was gone on with has more behind its final checkpoint.
      return (await store.size(tapeKeys(tapeId).tape) ?? 0) > this.#cursor.offset;
    }
    if (await this.#fill()) return true;
    if (this.#isAborted || this.#reader.isClosed() || this.#watch?.gone.aborted !== true) return false;
    if (this.#isLast) {
      this.#options.onInterrupted?.();
      return false;
    }
    // What came since we looked last is read too: its end may be there.
    this.#isLast = true;
    this.#cursor = this.#reader.openCursor({});
    return true;
  }

  async #fill(): Promise<boolean> {
    const { onWaiting } = this.#options;
    const filled = this.#cursor.fill();
    if (onWaiting === undefined || this.#isLast) return await filled;
    let isWaiting = true;
    const isOver = () => {
      isWaiting = false;
    };
    // Whoever waits for it gets its error.
    filled.then(isOver, isOver);
    const { store, tapeId } = this.#reader;
    const isThere = await hasLine(store, tapeKeys(tapeId).tape, this.#cursor.offset).catch(() => true);
    if (isWaiting && !isThere && !this.#isAborted) onWaiting();
    return await filled;
  }

  /** Ends the waiting for more. */
  stop(): void {
    this.#stop.abort();
  }

  async close(): Promise<void> {
    this.stop();
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#watch?.stop();
    await this.#cursor.close();
    if (!this.#reader.isClosed()) this.#reader.openCursor({});
  }

  readonly #abort = (): void => {
    this.#isAborted = true;
  };
}

/** Whether the mark for the end of the tape has been read already: nobody may wait for it then. */
async function isBehindEnd({ store, tapeId, offset }: FollowedReader): Promise<boolean> {
  const { tape } = tapeKeys(tapeId);
  const size = await store.size(tape) ?? 0;
  return offset >= size && (await readTapeEnd(store, tape, size)).isFinalized;
}

/** Whether a whole line stands from `offset` on. */
async function hasLine(store: TapeStore, key: string, offset: number): Promise<boolean> {
  for (let at = offset;; at += MOST_BYTES) {
    const bytes = await readBytes(store, key, at, at + MOST_BYTES);
    if (bytes.includes(LF)) return true;
    if (bytes.length < MOST_BYTES) return false;
  }
}

const LF = 0x0a;

const OVER: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** The records of a tape that is followed. One that is at hand costs no more than a promise. */
export class Following implements AsyncGenerator<TapeRecord, void, undefined> {
  readonly #open: () => Promise<FollowedTape>;
  readonly #onOver: () => void;
  #tape: FollowedTape | undefined;
  #isOver = false;
  #isLeft = false;
  /** Calls that wait, and the last of them: each begins when the one before it is over. */
  #waiting = 0;
  #lastCall: Promise<unknown> = Promise.resolve();

  /** @param onOver is told when nothing of the tape is held any more */
  constructor(open: () => Promise<FollowedReader>, options: FollowOptions, onOver: () => void) {
    this.#onOver = onOver;
    this.#open = async () => await FollowedTape.start(await open(), options);
  }

  next(): Promise<IteratorResult<TapeRecord, undefined>> {
    if (this.#waiting > 0 || this.#tape === undefined || this.#isOver) return this.#queue(() => this.#advance());
    try {
      const value = this.#tape.take();
      return value === undefined ? this.#queue(() => this.#advance()) : Promise.resolve({ done: false, value });
    } catch (error) {
      return this.#queue(() => this.#fail(error));
    }
  }

  return(): Promise<IteratorResult<TapeRecord, undefined>> {
    this.#leave();
    return this.#queue(async () => {
      await this.#end();
      return OVER;
    });
  }

  throw(error: unknown): Promise<IteratorResult<TapeRecord, undefined>> {
    this.#leave();
    return this.#queue(() => this.#fail(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #leave(): void {
    this.#isLeft = true;
    this.#tape?.stop();
  }

  async #advance(): Promise<IteratorResult<TapeRecord, undefined>> {
    if (this.#isOver) return OVER;
    try {
      const tape = this.#tape ??= await this.#open();
      // It was left while it was opened.
      if (this.#isLeft) tape.stop();
      do {
        const value = tape.take();
        if (value !== undefined) return { done: false, value };
      } while (await tape.more());
    } catch (error) {
      return await this.#fail(error);
    }
    await this.#end();
    return OVER;
  }

  async #fail(error: unknown): Promise<never> {
    await this.#end();
    throw error;
  }

  async #end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      await this.#tape?.close();
    } finally {
      this.#onOver();
    }
  }

  async #queue<T>(task: () => Promise<T>): Promise<T> {
    const before = this.#lastCall;
    const isFree = this.#waiting++ === 0;
    const call = (async () => {
      if (!isFree) await before;
      try {
        return await task();
      } finally {
        // Before the caller learns of it, so that its next call finds the way free.
        this.#waiting--;
      }
    })();
    this.#lastCall = call.catch(() => {});
    return await call;
  }
}
