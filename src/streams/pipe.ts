import type { AnySpec } from "./stage-spec.ts";
import { Fused, NONE } from "./fuse.ts";
import { type ChunkReader, chunksOf, Source, source as sourceOf, type SourceSpec } from "./source.ts";
import { Sink } from "./sink.ts";
import { partsOf, segments, Stage } from "./stage.ts";
import type { Transform } from "./stage.ts";

/** What a pipeline reads: a stream, or anything that can be iterated. */
export type PipeSource<T> = ReadableStream<T> | AsyncIterable<T> | Iterable<T>;

/**
 * Makes one `TransformStream` of several transforms. Neighbouring stages that nobody has used yet are fused: a chunk
 * passes through them by function calls, with nothing queued in between. Any other transform (a `CompressionStream`, an
 * async `TransformStream`) is piped through as usual.
 *
 * A longer chain than the types allow is composed of two: `compose(compose(a, b, c), d)` is the same pipeline.
 *
 * @throws {TypeError} no transform was given, one is locked, or one was composed before
 *
 * @example
 * ```ts
 * import { compose, filter, pipe, stage } from "tapeline";
 *
 * const evenSquares = compose(
 *   filter((n: number) => n % 2 === 0),
 *   stage<number, number>({ transform: (n, emit) => emit(n * n) }),
 * );
 * for await (const square of pipe([1, 2, 3, 4], evenSquares)) console.log(square); // 4, then 16
 * ```
 */
export function compose<A, B>(t1: Transform<A, B>): Stage<A, B>;
/** Makes one transform of two. */
export function compose<A, B, C>(t1: Transform<A, B>, t2: Transform<B, C>): Stage<A, C>;
/** Makes one transform of three. */
export function compose<A, B, C, D>(t1: Transform<A, B>, t2: Transform<B, C>, t3: Transform<C, D>): Stage<A, D>;
/** Makes one transform of four. */
export function compose<A, B, C, D, E>(
  t1: Transform<A, B>,
  t2: Transform<B, C>,
  t3: Transform<C, D>,
  t4: Transform<D, E>,
): Stage<A, E>;
/** Makes one transform of five. */
export function compose<A, B, C, D, E, F>(
  t1: Transform<A, B>,
  t2: Transform<B, C>,
  t3: Transform<C, D>,
  t4: Transform<D, E>,
  t5: Transform<E, F>,
): Stage<A, F>;
/** Makes one transform of six. */
export function compose<A, B, C, D, E, F, G>(
  t1: Transform<A, B>,
  t2: Transform<B, C>,
  t3: Transform<C, D>,
  t4: Transform<D, E>,
  t5: Transform<E, F>,
  t6: Transform<F, G>,
): Stage<A, G>;
export function compose(...transforms: Transform<unknown, unknown>[]): Stage<unknown, unknown> {
  if (transforms.length === 0) throw new TypeError("Cannot compose a pipeline: no transforms were given");
  return new Stage(transforms.flatMap(partsOf));
}

/**
 * Connects a source to transforms. The result is a `ReadableStream`, or, when the last argument is a `WritableStream`, a
 * promise that settles when everything has arrived and the sink is closed.
 *
 * It means what `pipeThrough` and `pipeTo` mean: an error anywhere reaches the reader or rejects the promise, cancels
 * the source and aborts the sink; cancelling the result cancels the source; nothing is read before somebody wants it.
 * What came out before an error is delivered before the error. Neighbouring stages are fused as in {@linkcode compose}.
 *
 * @throws {TypeError} a stream is locked, or a stage was composed before
 *
 * @example Keep what clients sent
 * ```ts
 * import { encodeRecord, filter, lineSplit, memorySink, memorySource, parseRecord, pipe } from "tapeline";
 *
 * const tape = memorySource('{"type":"log","ts":0,"stream":"stderr","text":"ready"}\n');
 * const copy = memorySink();
 * await pipe(tape, lineSplit(), parseRecord(), filter((record) => record.type === "log"), encodeRecord(), copy);
 * console.log(copy.text());
 * ```
 */
