import type { Bytes } from "../../lines/bytes.ts";
import { TapeLine } from "../../lines/line.ts";
import { type LinePart, mayHoldMore, readParts } from "../../lines/line-parts.ts";
import type { TapeStore } from "../../stores/store.ts";
import { specOf } from "../../streams/stage.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import { blocksFrom, FIRST_BYTES } from "./blocks.ts";
import { type FrameMark, framesFrom, type Measure, type Piece, type PieceOptions, PROBE_BYTES } from "./frame-marks.ts";
import { linesBackwards } from "./lines-backwards.ts";
import { TapeOrder } from "./tape-order.ts";

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

/** Looks up frames of one tape. What it has learnt of the tape makes the next search quicker. */
export class TapeSearch {
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #maxLineBytes: number;
  readonly #order: TapeOrder;

  /** @param maxLineBytes the longest line of the tape; a frame on a longer one is not found */
  constructor(store: TapeStore, key: string, maxLineBytes: number) {
    this.#store = store;
    this.#key = key;
    this.#maxLineBytes = maxLineBytes;
    this.#order = new TapeOrder(store, key, maxLineBytes);
  }

  /** Whether numbers and times rise along the tape, for who needs to be sure: see {@linkcode TapeOrder.rises}. */
  async rises(): Promise<boolean> {
    return await this.#order.rises(true);
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
    // The first bytes of a torn line say that it is a frame all the same.
    if (line === undefined || holdsFrame(line)) return place;
    for await (const { lines } of linesBackwards(this.#store, this.#key, place.offset, this.#maxLineBytes)) {
      const last = lines.findLast((line) => line instanceof TapeLine && holdsFrame(line));
      if (last !== undefined) return { offset: last.offset! };
    }
    return { offset: 0 };
  }

  /** The last line that says it is a frame below the target, or the start of the tape. */
  async #below(measure: Measure, target: number): Promise<Place & { readonly line?: TapeLine | undefined }> {
    for (let rises = true;;) {
      const { low, piece } = await this.#halve(measure, target);
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

  /** Goes nearer to the target until what lies between can be read at once. */
  async #halve(
    measure: Measure,
    target: number,
  ): Promise<{ readonly low: FrameMark; readonly piece: Piece | undefined }> {
    const { marks, size } = this.#order;
    const above = marks.findIndex((mark) => mark[measure] >= target);
    // Every frame before `low` and the one there is below the target, every frame from `high` on is not.
    let low: FrameMark = (above < 0 ? marks.at(-1) : marks[above - 1]) ?? { offset: 0, seq: 0, ts: 0 };
    let high: Partial<FrameMark> & { readonly offset: number } = marks[above] ?? { offset: size };
    let piece: Piece | undefined;
    for (let isSlow = false; high.offset - low.offset > PROBE_BYTES;) {
      const distance = high.offset - low.offset;
      const [from, to = from] = [low[measure], high[measure]];
      const part = isSlow || to <= from ? 0.5 : (target - from) / (to - from);
      // A little earlier, so that the target is likely to be among what is read.
      const guess = low.offset + Math.floor(part * distance) - PROBE_BYTES / 2;
      const at = Math.min(Math.max(guess, low.offset + 1), high.offset - 1);
      const found = await this.#framesFrom(at, high.offset);
      const frames = found.frames.filter(({ offset }) => offset < high.offset);
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
    const split = specOf(lineSplit({ maxLineBytes: this.#maxLineBytes, offset, line: number, onError: () => {} }));
    let found: TapeLine | undefined;
    let end = offset;
    const look = Object.assign((line: TapeLine) => {
      if (line.terminated) end = line.nextOffset;
      found ??= provenFrame(line, measure, target);
    }, { terminate() {} });
    let start = offset;
    for await (const chunk of blocksFrom(this.#store, this.#key, offset, options)) {
      split.transform(chunk, look);
      if (found !== undefined) {
        const whole = chunk.lastIndexOf(LF) + 1;
        const rest = found.offset < start ? undefined : chunk.subarray(found.offset - start, whole);
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
