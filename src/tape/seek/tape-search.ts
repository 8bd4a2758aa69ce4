import type { Bytes } from "../../bytes/bytes.ts";
import { TapeLine } from "../../lines/line.ts";
import { type LinePart, mayHoldMore, readParts } from "../../lines/line-parts.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { TapeStore } from "../../stores/store.ts";
import { lineSplitting } from "../../transforms/line-split.ts";
import { TapeIndex } from "../index/tape-index.ts";
import { blocksFrom, FIRST_BYTES } from "./blocks.ts";
import {
  type FrameMark,
  framesFrom,
  markOf,
  type Measure,
  type Piece,
  type PieceOptions,
  PROBE_BYTES,
  readPieceAround,
} from "./frame-marks.ts";
import { linesBackwards } from "./lines-backwards.ts";
import { TapeOrder } from "./tape-order.ts";
import { decoderOf } from "../../stores/decoding.ts";

/** A place to go on reading from. */
export interface Place {
  /** Where a line starts, in bytes from the start of the tape. */
  readonly offset: number;
  /** What was read from there on: whole lines. */
  readonly block?: Bytes | undefined;
}

/** Where a frame was found. */
export interface Found extends Place {
  /** Number of the line there, from 1; 0 where it is not known. */
  readonly number: number;
  /** Whether a frame stands there; if not it is the end of the tape. */
  readonly exists: boolean;
}

const LF = 0x0a;

/** So much is looked at at a time, and handed on behind what is found: who looks something up often wants no more than a line. */
const LOOK_BYTES = 4096;

/** A block of an index is not longer than this and a line. */
const MOST_BLOCK_BYTES = 1024 * 1024;

/** A place before which all frames are below a target, and the line of the last of them, where that stands there. */
interface FoundBelow extends Place {
  readonly line?: TapeLine | undefined;
}

/** Looks up frames of one tape. What it has learnt of the tape makes the next search quicker. */
export class TapeSearch {
  readonly #store: TapeStore;
  readonly #tapeId: string;
  readonly #key: string;
  readonly #maxLineBytes: number;
  readonly #order: TapeOrder;
  #index: Promise<TapeIndex | undefined> | undefined;

  /** @param maxLineBytes the longest line of the tape; a frame on a longer one is not found */
  constructor(store: TapeStore, tapeId: string, maxLineBytes: number) {
    this.#store = store;
    this.#tapeId = tapeId;
    this.#key = tapeKeys(tapeId).tape;
    this.#maxLineBytes = maxLineBytes;
    this.#order = new TapeOrder(store, this.#key, maxLineBytes);
  }

  /** Whether numbers and times rise along the tape, for who needs to be sure: see {@linkcode TapeOrder.rises}. */
  async rises(): Promise<boolean> {
    return await this.#order.rises(true);
  }

