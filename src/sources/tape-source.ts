import { checkOptions, type OptionNames } from "../arguments.ts";
import { isTapeError, printable, TapeError } from "../errors.ts";
import type { Bytes } from "../bytes/bytes.ts";
import { nextChunk } from "../streams/batches.ts";
import type { HeldChunks } from "../streams/held-chunks.ts";
import { hold, type OpenSourceOptions, type Source, source } from "../streams/source.ts";
import { NONE } from "../streams/stage-spec.ts";
import type { SourceSpec } from "../streams/source-spec.ts";

/** What a backend knows of a tape that is being read. */
export interface TapeBytes {
  /**
   * Up to `length` bytes from `offset` on, in memory of the reader's own; undefined where there are none yet.
   *
   * @throws {TapeError} code `tape_not_found` or `io`
   */
  read(offset: number, length: number): Promise<Bytes | undefined>;
  /**
   * The size in bytes of the tape that is read; or that it was deleted, or that another stands in its place; `unknown`
   * where that cannot be told just now.
   */
  fate(): Promise<number | "deleted" | "replaced" | "unknown">;
  /**
   * Settles when the tape may have changed since the call, or when `signal` is aborted. Only asked while a tape is
   * followed. By default a tenth of a second later.
   */
  changed?(signal: AbortSignal): Promise<void>;
  /** Lets go of what reading took. Called once, at the end, on an error, and on a cancel. */
  close?(): Promise<void>;
}

/** How often a tape is looked at that does not tell of its changes. */
const POLL_MS = 100;

const BLOCK_BYTES = 256 * 1024;

const LF = 0x0a;

/** Why waiting for a change has ended. An error in its place would cost more than a read. */
const OVER = "no longer waited for";

const OPTIONS: OptionNames<OpenSourceOptions> = { start: true, end: true, follow: true, signal: true };

/**
 * Makes what {@linkcode TapeStore.openSource} has to return of a few calls: it minds `start` and `end`, whole lines and
 * waiting while it follows, the signal, and what is to be said when the tape goes away.
 *
 * @param key names the tape in errors
 * @throws {TapeError} code `invalid_argument`: an option that there is not
 *
 * @example A source over bytes in memory
 * ```ts
 * import { tapeSource } from "tapeline";
 *
 * const tape = new TextEncoder().encode("one\ntwo\n");
 * const bytes = tapeSource("demo.jsonl", {
 *   read: (offset, length) => Promise.resolve(offset < tape.length ? tape.slice(offset, offset + length) : undefined),
 *   fate: () => Promise.resolve(tape.length),
 * }, { start: 4 });
 * for await (const chunk of bytes) console.log(new TextDecoder().decode(chunk)); // "two\n"
 * ```
 */
export function tapeSource(key: string, bytes: TapeBytes, options: OpenSourceOptions = {}): Source<Bytes> {
  checkOptions(`read ${printable(key, 4096)}`, options, OPTIONS);
  return tapeReading(key, bytes, options);
}

/** What differs between backends. */
export interface TapeReadingOptions extends OpenSourceOptions {
  /** How much to read at once. */
  readonly blockBytes?: number | undefined;
  /** What the tape was replaced by, in words. */
  readonly another?: string | undefined;
}

/** As {@linkcode tapeSource}, for a backend that says more of itself. */
export function tapeReading(name: string, bytes: TapeBytes, options: TapeReadingOptions): Source<Bytes> {
  return readingOf({ name, bytes: new SharedBytes(bytes) }, options);
}

/** A tape, as somebody has begun to read it. */
export interface HeldTape {
  /** Reads it once more: the very same tape, also when it was deleted since, or another has taken its place. */
  open(options: OpenSourceOptions): Source<Bytes>;
  /** Lets go of it, as far as nobody reads it. */
  release(): Promise<void>;
}

/** How to hold the tapes behind the sources that were made here. */
const holders = new WeakMap<ReadableStream, () => HeldTape | undefined>();

/** Keeps hold of the tape that a source reads, until it is released; undefined for a source of another kind. */
export function holdTape(stream: ReadableStream<Bytes>): HeldTape | undefined {
  return holders.get(stream)?.();
}

function readingOf(tape: NamedBytes, options: TapeReadingOptions): Source<Bytes> {
  const reading = source(new TapeReading(tape, options));
  holders.set(reading, () => {
    tape.bytes.hold();
    return { open: (options) => readingOf(tape, options), release: () => tape.bytes.release() };
  });
  return reading;
}

/**
 * A source that reads something else where there is no such tape.
 *
 * @param instead asked when the first read finds none; undefined where there is nothing else either
 */
export function orElse(
  stream: ReadableStream<Bytes>,
  instead: (options: OpenSourceOptions) => Promise<ReadableStream<Bytes> | undefined>,
  options: OpenSourceOptions = {},
): Source<Bytes> {
  const either = source(new EitherSource(stream, () => instead(options)));
  holders.set(either, () => {
    const held = holdTape(stream);
    return held && { open: (options) => orElse(held.open(options), instead, options), release: () => held.release() };
  });
  return either;
}

/** Reads a stream, or another one if there is nothing to read. */
class EitherSource implements SourceSpec<Bytes> {
  #held: HeldChunks<Bytes>;
  #instead: (() => Promise<ReadableStream<Bytes> | undefined>) | undefined;
  readonly reuse?: (chunk: Bytes) => void;

