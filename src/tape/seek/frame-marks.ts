import type { Bytes } from "../../bytes/bytes.ts";
import { TapeError } from "../../errors.ts";
import type { LineDecoder } from "../../lines/coded-line.ts";
import { TapeLine } from "../../lines/line.ts";
import type { TapeStore } from "../../stores/store.ts";
import { MOST_BYTES, readBytes } from "./blocks.ts";
import { linesOf } from "./lines-backwards.ts";
import { decoderOf } from "../../stores/decoding.ts";

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

/** A few lines: so much is looked through line by line. */
const FEW_BYTES: number = 4096;

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
  // A line that is longer than this holds no frame.
  const most = Math.max(first, maxLineBytes + 2);
  for (let length = first;; length = Math.min(4 * length, most)) {
    const piece = await readPiece(store, key, from, from + length, maxLineBytes);
    const isFound = piece.frames.length > 0 || isAnyLine && piece.lines.length > 0;
    if (isFound || from + length >= end) return piece;
    const next = Math.max(from, piece.start + piece.bytes.length);
    from = next === from && length === most ? await lineEndFrom(store, key, from + length, end) : next;
  }
}

/** Where a line ends, from `at` on; up to `end` where none does. */
async function lineEndFrom(store: TapeStore, key: string, at: number, end: number): Promise<number> {
  for (let from = at; from < end; from += MOST_BYTES) {
    const found = (await readBytes(store, key, from, from + MOST_BYTES)).indexOf(LF);
    if (found >= 0) return from + found;
  }
  return end;
}

/** Reads the lines that start at `at` or behind it and end before `end`. */
export async function readPiece(
  store: TapeStore,
  key: string,
  at: number,
  end: number,
  maxLineBytes: number,
): Promise<Piece> {
  const { start, bytes } = await readLines(store, key, at, end);
  return { start, bytes, ...lookedAt(bytes, start, maxLineBytes, decoderOf(store)) };
}

/**
 * As {@linkcode readPiece}, for who looks for a place in a piece whose first line starts at `at`, and along which frames rise: it
 * begins with the last of a few frames below the target, and of what stands behind it few lines are looked at. There are none
 * where no line starts at `at`.
 */
export async function readPieceAround(
  store: TapeStore,
  key: string,
  at: number,
  end: number,
  maxLineBytes: number,
  { measure, target }: { readonly measure: Measure; readonly target: number },
): Promise<Piece> {
  const { start, bytes } = await readLines(store, key, at, end);
  if (start !== at) return { start, bytes, lines: [], frames: [] };
  const decoder = decoderOf(store);
  // The frame at `low` is below the target, if it is not the start; the last one before `high` is not, if it is not the end.
  let [low, high] = [0, bytes.length];
  while (high - low > FEW_BYTES) {
    const middle = bytes.indexOf(LF, Math.floor((low + high) / 2)) + 1;
    const found = middle === 0
      ? undefined
      : firstFrame(bytes.subarray(middle, high), start + middle, maxLineBytes, decoder);
    if (found === undefined) break;
    if (found.mark[measure] < target) low = found.mark.offset - start;
    else if (found.end - start < high) high = found.end - start;
    else break;
  }
  return {
    start: at + low,
    bytes: bytes.subarray(low),
    ...lookedAt(bytes.subarray(low, high), at + low, maxLineBytes, decoder),
  };
}

/** The whole lines that start at `at` or behind it and end before `end`. */
async function readLines(
  store: TapeStore,
  key: string,
  at: number,
  end: number,
): Promise<{ readonly start: number; readonly bytes: Bytes }> {
  // One byte earlier, so that a line that starts exactly at `at` is seen to do so.
  const from = Math.max(0, at - 1);
  const read = await readBytes(store, key, from, end);
  const cut = at === 0 ? 0 : read.indexOf(LF) + 1;
  // Without a line end there is none that starts in there.
  const isNone = at > 0 && cut === 0;
  return { start: from + cut, bytes: read.subarray(cut, isNone ? cut : Math.max(cut, read.lastIndexOf(LF) + 1)) };
}

function lookedAt(
  bytes: Bytes,
  start: number,
  maxLineBytes: number,
  decoder: LineDecoder | undefined,
): Pick<Piece, "lines" | "frames"> {
  const lines = linesOf(bytes, start, maxLineBytes, decoder).filter((line): line is TapeLine =>
    !(line instanceof TapeError)
  );
  return { lines, frames: lines.flatMap((line) => markOf(line) ?? []) };
}

/** The first frame on these lines, and where its line ends. */
function firstFrame(
  bytes: Bytes,
  start: number,
  maxLineBytes: number,
  decoder: LineDecoder | undefined,
): { readonly mark: FrameMark; readonly end: number } | undefined {
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(LF, at) + 1;
    const [line] = linesOf(bytes.subarray(at, end), start + at, maxLineBytes, decoder);
    const mark = line instanceof TapeLine ? markOf(line) : undefined;
    if (mark !== undefined) return { mark, end: start + end };
    at = end;
  }
  return undefined;
}

/** What a line says of the frame on it; undefined where it does not say that there is one. */
export function markOf({ type, seq, ts, offset }: TapeLine): FrameMark | undefined {
  return type === "frame" && seq !== undefined && ts !== undefined ? { offset, seq, ts } : undefined;
}
