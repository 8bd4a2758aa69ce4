import type { ValueKind } from "./term-names.ts";

/** What an amount stands for: from `at` up to but not including `until`. */
export interface Amount {
  readonly at: number;
  readonly until: number;
  /** Whether it is a stretch of time as a whole, such as a day, so that "up to" it means to its end. */
  readonly isStretch?: boolean;
}

/** Milliseconds since 1970 of a time that a tape is asked for, once it is known when the tape began. */
export interface Moment {
  /** Since the start of the tape. */
  readonly since?: Amount;
  /** Since 1970. */
  readonly absolute?: Amount;
  /** Since midnight of the day on which the tape began, as clocks show it; see {@linkcode timeOfDay}. */
  readonly clock?: Amount;
}

/** When it is that time of day on the day of `startedAt`, where we are: a day on which clocks are set has 23 hours, or 25. */
export function timeOfDay(startedAt: number, sinceMidnight: number): number {
  return new Date(startedAt).setHours(0, 0, 0, sinceMidnight);
}

const DURATIONS: Readonly<Record<string, number>> = {
  us: 1,
  "µs": 1,
  ms: 1000,
  s: 1e6,
  m: 60e6,
  min: 60e6,
  h: 3600e6,
  d: 86_400e6,
};

const SIZES: Readonly<Record<string, number>> = {
  b: 1,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gib: 1024 ** 3,
};

/** Whether a word is a unit of what a term takes. */
export function isUnit(kind: ValueKind | undefined, word: string): boolean {
  switch (kind) {
    case "duration":
    case "age":
    case "time":
      return Object.hasOwn(DURATIONS, word);
    case "size":
      return Object.hasOwn(SIZES, word.toLowerCase());
    default:
      return false;
  }
}

/** A decimal number with no more digits than a double keeps, and its unit. */
const NUMBER = /^(-?)(\d{1,12})(?:\.(\d{1,6}))?([a-zµ]*)$/i;

/** What would do, by the kind of value. */
export const EXAMPLES: Partial<Record<ValueKind, string>> = {
  number: "a whole number, 0 or more, such as 100",
  size: "bytes, such as 512, 16k or 2m",
  duration: "a time with its unit, such as 250us, 200ms or 1.5s",
  age: "a time with its unit, such as 12h or 7d",
  time:
    "a time since the start such as +10s, a time of day such as 14:05 or 14:05:30, or a date such as 2026-11-24T14:05Z",
  date: "a date, such as 2026-11-24 or 2026-11-24T14:05Z",
};

/** A duration, in microseconds; a number without a unit is milliseconds. */
export function readDuration(text: string): Amount | undefined {
  const found = readNumber(text);
  if (found === undefined || found.value < 0) return undefined;
  const unit = DURATIONS[found.unit === "" ? "ms" : found.unit];
  if (unit === undefined) return undefined;
  const at = round(found.value * unit);
  return { at, until: at + Math.min(unit, 1000) };
}

/** A size, in bytes. */
export function readSize(text: string): Amount | undefined {
  const found = readNumber(text);
  const unit = SIZES[found === undefined || found.unit === "" ? "b" : found.unit.toLowerCase()];
  if (found === undefined || found.value < 0 || unit === undefined) return undefined;
  const at = Math.round(found.value * unit);
  return { at, until: at + 1 };
}

/** A count, a whole number of 0 or more. */
export function readCount(text: string): Amount | undefined {
  return /^\d{1,15}$/.test(text) ? { at: Number(text), until: Number(text) + 1 } : undefined;
}

/** A number as it may stand in a message. */
export function readAnyNumber(text: string): number | undefined {
  return /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

/** A moment on a tape. */
export function readMoment(text: string): Moment | undefined {
  const clock = /^(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?$/.exec(text);
  if (clock !== null) {
    const [, hours, minutes, seconds, fraction] = clock;
    if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds ?? 0) > 59) return undefined;
    const at = (Number(hours) * 60 + Number(minutes)) * 60_000 + Number(seconds ?? 0) * 1000 +
      Number((fraction ?? "0").padEnd(3, "0"));
    return { clock: { at, until: at + (seconds === undefined ? 60_000 : fraction === undefined ? 1000 : 1) } };
  }
  if (/^\d{4}-/.test(text)) return readDate(text);
  const since = readDuration(text.startsWith("+") ? text.slice(1) : text);
  if (since === undefined) return undefined;
  // A single time stands for as long as its unit.
  const unit = /[a-zµ]*$/i.exec(text)![0];
  const length = Math.max(DURATIONS[unit === "" ? "ms" : unit]!, 1000) / 1000;
  return { since: { at: since.at / 1000, until: since.at / 1000 + length } };
}

