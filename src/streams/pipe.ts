import { drain } from "./drain.ts";
import { fusedSource } from "./fused-reader.ts";
import { iterableBatches } from "./batches.ts";
import { checkSource, checkTransforms } from "./pipe-arguments.ts";
import { source as sourceOf } from "./source.ts";
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
 * @throws {TypeError} no transform was given, or what is none; one is locked, or was composed before
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
  checkTransforms("compose", transforms);
  return new Stage(transforms.flatMap(partsOf));
}

/**
 * Connects a source to transforms. The result is a `ReadableStream`, or, when the last argument is a `WritableStream`, a
 * promise that settles when everything has arrived and the sink is closed.
 *
 * It means what `pipeThrough` and `pipeTo` mean: an error anywhere reaches the reader or rejects the promise, cancels
 * the source and aborts the sink; cancelling the result cancels the source; a sink that was closed or has failed before
 * is treated as `pipeTo` does; a stream that is piped is locked until the pipeline is over, then free again.
 * What came out before an error is delivered before the error. Neighbouring stages are fused as in {@linkcode compose}.
 *
 * Two things differ, so that the same input has the same outcome however fast it comes:
 *
 * - Nothing happens before somebody reads. The end of the source, and its error, are noticed when all before them has
 *   been read; `pipeThrough` notices them at once. A pipeline with a sink reads by itself.
 * - The first error counts. Where cancelling the source or aborting the sink fails too, that is not told; `pipeTo` tells
 *   of it instead of the first error.
 *
 * @throws {TypeError} a stream is locked, a stage was composed before, or an argument is no source, transform or sink
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
  checkSource(source);
  if ((source instanceof ReadableStream && source.locked) || end?.locked) {
    throw new TypeError("Cannot pipe: the source or the sink is locked");
  }
  checkTransforms("pipe through", transforms);
  const first = source instanceof ReadableStream ? source : sourceOf(iterableBatches(source));
  const readable = segments(transforms.flatMap(partsOf)).reduce(
    (stream, segment) => Array.isArray(segment) ? fusedSource(stream, segment) : stream.pipeThrough(segment),
    first,
  );
  return end === undefined ? readable : drain(readable, end);
}

function isWritable(value: unknown): value is WritableStream<unknown> {
  return typeof value === "object" && value !== null && "getWriter" in value;
}