export function pipe<A>(source: PipeSource<A>): ReadableStream<A>;
/** Connects a source to a transform. */
export function pipe<A, B>(source: PipeSource<A>, t1: Transform<A, B>): ReadableStream<B>;
/** Connects a source to two transforms. */
export function pipe<A, B, C>(source: PipeSource<A>, t1: Transform<A, B>, t2: Transform<B, C>): ReadableStream<C>;
/** Connects a source to three transforms. */
export function pipe<A, B, C, D>(
  source: PipeSource<A>,
  t1: Transform<A, B>,
  t2: Transform<B, C>,
  t3: Transform<C, D>,
): ReadableStream<D>;
/** Connects a source to four transforms. */
export function pipe<A, B, C, D, E>(
  source: PipeSource<A>,
  t1: Transform<A, B>,
  t2: Transform<B, C>,
  t3: Transform<C, D>,
  t4: Transform<D, E>,
): ReadableStream<E>;
/** Connects a source to five transforms. */
export function pipe<A, B, C, D, E, F>(
  source: PipeSource<A>,
  t1: Transform<A, B>,
  t2: Transform<B, C>,
  t3: Transform<C, D>,
  t4: Transform<D, E>,
  t5: Transform<E, F>,
): ReadableStream<F>;
/** Connects a source to a sink. */
export function pipe<A>(source: PipeSource<A>, sink: WritableStream<A>): Promise<void>;
/** Connects a source to a sink through a transform. */
export function pipe<A, B>(source: PipeSource<A>, t1: Transform<A, B>, sink: WritableStream<B>): Promise<void>;
/** Connects a source to a sink through two transforms. */
export function pipe<A, B, C>(
  source: PipeSource<A>,
  t1: Transform<A, B>,
  t2: Transform<B, C>,
  sink: WritableStream<C>,
): Promise<void>;
/** Connects a source to a sink through three transforms. */
export function pipe<A, B, C, D>(
  source: PipeSource<A>,
  t1: Transform<A, B>,
  t2: Transform<B, C>,
  t3: Transform<C, D>,
  sink: WritableStream<D>,
): Promise<void>;
/** Connects a source to a sink through four transforms. */
export function pipe<A, B, C, D, E>(
  source: PipeSource<A>,
  t1: Transform<A, B>,
  t2: Transform<B, C>,
  t3: Transform<C, D>,
  t4: Transform<D, E>,
  sink: WritableStream<E>,
): Promise<void>;
/** Connects a source to a sink through five transforms. */
export function pipe<A, B, C, D, E, F>(
  source: PipeSource<A>,
  t1: Transform<A, B>,
  t2: Transform<B, C>,
  t3: Transform<C, D>,
  t4: Transform<D, E>,
  t5: Transform<E, F>,
  sink: WritableStream<F>,
): Promise<void>;
export function pipe(source: PipeSource<unknown>, ...rest: unknown[]): ReadableStream<unknown> | Promise<void> {
  const last = rest.at(-1);
  const end = isWritable(last) ? last : undefined;
  const transforms = (end === undefined ? rest : rest.slice(0, -1)) as Transform<unknown, unknown>[];
  const first = source instanceof ReadableStream ? source : iterate(source);
  if (first.locked || end?.locked) throw new TypeError("Cannot pipe: the source or the sink is locked");
  const readable = segments(transforms.flatMap(partsOf)).reduce(
    (stream, segment) => Array.isArray(segment) ? fusedSource(stream, segment) : stream.pipeThrough(segment),
    first,
  );
  return end === undefined ? readable : drain(readable, end);
}

function isWritable(value: unknown): value is WritableStream<unknown> {
  return typeof value === "object" && value !== null && "getWriter" in value;
}

/** How many chunks of a synchronous iterable travel together. */
const ITERABLE_BATCH = 64;

