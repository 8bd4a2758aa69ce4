import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { readParts } from "../../lines/line-parts.ts";
import type { TapeRecord } from "../../records/record.ts";
import { type LineBlock, linesBackwards } from "../seek/lines-backwards.ts";
import type { Choice, ReadTape } from "./forward-records.ts";
import { type Range, RangeFilter } from "../range/range.ts";
import type { RecordReading } from "../range/range-iterator.ts";

/** Reads a range of a tape from its end to its start. */
export class BackwardRecords<T> implements RecordReading<T> {
  readonly #tape: ReadTape;
  readonly #range: Range;
  readonly #pick: Choice<T>;
  /** Before a record that is before the range there is no more of it. */
  readonly #rises: boolean;
  readonly #blocks: AsyncGenerator<LineBlock, void, undefined>;
  readonly #before: WhatCameBefore | undefined;
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
      const isInside = filter.accepts(part);
      this.#isOver ||= this.#rises && filter.isBefore && isFrame(part);
      const value = isInside ? this.#pick(part) : undefined;
      if (value !== undefined) this.#waiting.push(value);
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

/** Finds out what stands before a block, for records that go with what stands before them. */
class WhatCameBefore {
  readonly #tape: ReadTape;
  /** The last frame, and the last frame or log, that were found, and where. */
  #frame = { offset: Infinity, value: -1 };
  #timed = { offset: Infinity, value: 0 };

  constructor(tape: ReadTape) {
    this.#tape = tape;
  }

  /** Has a filter go on where a block begins; it stands before those that were asked for before. */
  async start(filter: RangeFilter, blockStart: number): Promise<void> {
    if (this.#frame.offset >= blockStart) this.#frame = await this.#last(blockStart, ["frame"], "seq", -1);
    if (this.#timed.offset >= blockStart) this.#timed = await this.#last(blockStart, ["frame", "log"], "ts", 0);
    filter.startBehind(this.#frame.value, this.#timed.value);
  }

  async #last(
    end: number,
    types: readonly string[],
    measure: "seq" | "ts",
    none: number,
  ): Promise<{ readonly offset: number; readonly value: number }> {
    const { store, key, maxLineBytes } = this.#tape;
    for await (const block of linesBackwards(store, key, end, maxLineBytes)) {
      for (const line of block.lines.toReversed()) {
        if (line instanceof TapeError) continue;
        // A torn one may have a whole one behind it, whatever it says that it is.
        const last = recordsOn(line).findLast(({ type }) => types.includes(type));
        if (last !== undefined) {
          return { offset: line.offset, value: (last as unknown as Record<string, number>)[measure]! };
        }
      }
    }
    return { offset: -1, value: none };
  }
}

function recordsOn(line: TapeLine): TapeRecord[] {
  return readParts(line).flatMap(({ record }) => record ?? []);
}

function isFrame(part: TapeRecord | TapeError | undefined): boolean {
  return part !== undefined && !(part instanceof TapeError) && part.type === "frame";
}
