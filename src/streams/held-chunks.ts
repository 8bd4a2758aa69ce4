import { nextChunk } from "./batches.ts";
import { NONE } from "./stage-spec.ts";
import type { ChunkReader } from "./source-spec.ts";

/** What a stream has failed with: any value can be thrown. */
export interface Failure {
  readonly error: unknown;
}

/**
 * A locked stream that is read past its queue. Whoever reads its chunks to the end says so, and the stream ends and is
 * unlocked: those who come behind find what `pipeTo` would have left.
 */
export class HeldChunks<T> {
  readonly chunks: ChunkReader<T>;
  readonly #reader: ReadableStreamDefaultReader<T>;
  readonly #end: (failure?: Failure) => void;
  #isHeld = true;

  constructor(chunks: ChunkReader<T>, reader: ReadableStreamDefaultReader<T>, end: (failure?: Failure) => void) {
    this.chunks = chunks;
    this.#reader = reader;
    this.#end = end;
  }

  /** The chunks have come to their end, or have failed. Behind another end it does nothing. */
  finish(failure?: Failure): void {
    if (!this.#isHeld) return;
    this.#end(failure);
    this.release();
  }

  /** Cancels the stream, which is unlocked at once. Behind another end it does nothing. */
  cancel(reason: unknown): Promise<void> {
    if (!this.#isHeld) return Promise.resolve();
    const cancelled = this.#reader.cancel(reason);
    this.release();
    return cancelled;
  }

  /** Unlocks the stream, which can be read on. */
  release(): void {
    this.#isHeld = false;
    unlock(this.#reader);
  }
}

/** Hands out chunks as long as some are at hand; only when there are none does it wait for the source. */
export class ChunkIterator<T> implements AsyncIterableIterator<T> {
  readonly #held: HeldChunks<T>;
  readonly #chunks: ChunkReader<T>;
  readonly #preventCancel: boolean;
  /** Calls that wait, and a promise for the last of them: those that come in meanwhile are answered after it. */
  #waiting = 0;
  #lastCall: Promise<unknown> | undefined;
  #over = false;

  constructor(held: HeldChunks<T>, preventCancel: boolean) {
    this.#held = held;
    this.#chunks = held.chunks;
    this.#preventCancel = preventCancel;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#waiting === 0 && !this.#over) {
      const chunk = this.#chunks.take();
      if (chunk !== NONE) return Promise.resolve({ done: false, value: chunk });
    }
    return this.#queue(() => this.#advance());
  }

  return(reason?: unknown): Promise<IteratorResult<T, undefined>> {
    return this.#queue(async () => {
      if (!this.#over) {
        this.#over = true;
        if (this.#preventCancel) this.#held.release();
        else await this.#held.cancel(reason);
      }
      // As in any stream's iterator, whatever its type says.
      return { done: true, value: reason as undefined };
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #advance(): Promise<IteratorResult<T, undefined>> {
    if (this.#over) return { done: true, value: undefined };
    try {
      const chunk = await nextChunk(this.#chunks);
      if (chunk !== NONE) return { done: false, value: chunk };
    } catch (error) {
      this.#over = true;
      this.#held.finish({ error });
      throw error;
    }
    this.#over = true;
    this.#held.finish();
    return { done: true, value: undefined };
  }

  /** Runs calls that have to wait one after the other, in the order in which they came. */
  #queue<R>(task: () => Promise<R>): Promise<R> {
    const before = this.#waiting > 0 ? this.#lastCall : undefined;
    const run = async () => {
      // Without one before it a call takes effect at once: return() has then unlocked the stream.
      if (before !== undefined) await before;
      try {
        return await task();
      } finally {
        // Before the caller learns of it, so that its next call finds the way free.
        this.#waiting--;
      }
    };
    this.#waiting++;
    const result = run();
    this.#lastCall = result.catch(() => {});
    return result;
  }
}

/** Unlocks a stream, whatever becomes of it. */
export function unlock(reader: ReadableStreamDefaultReader<unknown>): void {
  reader.closed.catch(() => {});
  reader.releaseLock();
}
