import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { readParts } from "../../lines/line-parts.ts";
import { parseLine } from "../../lines/parse-line.ts";
import type { LineMatcher } from "../../query/match/line-matcher.ts";
import type { Survey } from "../../query/operations/survey.ts";
import type { Selection } from "../../query/select.ts";
import { type Range, RangeFilter } from "../range/range.ts";
import type { RecordReading } from "../range/range-iterator.ts";
import { type Choice, type ReadTape, startOf } from "./forward-records.ts";
import { type Lines, wantedLines } from "./wanted-lines.ts";

/** Reads what a query selects of a range, from its start to its end. */
export class SelectedRecords<T> implements RecordReading<T> {
  readonly #tape: ReadTape;
  readonly #choose: Choice<T>;
  readonly #filter: RangeFilter;
  readonly #matcher: LineMatcher;
  /** Behind a line that is behind the range there is no more of it. */
  readonly #rises: boolean;
  readonly #blocks: AsyncGenerator<Lines, void, undefined>;
  #lines: Lines = [];
  #at = 0;
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
    this.#filter = new RangeFilter(range);
    this.#matcher = matcher;
    this.#rises = rises;
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
    this.#lines = value ?? [];
    this.#at = 0;
    return value !== undefined;
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
      const isInside = this.#filter.acceptsLine(line);
      this.#isOver = this.#rises && this.#filter.isBehind;
      if (!isInside || !this.#matcher.takes(line)) continue;
      try {
        const value = this.#choose(parseLine(line, this.#tape.tapeId));
        if (value !== undefined) return value;
      } catch {
        this.#takeApart(line);
        if (this.#waiting.length > 0) return this.#waiting.shift();
      }
    }
    return undefined;
  }

  #takeApart(line: TapeLine): void {
    for (const part of readParts(line, this.#tape.tapeId)) {
      if (part.record === undefined) {
        if (part.isLoss || this.#tape.onError !== undefined) this.#waiting.push(part.error);
        continue;
      }
      const value = this.#choose(part.record);
      if (value !== undefined) this.#waiting.push(value);
    }
  }
}

/** Has all lines of a range looked at, for what a query has to know before. */
async function lookAhead(survey: Survey, tape: ReadTape, range: Range, rises: boolean, start: number): Promise<void> {
  const filter = new RangeFilter(range);
  for await (const lines of wantedLines(tape, start, () => true)) {
    for (const line of lines) {
      if (line instanceof TapeError) continue;
      if (filter.acceptsLine(line)) survey.add(line);
      else if (rises && filter.isBehind) return survey.end();
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
    do {
      for (let value = reading.take(); value !== undefined; value = reading.take()) {
        last.push(value);
        if (last.length > 2 * limit + 1000) last = last.slice(-limit);
      }
    } while (await reading.fill());
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
