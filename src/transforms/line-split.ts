import { checkOptions, type OptionNames, wrongChunk } from "../arguments.ts";
import { isBytes } from "../lines/bytes.ts";
import { TapeError } from "../errors.ts";
import { placeOf, TapeLine } from "../lines/line.ts";
import { indexOfNewline } from "../lines/newline.ts";

import { type Stage, stage } from "../streams/stage.ts";
import { NONE, PIECES, type Pieces, type StageSpec, type StageTraits } from "../streams/stage-spec.ts";

/** The longest line that is read or written by default, without its line ending: 10 MiB. */
export const DEFAULT_MAX_LINE_BYTES: number = 10 * 1024 * 1024;

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
}

const CR = 0x0d;
const EMPTY = new Uint8Array(0);

const OPTIONS: OptionNames<LineSplitOptions> = {
  maxLineBytes: true,
  onError: true,
  onSkip: true,
  offset: true,
  line: true,
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
 * of the chunk it came in.
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
  const { maxLineBytes = DEFAULT_MAX_LINE_BYTES, onError, onSkip, offset = 0, line = 1 } = options;
  if (!(maxLineBytes >= 1)) {
    throw new TapeError("invalid_argument", `Cannot split lines: maxLineBytes must be 1 or more, not ${maxLineBytes}`);
  }
  let lineStart = offset;
  let number = line;
  /** The start of a line whose end has not come yet; empty while an over-long line is skipped. */
  let held = new Uint8Array(0);
  /** Bytes of the unfinished line so far, without those of its `\r\n` that are still to come. */
  let heldLength = 0;
  /** The last of them, which may turn out to be the `\r`. */
  let lastByte = 0;

  const hold = (piece: Uint8Array) => {
    if (piece.length === 0) return;
    // One more byte is held, as the last may turn out to be the \r of the line ending.
    if (heldLength + piece.length <= maxLineBytes + 1) {
      if (heldLength + piece.length > held.length) {
        const grown = new Uint8Array(
          Math.min(Math.max(2 * held.length, heldLength + piece.length, 256), maxLineBytes + 1),
        );
        grown.set(held.subarray(0, heldLength));
        held = grown;
      }
      held.set(piece, heldLength);
    } else {
      if (held.length > 0) onSkip?.(held.subarray(0, heldLength));
      held = new Uint8Array(0);
      onSkip?.(piece);
    }
    heldLength += piece.length;
    lastByte = piece[piece.length - 1]!;
  };

  const pass = (bytes: number) => {
    lineStart += bytes;
    if (number > 0) number++;
  };

  const skip = (length: number, lengthWithCr: number) => {
    const error = lineTooLong({ offset: lineStart, number }, length, maxLineBytes);
    // The next line is found whatever becomes of this error.
    pass(lengthWithCr + 1);
    if (onError === undefined) throw error;
    onError(error);
  };

  /** The held line, which has its end at last; undefined where it is too long. */
  const release = (terminated: boolean): TapeLine | undefined => {
    const bytes = held;
    const length = heldLength;
    const end = terminated && lastByte === CR ? length - 1 : length;
    held = new Uint8Array(0);
    heldLength = 0;
    if (end > maxLineBytes) {
      if (bytes.length > 0) onSkip?.(bytes.subarray(0, end));
      skip(end, length);
      return undefined;
    }
    const line = new TapeLine(bytes, 0, end, lineStart, number, terminated);
    pass(length + 1);
    return line;
  };

  /** The chunk that is being split, and how far. */
  let block: Uint8Array = EMPTY;
  let at = 0;

  const pieces: Pieces<Uint8Array, TapeLine> = {
    open(chunk) {
      if (!isBytes(chunk)) throw wrongChunk("split lines", "Uint8Array chunks", chunk);
      block = chunk;
      at = 0;
    },
    next() {
      for (;;) {
        const start = at;
        const end = indexOfNewline(block, start);
        if (end < 0) {
          const rest = block.subarray(start);
          block = EMPTY;
          at = 0;
          hold(rest);
          return NONE;
        }
        at = end + 1;
        if (heldLength > 0) {
          hold(block.subarray(start, end));
          const line = release(true);
          if (line !== undefined) return line;
          continue;
        }
        const stop = end > start && block[end - 1] === CR ? end - 1 : end;
        if (stop - start > maxLineBytes) {
          onSkip?.(block.subarray(start, stop));
          skip(stop - start, end - start);
          continue;
        }
        const line = new TapeLine(block, start, stop, lineStart, number, true);
        pass(at - start);
        return line;
      }
    },
  };

  const spec: StageSpec<Uint8Array, TapeLine> & StageTraits<Uint8Array, TapeLine> = {
    transform(chunk, emit) {
      pieces.open(chunk);
      for (let line = pieces.next(); line !== NONE; line = pieces.next()) emit(line);
    },
    flush(emit) {
      const line = heldLength > 0 ? release(false) : undefined;
      if (line !== undefined) emit(line);
    },
    [PIECES]: pieces,
  };
  return stage(spec);
}
