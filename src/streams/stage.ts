import { kindOf, lacking } from "../arguments.ts";
import { deferred } from "../deferred.ts";
import { Fused } from "./fuse.ts";
import type { AnySpec, StageSpec } from "./stage-spec.ts";

/** Anything with the two ends of a transform: a `TransformStream`, a `CompressionStream`, a stage. */
export interface Transform<I, O> {
  /** What comes out. */
  readonly readable: ReadableStream<O>;
  /** What goes in. */
  readonly writable: WritableStream<I>;
}

/** A run of stages to fuse, or a transform of somebody else to pipe through. */
export type Part = AnySpec | { readonly foreign: Transform<unknown, unknown> };

interface Ends<I, O> {
  readonly readable: ReadableStream<O>;
  readonly writable: WritableStream<I>;
}

/**
 * A `TransformStream` that remembers what it is made of, so that {@linkcode compose} and {@linkcode pipe} can fuse it
 * with its neighbours as long as nobody has looked at its `readable` or `writable`.
 *
 * Unlike a plain `TransformStream` it delivers everything a stage emitted before it reports that the stage threw.
 */
export class Stage<I, O> extends TransformStream<I, O> {
  #parts: readonly Part[] | undefined;
  #ends: Ends<I, O> | undefined;

  /** Use {@linkcode stage} or {@linkcode compose}. */
  constructor(parts: readonly Part[]) {
    super();
    this.#parts = parts;
  }

  /** What comes out. Looking at it puts the stage to use: it is no longer fused with others. */
  override get readable(): ReadableStream<O> {
    return this.#touch().readable;
  }

  /** What goes in. Looking at it puts the stage to use: it is no longer fused with others. */
  override get writable(): WritableStream<I> {
    return this.#touch().writable;
  }