  constructor(stream: ReadableStream<Bytes>, instead: () => Promise<ReadableStream<Bytes> | undefined>) {
    this.#held = hold(stream);
    this.#instead = instead;
    if (this.#held.chunks.reuse !== undefined) this.reuse = (chunk) => this.#held.chunks.reuse?.(chunk);
  }

  async pull(): Promise<readonly Bytes[] | undefined> {
    try {
      const chunk = await nextChunk(this.#held.chunks);
      this.#instead = undefined;
      if (chunk !== NONE) return [chunk];
      this.#held.finish();
      return undefined;
    } catch (error) {
      this.#held.finish({ error });
      const instead = this.#instead;
      this.#instead = undefined;
      const other = isTapeError(error, "tape_not_found") ? await instead?.() : undefined;
      if (other === undefined) throw error;
      this.#held = hold(other);
      return [];
    }
  }

  cancel(reason: unknown): Promise<void> {
    return this.#held.cancel(reason);
  }
}

interface NamedBytes {
  readonly name: string;
  readonly bytes: SharedBytes;
}

/** Bytes that are let go of when the last who holds them does so. */
class SharedBytes {
  readonly bytes: TapeBytes;
  #holders = 0;

  constructor(bytes: TapeBytes) {
    this.bytes = bytes;
  }

  hold(): void {
    this.#holders++;
  }

  async release(): Promise<void> {
    if (--this.#holders === 0) await this.bytes.close?.();
  }
}

/** Reads a tape in blocks, and waits at its end while it follows. */
class TapeReading implements SourceSpec<Bytes> {
  readonly #name: string;
  readonly #bytes: TapeBytes;
  readonly #shared: SharedBytes;
  readonly #end: number;
  readonly #blockBytes: number;
  readonly #another: string;
  readonly #follow: boolean;
  readonly #signal: AbortSignal | undefined;
  #isStopped = false;
  /** The change that was asked for, until it comes. */
  #change: { readonly come: Promise<void>; readonly stop: AbortController } | undefined;
  #at: number;
  #hasRead = false;
  /** How much to read at once: more than a block where a line is longer than that. */
  #reach: number;
  #isClosed = false;

  constructor({ name, bytes }: NamedBytes, options: TapeReadingOptions) {
    const { start = 0, end = Infinity, follow = false, signal, blockBytes = BLOCK_BYTES, another = "another" } =
      options;
    this.#name = name;
    this.#shared = bytes;
    this.#bytes = bytes.bytes;
    bytes.hold();
    this.#at = start;
    this.#end = end;
    this.#blockBytes = blockBytes;
    this.#another = another;
    this.#reach = blockBytes;
    this.#follow = follow;
    this.#signal = signal;
    if (follow) signal?.addEventListener("abort", this.#stop, { once: true });
  }

  async pull(): Promise<readonly Bytes[] | undefined> {
    try {
      const block = await this.#next();
      if (block !== undefined) return [block];
      await this.cancel();
      return undefined;
    } catch (error) {
      await this.cancel();
      throw error;
    }
  }

  async cancel(): Promise<void> {
    this.#stop();
    this.#signal?.removeEventListener("abort", this.#stop);
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#shared.release();
  }

  async #next(): Promise<Bytes | undefined> {
    for (let fate: Awaited<ReturnType<TapeBytes["fate"]>> = "unknown";;) {
      if (!this.#follow) this.#signal?.throwIfAborted();
      else if (this.#isStopped || this.#signal?.aborted) return undefined;
      // Asked for before reading, so that no change is missed in between.
      const change = this.#follow ? this.#change ??= this.#nextChange() : undefined;
      const length = Math.min(this.#reach, this.#end - this.#at);
      const block = length > 0 ? await this.#bytes.read(this.#at, length) : undefined;
      const whole = block === undefined ? 0 : this.#wholeLength(block);
      if (block !== undefined && whole > 0) {
        this.#at += whole;
        this.#hasRead = true;
        this.#reach = this.#blockBytes;
        return block.subarray(0, whole);
      }
      if (!this.#follow || this.#at >= this.#end) {
        // Also of a range without bytes it has to be told that its tape is not there.
        if (!this.#hasRead && length <= 0) await this.#bytes.read(0, 1);
        return undefined;
      }
      if (block?.length === length) {
        this.#reach *= 2;
        continue;
      }
      if (fate === "deleted") return undefined;
      if (fate === "replaced") throw this.#astray(`it was replaced by ${this.#another}`);
      fate = await this.#bytes.fate();
      if (typeof fate === "number" && this.#hasRead && fate < this.#at) {
        throw this.#astray(`it was cut to ${fate} bytes`);
      }
      // What was written before it was deleted or replaced is still to be read.
      if (fate !== "deleted" && fate !== "replaced") await change?.come;
    }
  }

  /** How much of a block to hand out: while following no part of a line, unless the range ends there. */
  #wholeLength(block: Bytes): number {
    const isCut = this.#follow && this.#at + block.length < this.#end;
    return isCut ? block.lastIndexOf(LF) + 1 : block.length;
  }

  /** The next change, or that there is nothing to wait for any more. */
  #nextChange(): { readonly come: Promise<void>; readonly stop: AbortController } {
    const stop = new AbortController();
    const come = this.#bytes.changed?.(stop.signal) ?? pause(stop.signal);
    const change = { come, stop };
    const isOver = () => {
      if (this.#change === change) this.#change = undefined;
      stop.abort(OVER);
    };
    // Whoever waits for it gets its error; where nobody has to wait it is nobody's.
    come.then(isOver, isOver);
    return change;
  }

  readonly #stop = () => {
    this.#isStopped = true;
    this.#change?.stop.abort(OVER);
  };

  #astray(what: string): TapeError {
    const name = printable(this.#name, 4096);
    return new TapeError("invalid_tape", `Cannot follow ${name} at byte ${this.#at}: ${what}`, { offset: this.#at });
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, POLL_MS);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
