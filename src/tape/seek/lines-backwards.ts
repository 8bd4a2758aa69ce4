import type { TapeError } from "../../errors.ts";
import type { LineDecoder } from "../../lines/coded-line.ts";
import type { TapeLine } from "../../lines/line.ts";
import { decoderOf } from "../../stores/decoding.ts";
import type { TapeStore } from "../../stores/store.ts";
import type { Emit, StageSpec } from "../../streams/stage-spec.ts";
import { lineSplitting, lineTooLong } from "../../transforms/line-split.ts";
import { FIRST_BYTES, readBytes } from "./blocks.ts";

/** Lines that stand one behind the other, in the order of the tape. */
export interface LineBlock {
  /** Where the first of them starts, in bytes from the start of the tape. */
  readonly start: number;
  /** They have no numbers. In the place of one that is too long stands the report of it. */
  readonly lines: readonly (TapeLine | TapeError)[];
}

/** No more than this is read at once, but for a line that is longer. */
const MOST_BYTES = 256 * 1024;

const LF = 0x0a;
const CR = 0x0d;

/**
 * The lines of a tape from `end` back to its start, a block at a time. Nothing of the tape is held open between two blocks.
 *
 * @param end where a line ends, in bytes from the start of the tape
 */
export async function* linesBackwards(
  store: TapeStore,
  key: string,
  end: number,
  maxLineBytes: number,
): AsyncGenerator<LineBlock, void, undefined> {
  let reach = FIRST_BYTES;
  while (end > 0) {
    const start = Math.max(0, end - reach);
    // One byte earlier, so that a line that starts exactly at `start` is seen to do so.
    const from = Math.max(0, start - 1);
    const bytes = await readBytes(store, key, from, end);
    if (bytes.length < end - from) {
      // The tape was cut back meanwhile: a torn line is not there any more.
      end = Math.max(from, from + bytes.lastIndexOf(LF) + 1);
      continue;
    }
    const cut = from === 0 ? 0 : bytes.indexOf(LF) + 1;
    if (from > 0 && (cut === 0 || cut === bytes.length)) {
      if (bytes.length <= maxLineBytes + 2) {
        reach *= 4;
        continue;
      }
      const lineStart = await lineStartBefore(store, key, from);
      const last = bytes.at(-1) !== LF ? 0 : bytes.at(-2) === CR ? 2 : 1;
      const place = { offset: lineStart, number: 0 };
      yield { start: lineStart, lines: [lineTooLong(place, end - lineStart - last, maxLineBytes)] };
      end = lineStart;
      continue;
    }
    yield { start: from + cut, lines: linesOf(bytes.subarray(cut), from + cut, maxLineBytes, decoderOf(store)) };
    end = from + cut;
    reach = Math.min(reach * 4, MOST_BYTES);
  }
}

/** Splits blocks into lines; in the place of a line that is too long it gives the report of it. */
export class LineCollector {
  readonly #split: StageSpec<Uint8Array, TapeLine>;
  readonly #emit: Emit<TapeLine>;
  #lines: (TapeLine | TapeError)[] = [];

  /**
   * @param offset where the first block starts, with a line
   * @param decoder that of the tape
   * @param number that of this line, from 1; 0 where it is not known
   */
  constructor(offset: number, maxLineBytes: number, decoder: LineDecoder | undefined, number: number = 0) {
    const onError = (report: TapeError) => void this.#lines.push(report);
    this.#split = lineSplitting({ maxLineBytes, offset, line: number, onError, decoder });
    this.#emit = Object.assign((line: TapeLine) => void this.#lines.push(line), { terminate() {} });
  }

  /** The lines that end in the next block. */
  push(bytes: Uint8Array): (TapeLine | TapeError)[] {
    this.#split.transform(bytes, this.#emit);
    return this.#take();
  }

  /** The last line, where it has no end. */
  end(): (TapeLine | TapeError)[] {
    this.#split.flush?.(this.#emit);
    return this.#take();
  }

  #take(): (TapeLine | TapeError)[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }
}

/** All lines in a piece of a tape that begins with a line. */
export function linesOf(
  bytes: Uint8Array,
  offset: number,
  maxLineBytes: number,
  decoder: LineDecoder | undefined,
  number?: number,
): (TapeLine | TapeError)[] {
  const collector = new LineCollector(offset, maxLineBytes, decoder, number);
  return [...collector.push(bytes), ...collector.end()];
}

/** Where the line starts that goes on at `end`. */
async function lineStartBefore(store: TapeStore, key: string, end: number): Promise<number> {
  while (end > 0) {
    const from = Math.max(0, end - MOST_BYTES);
    const at = (await readBytes(store, key, from, end)).lastIndexOf(LF);
    if (at >= 0) return from + at + 1;
    end = from;
  }
  return 0;
}
