import { ENTRY_BYTES } from "../../index/layout.ts";
import { TapeIndexer } from "../../index/tape-indexer.ts";
import type { Bytes } from "../../lines/bytes.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { TapeStore } from "../../stores/store.ts";
import type { TapeSink } from "../../streams/sink.ts";
import { openEmpty } from "./open-empty.ts";

/** So many bytes of an index wait before they are written: eight entries, which is half a MiB of tape. */
const WRITE_BYTES = 8 * ENTRY_BYTES;
/** A tape of one block gets no index: there is nothing to pass over. */
const LEAST_BYTES = 3 * ENTRY_BYTES;

/**
 * Writes the index of a tape beside it, while the tape is written. Nobody waits for it, and nothing comes of its failures but that
 * the index ends there.
 */
export class IndexRecorder {
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #indexer: TapeIndexer;
  #sink: TapeSink | undefined;
  #waiting: Bytes[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #isOver = false;

  /**
   * @param indexer what it goes on with
   * @param sink the index so far, where there is one
   */
  constructor(store: TapeStore, tapeId: string, indexer: TapeIndexer = trusting(tapeId), sink?: TapeSink) {
    this.#store = store;
    this.#key = tapeKeys(tapeId).index;
    this.#indexer = indexer;
    this.#sink = sink;
  }

  /** Where the next byte stands in the tape. */
  get offset(): number {
    return this.#indexer.offset;
  }

  /** These bytes of the tape have arrived. They are only lent. */
  written(chunks: readonly Uint8Array[]): void {
    if (this.#isOver) return;
    try {
      for (const chunk of chunks) this.#indexer.push(chunk);
      this.#take();
      if (this.#waitingBytes >= WRITE_BYTES) this.#running ??= this.#run();
    } catch {
      this.#giveUp();
    }
  }

  /** Settles when what waits was written, for who reads faster than that. */
  async flushed(): Promise<void> {
    await this.#running;
  }

  /**
   * Writes what is known of the last lines too, and lets go of the index. It never rejects.
   *
   * @param isEnd false where the tape was let go of as it was, and so shall the index
   */
  async close(isEnd: boolean = true): Promise<void> {
    await this.#running;
    if (!this.#isOver && isEnd) {
      try {
        this.#indexer.end();
        this.#take();
        if (this.#sink !== undefined || this.#waitingBytes >= LEAST_BYTES) await this.#run();
      } catch {
        // Then it ends before the tape does.
      }
    }
    this.#isOver = true;
    // Not synced: what a power loss takes of it, it takes.
    await this.#sink?.abort(undefined).catch(() => {});
    this.#sink = undefined;
  }

  #take(): void {
    for (const bytes of this.#indexer.take()) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
    }
  }

  /** Writes what waits, and what comes to wait meanwhile. */
  async #run(): Promise<void> {
    try {
      this.#sink ??= await openEmpty(this.#store, this.#key);
      while (this.#waiting.length > 0) {
        const pieces = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        await this.#sink.append(pieces);
      }
    } catch {
      this.#giveUp();
    }
    this.#running = undefined;
  }

  #giveUp(): void {
    this.#isOver = true;
    this.#waiting = [];
  }
}

function trusting(tapeId: string): TapeIndexer {
  const indexer = new TapeIndexer(tapeId);
  indexer.trust();
  return indexer;
}
