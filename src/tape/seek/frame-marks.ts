import type { Bytes } from "../../lines/bytes.ts";
import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { TapeStore } from "../../stores/store.ts";
import { readBytes } from "./blocks.ts";
import { linesOf } from "./lines-backwards.ts";

/** What frames are looked up by: their number, or their time in milliseconds. Both rise along a tape. */
export type Measure = "seq" | "ts";

/** What a line says that it is: a frame with this number and time. Enough to find the way by. */
export interface FrameMark extends Readonly<Record<Measure, number>> {
  readonly offset: number;
}

/** A small piece of a tape, and the frames that start in it. */
export interface Piece {
  /** Where its first line starts. */
  readonly start: number;
  /** Whole lines. */
  readonly bytes: Bytes;
  readonly lines: readonly TapeLine[];
  readonly frames: readonly FrameMark[];
}

const LF = 0x0a;

/** How much is read at once to see where one is. */
export const PROBE_BYTES: number = 16 * 1024;

/** What is looked for behind a place. */
export interface PieceOptions {
  /** How much to read at first, in bytes. */
  readonly first?: number | undefined;
  /** Any line will do. */
  readonly isAnyLine?: boolean | undefined;
}

/** The next piece behind a place in which a frame starts; one without a frame where there is none up to `end`. */
export async function framesFrom(
  store: TapeStore,
  key: string,
  at: number,
  end: number,
  maxLineBytes: number,
  { first = PROBE_BYTES, isAnyLine = false }: PieceOptions = {},
): Promise<Piece> {
  let from = at;
  for (let length = first;; length *= 4) {
    const piece = await readPiece(store, key, from, from + length, maxLineBytes);
    const isFound = piece.frames.length > 0 || isAnyLine && piece.lines.length > 0;
    if (isFound || from + length >= end) return piece;
    from = Math.max(from, piece.start + piece.bytes.length);
  }
}

/** Reads the lines that start at `at` or behind it and end before `end`. */
export async function readPiece(
  store: TapeStore,
  key: string,
  at: number,
  end: number,
  maxLineBytes: number,
): Promise<Piece> {
  // One byte earlier, so that a line that starts exactly at `at` is seen to do so.
  const from = Math.max(0, at - 1);
  const read = await readBytes(store, key, from, end);
  const cut = at === 0 ? 0 : read.indexOf(LF) + 1;
  // Without a line end there is none that starts in there.
  const bytes = read.subarray(cut, Math.max(cut, read.lastIndexOf(LF) + 1));
  const start = from + cut;
  const lines = at > 0 && cut === 0
    ? []
    : linesOf(bytes, start, maxLineBytes).filter((line): line is TapeLine => !(line instanceof TapeError));
  return { start, bytes, lines, frames: lines.flatMap((line) => markOf(line) ?? []) };
}

/** What a line says of the frame on it; undefined where it does not say that there is one. */
export function markOf({ type, seq, ts, offset }: TapeLine): FrameMark | undefined {
  return type === "frame" && seq !== undefined && ts !== undefined ? { offset, seq, ts } : undefined;
}
