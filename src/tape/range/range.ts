import { checkOptions, kindOf, type OptionNames } from "../../arguments.ts";
import { printable, TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { Query } from "../../query/query.ts";
import { type Selection, selectionOf } from "../../query/select.ts";
import type { FrameRecord, InitRecord, TapeRecord } from "../../records/record.ts";

/**
 * Which records of a tape to read. Bounds belong to what is read.
 *
 * A frame has its number and its time, and a log its time. Any other record goes with the one before it: one that stands
 * before the first frame has no number and is below all, and before the first time it is 0.
 */
export interface RangeOptions {
  /** The lowest sequence number, 0 or more. */
  readonly fromSeq?: number | undefined;
  /** The highest sequence number. */
  readonly toSeq?: number | undefined;
  /** The earliest time: milliseconds since the start of the tape, 0 or more, or a time of day. */
  readonly fromTime?: number | Date | undefined;
  /** The latest time, as `fromTime`. */
  readonly toTime?: number | Date | undefined;
  /**
   * From the end of the tape to its start.
   *
   * @default {false}
   */
  readonly reverse?: boolean | undefined;
  /** So many at most, 0 or more. */
  readonly limit?: number | undefined;
  /**
   * What {@linkcode select} lets through, of the lines within the bounds: a query, its text, or a function. An answer knows its
   * request if that is within the bounds too. Blocks of the tape of which its index tells that nothing in them fits are not read.
   * In reverse it needs a `limit`.
   */
  readonly where?: Query | string | ((record: TapeRecord) => boolean) | undefined;
}

const OPTIONS: OptionNames<RangeOptions> = {
  fromSeq: true,
  toSeq: true,
  fromTime: true,
  toTime: true,
  reverse: true,
  limit: true,
  where: true,
};

/** Lowest and highest of what is wanted. */
interface Bounds {
  readonly from: number;
  readonly to: number;
}

/** A range that has been checked. */
export interface Range {
  /** Whether it says which part of the tape it is. */
  readonly isBounded: boolean;
  readonly seq: Bounds;
  /** In milliseconds since the start of the tape. */
  readonly ts: Bounds;
  readonly reverse: boolean;
  readonly limit: number;
  /** What is asked for; undefined where all is. */
  readonly selection: Selection | undefined;
}

/**
 * What somebody who asks for `what` wants.
 *
 * @throws {TapeError} code `invalid_argument`
 */
export function rangeOf(options: RangeOptions, init: InitRecord, what: string): Range {
  checkOptions(`read ${what}`, options, OPTIONS);
  const { fromSeq, toSeq, fromTime, toTime, reverse = false, limit = Infinity, where } = options;
  const refuse = (why: string) => new TapeError("invalid_argument", `Cannot read ${what}: ${why}`);
  for (const [name, value] of Object.entries({ fromSeq, toSeq })) {
    if (value !== undefined && !(typeof value === "number" && value >= 0)) {
      throw refuse(`${name} must be a number, 0 or more, not ${shown(value)}`);
    }
  }
  if (!(Number.isInteger(limit) && limit >= 0 || limit === Infinity)) {
    throw refuse(`limit must be a whole number, 0 or more, not ${shown(limit)}`);
  }
  if (typeof reverse !== "boolean") throw refuse(`reverse must be true or false, not ${shown(reverse)}`);
  const seq = boundsOf(fromSeq, toSeq);
  const ts = boundsOf(
    fromTime === undefined ? undefined : millisecondsOf(fromTime, init, `read ${what}`, "fromTime"),
    toTime === undefined ? undefined : millisecondsOf(toTime, init, `read ${what}`, "toTime"),
  );
  if (seq.from > seq.to) throw refuse(`fromSeq ${fromSeq} is behind toSeq ${toSeq}`);
  if (ts.from > ts.to) throw refuse(`fromTime, ${ts.from} ms, is behind toTime, ${ts.to} ms`);
  const isBounded = [fromSeq, toSeq, fromTime, toTime].some((bound) => bound !== undefined);
  if (reverse && where !== undefined && limit === Infinity) {
    throw refuse("what a query asks for is found forwards, so in reverse it needs a limit");
  }
  const start = Date.parse(init.created_at);
  const startedAt = Number.isNaN(start) ? undefined : start;
  const selection = where === undefined ? undefined : selectionOf(where, startedAt, `read ${what} where`);
  return { isBounded, seq, ts, reverse, limit, selection };
}

/**
 * A time on a tape, in milliseconds since its start; of a time of day before that it is less than 0.
 *
 * @param what what cannot be done with it, as in "Cannot <what>"
 * @throws {TapeError} code `invalid_argument`
 */
export function millisecondsOf(time: number | Date, init: InitRecord, what: string, name: string): number {
  const refuse = (why: string) => new TapeError("invalid_argument", `Cannot ${what}: ${why}`);
  if (typeof time === "number" && time >= 0) return time;
  if (!(time instanceof Date) || Number.isNaN(time.getTime())) {
    throw refuse(`${name} must be milliseconds since the start of the tape, 0 or more, or a Date, not ${shown(time)}`);
  }
  const start = Date.parse(init.created_at);
  if (!Number.isNaN(start)) return time.getTime() - start;
  const created = JSON.stringify(printable(String(init.created_at)));
  throw refuse(
    `${name} is a Date, and nobody knows when the tape started, as its created_at is ${created}; use milliseconds`,
  );
}

/** So many frames outside of a range show that it is over: what a single one says may be damaged. */
const SURE_FRAMES = 3;

/** Whether something is so of several frames, one behind the other. */
export class InARow {
  #count = 0;

  add(isSo: boolean): void {
    this.#count = isSo ? this.#count + 1 : 0;
  }

  /** Whether it is so of the last few. */
  get isSure(): boolean {
    return this.#count >= SURE_FRAMES;
  }
}

/** Whether a frame stands before a range, by its number or its time. */
export function isBefore({ seq, ts }: Range, frame: FrameRecord): boolean {
  return frame.seq < seq.from || frame.ts < ts.from;
}

/** Decides which records are in a range, one after the other in the order of the tape. */
export class RangeFilter {
  readonly #range: Range;
  #seq = -1;
  #ts = 0;
  readonly #behind = new InARow();

  constructor(range: Range) {
    this.#range = range;
  }

  /** Whether what goes with the last record is in the range. */
  get isInside(): boolean {
    const { seq, ts } = this.#range;
    return this.#seq >= seq.from && this.#seq <= seq.to && this.#ts >= ts.from && this.#ts <= ts.to;
  }

  /** Whether what goes with the last record, and with the frames before it, is behind the range, by its number or its time. */
  get isBehind(): boolean {
    return this.#behind.isSure;
  }

  /** Goes on behind a record with this number and this time; what is not given is that of the last record. */
  startBehind(seq: number = this.#seq, ts: number = this.#ts): void {
    this.#seq = seq;
    this.#ts = ts;
  }

  /** The next record, and whether it is in the range. */
  accepts(record: TapeRecord): boolean {
    if (record.type === "frame") this.#seq = record.seq;
    if (record.type === "frame" || record.type === "log") this.#ts = record.ts;
    if (record.type === "frame") this.#sawFrame();
    return this.isInside;
  }

  /** The same by what a line says of itself. */
  acceptsLine({ type, seq = this.#seq, ts = this.#ts }: TapeLine): boolean {
    if (type === "frame") this.#seq = seq;
    if (type === "frame" || type === "log") this.#ts = ts;
    if (type === "frame") this.#sawFrame();
    return this.isInside;
  }

  #sawFrame(): void {
    const { seq, ts } = this.#range;
    this.#behind.add(this.#seq > seq.to || this.#ts > ts.to);
  }
}

function boundsOf(from: number = -Infinity, to: number = Infinity): Bounds {
  return { from, to };
}

function shown(value: unknown): string {
  if (typeof value === "number") return String(value);
  return value instanceof Date
    ? "an invalid Date"
    : typeof value === "string"
    ? JSON.stringify(printable(value))
    : kindOf(value);
}
