import { checkOptions, lacking, type OptionNames, wrongChunk } from "../arguments.ts";
import { printable } from "../errors.ts";
import { isBytes } from "../bytes/bytes.ts";
import { NONE } from "./stage-spec.ts";

/** Where chunks go, a batch at a time: what a pipeline writes to, and what a backend implements. */
export interface SinkSpec<T> {
  /**
   * Takes chunks in order. Its promise settles when more may come; it is never called again before that.
   */
  write(chunks: readonly T[]): Promise<void>;
  /** The input has ended: settles when everything is in its place. */
  close?(): Promise<void>;
  /** The input, or a write, has failed with `reason`: lets go of everything. What was written stays. */
  abort?(reason: unknown): Promise<void>;
}

/** A `WritableStream` over a {@linkcode SinkSpec}; `pipe` writes whole batches to it. */
export class Sink<T> extends WritableStream<T> {
  readonly #spec: SinkSpec<T>;

  /** Use {@linkcode sink}. */
  constructor(spec: SinkSpec<T>) {
    super({
      async write(chunk) {
        if (chunk === NONE) return; // asked only whether it takes chunks
        try {
          await spec.write([chunk]);
        } catch (error) {
          // A stream does not abort what has failed. Whatever comes of it, the first error counts.
          await Promise.allSettled([spec.abort?.(error)]);
          throw error;
        }
      },
      close: () => spec.close?.(),
      abort: (reason) => spec.abort?.(reason),
    });
    this.#spec = spec;
  }

  /**
   * Locks a sink, and hands out its spec and the writer that ends it as soon as all that was written to it before is in
   * its place. A sink that has failed, was closed or aborted, or is about to be, is unlocked again: `undefined`.
   */
  static async take<T>(sink: Sink<T>): Promise<TakenSink<T> | undefined> {
    const writer = sink.getWriter();
    writer.closed.catch(() => {});
    try {
      // No property of a stream tells that it is closing. To write nothing does: it is refused.
      await writer.write(NONE as T);
      return { spec: sink.#spec, writer };
    } catch {
      writer.releaseLock();
      return undefined;
    }
  }
}

/** A sink that a pipeline drives: batches go to `spec`, the end and the failure to `writer`. */
export interface TakenSink<T> {
  readonly spec: SinkSpec<T>;
  readonly writer: WritableStreamDefaultWriter<T>;
}

/**
 * Makes a `WritableStream` of a sink: a few lines for a backend of your own.
 *
 * @throws {TypeError} `spec` has no function `write`
 *
 * @example Print what comes
 * ```ts
 * import { pipe, sink } from "tapeline";
 *
 * await pipe(["a", "b"], sink<string>({
 *   write(chunks) {
 *     console.log(chunks.join());
 *     return Promise.resolve();
 *   },
 * }));
 * ```
 */
export function sink<T>(spec: SinkSpec<T>): Sink<T> {
  if (typeof (Object(spec) as Partial<SinkSpec<T>>).write !== "function") {
    throw new TypeError(`Cannot make a sink: it takes an object with a function write(), not ${lacking(spec)}`);
  }
  return new Sink(spec);
}

/**
 * Refuses a chunk that a tape cannot take.
 *
 * @throws {TapeError} code `invalid_argument`
 */
export function checkBytes(chunk: unknown): void {
  if (!isBytes(chunk)) throw wrongChunk("write a tape", "Uint8Array chunks, as encodeRecord() makes them", chunk);
}

/** How a sink meets what is already there. */
export interface OpenSinkOptions {
  /**
   * `create` makes a new tape and refuses to touch an old one; `append` goes on with one and refuses to make it.
   *
   * @default {"create"}
   */
  readonly mode?: "create" | "append" | undefined;
}

const OPEN_SINK: OptionNames<OpenSinkOptions> = { mode: true };

/**
 * Refuses options that no store has.
 *
 * @throws {TapeError} code `invalid_argument`
 */
export function checkOpenSink(key: string, options: OpenSinkOptions): void {
  checkOptions(`write ${printable(key, 4096)}`, options, OPEN_SINK);
}

/**
 * A sink of bytes that a tape can be written to: it knows its end, and can promise that bytes survive a power loss.
 *
 * Where somebody deletes, replaces or changes a tape that is being written, `close` rejects, and so does a `write` that
 * comes a second later or sooner: with code `tape_not_found` (it was deleted, or moved away), `invalid_tape` (it was
 * replaced or changed) or `locked` (another writer has taken it over). From then on every call but `abort` does.
 * After `close` and `abort`, whether they rejected or not, `write` rejects with code `closed`.
 */
export interface TapeSinkSpec extends SinkSpec<Uint8Array> {
  /**
   * Takes chunks in order, and has taken their bytes when its promise settles: the writer of a tape uses their memory again.
   * Of what it keeps longer it makes a copy.
   */
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /** Takes hold of the tape, for this writer alone. Called once, before anything else. */
  open(): Promise<void>;
  /**
   * Where the next byte goes: the size of the tape so far. A write that has rejected leaves no half line; of the whole
   * lines that it had written already those before `offset` stay, as somebody may have read them.
   */
  readonly offset: number;
  /**
   * Settles when all that was written would survive a power loss. Once it has rejected, it keeps rejecting: what the
   * first failure lost, a second try cannot find.
   */
  sync(): Promise<void>;
  /** Cuts off what stands behind `offset`, a torn line. Only called before the first write. */
  truncate(offset: number): Promise<void>;
  /**
   * Looks at once whether the tape is still there, and as this sink has left it; rejects as a write would. A write may be
   * under way.
   */
  check(): Promise<void>;
  /** Syncs, and lets go of the tape. */
  close(): Promise<void>;
  /** Lets go of the tape as it is. */
  abort(reason: unknown): Promise<void>;
}

/**
 * Who writes a tape, as far as its backend can tell: somebody does (`alive`); its last writer has died without letting go
 * of it (`gone`); nobody has taken hold of it (`none`), which is so too of writers that do not ask; or that cannot be
 * told from here (`unknown`), as of a writer on another machine.
 */
export type WriterState = "alive" | "gone" | "none" | "unknown";

/**
 * Where a tape is written: a `WritableStream` of bytes with the few calls a writer needs beside it. Make one for a
 * backend of your own with `new TapeSink(spec)`.
 */
export class TapeSink extends Sink<Uint8Array> {
  readonly #spec: TapeSinkSpec;
  #opened: Promise<void> | undefined;

