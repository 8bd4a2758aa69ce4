import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { readParts } from "../../lines/line-parts.ts";
import type { FrameRecord, TapeRecord } from "../../records/record.ts";
import { type LineBlock, linesBackwards } from "../seek/lines-backwards.ts";
import type { Choice, ReadTape } from "./forward-records.ts";
import { InARow, isBefore, type Range, RangeFilter } from "../range/range.ts";
import type { RecordReading } from "../range/range-iterator.ts";
import { WhatCameBefore } from "../range/what-came-before.ts";

/** Reads a range of a tape from its end to its start. */
export class BackwardRecords<T> implements RecordReading<T> {
  readonly #tape: ReadTape;
  readonly #range: Range;
  readonly #pick: Choice<T>;
  /** Before frames that are before the range there is no more of it. */
  readonly #rises: boolean;
  readonly #blocks: AsyncGenerator<LineBlock, void, undefined>;
  readonly #before: WhatCameBefore | undefined;
  readonly #beforeRange = new InARow();
  /** What is wanted of the block that was read last, in the order of the tape. */
  #waiting: (T | TapeError)[] = [];
  #isOver = false;

  private constructor(tape: ReadTape, range: Range, pick: Choice<T>, rises: boolean, end: number) {
    this.#tape = tape;
    this.#range = range;
    this.#pick = pick;
    this.#rises = rises;
    this.#blocks = linesBackwards(tape.store, tape.key, end, tape.maxLineBytes);
    this.#before = range.isBounded ? new WhatCameBefore(tape) : undefined;
  }

  static async open<T>(tape: ReadTape, range: Range, pick: Choice<T>): Promise<BackwardRecords<T>> {
    const rises = range.isBounded && await tape.search.rises();
    const ends = [await tape.store.size(tape.key) ?? 0];
    const { seq, ts } = range;
    for (const [measure, { to }] of [["seq", seq], ["ts", ts]] as const) {
      if (!rises || to === Infinity) continue;
      const { exists, offset } = await tape.search.frame(measure, Math.floor(to) + 1, true);
      if (exists) ends.push(offset);
    }
    return new BackwardRecords(tape, range, pick, rises, Math.min(...ends));
  }

  take(): T | undefined {
    const { onError } = this.#tape;
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      if (!(next instanceof TapeError)) return next;
      if (onError === undefined) throw next;
      onError(next);
    }
    return undefined;
  }

  async fill(): Promise<boolean> {
    if (this.#isOver) return false;
    const { value: block } = await this.#blocks.next();
    if (block === undefined) return false;
    const parts = block.lines.flatMap((line) => this.#partsOf(line));
    const filter = new RangeFilter(this.#range);
    if (!isFrame(parts[0])) await this.#before?.start(filter, block.start);
    for (const part of parts) {
      if (part instanceof TapeError) {
        if (filter.isInside) this.#waiting.push(part);
        continue;
      }
      const value = filter.accepts(part) ? this.#pick(part) : undefined;
      if (value !== undefined) this.#waiting.push(value);
    }
    for (const part of parts.toReversed()) {
      if (!isFrame(part)) continue;
      this.#beforeRange.add(isBefore(this.#range, part));
      this.#isOver ||= this.#rises && this.#beforeRange.isSure;
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#blocks.return();
  }

  /** The records on a line, and what there is to tell of what is none. */
  #partsOf(line: TapeLine | TapeError): (TapeRecord | TapeError)[] {
    if (line instanceof TapeError) return [line];
    const isTold = (isLoss: boolean) => isLoss || this.#tape.onError !== undefined;
    return readParts(line, this.#tape.tapeId).flatMap((part) => part.record ?? (isTold(part.isLoss) ? part.error : []));
  }
}

function isFrame(part: TapeRecord | TapeError | undefined): part is FrameRecord {
  return part !== undefined && !(part instanceof TapeError) && part.type === "frame";
}
