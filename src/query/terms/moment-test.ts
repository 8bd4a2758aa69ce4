import { type Amount, type Moment, readMoment, timeOfDay } from "../syntax/amounts.ts";
import type { Value } from "../syntax/expression.ts";
import type { FrameRecord } from "../../records/record.ts";
import { ALL, type Subject } from "./subject.ts";
import { type Evaluate, MAYBE, NO, truthOf } from "./truth.ts";
import { rangesTest } from "./value-tests.ts";

const DAY_MS = 24 * 3600 * 1000;

/**
 * The term `at`. Times since the start of the tape are those of the records; for dates and times of day it must be known when
 * the tape began, or the frame must say when it was.
 */
export function momentTest(values: readonly Value[]): Evaluate {
  const relative = values.filter((value) => amountsOf(value).every(({ since }) => since !== undefined));
  const absolute = values.filter((value) => !relative.includes(value));
  const fitsRelative = relative.length === 0 ? undefined : rangesTest(relative, (text) => readMoment(text)!.since!);
  /** The test for a tape that began then. */
  let known: { readonly startedAt: number; readonly fits: (ms: number) => boolean } | undefined;
  const fitsAbsolute = (startedAt: number, ms: number) => {
    if (known?.startedAt !== startedAt) known = { startedAt, fits: absoluteTest(absolute, startedAt) };
    return known.fits(ms);
  };
  return (subject) => {
    const { type, ts, startedAt } = subject;
    if (type === undefined || ts === undefined) return NO;
    if (fitsRelative?.(ts) === true) return truthOf(true);
    if (absolute.length === 0) return NO;
    if (startedAt !== undefined) return truthOf(fitsAbsolute(startedAt, startedAt + ts));
    if (type !== "frame") return NO;
    if (subject.level < ALL) return MAYBE;
    const said = timestampOf(subject);
    return truthOf(said !== undefined && fitsAbsolute(said - ts, said));
  };
}

function timestampOf({ record }: Subject): number | undefined {
  const ms = Date.parse((record as FrameRecord).env.timestamp ?? "");
  return Number.isNaN(ms) ? undefined : ms;
}

function absoluteTest(values: readonly Value[], startedAt: number): (ms: number) => boolean {
  const amountOf = ({ since, absolute, clock }: Moment): Amount => {
    if (absolute !== undefined) return absolute;
    const amount = since ?? clock!;
    const by = since === undefined ? timeOfDay(startedAt, amount.at) - amount.at : startedAt;
    return { at: amount.at + by, until: amount.until + by };
  };
  const tests = values.map((value) => {
    const read = (text: string) => amountOf(readMoment(text)!);
    if (value.is === "range" && value.from !== undefined && value.to !== undefined) {
      const [from, to] = [read(value.from), read(value.to)];
      const { clock } = readMoment(value.to)!;
      if (clock !== undefined && to.at < from.at) {
        const end = timeOfDay(startedAt, clock.at + DAY_MS);
        return (ms: number) => ms >= from.at && ms <= end;
      }
    }
    return rangesTest([value], read);
  });
  return (ms) => tests.some((fits) => fits(ms));
}

function amountsOf(value: Value): readonly Moment[] {
  const texts = value.is === "text"
    ? [value.text]
    : value.is === "compare"
    ? [value.amount]
    : value.is === "range"
    ? [value.from, value.to]
    : [];
  return texts.flatMap((text) => text === undefined ? [] : [readMoment(text)!]);
}
