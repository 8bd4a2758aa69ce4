import type { NONE } from "./stage-spec.ts";

/**
 * Where chunks come from, a batch at a time: what a pipeline reads, and what a backend implements.
 *
 * A batch is a group of neighbouring chunks that travel together, so that not every one of them costs a promise.
 */
export interface SourceSpec<T> {
  /**
   * The next chunks, in order; `undefined` at the end. It is called when somebody wants a chunk, and never again
   * before its promise is settled. An empty batch means "ask again".
   */
  pull(): Promise<readonly T[] | undefined>;
  /** Lets go of everything. Called at most once, when the reader loses interest before the end; a `pull` may be under way. */
  cancel?(reason: unknown): Promise<void>;
  /**
   * Gets a chunk back that nobody needs any more, in whole or in part, so that its memory can be used again. Not called
   * for a chunk that somebody may have kept.
   */
  reuse?(chunk: T): void;
}

/**
 * How a pipeline reads: takes chunks one by one as long as some are at hand, and waits only when there are none. What a
 * chunk costs (splitting off, parsing) is paid when it is taken.
 */
export interface ChunkReader<T> {
  /** The next chunk, if one can be had without waiting; else `NONE`. */
  take(): T | typeof NONE;
  /**
   * Waits until `take` may have something. False at the end; rejects if the source failed. To be called when `take` gave
   * `NONE`, one call at a time.
   */
  fill(): Promise<boolean>;
  /** Lets go of the source. */
  cancel(reason: unknown): Promise<void>;
  /** Gives a chunk back that was taken, as {@linkcode SourceSpec.reuse}. */
  reuse?(chunk: T): void;
}
