import { checkOptions, type OptionNames } from "../arguments.ts";
import { printable, TapeError } from "../errors.ts";
import type { Bytes } from "../lines/bytes.ts";
import { type OpenSourceOptions, type Source, source } from "../streams/source.ts";
import type { SourceSpec } from "../streams/source-spec.ts";

/** What a backend knows of a tape that is being read. */
export interface TapeBytes {
  /**
   * Up to `length` bytes from `offset` on, in memory of the reader's own; undefined where there are none yet.
   *
   * @throws {TapeError} code `tape_not_found` or `io`
   */
  read(offset: number, length: number): Promise<Bytes | undefined>;
  /** The size in bytes of the tape that is read; or that it was deleted, or that another stands in its place. */
  fate(): Promise<number | "deleted" | "replaced">;
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
  return source(new TapeReading(key, bytes, options));
}

class TapeReading implements SourceSpec<Bytes> {
  readonly #key: string;
  readonly #bytes: TapeBytes;
  readonly #end: number;
  readonly #follow: boolean;
  readonly #signal: AbortSignal | undefined;
  #isStopped = false;
  /** Ends the waiting for a change that is under way. */
  #waiting: AbortController | undefined;
  #at: number;
  #hasRead = false;
  /** How much to read at once: more than a block where a line is longer than that. */
  #reach = BLOCK_BYTES;
  #isClosed = false;

  constructor(key: string, bytes: TapeBytes, { start = 0, end = Infinity, follow = false, signal }: OpenSourceOptions) {
    this.#key = key;
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
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
    await this.#bytes.close?.();
  }

  async #next(): Promise<Bytes | undefined> {
    for (let isGone: false | "deleted" | "replaced" = false;;) {
      if (!this.#follow) this.#signal?.throwIfAborted();
      else if (this.#isStopped || this.#signal?.aborted) return undefined;
      // Asked for before reading, so that no change is missed in between.
      const waiting = new AbortController();
      this.#waiting = waiting;
      const changed = this.#follow ? this.#changed(waiting.signal) : undefined;
      // Whoever waits for it gets its error; where nobody has to wait it is nobody's.
      changed?.catch(() => {});
      try {
        const length = Math.min(this.#reach, this.#end - this.#at);
        const block = length > 0 ? await this.#bytes.read(this.#at, length) : undefined;
        const whole = block === undefined ? 0 : this.#wholeLength(block);
        if (block !== undefined && whole > 0) {
          this.#at += whole;
          this.#hasRead = true;
          this.#reach = BLOCK_BYTES;
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
        if (isGone === "deleted") return undefined;
        if (isGone === "replaced") throw this.#astray("it was replaced by another");
        const fate = await this.#bytes.fate();
        if (typeof fate !== "number") {
          // What was written before is still to be read.
          isGone = fate;
          continue;
        }
        if (this.#hasRead && fate < this.#at) throw this.#astray(`it was cut to ${fate} bytes`);
        await changed;
      } finally {
        waiting.abort();
      }
    }
  }

  /** How much of a block to hand out: while following no part of a line, unless the range ends there. */
  #wholeLength(block: Bytes): number {
    const isCut = this.#follow && this.#at + block.length < this.#end;
    return isCut ? block.lastIndexOf(LF) + 1 : block.length;
  }

  /** Settles at the next change, or when there is nothing to wait for any more. */
  async #changed(signal: AbortSignal): Promise<void> {
    if (this.#bytes.changed !== undefined) return await this.#bytes.changed(signal);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      }, { once: true });
    });
  }

  readonly #stop = () => {
    this.#isStopped = true;
    this.#waiting?.abort();
  };

  #astray(what: string): TapeError {
    const name = printable(this.#key, 200);
    return new TapeError("invalid_tape", `Cannot follow ${name} at byte ${this.#at}: ${what}`, { offset: this.#at });
  }
}
