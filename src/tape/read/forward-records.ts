import type { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { parseLine } from "../../lines/parse-line.ts";
import type { TapeRecord } from "../../records/record.ts";
import type { TapeStore } from "../../stores/store.ts";
import type { Place, TapeSearch } from "../seek/tape-search.ts";
import { LineCursor } from "./line-cursor.ts";
import { LineIterator } from "./line-iterator.ts";
import { type Range, RangeFilter } from "../range/range.ts";
import type { RecordReading } from "../range/range-iterator.ts";

/** A tape that is read, and how. */
export interface ReadTape {
  readonly store: TapeStore;
  readonly tapeId: string;
  readonly key: string;
  readonly maxLineBytes: number;
  readonly search: TapeSearch;
  readonly onError: ((error: TapeError) => void) | undefined;
}

/** What is wanted of a record; undefined where it is left out. */
export type Choice<T> = (record: TapeRecord) => T | undefined;

/** Reads a range of a tape from its start to its end. */
export class ForwardRecords<T> implements RecordReading<T> {
  readonly #tape: ReadTape;
  readonly #cursor: LineCursor;
  readonly #records: LineIterator<T>;
  readonly #filter: RangeFilter;
  readonly #pick: Choice<T>;
  /** Behind frames that are behind the range there is no more of it. */
  readonly #rises: boolean;
  #isOver = false;

  private constructor(tape: ReadTape, range: Range, pick: Choice<T>, rises: boolean, start: Place) {
    const { store, key, maxLineBytes, onError } = tape;
    this.#tape = tape;
    const number = start.offset === 0 ? 1 : 0;
    this.#cursor = new LineCursor(store, key, { ...start, number, maxLineBytes, letsGo: true });
    this.#filter = new RangeFilter(range);
    this.#pick = pick;
    this.#rises = rises;
    this.#records = new LineIterator(() => this.#cursor, (line) => this.#read(line), onError, this);
  }

  static async open<T>(tape: ReadTape, range: Range, pick: Choice<T>): Promise<ForwardRecords<T>> {
    const rises = await tape.search.rises();
    return new ForwardRecords(tape, range, pick, rises, rises ? await startOf(tape, range) : { offset: 0 });
  }

  get isOutside(): boolean {
    return !this.#filter.isInside;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  take(): T | undefined {
    return this.#records.take(this.#cursor);
  }

  async fill(): Promise<boolean> {
    return !this.#isOver && await this.#cursor.fill();
  }

  async close(): Promise<void> {
    await this.#cursor.close();
  }

  #read(line: TapeLine): T | undefined {
    const record = parseLine(line, this.#tape.tapeId);
    const isInside = this.#filter.accepts(record);
    this.#isOver ||= this.#rises && this.#filter.isBehind;
    return isInside ? this.#pick(record) : undefined;
  }
}

/** The place before which nothing of a range stands, on a tape along which numbers and times rise. */
export async function startOf({ search }: ReadTape, { seq, ts }: Range): Promise<Place> {
  const places = [
    seq.from > 0 ? await search.before("seq", seq.from) : { offset: 0 },
    ts.from > 0 ? await search.before("ts", ts.from) : { offset: 0 },
  ];
  return places.reduce((a, b) => a.offset > b.offset ? a : b);
}
