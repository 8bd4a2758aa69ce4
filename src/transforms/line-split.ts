import { checkOptions, type OptionNames, wrongChunk } from "../arguments.ts";
import { isBytes } from "../bytes/bytes.ts";
import { TapeError } from "../errors.ts";
import { keepOne } from "../bytes/keep-one.ts";
import { type LineDecoder, mayConcernDecoder } from "../lines/coded-line.ts";
import { codeLine, keepLine, lendLine, type Loan, placeOf, TapeLine } from "../lines/line.ts";
import { indexOfNewline } from "../bytes/newline.ts";
import { type Stage, stage } from "../streams/stage.ts";
import { type Drops, NONE, PIECES, type Pieces, type StageSpec, type StageTraits } from "../streams/stage-spec.ts";

/** The longest line that is read or written by default, without its line ending: 10 MiB. */
export const DEFAULT_MAX_LINE_BYTES: number = 10 * 1024 * 1024;

/** No tape can have longer lines: a JavaScript engine has no longer strings. */
export const MAX_LINE_BYTES: number = 256 * 1024 * 1024;

/** Options of {@linkcode lineSplit}. */
export interface LineSplitOptions {
  /**
   * The longest line to hand out, in bytes without the line ending. A longer one is skipped in bounded memory.
   *
   * @default {10485760}
   */
  readonly maxLineBytes?: number | undefined;
  /**
   * Is told of every line that was skipped (code `line_too_long`, with `line`, `offset` and `length`). Without it such
   * a line ends the stream with that error.
   */
  readonly onError?: ((error: TapeError) => void) | undefined;
  /**
   * Sees the bytes of every line that is skipped, piece by piece, before `onError` is told of it. They are only lent:
   * whoever wants to keep them copies them.
   */
  readonly onSkip?: ((piece: Uint8Array) => void) | undefined;
  /**
   * Where the first byte stands in the tape, when reading starts in the middle.
   *
   * @default {0}
   */
  readonly offset?: number | undefined;
  /**
   * Number of the first line; 0 where it is not known, and then no line has a number.
   *
   * @default {1}
   */
  readonly line?: number | undefined;
  /** What decodes lines that are compressed or encrypted; without it these are records of types that nobody knows. */
  readonly decoder?: LineDecoder | undefined;
}

type LineSplitting = StageSpec<Uint8Array, TapeLine> & StageTraits<Uint8Array, TapeLine>;

const CR = 0x0d;
const EMPTY = new Uint8Array(0);
/** Lines that are kept share blocks of this size; one that is longer than a quarter of it has memory of its own. */
const ROOM_BYTES = 32 * 1024;

const OPTIONS: OptionNames<LineSplitOptions> = {
  maxLineBytes: true,
  onError: true,
  onSkip: true,
  offset: true,
  line: true,
  decoder: true,
};

/** What is told of a line that is too long. */
export function lineTooLong(
  place: { readonly offset: number; readonly number: number },
  length: number,
  maxLineBytes: number,
): TapeError {
  const { offset, number } = place;
  return new TapeError(
    "line_too_long",
    `Cannot read ${placeOf(place)}: it has ${length} bytes, the limit is ${maxLineBytes}`,
    { line: number > 0 ? number : undefined, offset, length },
  );
}

/**
 * Splits bytes into lines at `\n` or `\r\n`, wherever the chunks happen to be cut. No byte is decoded: a line is a view
 * of the chunk it came in. A {@linkcode filter} directly behind it is lent the lines.
 *
 * A last line without its line ending comes out at the end of the input, with `terminated: false`: it is torn, or still
 * being written, and only its reader can tell whether it is whole ({@linkcode parseRecord} does).
 *
 * @throws {TapeError} in the stream: code `line_too_long` without `onError`
 *
 * @example
 * ```ts
 * import { lineSplit, memorySource, pipe } from "tapeline";
 *
 * for await (const line of pipe(memorySource("one\r\ntwo\nthr"), lineSplit())) {
 *   console.log(line.number, line.offset, line.text(), line.terminated); // 1 0 one true …
 * }
 * ```
 */
