import { ENTRY_BYTES } from "../../index/layout.ts";
import { TapeIndexer } from "../../index/tape-indexer.ts";
import type { Bytes } from "../../bytes/bytes.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { TapeStore } from "../../stores/store.ts";
import type { TapeSink } from "../../streams/sink.ts";
import { hold } from "../../streams/source.ts";
import { NONE } from "../../streams/stage-spec.ts";
import { openEmpty } from "./open-empty.ts";

/** So many bytes of an index are written at once: eight entries, which is half a MiB of tape. */
const WRITE_BYTES = 8 * ENTRY_BYTES;
/** A tape of one block gets no index, as there is nothing to pass over; nor does a short one, of which it would be more than 0.2 %. */
const LEAST_BYTES = 3 * ENTRY_BYTES;
const LEAST_TAPE_BYTES = 160 * 1024;
/** It lags behind the tape by so many bytes, and until nothing was written for so long, in milliseconds. */
const BEHIND_BYTES = 512 * 1024;
const IDLE_MS = 20;

/**
 * Writes the index of a tape beside it, while the tape is written: when nothing is being written, and at the end. Then it
 * reads what has come since, so that it takes no time from the writing. Nobody waits for it, and nothing comes of its failures but
 * that the index ends there.
 */
export class IndexRecorder {
  readonly #store: TapeStore;
  readonly #keys: ReturnType<typeof tapeKeys>;
  readonly #indexer: TapeIndexer;
  #sink: TapeSink | undefined;
  /** How many bytes the tape has. */
  #tapeBytes: number;
  #writtenAt = -Infinity;
  #waiting: Bytes[] = [];
  #waitingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | undefined;
  #isOver = false;

  /**
   * @param tapeBytes how many bytes the tape has
   * @param indexer what it goes on with
   * @param sink the index so far, where there is one
   */
  constructor(
    store: TapeStore,
    tapeId: string,
    tapeBytes: number = 0,
    indexer: TapeIndexer = new TapeIndexer(tapeId),
    sink?: TapeSink,
  ) {
    this.#store = store;
    this.#keys = tapeKeys(tapeId);
    this.#tapeBytes = tapeBytes;
    this.#indexer = indexer;
    this.#sink = sink;
    this.written(0);
  }

  /** So many more bytes have arrived on the tape. */
  written(bytes: number): void {
    this.#tapeBytes += bytes;
    this.#writtenAt = performance.now();
    if (this.#isBehind) this.#wait();
  }

  get #isBehind(): boolean {
    return this.#tapeBytes - this.#indexer.offset >= BEHIND_BYTES;
  }

  /**
   * Brings the index to the end of the tape, and lets go of it. It never rejects.
   *
   * @param isEnd false where the tape was let go of as it was, and so shall the index
   */
  async close(isEnd: boolean = true): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#running;
    if (isEnd && !this.#isOver && (this.#sink !== undefined || this.#tapeBytes >= LEAST_TAPE_BYTES)) {
      await this.#catchUp(true);
    }
    this.#isOver = true;
    // Not synced: what a power loss takes of it, it takes.
    await this.#sink?.abort(undefined).catch(() => {});
    this.#sink = undefined;
  }

  /** Catches up as soon as nothing is being written. */
  #wait(): void {
    if (this.#isOver || this.#timer !== undefined || this.#running !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (performance.now() - this.#writtenAt < IDLE_MS) return this.#wait();
      this.#running = this.#catchUp(false).finally(() => {
        this.#running = undefined;
        if (this.#isBehind) this.#wait();
      });
    }, IDLE_MS);
    // A recording that was forgotten does not keep its process alive for this.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /** Reads on to where the tape ends now; unless it is the last time, no further than until more is written. */
  async #catchUp(isLast: boolean): Promise<void> {
    try {
      await this.#read(isLast);
      if (!isLast) return;
      this.#indexer.end();
      await this.#write(this.#sink === undefined ? LEAST_BYTES : 1);
    } catch {
      // Then it ends before the tape does.
      this.#isOver = true;
    }
  }

  async #read(isLast: boolean): Promise<void> {
    const writtenAt = this.#writtenAt;
    const range = { start: this.#indexer.offset, end: this.#tapeBytes };
    const held = hold(this.#store.openSource(this.#keys.tape, range));
    const { chunks } = held;
    try {
      while (isLast || this.#writtenAt === writtenAt) {
        const chunk = chunks.take();
        if (chunk !== NONE) {
          this.#indexer.push(chunk);
          // Reading into fresh memory would take longer than the look at it.
          chunks.reuse?.(chunk);
          await this.#write(WRITE_BYTES);
        } else if (!await chunks.fill()) return held.finish();
      }
      await held.cancel(undefined);
    } catch (error) {
      await held.cancel(error).catch(() => {});
      throw error;
    }
  }

  async #write(least: number): Promise<void> {
    for (const bytes of this.#indexer.take()) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
    }
    if (this.#waitingBytes < least) return;
    const pieces = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#sink ??= await openEmpty(this.#store, this.#keys.index);
    await this.#sink.append(pieces);
  }
}
