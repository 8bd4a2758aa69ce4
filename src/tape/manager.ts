import { checkOptions, type OptionNames } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import { parseMetadata, type TapeMetadata } from "../records/metadata.ts";
import type { TapeRecord } from "../records/record.ts";
import { checkStore, type TapeStore } from "../stores/store.ts";
import { checkTapeId, tapeKeys } from "../records/tape-id.ts";
import type { FollowOptions } from "./read/following.ts";
import { type ReaderOptions, StreamingTapeReader } from "./read/reader.ts";
import { readTapeEnd } from "./read/tape-end.ts";
import { tapeState } from "./read/tape-state.ts";
import { StreamingTapeWriter } from "./write/writer.ts";
import type { TapeDescription, WriterOptions } from "./write/writer-options.ts";

/** Options of {@linkcode TapeManager.followTape}. */
export interface FollowTapeOptions extends ReaderOptions, FollowOptions {}

const FOLLOW_OPTIONS: OptionNames<FollowTapeOptions> = {
  onError: true,
  maxLineBytes: true,
  signal: true,
  waitForWriter: true,
  onInterrupted: true,
};

const TAPE_KEY = /^([A-Za-z0-9_-]{1,128})\.jsonl$/;

/**
 * The tapes of a store: those of this process and those of any other.
 *
 * @example
 * ```ts
 * import { memoryStore, TapeManager } from "tapeline";
 *
 * const manager = new TapeManager(memoryStore());
 * const writer = await manager.startRecording("session-1", { name: "first try" });
 * await writer.finalize();
 * for (const tape of await manager.list()) console.log(tape.tape_id, tape.name, tape.status);
 * ```
 */
export class TapeManager {
  readonly #store: TapeStore;

  /**
   * Manages the tapes of one store.
   *
   * @throws {TapeError} code `invalid_argument`: `store` is no store
   */
  constructor(store: TapeStore) {
    checkStore("manage tapes", store);
    this.#store = store;
  }

  /**
   * Starts a new tape.
   *
   * @throws {TapeError} code `io`
   */
  async startRecording(
    sessionId: string,
    metadata: TapeDescription = {},
    options: WriterOptions = {},
  ): Promise<StreamingTapeWriter> {
    return await StreamingTapeWriter.create(this.#store, { ...options, sessionId, metadata });
  }

  /**
   * Goes on with a tape.
   *
   * @throws {TapeError} code `tape_not_found`, `invalid_tape`, `locked`, `invalid_argument`, `io`
   */
  async resumeRecording(tapeId: string, options: WriterOptions = {}): Promise<StreamingTapeWriter> {
    return await StreamingTapeWriter.resume(this.#store, tapeId, options);
  }

  /**
   * Opens a tape for reading, also while it is being written.
   *
   * @throws {TapeError} code `tape_not_found`, `invalid_tape`, `invalid_argument`, `io`
   */
  async openForReading(tapeId: string, options: ReaderOptions = {}): Promise<StreamingTapeReader> {
    return await StreamingTapeReader.open(this.#store, tapeId, options);
  }

  /**
   * All records of a tape, and then each new one as it is written, until the tape is finalized, interrupted or
   * deleted, or the signal ends it. As those of `StreamingTapeReader.follow`, the records are shared and frozen.
   *
   * @throws {TapeError} in the iterator: as {@linkcode openForReading} and `StreamingTapeReader.records`
   */
  async *followTape(tapeId: string, options: FollowTapeOptions = {}): AsyncGenerator<TapeRecord, void, undefined> {
    checkOptions("follow a tape", options, FOLLOW_OPTIONS);
    const { onError, maxLineBytes, ...following } = options;
    await using reader = await this.openForReading(tapeId, { onError, maxLineBytes });
    yield* reader.follow(following);
  }

  /**
   * The metadata of all tapes, newest first. Of a tape without readable metadata only what its init record says. One whose
   * writer has died says that it is still `recording`: here its status is `interrupted`, and its end tells its statistics.
   *
   * @throws {TapeError} code `io`
   */
  async list(): Promise<TapeMetadata[]> {
    const tapes: TapeMetadata[] = [];
    for await (const { key, size, modifiedMs } of this.#store.list()) {
      const tapeId = TAPE_KEY.exec(key)?.[1];
      if (tapeId === undefined) continue;
      const stored = await this.#stored(tapeId) ?? await this.#fromInit(tapeId, modifiedMs);
      const isInterrupted = await tapeState(this.#store, tapeId, stored) === "interrupted";
      const known = isInterrupted ? { ...stored, ...await this.#endOf(key, size) } : stored;
      tapes.push({ ...known, tape_id: tapeId, stats: { ...known.stats, file_size_bytes: size } });
    }
    return tapes.sort((a, b) => compare(b.created_at ?? "", a.created_at ?? "") || compare(b.tape_id, a.tape_id));
  }

  /**
   * Deletes a tape and all that belongs to it.
   *
   * @throws {TapeError} code `tape_not_found`, `locked` (it is being written), `invalid_argument`, `io`
   */
  async delete(tapeId: string): Promise<void> {
    const keys = tapeKeys(checkTapeId(tapeId));
    // Whoever may append may delete: this is how a tape that is being written is left alone.
    const sink = await this.#store.openSink(keys.tape, { mode: "append" });
    try {
      for (const key of [keys.tape, keys.meta, keys.index, keys.torn]) await this.#store.delete(key);
    } finally {
      await sink.abort(new TapeError("closed", `The tape ${tapeId} was deleted`));
    }
  }

  /** The status and the statistics of a tape whose writer could not put them any more. */
  async #endOf(key: string, size: number): Promise<Pick<TapeMetadata, "status" | "stats">> {
    try {
      const { isFinalized, stats } = await readTapeEnd(this.#store, key, size);
      return { status: isFinalized ? "finalized" : "interrupted", stats };
    } catch {
      // It was deleted since, or cannot be read: one tape must not hide the others.
      return { status: "interrupted" };
    }
  }

  async #stored(tapeId: string): Promise<TapeMetadata | undefined> {
    const { meta } = tapeKeys(tapeId);
    try {
      const bytes = await this.#store.get(meta);
      return bytes && parseMetadata(new TextDecoder().decode(bytes), meta);
    } catch {
      // One tape's broken hint must not hide the others.
      return undefined;
    }
  }

  async #fromInit(tapeId: string, modifiedMs: number): Promise<TapeMetadata> {
    const unknown = { tape_id: tapeId, updated_at: new Date(modifiedMs).toISOString() };
    try {
      await using reader = await this.openForReading(tapeId);
      return { ...unknown, created_at: reader.init.created_at };
    } catch (error) {
      return { ...unknown, status: { error: error instanceof Error ? error.message : String(error) } };
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