export function lineSplit(options: LineSplitOptions = {}): Stage<Uint8Array, TapeLine> {
  checkOptions("split lines", options, OPTIONS);
  return stage(lineSplitting(options));
}

/** What {@linkcode lineSplit} does, for who has a block at hand: a stream would cost more than the few lines of it. */
export function lineSplitting(options: LineSplitOptions): LineSplitting {
  const { maxLineBytes = DEFAULT_MAX_LINE_BYTES, onError, onSkip, offset = 0, line = 1, decoder } = options;
  if (!(maxLineBytes >= 1)) {
    throw new TapeError("invalid_argument", `Cannot split lines: maxLineBytes must be 1 or more, not ${maxLineBytes}`);
  }
  const lines = new LineSplitter(maxLineBytes, onError, onSkip, offset, line, decoder);
  return {
    transform(chunk, emit) {
      lines.open(chunk);
      for (let line = lines.next(); line !== NONE; line = lines.next()) emit(line);
    },
    flush(emit) {
      const line = lines.last();
      if (line !== undefined) emit(line);
    },
    [PIECES]: lines,
  };
}

/** Splits lines off one chunk after the other, each when it is asked for. */
class LineSplitter implements Pieces<Uint8Array, TapeLine> {
  readonly #maxLineBytes: number;
  readonly #onError: LineSplitOptions["onError"];
  readonly #onSkip: LineSplitOptions["onSkip"];
  readonly #decoder: LineDecoder | undefined;
  /** Where the next line starts in the tape. */
  #offset: number;
  #number: number;
  /** The chunk that is being split, and how far. */
  #block: Uint8Array = EMPTY;
  #at = 0;
  #loan: Loan = { isOver: false, isSeen: false };
  /** The start of a line whose end has not come yet; empty while an over-long line is skipped. */
  #held = EMPTY;
  /** Bytes of the unfinished line so far, without those of its `\r\n` that are still to come. */
  #heldLength = 0;
  /** The last of them, which may turn out to be the `\r`. */
  #lastByte = 0;
  /** Memory for lines that are kept, and how much of it is taken. */
  #room = EMPTY;
  #taken = 0;
  #drops: Drops | undefined;

  constructor(
    maxLineBytes: number,
    onError: LineSplitOptions["onError"],
    onSkip: LineSplitOptions["onSkip"],
    offset: number,
    number: number,
    decoder: LineDecoder | undefined,
  ) {
    this.#decoder = decoder;
    this.#maxLineBytes = maxLineBytes;
    this.#onError = onError;
    this.#onSkip = onSkip;
    this.#offset = offset;
    this.#number = number;
  }

  open(chunk: Uint8Array): void {
    if (!isBytes(chunk)) throw wrongChunk("split lines", "Uint8Array chunks", chunk);
    this.#block = chunk;
    this.#at = 0;
    this.#loan = { isOver: false, isSeen: false };
  }