function readDate(text: string): Moment | undefined {
  const parts = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d)?(\.\d{1,3})?(Z|[+-]\d\d:\d\d)?)?$/i.exec(text);
  if (parts === null) return undefined;
  const [, day, time, seconds, fraction] = parts;
  // Without a time, JavaScript would take the day in UTC.
  const at = Date.parse(time === undefined ? `${day}T00:00` : text);
  // Some take the 30th of February for a day in March.
  if (Number.isNaN(at) || new Date(Date.parse(day!)).getUTCDate() !== Number(day!.slice(-2))) return undefined;
  if (time === undefined) return { absolute: { at, until: nextDay(at), isStretch: true } };
  const length = seconds === undefined ? 60_000 : fraction === undefined ? 1000 : 1;
  return { absolute: { at, until: at + length } };
}

function nextDay(at: number): number {
  const date = new Date(at);
  date.setDate(date.getDate() + 1);
  return date.getTime();
}

/** Whether a range from one amount to another has nothing in it. Where it depends on when the tape began, it may have. */
export function isBackwards(kind: ValueKind | undefined, from: string, to: string): boolean {
  switch (kind) {
    case "number":
      return readCount(from)!.at > readCount(to)!.at;
    case "size":
      return readSize(from)!.at > readSize(to)!.at;
    case "duration":
    case "age":
      return readDuration(from)!.at > readDuration(to)!.at;
    case "time":
    case "date": {
      const [start, end] = [readMoment(from)!, readMoment(to)!];
      if (start.since !== undefined && end.since !== undefined) return start.since.at > end.since.at;
      if (start.absolute === undefined || end.absolute === undefined) return false;
      const { at, until, isStretch = false } = end.absolute;
      return isStretch ? start.absolute.at >= until : start.absolute.at > at;
    }
    default:
      return Number(from) > Number(to);
  }
}

/** An amount in its one spelling; undefined if it is none. */
export function canonicalAmount(kind: ValueKind | undefined, text: string): string | undefined {
  switch (kind) {
    case "number":
      return readCount(text) === undefined ? undefined : String(Number(text));
    case "size":
      return readSize(text) === undefined ? undefined : spelled(text).toLowerCase();
    case "age":
      if (/\d$/.test(text)) return undefined;
      return canonicalAmount("duration", text);
    case "duration":
      return readDuration(text) === undefined ? undefined : spelled(text);
    case "time": {
      const moment = readMoment(text);
      if (moment === undefined) return undefined;
      if (moment.since !== undefined) return `+${spelled(text.replace(/^\+/, ""))}`;
      return moment.clock === undefined
        ? text.toUpperCase()
        : text.padStart(text.indexOf(":") === 1 ? text.length + 1 : 0, "0");
    }
    case "date":
      return readMoment(text)?.absolute === undefined ? undefined : text.toUpperCase();
    default: {
      const number = readAnyNumber(text);
      return number === undefined || !Number.isFinite(number) ? undefined : String(number);
    }
  }
}

function readNumber(text: string): { readonly value: number; readonly unit: string } | undefined {
  const found = NUMBER.exec(text);
  if (found === null) return undefined;
  const [, sign, whole, fraction = "0", unit = ""] = found;
  return { value: Number(`${sign}${whole}.${fraction}`), unit };
}

/** The number in its shortest spelling, with its unit. */
function spelled(text: string): string {
  const { value, unit } = readNumber(text)!;
  return `${value}${unit === "µs" ? "us" : unit}`;
}

/** To a thousandth of a unit, as fractions of decimal numbers are not exact. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
