import process from "node:process";
import type { Goal } from "./plan.ts";

/** One of several ways to do the same work. */
export interface Candidate {
  readonly name: string;
  /** Does the work once and gives what it measured: work done per second, or milliseconds. */
  readonly run: () => Promise<number>;
  /** Whether it belongs to somebody else: one that does not work here is left out. */
  readonly isPeer?: boolean | undefined;
}

/** What the rounds gave. */
export interface Measured {
  readonly samples: readonly number[];
  /** NaN where there are none. */
  readonly median: number;
  /** Why a peer could not be measured. */
  readonly fault?: string | undefined;
}

const { gc, Bun } = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } };

/** Frees what earlier work left, so that it is not charged to what comes next. */
export function collectGarbage(): void {
  if (Bun === undefined) gc?.();
  else Bun.gc(true);
}

/** Runs all candidates in turn, A B C A B C …: one round to warm up, then those that count. */
export async function interleaved(candidates: readonly Candidate[], rounds: number): Promise<Map<string, Measured>> {
  const samples = new Map(candidates.map(({ name }) => [name, [] as number[]]));
  const faults = new Map<string, string>();
  for (let round = 0; round <= rounds; round++) {
    for (const { name, run, isPeer } of candidates) {
      if (faults.has(name)) continue;
      collectGarbage();
      try {
        const sample = await run();
        if (round > 0) samples.get(name)!.push(sample);
      } catch (error) {
        if (isPeer !== true) {
          throw new Error(`${name} failed`, { cause: error });
        }
        faults.set(name, error instanceof Error ? error.message.split("\n")[0]! : String(error));
      }
    }
  }
  return new Map(
    Array.from(samples, ([name, own]) => [name, { samples: own, median: median(own), fault: faults.get(name) }]),
  );
}

/** The value in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Gives the value below which a part of all lies, `part` from 0 to 1. */
export type Quantile = (part: number) => number;

/** Sorts the values once, for all that is asked of them. */
export function quantiles(values: ArrayLike<number>): Quantile {
  const sorted = Float64Array.from(values).sort();
  return (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}

/** Gives the time in milliseconds since some moment. */
export type Clock = () => number;

/** The time on the wall, or, on a machine that is busy with other things, what this process took of its processors. */
export const clocks: Readonly<Record<"wall" | "cpu", Clock>> = {
  wall: () => performance.now(),
  cpu() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

/** How often something is done in a second, when `count` times took the time that `work` takes. */
export async function perSecond(clock: Clock, count: number, work: () => Promise<unknown>): Promise<number> {
  const startedAt = clock();
  await work();
  return count / (clock() - startedAt) * 1000;
}

/** As in `812 k/s`. */
export function rate({ median, fault }: Measured): string {
  if (fault !== undefined) return `did not run: ${fault}`;
  return median >= 1e6 ? `${(median / 1e6).toFixed(2)} M/s` : `${(median / 1e3).toPrecision(3)} k/s`;
}

/** As in `0.25 ms`. */
export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
}

/** A target that is met by what is as large or larger. */
export function atLeast(limit: number, value: number, unit = ""): Goal {
  return { text: `at least ${limit}${unit}`, met: value >= limit };
}

/** A target that is met by what is as small or smaller. */
export function atMost(limit: number, value: number, unit = ""): Goal {
  return { text: `at most ${limit}${unit}`, met: value <= limit };
}