  /** Makes a sink of what a backend does. */
  constructor(spec: TapeSinkSpec) {
    const opened = () => this.open();
    const opening = () => this.#opened;
    super({
      async write(chunks) {
        for (const chunk of chunks) checkBytes(chunk);
        await opened();
        await spec.write(chunks);
      },
      async close() {
        await opened();
        await spec.close();
      },
      async abort(reason) {
        await opening()?.catch(() => {});
        await spec.abort(reason);
      },
    });
    this.#spec = spec;
  }

  /** Where the next byte goes, counted from the start of the tape. */
  get offset(): number {
    return this.#spec.offset;
  }

  /**
   * Opens the sink, once; writing does so too.
   *
   * @throws {TapeError} code `locked`, `tape_not_found`, `invalid_argument` or `io`
   */
  open(): Promise<void> {
    return this.#opened ??= this.#spec.open();
  }

  /**
   * Writes chunks past the stream's own queue: all of them, or, when it rejects, what `offset` then says: none, or some
   * whole lines. One call at a time, and not while the stream has a writer. Once it has settled, the caller puts other
   * bytes into the same memory.
   *
   * @throws {TapeError} code `io`; `tape_not_found`, `invalid_tape` or `locked` where somebody has taken the tape away
   */
  append(chunks: readonly Uint8Array[]): Promise<void> {
    return this.#spec.write(chunks);
  }

  /**
   * Settles when all that was written would survive a power loss.
   *
   * @throws {TapeError} code `io`, and again at every later call
   */
  sync(): Promise<void> {
    return this.#spec.sync();
  }

  /** Cuts off what stands behind `offset`. Only before the first write. */
  truncate(offset: number): Promise<void> {
    return this.#spec.truncate(offset);
  }

  /**
   * Looks whether the tape is still there, and as this sink has left it. A write may be under way.
   *
   * @throws {TapeError} code `tape_not_found`: it was deleted, or moved away; `invalid_tape`: it was replaced or changed;
   * `locked`: another writer has taken it over
   */
  check(): Promise<void> {
    return this.#spec.check();
  }
}