/** An iterable as a source: chunks that need no waiting for travel together. */
function iterate<T>(iterable: AsyncIterable<T> | Iterable<T>): Source<T> {
  return sourceOf(Symbol.asyncIterator in iterable ? asyncBatches(iterable) : syncBatches(iterable));
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

/** A stream read through stages. */
function fusedSource(stream: ReadableStream<unknown>, specs: readonly AnySpec[]): Source<unknown> {
  return new Source(new FusedReader(chunksOf(stream), specs));
}

/**
 * Reads chunks through stages. The first stage may make many chunks of one (lines of a block); those wait here, and the
 * stages behind it work on each only when it is asked for.
 */
class FusedReader implements ChunkReader<unknown> {
  readonly #upstream: ChunkReader<unknown>;
  readonly #first: Fused<unknown, unknown>;
  readonly #rest: Fused<unknown, unknown> | undefined;
  /** Whether the source has come to its end or was let go. */
  #isDetached = false;

  constructor(upstream: ChunkReader<unknown>, specs: readonly AnySpec[]) {
    this.#upstream = upstream;
    this.#first = new Fused(specs.slice(0, 1));
    this.#rest = specs.length > 1 ? new Fused(specs.slice(1)) : undefined;
    this.#releaseIfRefused();
  }

  take(): unknown {
    const first = this.#first;
    const rest = this.#rest;
    for (;;) {
      const out = (rest ?? first).shift();
      if (out !== NONE || (rest ?? first).ended) return out;
      const queued = rest === undefined ? NONE : first.shift();
      if (queued !== NONE) rest!.push(queued);
      else {
        const chunk = first.ended ? NONE : this.#upstream.take();
        if (chunk === NONE) return NONE;
        first.push(chunk);
      }
      if (first.ended || rest?.ended) this.#releaseIfRefused();
    }
  }

  async fill(): Promise<boolean> {
    const last = this.#rest ?? this.#first;
    // The stages nearest to the reader come first: what they have ended, nothing before them can change.
    const failure = last.ended ? last.failure : this.#first.failure;
    if (failure !== undefined) throw failure.error;
    if (last.ended) return false;
    if (this.#first.ended) {
      last.end();
      return true;
    }
    const hasMore = await this.#upstream.fill();
    if (this.#isDetached) return false; // cancelled meanwhile: that is no end to flush at
    if (!hasMore) {
      this.#isDetached = true;
      this.#first.end();
    }
    return true;
  }

  async cancel(reason: unknown): Promise<void> {
    if (this.#isDetached) return;
    this.#isDetached = true;
    // What comes of that stays between the source and the stages, as it does in a pipe.
    await this.#upstream.cancel(reason).catch(() => {});
  }

  /** Where the stages end before their input, the source learns why. Nobody waits for it to let go. */
  #releaseIfRefused(): void {
    const refusal = this.#first.refusal ?? this.#rest?.refusal;
    if (refusal !== undefined) void this.cancel(refusal.error);
  }
}

/** How many chunks go to a sink at once. */
const SINK_BATCH = 1024;

/** Moves chunks to the sink, as many at a time as are at hand. */
async function drain(stream: ReadableStream<unknown>, end: WritableStream<unknown>): Promise<void> {
  const taken = Sink.take(end);
  if (taken === undefined) return await stream.pipeTo(end);
  const { spec, writer } = taken;
  const chunks = chunksOf(stream);
  writer.closed.catch(() => {});
  try {
    for (let batch = takeBatch(chunks); batch.length > 0 || await chunks.fill(); batch = takeBatch(chunks)) {
      if (batch.length === 0) continue;
      try {
        await spec.write(batch);
      } catch (error) {
        await chunks.cancel(error).catch(() => {});
        throw error;
      }
    }
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  }
  await writer.close();
}

function takeBatch(chunks: ChunkReader<unknown>): unknown[] {
  const batch: unknown[] = [];
  while (batch.length < SINK_BATCH) {
    const chunk = chunks.take();
    if (chunk === NONE) break;
    batch.push(chunk);
  }
  return batch;
}
