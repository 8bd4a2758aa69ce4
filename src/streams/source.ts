import { NONE } from "./fuse.ts";

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

/**
 * A `ReadableStream` over a {@linkcode SourceSpec}. Whoever reads sees single chunks; `pipe` and the async iterator
 * do not pay a promise of the stream for each.
 */
export class Source<T> extends ReadableStream<T> {
  readonly #chunks: ChunkReader<T>;
  readonly #controller: ReadableStreamDefaultController<T>;
  /** False while a chunk is on its way through the stream, and for good once the stream has ended. */
  #isAtRest = true;

  /** Use {@linkcode source}. */
  constructor(chunks: ChunkReader<T>) {
    let controller!: ReadableStreamDefaultController<T>;
    super({
      start(given) {
        controller = given;
      },
      pull: async () => {
        this.#isAtRest = false;
        const chunk = await nextChunk(chunks);
        if (chunk === NONE) return controller.close();
        controller.enqueue(chunk);
        this.#isAtRest = true;
      },
      cancel: (reason) => {
        this.#isAtRest = false;
        return chunks.cancel(reason);
      },
    }, { highWaterMark: 0 });
    this.#chunks = chunks;
    this.#controller = controller;
  }

  /** Locks an unlocked source and hands out what it reads from; `undefined` for any other stream. */
  static take<T>(stream: ReadableStream<T>): ChunkReader<T> | undefined {
    if (!(stream instanceof Source) || stream.locked || !stream.#canBypass()) return undefined;
    stream.getReader();
    return (stream as Source<T>).#chunks;
  }

  /** Iterates over the chunks. Leaving the loop cancels the source, unless `preventCancel` is set. */
  override values(options?: { preventCancel?: boolean }): ReturnType<ReadableStream<T>["values"]> {
    if (!this.#canBypass()) return super.values(options);
    return new ChunkIterator(
      this.#chunks,
      this.getReader(),
      (failure) => this.#end(failure),
      options?.preventCancel ?? false,
    );
  }

  /**
   * Whether all that is still to come can be read past the stream. It cannot when the stream has ended, and when a
   * reader let go while it waited, which leaves a chunk in the stream's own queue.
   */
  #canBypass(): boolean {
    return this.#isAtRest && this.#controller.desiredSize === 0;
  }

  #end(failure: { readonly error: unknown } | undefined): void {
    this.#isAtRest = false;
    if (failure === undefined) this.#controller.close();
    else this.#controller.error(failure.error);
  }

  /** Iterates over the chunks, as {@linkcode Source.values}. */
  override [Symbol.asyncIterator](
    options?: { preventCancel?: boolean },
  ): ReturnType<ReadableStream<T>["values"]> {
    return this.values(options);
  }
}

/**
 * Makes a `ReadableStream` of a source: a few lines for a backend of your own.
 *
 * @example Count to three
 * ```ts
 * import { source } from "tapeline";
 *
 * let n = 0;
 * const numbers = source<number>({
 *   pull: () => Promise.resolve(n < 3 ? [++n] : undefined),
 * });
 * for await (const number of numbers) console.log(number);
 * ```
 */
export function source<T>(spec: SourceSpec<T>): Source<T> {
  return new Source(new Batches(spec));
}

/** Reads any stream: ours without its queue, any other through its reader. Locks it. */
export function chunksOf<T>(stream: ReadableStream<T>): ChunkReader<T> {
  const taken = Source.take(stream);
  if (taken !== undefined) return taken;
  const reader = stream.getReader();
  return new Batches({
    async pull() {
      const { done, value } = await reader.read();
      return done ? undefined : [value];
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** The next chunk, waited for; `NONE` at the end. */
export async function nextChunk<T>(chunks: ChunkReader<T>): Promise<T | typeof NONE> {
  let chunk = chunks.take();
  while (chunk === NONE && await chunks.fill()) chunk = chunks.take();
  return chunk;
}

/** Takes chunks out of the batches of a source. */
class Batches<T> implements ChunkReader<T> {
  readonly #spec: SourceSpec<T>;
  #batch: readonly T[] = [];
  #head = 0;
  #over = false;

  constructor(spec: SourceSpec<T>) {
    this.#spec = spec;
  }

  take(): T | typeof NONE {
    return this.#head < this.#batch.length ? this.#batch[this.#head++]! : NONE;
  }

  async fill(): Promise<boolean> {
    if (this.#over) return false;
    try {
      const batch = await this.#spec.pull();
      this.#batch = batch ?? [];
      this.#head = 0;
      this.#over ||= batch === undefined;
      return batch !== undefined;
    } catch (error) {
      this.#over = true;
      throw error;
    }
  }

  async cancel(reason: unknown): Promise<void> {
    this.#batch = [];
    this.#head = 0;
    if (this.#over) return;
    this.#over = true;
    await this.#spec.cancel?.(reason);
  }
}

/** Hands out chunks as long as some are at hand; only when there are none does it wait for the source. */
class ChunkIterator<T> implements AsyncIterableIterator<T> {
  readonly #chunks: ChunkReader<T>;
  readonly #reader: ReadableStreamDefaultReader<T>;
  readonly #end: (failure?: { readonly error: unknown }) => void;
  readonly #preventCancel: boolean;
  /** Calls that wait, and a promise for the last of them: those that come in meanwhile are answered after it. */
  #waiting = 0;
  #lastCall: Promise<unknown> | undefined;
  #over = false;

  constructor(
    chunks: ChunkReader<T>,
    reader: ReadableStreamDefaultReader<T>,
    end: (failure?: { readonly error: unknown }) => void,
    preventCancel: boolean,
  ) {
    this.#chunks = chunks;
    this.#reader = reader;
    this.#end = end;
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
        const cancelled = this.#preventCancel ? undefined : this.#reader.cancel(reason);
        this.#reader.releaseLock();
        await cancelled;
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
      this.#end();
    } catch (error) {
      this.#end({ error });
      this.#finish();
      throw error;
    }
    this.#finish();
    return { done: true, value: undefined };
  }

  #finish(): void {
    this.#over = true;
    this.#reader.closed.catch(() => {});
    this.#reader.releaseLock();
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
