import { kindOf } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import type { Bytes } from "../bytes/bytes.ts";
import type { OpenSinkOptions, TapeSink, WriterState } from "../streams/sink.ts";
import type { OpenSourceOptions } from "../streams/source.ts";

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
 * such as `demo.jsonl`. A backend implements these calls, the last one if it can, and passes `testStore` of `tapeline/testing`.
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
  /**
   * All keys, in no particular order.
   *
   * @param wants asked of every key, for who wants only some and would wait for the others in vain; a store may list them
   * all the same
   */
  list(wants?: (key: string) => boolean): AsyncIterable<StoreEntry>;
  /** Deletes a key; false if there was none. */
  delete(key: string): Promise<boolean>;
  /**
   * Who writes a tape, for followers and lists: those of a tape whose writer is `gone` need not wait for more. A store
   * that cannot tell leaves it out.
   */
  writerOf?(key: string): Promise<WriterState>;
}

/**
 * Refuses what is no store, such as the name of a folder.
 *
 * @param what what cannot be done with it, as in "Cannot <what>"
 * @throws {TapeError} code `invalid_argument`
 */
export function checkStore(what: string, store: TapeStore): void {
  const { openSink, openSource, size } = Object(store) as Partial<TapeStore>;
  if ([openSink, openSource, size].every((call) => typeof call === "function")) return;
  const hint = typeof store === "string" ? "; open a folder with fileStore() of tapeline/file" : "";
  throw new TapeError("invalid_argument", `Cannot ${what}: the store must be a TapeStore, not ${kindOf(store)}${hint}`);
}
