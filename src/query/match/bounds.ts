import { type Amount, type Moment, readCount, readMoment, timeOfDay } from "../syntax/amounts.ts";
import type { Value } from "../syntax/expression.ts";

/** No day is longer: one on which clocks are set back has 25 hours. */
const LONGEST_DAY_MS = 25 * 3600 * 1000;

/** From here to there, both included, and maybe a little more than was asked for. */
export interface Bounds {
  readonly from: number;
  readonly to: number;
}

/** Within which numbers all lies that one of the values asks for. */
export function countBounds(values: readonly Value[]): readonly Bounds[] {
  return values.flatMap((value) => boundsOf(value, (text) => readCount(text)) ?? []);
}

/** Within which milliseconds since the start of the tape all lies; undefined where that cannot be told. */
export function timeBounds(values: readonly Value[], startedAt: number | undefined): readonly Bounds[] | undefined {
  const bounds = values.map((value) => boundsOf(value, (text) => sinceStart(readMoment(text)!, startedAt)));
  return bounds.every((each) => each !== undefined) ? bounds : undefined;
}

function boundsOf(value: Value, read: (text: string) => Amount | undefined): Bounds | undefined {
  switch (value.is) {
    case "text": {
      const amount = read(value.text);
      return amount && { from: amount.at, to: amount.until };
    }
    case "compare": {
      const amount = read(value.amount);
      if (amount === undefined) return undefined;
      return value.comparison.startsWith(">")
        ? { from: amount.at, to: Infinity }
        : { from: -Infinity, to: amount.until };
    }
    case "range": {
      const [from, to] = [value.from, value.to].map((text) => text === undefined ? undefined : read(text));
      if (value.from !== undefined && from === undefined || value.to !== undefined && to === undefined) {
        return undefined;
      }
      const start = from?.at ?? -Infinity;
      const end = to?.until ?? Infinity;
      const isOverMidnight = to !== undefined && to.at < start;
      return { from: start, to: isOverMidnight ? end + LONGEST_DAY_MS : end };
    }
    default:
      return undefined;
  }
}

function sinceStart({ since, absolute, clock }: Moment, startedAt: number | undefined): Amount | undefined {
  if (since !== undefined) return since;
  if (startedAt === undefined) return undefined;
  const amount = absolute ?? clock!;
  const by = absolute === undefined ? timeOfDay(startedAt, amount.at) - amount.at - startedAt : -startedAt;
  return { at: amount.at + by, until: amount.until + by };
}
