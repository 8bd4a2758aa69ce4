import { lacking } from "../arguments.ts";
import { Batches, nextChunk } from "./batches.ts";
import { NONE } from "./stage-spec.ts";
import { ChunkIterator, type Failure, HeldChunks } from "./held-chunks.ts";
import type { ChunkReader, SourceSpec } from "./source-spec.ts";

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

  /** Locks an unlocked source to read it past its queue; `undefined` for any other stream. */
  static take<T>(stream: ReadableStream<T>): HeldChunks<T> | undefined {
    return stream instanceof Source && !stream.locked && stream.#canBypass() ? stream.#hold() : undefined;
  }

  /** Iterates over the chunks. Leaving the loop cancels the source, unless `preventCancel` is set. */
  override values(options?: { preventCancel?: boolean }): ReturnType<ReadableStream<T>["values"]> {
    if (!this.#canBypass()) return super.values(options);
    return new ChunkIterator(this.#hold(), options?.preventCancel ?? false);
  }

  #hold(): HeldChunks<T> {
    return new HeldChunks(this.#chunks, this.getReader(), (failure) => this.#end(failure));
  }

  /**
   * Whether all that is still to come can be read past the stream. It cannot when the stream has ended, and when a
   * reader let go while it waited, which leaves a chunk in the stream's own queue.
   */
  #canBypass(): boolean {
    return this.#isAtRest && this.#controller.desiredSize === 0;
  }

  #end(failure: Failure | undefined): void {
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
 * @throws {TypeError} `spec` has no function `pull`; in the stream: `pull` gave what is no array
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
  if (typeof (Object(spec) as Partial<SourceSpec<T>>).pull !== "function") {
    throw new TypeError(`Cannot make a source: it takes an object with a function pull(), not ${lacking(spec)}`);
  }
  return new Source(new Batches(spec));
}

/** Locks any stream and reads it: ours past its queue, any other through its reader. */
export function hold<T>(stream: ReadableStream<T>): HeldChunks<T> {
  const held = Source.take(stream);
  if (held !== undefined) return held;
  const reader = stream.getReader();
  const chunks = new Batches<T>({
    async pull() {
      const { done, value } = await reader.read();
      return done ? undefined : [value];
    },
    cancel: (reason) => reader.cancel(reason),
  });
  // It has ended by itself then.
  return new HeldChunks(chunks, reader, () => {});
}