  next(): TapeLine | typeof NONE {
    for (;;) {
      const block = this.#block;
      const start = this.#at;
      const end = indexOfNewline(block, start);
      if (end < 0) {
        this.#block = EMPTY;
        this.#at = 0;
        this.#hold(block.subarray(start));
        return NONE;
      }
      this.#at = end + 1;
      if (this.#heldLength > 0) {
        this.#hold(block.subarray(start, end));
        const line = this.#release(true);
        if (line !== undefined) return line;
        continue;
      }
      const stop = end > start && block[end - 1] === CR ? end - 1 : end;
      if (stop - start > this.#maxLineBytes) {
        this.#onSkip?.(block.subarray(start, stop));
        this.#skip(stop - start, end - start);
        continue;
      }
      if (this.#drops?.(block, start, stop, this.#loan) === true && !this.#mayBeCoded(block, start, stop)) {
        this.#pass(end + 1 - start);
        continue;
      }
      const line = new TapeLine(block, start, stop, this.#offset, this.#number, true);
      lendLine(line, this.#loan);
      this.#pass(end + 1 - start);
      if (this.#decoder !== undefined) codeLine(line, this.#decoder);
      return line;
    }
  }

  /** The last line, where it has no end. */
  last(): TapeLine | undefined {
    return this.#heldLength > 0 ? this.#release(false) : undefined;
  }

  keep(line: TapeLine): void {
    const size = line.length + 2;
    if (size > ROOM_BYTES / 4) return keepLine(line, new Uint8Array(size), 0);
    if (this.#taken + size > this.#room.length) {
      this.#room = new Uint8Array(ROOM_BYTES);
      this.#taken = 0;
    }
    keepLine(line, this.#room, this.#taken);
    this.#taken += size;
  }

  leaveOut(drops: Drops): void {
    this.#drops = drops;
  }

  close(): boolean {
    this.#loan.isOver = !this.#loan.isSeen;
    return this.#loan.isOver;
  }

  /** Of a coded line, or one that coded lines need, the bytes do not tell whether it is wanted. */
  #mayBeCoded(block: Uint8Array, start: number, end: number): boolean {
    return this.#decoder !== undefined && mayConcernDecoder(block, start, end);
  }

  #pass(bytes: number): void {
    this.#offset += bytes;
    if (this.#number > 0) this.#number++;
  }

  #skip(length: number, lengthWithCr: number): void {
    const error = lineTooLong({ offset: this.#offset, number: this.#number }, length, this.#maxLineBytes);
    // The next line is found whatever becomes of this error.
    this.#pass(lengthWithCr + 1);
    if (this.#onError === undefined) throw error;
    this.#onError(error);
  }

  #hold(piece: Uint8Array): void {
    if (piece.length === 0) return;
    const length = this.#heldLength + piece.length;
    // One more byte is held, as the last may turn out to be the \r of the line ending.
    if (length <= this.#maxLineBytes + 1) {
      if (length > this.#held.length) {
        const grown = new Uint8Array(Math.min(Math.max(2 * this.#held.length, length, 256), this.#maxLineBytes + 1));
        grown.set(this.#held.subarray(0, this.#heldLength));
        this.#held = grown;
      }
      this.#held.set(piece, this.#heldLength);
    } else {
      if (this.#held.length > 0) this.#onSkip?.(this.#held.subarray(0, this.#heldLength));
      this.#held = EMPTY;
      this.#onSkip?.(piece);
    }
    this.#heldLength = length;
    this.#lastByte = piece[piece.length - 1]!;
  }

  /** The held line, which has its end at last; undefined where it is too long. */
  #release(terminated: boolean): TapeLine | undefined {
    const bytes = this.#held;
    const length = this.#heldLength;
    const end = terminated && this.#lastByte === CR ? length - 1 : length;
    this.#held = EMPTY;
    this.#heldLength = 0;
    if (end > this.#maxLineBytes) {
      if (bytes.length > 0) this.#onSkip?.(bytes.subarray(0, end));
      this.#skip(end, length);
      return undefined;
    }
    const line = new TapeLine(bytes, 0, end, this.#offset, this.#number, terminated);
    this.#pass(length + 1);
    if (this.#decoder !== undefined) codeLine(line, this.#decoder);
    return line;
  }
}

const kept = new LineSplitter(DEFAULT_MAX_LINE_BYTES, undefined, undefined, 0, 1, undefined);
kept.open(new TextEncoder().encode('{"type":"frame","seq":0,"ts":0,"dir":"client_to_server"}\n'));
const keptLine = kept.next() as TapeLine;
keepOne([kept, keptLine, keptLine.type]);
