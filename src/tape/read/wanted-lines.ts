import { TapeError } from "../../errors.ts";
import type { IndexEntry } from "../../index/index-entry.ts";
import type { TapeLine } from "../../lines/line.ts";
import { blocksFrom, FIRST_BYTES, MOST_BYTES, readBytes } from "../seek/blocks.ts";
import { LineCollector } from "../seek/lines-backwards.ts";
import type { ReadTape } from "./forward-records.ts";
import { decoderOf } from "../../stores/decoding.ts";

/** Lines that stand one behind the other; in the place of one that is too long the report of it. */
export type Lines = readonly (TapeLine | TapeError)[];

/** A tape, for who needs no more of it than lines. */
export type LinesTape = Pick<ReadTape, "store" | "key" | "maxLineBytes" | "search">;

const LF = 0x0a;

/**
 * The lines from a place on, without blocks of which the index tells that they are not wanted. `isWanted` is asked in the order of
 * the tape, when the lines before the block have been taken.
 *
 * What an index tells of blocks that are passed over is believed where the block behind them, or else the last of them, begins on
 * the tape as the index says. Where it does not, they are read after all, and the index is not asked again.
 */
export async function* wantedLines(
  tape: LinesTape,
  start: number,
  isWanted: (entry: IndexEntry) => boolean,
  signal?: AbortSignal,
): AsyncGenerator<Lines, void, undefined> {
  const { store, key, maxLineBytes } = tape;
  const at = yield* indexedLines(tape, start, isWanted, signal);
  const split = new LineCollector(at, maxLineBytes, decoderOf(store), at === 0 ? 1 : 0);
  for await (const bytes of blocksFrom(store, key, at, { maxLineBytes, letsGo: true, signal })) yield split.push(bytes);
  yield split.end();
}

/** As far as the index goes; gives where to read on without it. */
async function* indexedLines(
  tape: LinesTape,
  start: number,
  isWanted: (entry: IndexEntry) => boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<Lines, number, undefined> {
  /** Where the blocks end that were read, and those that were read or passed over; and the last of the latter. */
  let [readTo, at] = [start, start];
  let passed: IndexEntry | undefined;
  const index = await tape.search.index();
  for await (const entries of index?.entries({ from: start }) ?? []) {
    for (const entry of entries) {
      if (entry.end <= at || entry.offset > at) continue;
      if (isWanted(entry)) {
        const end = yield* linesOfBlock(tape, entry, at, signal);
        if (end === undefined) return readTo;
        if (end < entry.end) return end;
        readTo = end;
        passed = undefined;
      } else passed = entry;
      at = entry.end;
    }
    signal?.throwIfAborted();
  }
  return passed === undefined || await isThere(tape, passed, signal) ? at : readTo;
}

/**
 * The lines of a block from a place on; gives where the last of them ends, which is before the end of the block where no line ends
 * there. Undefined, and no lines, where it does not begin as the index says.
 */
async function* linesOfBlock(
  { store, key, maxLineBytes }: LinesTape,
  entry: IndexEntry,
  start: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Lines, number | undefined, undefined> {
  const isAll = start === entry.offset;
  const split = new LineCollector(start, maxLineBytes, decoderOf(store), isAll ? entry.line : 0);
  let lastEnd = start;
  // A line that is too long may be longer than what can be held.
  for (let at = start; at < entry.end; at += MOST_BYTES) {
    const end = Math.min(entry.end, at + MOST_BYTES);
    const bytes = await readBytes(store, key, Math.max(0, at - 1), end, signal);
    const lines = split.push(at === 0 ? bytes : bytes.subarray(1));
    if (isAll && at === start && !(startsLine(bytes, at) && fits(lines, entry, end))) return undefined;
    lastEnd = Math.max(lastEnd, Math.max(0, at - 1) + bytes.lastIndexOf(LF) + 1);
    yield lines;
  }
  return lastEnd;
}

/** Whether a block begins on the tape as the index says, and a line ends where it does. */
async function isThere(
  { store, key, maxLineBytes }: LinesTape,
  entry: IndexEntry,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { offset } = entry;
  const end = Math.min(entry.end, offset + 2 * FIRST_BYTES);
  const bytes = await readBytes(store, key, Math.max(0, offset - 1), end, signal);
  const lines = new LineCollector(offset, maxLineBytes, decoderOf(store)).push(
    offset === 0 ? bytes : bytes.subarray(1),
  );
  const [last] = await readBytes(store, key, entry.end - 1, entry.end, signal);
  return startsLine(bytes, offset) && last === LF && fits(lines, entry, end);
}

/** Whether a line starts at `at`, behind the first of these bytes. */
function startsLine(bytes: Uint8Array, at: number): boolean {
  return at === 0 || bytes[0] === LF;
}

/** Whether these lines, with which a block begins, are its lines up to `end`, as far as its entry tells. */
function fits(lines: Lines, { firstSeq, isDamaged, end: blockEnd }: IndexEntry, end: number): boolean {
  if (firstSeq === undefined || isDamaged) return true;
  const first = lines.find((line) => !(line instanceof TapeError) && line.type === "frame") as TapeLine | undefined;
  return first === undefined ? end < blockEnd : first.seq === firstSeq;
}