  /** The index of the tape, where it has one that can be read. */
  async index(): Promise<TapeIndex | undefined> {
    return await (this.#index ??= TapeIndex.open(this.#store, this.#tapeId)).catch(() => undefined);
  }

  /**
   * The first frame on the tape whose `seq` or `ts` is `target` or more.
   *
   * @param isSure whether it has to be the first one also on a large tape of somebody else's, where that may take a while
   */
  async frame(measure: Measure, target: number, isSure: boolean = false): Promise<Found> {
    const start = await this.#order.rises(isSure) ? await this.#below(measure, target) : { offset: 0 };
    return await this.#firstFrom(start, measure, target);
  }

  /**
   * A place before which every frame is below the target: the last of them stands there, or it is the start of the tape.
   * Only for a tape along which they rise.
   */
  async before(measure: Measure, target: number): Promise<Place> {
    const { line, ...place } = await this.#below(measure, target);
    if (place.offset === 0) return place;
    // The first bytes of a torn line say that it is a frame all the same.
    if (line !== undefined && holdsFrame(line)) return place;
    return { offset: await this.#lastFrameBefore(place.offset, holdsFrame) };
  }

  /** Where the last line before a place is of which `accepts` says that a frame stands there; 0 where there is none. */
  async #lastFrameBefore(end: number, accepts: (line: TapeLine) => boolean): Promise<number> {
    for await (const { lines } of linesBackwards(this.#store, this.#key, end, this.#maxLineBytes)) {
      const last = lines.findLast((line) => line instanceof TapeLine && accepts(line));
      if (last !== undefined) return last.offset!;
    }
    return 0;
  }

  /** The last line that says it is a frame below the target, or the start of the tape. */
  async #below(measure: Measure, target: number): Promise<FoundBelow> {
    const hint = await this.#lookUp(measure, target);
    if (hint !== undefined && "offset" in hint) return hint;
    for (let rises = true;;) {
      const { low, piece } = await this.#halve(measure, target, hint?.low);
      const { offset, seq, ts } = low;
      if (offset === 0 || !rises) return { offset: 0 };
      const read = piece ?? await this.#framesFrom(offset, this.#order.size, { first: FIRST_BYTES });
      const line = read.lines.find((line) => line.offset === offset);
      if (line?.seq === seq && line.ts === ts) return { offset, block: read.bytes.subarray(offset - read.start), line };
      // It was remembered from a tape that is not there any more.
      this.#order.forget();
      rises = await this.#order.rises(false);
    }
  }

  /**
   * What the index says, as far as the tape agrees: the place that is looked for, or a frame below the target that is nearer to
   * it than what is known otherwise.
   */
  async #lookUp(measure: Measure, target: number): Promise<FoundBelow | { readonly low: FrameMark } | undefined> {
    try {
      const index = await this.index();
      const entry = await (measure === "seq" ? index?.beforeSeq(target) : index?.beforeTime(target));
      if (entry === undefined) return undefined;
      const { offset, end } = entry;
      // A line that is too long may be longer than what can be held.
      if (end - offset > this.#maxLineBytes + MOST_BLOCK_BYTES) return undefined;
      const around = { measure, target };
      const piece = await readPieceAround(this.#store, this.#key, offset, end, this.#maxLineBytes, around);
      if (piece.frames.length === 0) return undefined;
      const frames = inOrder(piece.frames, measure);
      const behind = frames.findIndex((frame) => frame[measure] >= target);
      if (behind < 0) return { low: frames.at(-1)! };
      const below = frames[behind - 1];
      if (below !== undefined) {
        const line = piece.lines.find((line) => line.offset === below.offset);
        return { offset: below.offset, block: piece.bytes.subarray(below.offset - piece.start), line };
      }
      if (offset === 0) return { offset };
      // That it is the first one only the frame before it can tell.
      let isBelow = false;
      await this.#lastFrameBefore(offset, (line) => {
        const mark = markOf(line);
        isBelow = mark !== undefined && mark[measure] < target;
        return mark !== undefined;
      });
      if (isBelow) return { offset, block: piece.bytes };
    } catch {
      // It is only a hint.
    }
    this.#index = Promise.resolve(undefined);
    return undefined;
  }