  /** Takes the parts out of an untouched stage, which cannot be used any more; `undefined` if it is in use. */
  static take(transform: object): readonly Part[] | undefined {
    if (!(transform instanceof Stage) || transform.#ends !== undefined) return undefined;
    const parts: readonly Part[] | undefined = transform.#parts;
    if (parts === undefined) throw alreadyTaken();
    transform.#parts = undefined;
    return parts;
  }

  /**
   * Whether a transform is a stage that nobody has used.
   *
   * @throws {TypeError} it is part of a pipeline
   */
  static isFree(transform: object): boolean {
    if (!(transform instanceof Stage) || transform.#ends !== undefined) return false;
    if (transform.#parts === undefined) throw alreadyTaken();
    return true;
  }

  #touch(): Ends<I, O> {
    if (this.#ends === undefined) {
      if (this.#parts === undefined) throw alreadyTaken();
      this.#ends = connect(this.#parts) as Ends<I, O>;
      this.#parts = undefined;
    }
    return this.#ends;
  }
}

/**
 * Makes a transform of a synchronous function. It is a real `TransformStream`, and costs a plain function call a chunk
 * where it stands beside other stages in {@linkcode compose} or {@linkcode pipe}.
 *
 * A stage is used once: make a new one for every pipeline. What has to wait is no stage: where a function of the spec
 * returns a promise the stream fails with a `TypeError`. `pipe` and `compose` take a `new TransformStream(…)` as well.
 *
 * @throws {TypeError} `spec` has no function `transform`
 *
 * @example Number the chunks
 * ```ts
 * import { pipe, stage } from "tapeline";
 *
 * let count = 0;
 * const numbered = stage<string, string>({
 *   transform(chunk, emit) {
 *     emit(`${++count} ${chunk}`);
 *   },
 * });
 * for await (const line of pipe(["a", "b"], numbered)) console.log(line); // "1 a", then "2 b"
 * ```
 */
export function stage<I, O>(spec: StageSpec<I, O>): Stage<I, O> {
  const { start, transform, flush } = Object(spec) as Partial<StageSpec<I, O>>;
  if (typeof transform !== "function") {
    throw new TypeError(`Cannot make a stage: it takes an object with a function transform(), not ${lacking(spec)}`);
  }
  for (const [name, value] of [["start", start], ["flush", flush]] as const) {
    if (value === undefined || typeof value === "function") continue;
    throw new TypeError(`Cannot make a stage: ${name} must be a function, not ${kindOf(value)}`);
  }
  return new Stage<I, O>([spec]);
}

/** The one spec of an untouched stage, to be run by hand. */
export function specOf<I, O>(made: Stage<I, O>): StageSpec<I, O> {
  const [spec] = Stage.take(made) as readonly StageSpec<I, O>[];
  return spec!;
}

/** Groups neighbouring specs; what is foreign stands alone. */
export function segments(parts: readonly Part[]): (AnySpec[] | Transform<unknown, unknown>)[] {
  const result: (AnySpec[] | Transform<unknown, unknown>)[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if ("foreign" in part) result.push(part.foreign);
    else if (Array.isArray(last)) last.push(part);
    else result.push([part]);
  }
  return result;
}

/** The parts of a transform: its specs where they can still be fused, else the transform itself. */
export function partsOf(transform: Transform<unknown, unknown>): readonly Part[] {
  return Stage.take(transform) ?? [{ foreign: transform }];
}

/**
 * Refuses a transform that is part of a pipeline already.
 *
 * @throws {TypeError}
 */
export function checkUsable(transform: Transform<unknown, unknown>): void {
  if (Stage.isFree(transform)) return;
  if (transform.readable.locked || transform.writable.locked) {
    throw new TypeError("Cannot compose a transform: its readable or writable side is locked");
  }
}

function alreadyTaken(): TypeError {
  return new TypeError("Cannot use a stage twice: it is already part of a pipeline");
}

function connect(parts: readonly Part[]): Ends<unknown, unknown> {
  const [first, ...rest] = segments(parts).map((segment) => Array.isArray(segment) ? fusedEnds(segment) : segment);
  if (first === undefined) throw new TypeError("Cannot compose a pipeline: no transforms were given");
  const readable = rest.reduce((stream, next) => stream.pipeThrough(next), first.readable);
  return { readable, writable: first.writable };
}

/**
 * The two ends of a fused run. As in a plain `TransformStream` a chunk is transformed only when the reader wants one;
 * unlike there, what was emitted before an error is read before the error.
 */
function fusedEnds<I, O>(specs: readonly AnySpec[]): Ends<I, O> {
  const fused = new Fused<I, O>(specs);
  let queue: O[] = [];
  let head = 0;
  /** Set once the reader has cancelled or the writer has aborted, before the run had ended. */
  let stopped: { readonly error: unknown } | undefined;
  let closed = false;
  let wanted = deferred();
  let answerPull: (() => void) | undefined;
  let readController!: ReadableStreamDefaultController<O>;
  let writeController!: WritableStreamDefaultController;

  /** Gives the reader what is due: a chunk if it waits for one, the error or the end if nothing stands before it. */
  const deliver = () => {
    if (closed) return;
    if (head === queue.length) {
      queue = fused.take();
      head = 0;
    }
    const failure = fused.failure ?? stopped;
    if (head < queue.length) {
      if (answerPull === undefined) return;
      readController.enqueue(queue[head++]!);
    } else if (failure !== undefined || fused.ended) {
      closed = true;
      if (failure !== undefined) readController.error(failure.error);
      else readController.close();
    } else {
      if (answerPull !== undefined) wanted.resolve();
      return;
    }
    answerPull?.();
    answerPull = undefined;
    if (head === queue.length && fused.ended) deliver();
  };

  const stop = (error: unknown) => {
    // A run that has ended by itself is past being stopped: its end stands behind chunks that are still to be read.
    if (!fused.ended) stopped ??= { error };
    wanted.resolve();
  };

  const settle = () => {
    deliver();
    if (fused.refusal?.thrown) throw fused.refusal.error;
  };

  const readable = new ReadableStream<O>({
    start(controller) {
      readController = controller;
    },
    pull() {
      return new Promise<void>((resolve) => {
        answerPull = resolve;
        deliver();
      });
    },
    cancel(reason) {
      closed = true;
      queue = [];
      writeController.error(reason);
      stop(reason);
    },
  }, { highWaterMark: 0 });

  const writable = new WritableStream<I>({
    start(controller) {
      writeController = controller;
      controller.signal.addEventListener("abort", () => stop(controller.signal.reason));
      if (fused.refusal !== undefined) controller.error(fused.refusal.error);
    },
    async write(chunk) {
      await wanted.promise;
      if (stopped !== undefined) throw stopped.error;
      wanted = deferred();
      fused.push(chunk);
      settle();
      if (fused.refusal !== undefined) writeController.error(fused.refusal.error);
    },
    close() {
      fused.end();
      settle();
    },
    abort(reason) {
      stop(reason);
      deliver();
    },
  }, { highWaterMark: 1 });

  deliver();
  return { readable, writable };
}
