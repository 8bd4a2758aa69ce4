import type { Bytes } from "../lines/bytes.ts";
import type { TapeSink } from "../streams/sink.ts";

/** How a sink meets what is already there. */
export interface OpenSinkOptions {
  /**
   * `create` makes a new tape and refuses to touch an old one; `append` goes on with one and refuses to make it.
   *
   * @default {"create"}
   */
  readonly mode?: "create" | "append" | undefined;
}

/** Which bytes to read, and whether to wait for more. */
export interface OpenSourceOptions {
  /**
   * First byte, counted from 0.
   *
   * @default {0}
   */
  readonly start?: number | undefined;
  /** The byte to stop before. By default the end of the tape. */
  readonly end?: number | undefined;
  /**
   * At the end of the tape, waits for more. Only whole lines are handed out: what follows the last `\n` may still be
   * cut off by a writer that comes back after a crash. Ends when the tape is deleted, and fails with code `invalid_tape`
   * when it is replaced by another, or cut back further than it was handed out: each after all that was written before.
   *
   * @default {false}
   */
  readonly follow?: boolean | undefined;
  /** Ends the stream: quietly while following, otherwise with the signal's reason as its error. */
  readonly signal?: AbortSignal | undefined;
}

/** One key of a store. */
export interface StoreEntry {
  /** The key, such as `demo.jsonl`. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** When it last changed, in milliseconds since 1970. */
  readonly modifiedMs: number;
}

/**
 * A collection of tapes on one backend, and of the small objects that belong to them. A key is a tape id and an ending,
 * such as `demo.jsonl`. A backend implements these seven calls and passes `test/conformance/store.ts`.
 */
export interface TapeStore {
  /**
   * Opens a tape for its one writer.
   *
   * @throws {TapeError} code `locked`: another writer has it; `tape_not_found` (append); `invalid_argument`: it exists
   * (create); `io`
   */
  openSink(key: string, options?: OpenSinkOptions): Promise<TapeSink>;
  /** Reads a tape. The stream fails with code `tape_not_found` or `io`. */
  openSource(key: string, options?: OpenSourceOptions): ReadableStream<Bytes>;
  /** Size in bytes; undefined if there is no such key. */
  size(key: string): Promise<number | undefined>;
  /** A small object, whole; undefined if there is no such key. */
  get(key: string): Promise<Bytes | undefined>;
  /** Puts a small object in the place of an old one: readers see the old or the new, never a mixture. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** All keys, in no particular order. */
  list(): AsyncIterable<StoreEntry>;
  /** Deletes a key; false if there was none. */
  delete(key: string): Promise<boolean>;
}
