import type { TapeError } from "../../errors.ts";
import type { Bytes } from "../../bytes/bytes.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { LinePart } from "../../lines/line-parts.ts";
import { pipe } from "../../streams/pipe.ts";
import { NONE } from "../../streams/stage-spec.ts";
import type { ChunkReader } from "../../streams/source-spec.ts";
import { hold } from "../../streams/source.ts";
import type { TapeStore } from "../../stores/store.ts";
import { DEFAULT_MAX_LINE_BYTES, lineSplit, lineTooLong } from "../../transforms/line-split.ts";
import { LiveLines } from "../live/live-lines.ts";
import { blocksFrom } from "../seek/blocks.ts";
import { decoderOf } from "../../stores/decoding.ts";

/** Where a cursor starts and how it reads. */
export interface LineCursorOptions {
  readonly maxLineBytes?: number | undefined;
  /** Bytes from the start of the tape to the first line to read. */
  readonly offset?: number | undefined;
  /** Number of that line, from 1; 0 where it is not known. */
  readonly number?: number | undefined;
  /** What stands at the offset and was read already: whole lines. */
  readonly block?: Bytes | undefined;
  /** Nothing of the tape is held open while nobody waits for more of it. */
  readonly letsGo?: boolean | undefined;
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const NOTHING = new Uint8Array(0);

interface Parts {
  readonly waiting: LinePart[];
  readonly offset: number;
  readonly number: number;
}

/** A position in a tape, and the lines of the block that was read there. */
export class LineCursor {
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #options: LineCursorOptions;
  #lines: ChunkReader<TapeLine> | undefined;
  /** The next line, where it had to be looked at before it was its turn. */
  #peeked: TapeLine | undefined;
  /** The parts of a line that was taken, and where it goes on behind them. */
  #parts: Parts | undefined;
  /** Lines that were too long, to be reported where they stand. */
  #tooLong: TapeError[] = [];
  /** The one of them that is the last line and has no end yet. */
  #endless: TapeError | undefined;
  /** The last line, where it was whole though it had no end yet. */
  #accepted: TapeLine | undefined;
  #filling: Promise<boolean> | undefined;
  #isClosed = false;
  /** What stands at the offset, where it has been looked up; undefined where reading goes on. */
  #block: Bytes | undefined;
  #offset: number;
  #number: number;
  /** That of the line that was taken last. */
  #lastNumber = 0;

  constructor(store: TapeStore, key: string, options: LineCursorOptions = {}) {
    this.#store = store;
    this.#key = key;
    this.#options = options;
    this.#block = options.block;
    this.#offset = options.offset ?? 0;
    this.#number = options.number ?? 1;
  }

  /** Where the next line starts. */
  get offset(): number {
    return this.#offset;
  }

  /** Number of the next line, from 1; 0 where it is not known. */
  get number(): number {
    return this.#number;
  }

