import { kindOf } from "../arguments.ts";
import { NONE } from "./stage-spec.ts";
import type { ChunkReader, SourceSpec } from "./source-spec.ts";

/** The next chunk, waited for; `NONE` at the end. */
export async function nextChunk<T>(chunks: ChunkReader<T>): Promise<T | typeof NONE> {
  let chunk = chunks.take();
  while (chunk === NONE && await chunks.fill()) chunk = chunks.take();
  return chunk;
}

/** Takes chunks out of the batches of a source. */
export class Batches<T> implements ChunkReader<T> {
  readonly #spec: SourceSpec<T>;
  #batch: readonly T[] = [];
  #head = 0;
  #over = false;
  /** Only where the source has a use for it. */
  readonly reuse?: (chunk: T) => void;

  constructor(spec: SourceSpec<T>) {
    this.#spec = spec;
    if (spec.reuse !== undefined) this.reuse = (chunk) => spec.reuse!(chunk);
  }

  take(): T | typeof NONE {
    return this.#head < this.#batch.length ? this.#batch[this.#head++]! : NONE;
  }

  async fill(): Promise<boolean> {
    if (this.#over) return false;
    try {
      const batch = await this.#spec.pull();
      // Anything else would be asked again for ever, or handed out in parts.
      if (batch !== undefined && !Array.isArray(batch)) {
        throw new TypeError(
          `Cannot read a source: pull() must give an array of chunks, or undefined, not ${kindOf(batch)}`,
        );
      }
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

/** How many chunks of a synchronous iterable travel together. */
const ITERABLE_BATCH = 64;

/** The batches of an iterable: chunks that need no waiting for travel together. */
export function iterableBatches<T>(iterable: AsyncIterable<T> | Iterable<T>): SourceSpec<T> {
  return Symbol.asyncIterator in iterable ? asyncBatches(iterable) : syncBatches(iterable);
}

function asyncBatches<T>(iterable: AsyncIterable<T>): SourceSpec<T> {
  const iterator = iterable[Symbol.asyncIterator]();
  return {
    async pull() {
      const { done, value } = await iterator.next();
      return done === true ? undefined : [value];
    },
    async cancel(reason) {
      await iterator.return?.(reason);
    },
  };
}

function syncBatches<T>(iterable: Iterable<T>): SourceSpec<T> {
  const iterator = iterable[Symbol.iterator]();
  let isOver = false;
  let failure: { readonly error: unknown } | undefined;
  return {
    // deno-lint-ignore require-await -- what the iterator throws shall become a rejection
    async pull() {
      const batch: T[] = [];
      try {
        while (!isOver && batch.length < ITERABLE_BATCH) {
          const next = iterator.next();
          if (next.done === true) isOver = true;
          else batch.push(next.value);
        }
      } catch (error) {
        isOver = true;
        failure = { error };
      }
      if (batch.length > 0) return batch;
      if (failure !== undefined) throw failure.error;
      return undefined;
    },
    // deno-lint-ignore require-await
    async cancel(reason) {
      if (!isOver) iterator.return?.(reason);
    },
  };
}
