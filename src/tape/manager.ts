import { checkOptions, type OptionNames } from "../arguments.ts";
import { isTapeError, TapeError } from "../errors.ts";
import type { TapeMetadata } from "../records/metadata.ts";
import type { TapeRecord } from "../records/record.ts";
import { checkStore, type TapeStore } from "../stores/store.ts";
import { checkTapeId, tapeKeys } from "../records/tape-id.ts";
import type { TapeSink } from "../streams/sink.ts";
import type { FollowOptions } from "./read/following.ts";
import { listedTape, tapesIn, withEach } from "./listed-tape.ts";
import { type ReaderOptions, StreamingTapeReader } from "./read/reader.ts";
import { StreamingTapeWriter } from "./write/writer.ts";
import type { TapeDescription, WriterOptions } from "./write/writer-options.ts";

/** Options of {@linkcode TapeManager.followTape}. */
export interface FollowTapeOptions extends ReaderOptions, FollowOptions {}

const FOLLOW_OPTIONS: OptionNames<FollowTapeOptions> = {
  onError: true,
  maxLineBytes: true,
  signal: true,
  waitForWriter: true,
  onWaiting: true,
  from: true,
  onInterrupted: true,
};

/** So many tapes are looked at together: more would only wait for the disk, and hold more files open. */
const AT_ONCE = 32;

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
   * The metadata of all tapes, newest first. Of a tape without readable metadata only what its init record says. The status
   * is corrected by what can be seen: `interrupted` is a tape whose writer has died and could not say so, and its end tells
   * its statistics; `damaged` one whose end was cut off; `empty` one that was made and never written to.
   *
   * @throws {TapeError} code `io`
   */
  async list(): Promise<TapeMetadata[]> {
    const listed = await withEach(await tapesIn(this.#store), AT_ONCE, (tape) => listedTape(this.#store, tape));
    return listed.map(({ metadata }) => metadata)
      .sort((a, b) => compare(b.created_at ?? "", a.created_at ?? "") || compare(b.tape_id, a.tape_id));
  }

  /**
   * Deletes a tape and all that belongs to it. The tape goes first: where that is as far as it comes, what is left is no
   * tape any more, and a second call deletes it.
   *
   * @throws {TapeError} code `tape_not_found`, `locked` (it is being written), `invalid_argument`, `io`: the tape is still
   * there, or is gone and something that belonged to it is not, as the error says
   */
  async delete(tapeId: string): Promise<void> {
    const { tape, meta, index, torn, dropped, draft, backup } = tapeKeys(checkTapeId(tapeId));
    const keys = [tape, meta, index, torn, dropped, draft, backup];
    let sink: TapeSink;
    try {
      // Whoever may append may delete: this is how a tape that is being written is left alone.
      sink = await this.#store.openSink(tape, { mode: "append" });
    } catch (error) {
      if (isTapeError(error, "tape_not_found") && await this.#deleteAll(tapeId, keys) > 0) return;
      throw error;
    }
    try {
      await this.#deleteAll(tapeId, keys);
    } finally {
      await sink.abort(new TapeError("closed", `The tape ${tapeId} was deleted`));
    }
  }

  /**
   * Deletes what is left of a tape that is gone. What belongs to a tape that is there stays, also where it has just come.
   *
   * @throws {TapeError} as {@linkcode delete}
   */
  async deleteLeftovers(tapeId: string): Promise<void> {
    const { tape } = tapeKeys(checkTapeId(tapeId));
    if (await this.#store.size(tape) === undefined) await this.delete(tapeId);
  }

  /** Deletes the keys of a tape, and tells how many there were. The first one decides whether it is a tape. */
  async #deleteAll(tapeId: string, keys: readonly string[]): Promise<number> {
    const left: string[] = [];
    let count = 0;
    let cause: unknown;
    for (const key of keys) {
      try {
        if (await this.#store.delete(key)) count++;
      } catch (error) {
        if (key === keys[0]) throw error;
        left.push(key);
        cause ??= error;
      }
    }
    if (left.length === 0) return count;
    const what = `it is gone, but ${left.join(", ")} ${left.length === 1 ? "is" : "are"} left`;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TapeError("io", `Cannot delete all of tape ${tapeId}: ${what} (${why})`, { cause });
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