  /** The next line of what was read, or the report of one that is too long; undefined when there is no more of it. */
  take(): TapeLine | TapeError | undefined {
    if (this.#parts !== undefined) return this.#takePart(this.#parts);
    const line = this.#peek();
    const [report] = this.#tooLong;
    if (report !== undefined && (line === undefined || report.offset! < line.offset)) {
      this.#tooLong.shift();
      const number = this.#number;
      if (report !== this.#endless) this.#pass(report.offset! + report.length! + 1);
      // Lines that are read for many are not numbered.
      if (number === 0 || report.line !== undefined) return report;
      const { maxLineBytes = DEFAULT_MAX_LINE_BYTES } = this.#options;
      return lineTooLong({ offset: report.offset!, number }, report.length!, maxLineBytes);
    }
    if (line === undefined) return undefined;
    this.#peeked = undefined;
    this.#lastNumber = this.#number;
    // An unfinished line is read again from its start when there may be more of it.
    if (line.terminated) this.#pass(line.nextOffset);
    return this.#accepted !== undefined && isSame(line, this.#accepted) ? this.take() : line;
  }

  /** The number of the line that was taken last; 0 where it is not known. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** The line that was taken last, with its number: lines that are read for many have none. */
  numbered(line: TapeLine): TapeLine {
    return line.number === this.#lastNumber ? line : line.withNumber(this.#lastNumber);
  }

  /** The line that was taken last consists of these parts: they come next, one by one. */
  putBack(line: TapeLine, parts: readonly LinePart[]): void {
    if (parts.length === 0) return;
    this.#parts = { waiting: [...parts], offset: this.#offset, number: this.#number };
    this.#offset = parts[0]!.line.offset;
    this.#number = line.number;
  }

  /** An unfinished line that was taken is a whole record: it is not handed out again when its end has come. */
  accept(line: TapeLine): void {
    this.#accepted = line;
  }

  /** Waits for the next lines. False at the end of the tape; a later call looks again. */
  fill(): Promise<boolean> {
    // Whoever asks meanwhile waits for the same lines.
    return this.#filling ??= this.#fill().finally(() => this.#filling = undefined);
  }

  /**
   * Goes on elsewhere.
   *
   * @param block what was read there already: whole lines
   */
  async moveTo(offset: number, number: number, block: Bytes = NOTHING): Promise<void> {
    this.#offset = offset;
    this.#number = number;
    this.#block = block;
    this.#accepted = undefined;
    await this.#release();
  }

  /** Lets go of the tape: there are no more lines. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#release();
  }

  /** Another cursor that goes on where this one stands. */
  fork(options: Omit<LineCursorOptions, "offset" | "number" | "block">): LineCursor {
    const fork = new LineCursor(this.#store, this.#key, { ...options, offset: this.#offset, number: this.#number });
    fork.#accepted = this.#accepted;
    return fork;
  }

  async #fill(): Promise<boolean> {
    if (this.#isClosed) return false;
    const lines = this.#lines ??= this.#open();
    const reports = this.#tooLong.length;
    let more = false;
    try {
      more = await lines.fill();
    } catch (error) {
      if (lines === this.#lines) {
        this.#lines = undefined;
        throw error;
      }
    }
    if (lines !== this.#lines) return await this.#fill();
    // Lines are split when they are taken; what is reported while we wait, the end of the tape has brought.
    this.#endless = this.#tooLong[reports];
    if (!more) this.#lines = undefined;
    return more;
  }

  #open(): ChunkReader<TapeLine> {
    const { maxLineBytes = DEFAULT_MAX_LINE_BYTES, follow = false, letsGo = false, signal } = this.#options;
    const offset = this.#offset;
    const first = this.#block;
    this.#block = undefined;
    const onError = (error: TapeError) => void this.#tooLong.push(error);
    if (follow) return new LiveLines(this.#store, this.#key, { offset, maxLineBytes, signal, onError });
    const bytes = letsGo || first !== undefined
      ? blocksFrom(this.#store, this.#key, offset, { first, maxLineBytes, letsGo, signal })
      : this.#store.openSource(this.#key, { start: offset, signal });
    return hold(
      pipe(bytes, lineSplit({ maxLineBytes, offset, line: this.#number, onError, decoder: decoderOf(this.#store) })),
    ).chunks;
  }

  async #release(): Promise<void> {
    const lines = this.#lines;
    this.#lines = undefined;
    this.#peeked = undefined;
    this.#parts = undefined;
    this.#tooLong = [];
    await lines?.cancel(undefined);
  }

  #takePart({ waiting, offset, number }: Parts): TapeLine | TapeError | undefined {
    const part = waiting.shift()!;
    const [next] = waiting;
    const { line } = part;
    if (next !== undefined) this.#offset = next.line.offset;
    else {
      this.#parts = undefined;
      // An unfinished part, as an unfinished line, is read again from its start.
      this.#offset = line.terminated ? Math.max(offset, line.nextOffset) : line.offset;
      if (line.terminated) this.#number = number;
    }
    if (part.record === undefined) return part.error;
    return this.#accepted !== undefined && isSame(line, this.#accepted) ? this.take() : line;
  }

  #peek(): TapeLine | undefined {
    if (this.#peeked !== undefined) return this.#peeked;
    const line = this.#lines?.take() ?? NONE;
    return line === NONE ? undefined : this.#peeked = line;
  }

  #pass(offset: number): void {
    this.#offset = offset;
    if (this.#number > 0) this.#number++;
  }
}

function isSame(a: TapeLine, b: TapeLine): boolean {
  if (a.offset !== b.offset || a.length !== b.length) return false;
  const bytes = b.stored;
  return a.stored.every((byte, at) => byte === bytes[at]);
}
