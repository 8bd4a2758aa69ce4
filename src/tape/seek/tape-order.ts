import type { TapeLine } from "../../lines/line.ts";
import { readParts } from "../../lines/line-parts.ts";
import type { TapeStore } from "../../stores/store.ts";
import { pipe } from "../../streams/pipe.ts";
import { stage } from "../../streams/stage.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import { FIRST_BYTES } from "./blocks.ts";
import { type FrameMark, framesFrom, markOf, type Piece, PROBE_BYTES, readPiece } from "./frame-marks.ts";
import { decoderOf } from "../../stores/decoding.ts";

/** A tape of this size or less is looked through; and one of somebody else's that is not larger than four times that. */
const SMALL_BYTES = 1024 * 1024;
/** Of a larger one so many pieces. */
const SAMPLES = 16;
/** So many frames are remembered. */
const MAX_MARKS = 512;

/** As the writer of this library spells a frame: with the microseconds of a clock that never goes back. */
const OWN_FRAME = /^\{"type":"frame","seq":\d+,"ts":\d+,"dir":"\w+","ts_us":\d/;

const decoder = new TextDecoder("latin1");

/**
 * Whether numbers and times rise along a tape: then what is looked for is found by halving, and else by reading. Those of
 * this library's tapes do, and of these only some pieces are looked at. Of others every line is, once, by its first bytes.
 */
export class TapeOrder {
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #maxLineBytes: number;
  #size = 0;
  #falls = false;
  #isOwn = true;
  /** Frames here and there, in the order of the tape. */
  #marks: FrameMark[] = [];
  #sampledTo = 0;
  /** How far every line was looked at, and what came last there. */
  #checkedTo = 0;
  #last: Omit<FrameMark, "offset"> = { seq: 0, ts: 0 };
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: TapeStore, key: string, maxLineBytes: number) {
    this.#store = store;
    this.#key = key;
    this.#maxLineBytes = maxLineBytes;
  }

  /** How large the tape was when it was last looked at. */
  get size(): number {
    return this.#size;
  }

  /** Frames here and there on a tape along which they rise, in its order. */
  get marks(): readonly FrameMark[] {
    return this.#marks;
  }

  /**
   * Whether numbers and times rise along the tape, as it is now.
   *
   * @param isSure false where of a large tape some pieces are enough, whoever wrote it
   */
  rises(isSure: boolean): Promise<boolean> {
    // One after the other: each builds on what the one before it has seen.
    const answer = this.#turn.then(() => this.#look(isSure));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  /** Forgets all: another tape has taken the place of the one that was looked at. */
  forget(): void {
    this.#size = this.#sampledTo = this.#checkedTo = 0;
    this.#falls = false;
    this.#isOwn = true;
    this.#marks = [];
    this.#last = { seq: 0, ts: 0 };
  }

  async #look(isSure: boolean): Promise<boolean> {
    const size = await this.#store.size(this.#key) ?? 0;
    if (size < this.#size) this.forget();
    this.#size = size;
    const isSmall = size <= SMALL_BYTES;
    if (!this.#falls && !isSmall) await this.#sample(size);
    const isNear = size <= 4 * SMALL_BYTES;
    if (!this.#falls && (isSmall || (isSure || isNear) && !this.#isOwn)) await this.#check(size);
    return !this.#falls;
  }

  /** Looks at pieces of what has come since it was done last, if that is much. */
  async #sample(size: number): Promise<void> {
    const from = this.#sampledTo;
    if (from > 0 && size - from < Math.max(SMALL_BYTES, from / 8)) return;
    const starts = Array.from({ length: SAMPLES }, (_, n) => from + Math.floor((size - from) * n / SAMPLES));
    const last = Math.max(0, size - FIRST_BYTES);
    const pieces = await Promise.all([
      ...starts.map((start) => this.#piece(start, start + PROBE_BYTES)),
      this.#piece(last, size),
    ]);
    // Where lines are so long, no two pieces are held at a time.
    for (const [n, start] of [...starts, last].entries()) {
      if (pieces[n]!.lines.length === 0) pieces[n] = await this.#lineFrom(start, starts[n + 1] ?? size);
    }
    const seen = [...this.#marks];
    for (const { lines, frames } of pieces) {
      seen.push(...frames);
      this.#marks.push(...new Set([...frames.slice(0, 1), ...frames.slice(-1)]));
      for (const line of [lines.find(isFrame), lines.findLast(isFrame)]) {
        if (line !== undefined) this.#isOwn &&= isOwn(line);
      }
    }
    this.#falls = !rise(seen.sort(byOffset));
    this.#marks.sort(byOffset);
    while (this.#marks.length > MAX_MARKS) this.#marks = this.#marks.filter((_, at) => at % 2 === 0);
    this.#sampledTo = size;
  }

  #piece(at: number, end: number): Promise<Piece> {
    return readPiece(this.#store, this.#key, at, end, this.#maxLineBytes);
  }

  #lineFrom(at: number, end: number): Promise<Piece> {
    return framesFrom(this.#store, this.#key, at, end, this.#maxLineBytes, { isAnyLine: true });
  }

  /** Looks at the first bytes of every line that was not looked at yet. */
  async #check(size: number): Promise<void> {
    if (size === this.#checkedTo) return;
    const { seq, ts } = this.#last;
    const last = { seq, ts };
    let falls = false;
    let end = this.#checkedTo;
    const see = (type: string | undefined, seq: number | undefined, ts: number | undefined) => {
      if (ts === undefined || type !== "frame" && type !== "log") return;
      falls ||= ts < last.ts;
      last.ts = ts;
      if (type !== "frame" || seq === undefined) return;
      falls ||= seq < last.seq;
      last.seq = seq;
    };
    const look = stage<TapeLine, never>({
      transform(line, emit) {
        if (!line.terminated) return;
        end = line.nextOffset;
        if (line.type !== undefined) see(line.type, line.seq, line.ts);
        else {for (const part of readParts(line)) {
            if (part.record !== undefined) see(part.line.type, part.line.seq, part.line.ts);
          }}
        if (falls) emit.terminate();
      },
    });
    const bytes = this.#store.openSource(this.#key, { start: this.#checkedTo, end: size });
    const split = lineSplit({
      maxLineBytes: this.#maxLineBytes,
      offset: this.#checkedTo,
      line: 0,
      onError: () => {},
      decoder: decoderOf(this.#store),
    });
    for await (const _ of pipe(bytes, split, look));
    this.#falls = falls;
    this.#checkedTo = end;
    this.#last = last;
  }
}

function isFrame(line: TapeLine): boolean {
  return markOf(line) !== undefined;
}

function byOffset(a: FrameMark, b: FrameMark): number {
  return a.offset - b.offset;
}

function rise(marks: readonly FrameMark[]): boolean {
  return marks.every(({ seq, ts }, at) => at === 0 || seq >= marks[at - 1]!.seq && ts >= marks[at - 1]!.ts);
}

function isOwn(line: TapeLine): boolean {
  return OWN_FRAME.test(decoder.decode(line.bytes.subarray(0, 128)));
}