  /** Goes nearer to the target until what lies between can be read at once. */
  async #halve(
    measure: Measure,
    target: number,
    known?: FrameMark,
  ): Promise<{ readonly low: FrameMark; readonly piece: Piece | undefined }> {
    const { marks, size } = this.#order;
    const above = marks.findIndex((mark) => mark[measure] >= target);
    // Every frame before `low` and the one there is below the target, every frame from `high` on is not.
    let low: FrameMark = (above < 0 ? marks.at(-1) : marks[above - 1]) ?? { offset: 0, seq: 0, ts: 0 };
    if (known !== undefined && known.offset > low.offset) low = known;
    let high: Partial<FrameMark> & { readonly offset: number } = marks[above] ?? { offset: size };
    let piece: Piece | undefined;
    for (let isSlow = false; high.offset - low.offset > PROBE_BYTES;) {
      const distance = high.offset - low.offset;
      const [from, to = from] = [low[measure], high[measure]];
      // Among many of the same time only halving finds the first one.
      const part = isSlow || to <= target ? 0.5 : (target - from) / (to - from);
      // A little earlier, so that the target is likely to be among what is read.
      const guess = low.offset + Math.floor(part * distance) - PROBE_BYTES / 2;
      const at = Math.min(Math.max(guess, low.offset + 1), high.offset - 1);
      const found = await this.#framesFrom(at, high.offset);
      const frames = inOrder(found.frames, measure).filter(({ offset }) => offset < high.offset);
      const behind = frames.findIndex((frame) => frame[measure] >= target);
      if (frames.length === 0) high = { ...high, offset: at };
      else if (behind === 0) high = { ...frames[0]!, offset: at };
      else {
        low = frames[behind < 0 ? frames.length - 1 : behind - 1]!;
        piece = found;
        if (behind > 0) high = frames[behind]!;
      }
      isSlow = high.offset - low.offset > distance / 2;
    }
    return { low, piece: piece !== undefined && piece.start <= low.offset ? piece : undefined };
  }

  /** The next piece behind a place in which a frame starts, up to `end`. */
  #framesFrom(at: number, end: number, options?: PieceOptions): Promise<Piece> {
    return framesFrom(this.#store, this.#key, at, end, this.#maxLineBytes, options);
  }

  async #firstFrom({ offset, block }: Place, measure: Measure, target: number): Promise<Found> {
    const options = { first: block, maxLineBytes: this.#maxLineBytes, letsGo: true };
    const number = offset === 0 ? 1 : 0;
    const split = lineSplitting({
      maxLineBytes: this.#maxLineBytes,
      offset,
      line: number,
      onError: () => {},
      decoder: decoderOf(this.#store),
    });
    let found: TapeLine | undefined;
    let end = offset;
    const look = Object.assign((line: TapeLine) => {
      if (line.terminated) end = line.nextOffset;
      found ??= provenFrame(line, measure, target);
    }, { terminate() {} });
    let start = offset;
    for await (const chunk of blocksFrom(this.#store, this.#key, offset, options)) {
      for (let at = 0; at < chunk.length && found === undefined; at += LOOK_BYTES) {
        split.transform(chunk.subarray(at, at + LOOK_BYTES), look);
      }
      if (found !== undefined) {
        const at = found.offset - start;
        const end = lineEndIn(chunk, at + LOOK_BYTES);
        const rest = at < 0 || end <= at ? undefined : chunk.subarray(at, end);
        return { offset: found.offset, block: rest, number: found.number, exists: true };
      }
      start += chunk.length;
    }
    split.flush?.(look);
    // What has no end yet may still be cut off, unless it is what was looked for.
    return found === undefined
      ? { offset: end, number: 0, exists: false }
      : { offset: found.offset, number: found.number, exists: true };
  }
}

/** Without frames whose number or time fits neither that before them nor that behind: a digit of it may be damaged. */
function inOrder(frames: readonly FrameMark[], measure: Measure): readonly FrameMark[] {
  if (frames.length < 3) return frames;
  const values = frames.map((frame) => frame[measure]);
  return frames.filter((_, at) => {
    // The first and the last one have neighbours on one side only.
    const [a, b] = at === 0 ? [1, 2] : at === values.length - 1 ? [at - 2, at - 1] : [at - 1, at + 1];
    const [value, before, behind] = [values[at]!, values[a]!, values[b]!];
    if (before > behind) return true;
    return at === 0 ? value <= before : at === values.length - 1 ? value >= behind : before <= value && value <= behind;
  });
}

/** Where the last line of a block ends that ends before `end`; 0 where none does. */
function lineEndIn(bytes: Bytes, end: number): number {
  return bytes.subarray(0, end).lastIndexOf(LF) + 1;
}

function holdsFrame(line: TapeLine): boolean {
  return readParts(line).some(({ record }) => record?.type === "frame");
}

/**
 * The line, or the part of a damaged line, with a frame that is at the target or above it. Only lines that may have one
 * are parsed: their first bytes say so, or tell nothing, or may be those of a torn record with another one behind it.
 */
function provenFrame(line: TapeLine, measure: Measure, target: number): TapeLine | undefined {
  const { type } = line;
  const isBelow = type === "frame" ? (line[measure] ?? target) < target : type !== undefined;
  if (isBelow && !mayHoldMore(line)) return undefined;
  const isFound = ({ record }: LinePart) => record?.type === "frame" && record[measure] >= target;
  return readParts(line).find(isFound)?.line;
}
