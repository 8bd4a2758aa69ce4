import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { type LinePart, mayHoldMore, readParts } from "../../lines/line-parts.ts";
import { parseLine } from "../../lines/parse-line.ts";
import type { LineMatcher } from "../../query/match/line-matcher.ts";
import type { Survey } from "../../query/operations/survey.ts";
import type { Selection } from "../../query/select.ts";
import { type Range, RangeFilter } from "../range/range.ts";
import type { RecordReading } from "../range/range-iterator.ts";
import { WhatCameBefore } from "../range/what-came-before.ts";
import { type Choice, type ReadTape, startOf } from "./forward-records.ts";
import { type Lines, wantedLines } from "./wanted-lines.ts";

/** Reads what a query selects of a range, from its start to its end. */
export class SelectedRecords<T> implements RecordReading<T> {
  readonly #tape: ReadTape;
  readonly #choose: Choice<T>;
  readonly #isBounded: boolean;
  readonly #filter: RangeFilter;
  readonly #matcher: LineMatcher;
  /** Behind frames that are behind the range there is no more of it. */
  readonly #rises: boolean;
  readonly #blocks: AsyncGenerator<Lines, void, undefined>;
  #lines: Lines = [];
  #at = 0;
  /** Where the last of the lines ends. */
  #end: number;
  /** What a damaged line consists of. */
  #waiting: (T | TapeError)[] = [];
  #isOver = false;

  private constructor(
    tape: ReadTape,
    range: Range,
    choose: Choice<T>,
    matcher: LineMatcher,
    rises: boolean,
    start: number,
  ) {
    this.#tape = tape;
    this.#choose = choose;
    this.#isBounded = range.isBounded;
    this.#filter = new RangeFilter(range);
    this.#matcher = matcher;
    this.#rises = rises;
    this.#end = start;
    this.#blocks = wantedLines(tape, start, (entry) => matcher.mayTake(entry));
  }

  static async open<T>(
    tape: ReadTape,
    range: Range,
    selection: Selection,
    choose: Choice<T>,
  ): Promise<RecordReading<T>> {
    const rises = range.isBounded && await tape.search.rises();
    const { offset } = rises ? await startOf(tape, range) : { offset: 0 };
    const survey = selection.survey();
    if (survey !== undefined) await lookAhead(survey, tape, range, rises, offset);
    const reading = new SelectedRecords(tape, range, choose, selection.matcher(survey), rises, offset);
    return range.reverse ? await LastRecords.of(reading, range.limit) : reading;
  }

  take(): T | undefined {
    const { onError } = this.#tape;
    for (;;) {
      const next = this.#waiting.shift() ?? this.#next();
      if (next === undefined) return undefined;
      if (!(next instanceof TapeError)) return next;
      if (onError === undefined) throw next;
      onError(next);
    }
  }

  async fill(): Promise<boolean> {
    if (this.#isOver) return false;
    const { value } = await this.#blocks.next();
    if (value !== undefined && this.#isBounded) await this.#goOnAt(value);
    this.#lines = value ?? [];
    this.#at = 0;
    return value !== undefined;
  }

  /** What goes with a record before it may go with one in a block that was passed over. */
  async #goOnAt(lines: Lines): Promise<void> {
    const [first, last] = [lines[0], lines.at(-1)];
    if (first === undefined || last === undefined) return;
    const start = first.offset!;
    if (start > this.#end && (first instanceof TapeError || first.type !== "frame")) {
      await new WhatCameBefore(this.#tape).start(this.#filter, start, this.#end);
    }
    this.#end = last instanceof TapeError ? last.offset! + last.length! : last.nextOffset;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#blocks.return();
  }

  /** The next record that is wanted, or what there is to tell; undefined where that is not at hand. */
  #next(): T | TapeError | undefined {
    while (!this.#isOver && this.#at < this.#lines.length) {
      const line = this.#lines[this.#at++]!;
      if (line instanceof TapeError) {
        if (this.#filter.isInside) return line;
        continue;
      }
      // Of records on one line some may be within the bounds.
      if (this.#isBounded && isJoined(line)) {
        for (const part of readParts(line, this.#tape.tapeId)) this.#addWanted(part);
        if (this.#waiting.length > 0) return this.#waiting.shift();
        continue;
      }
      const isInside = this.#filter.acceptsLine(line);
      this.#isOver = this.#rises && this.#filter.isBehind;
      if (!isInside || !this.#matcher.takes(line)) continue;
      try {
        const value = this.#choose(parseLine(line, this.#tape.tapeId));
        if (value !== undefined) return value;
      } catch {
        for (const part of readParts(line, this.#tape.tapeId)) this.#add(part);
        if (this.#waiting.length > 0) return this.#waiting.shift();
      }
    }
    return undefined;
  }

  /** Adds a part of a line, if it is within the bounds and wanted. */
  #addWanted(part: LinePart): void {
    const { line, record } = part;
    const isInside = record === undefined ? this.#filter.isInside : this.#filter.accepts(record);
    this.#isOver ||= this.#rises && this.#filter.isBehind;
    if (isInside && this.#matcher.takes(line)) this.#add(part);
  }

  #add(part: LinePart): void {
    if (part.record === undefined) {
      if (part.isLoss || this.#tape.onError !== undefined) this.#waiting.push(part.error);
      return;
    }
    const value = this.#choose(part.record);
    if (value !== undefined) this.#waiting.push(value);
  }
}

/** Whether more than a record may be on a line, or less than one. */
function isJoined(line: TapeLine): boolean {
  return line.type === undefined || mayHoldMore(line);
}

/** Has all lines of a range looked at, for what a query has to know before. */
async function lookAhead(survey: Survey, tape: ReadTape, range: Range, rises: boolean, start: number): Promise<void> {
  const filter = new RangeFilter(range);
  for await (const lines of wantedLines(tape, start, () => true)) {
    for (const line of lines) {
      if (line instanceof TapeError) continue;
      if (range.isBounded && isJoined(line)) {
        for (const { line: part, record } of readParts(line)) {
          if (record !== undefined && filter.accepts(record)) survey.add(part);
        }
      } else if (filter.acceptsLine(line)) survey.add(line);
      if (rises && filter.isBehind) return survey.end();
    }
  }
  survey.end();
}

/** The last of what another reading gives, in reverse: no more of it is kept. */
class LastRecords<T> implements RecordReading<T> {
  readonly #records: T[];

  private constructor(records: T[]) {
    this.#records = records;
  }

  static async of<T>(reading: RecordReading<T>, limit: number): Promise<LastRecords<T>> {
    let last: T[] = [];
    while (limit > 0) {
      for (let value = reading.take(); value !== undefined; value = reading.take()) {
        last.push(value);
        if (last.length > 2 * limit + 1000) last = last.slice(-limit);
      }
      if (!await reading.fill()) break;
    }
    await reading.close();
    return new LastRecords(last);
  }

  take(): T | undefined {
    return this.#records.pop();
  }

  fill(): Promise<boolean> {
    return Promise.resolve(false);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
