import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { readParts, type RecordPart } from "../../lines/line-parts.ts";
import type { FrameRecord, InitRecord } from "../../records/record.ts";
import type { TapeStore } from "../../stores/store.ts";
import { DeclaredGaps } from "./repair-gaps.ts";
import { TimeCheck } from "./repair-times.ts";
import { tapeLines, type TapeLinesOptions } from "../verify/verify-lines.ts";
import { gapRange } from "../verify/verify-order.ts";

/** Into so many runs the frames of a tape may have fallen. */
const MAX_RUNS = 65_536;
/** A run is compared with so many before it. */
const COMPARED_RUNS = 2048;

/** Frames that stand one behind the other with consecutive numbers. */
export interface Run {
  readonly from: number;
  to: number;
  /** Where the first of them starts, and the last one ends. */
  readonly offset: number;
  end: number;
  readonly fromTs: number;
  toTs: number;
  /** The numbers of those frames that belong on the repaired tape. */
  readonly parts: Part[];
}

/** Frames of one run, in the order of the repaired tape. */
export interface Part {
  readonly from: number;
  readonly to: number;
  readonly run: Run;
  /** Whether they have to be put elsewhere. */
  readonly isMoved: boolean;
}

/** What becomes of the frames of a damaged tape. */
export interface RepairPlan {
  /** The init record, wherever it was found. */
  readonly init: { readonly record: InitRecord; readonly bytes: Uint8Array; readonly offset: number } | undefined;
  /** In the order of the damaged tape. */
  readonly runs: readonly Run[];
  /** In the order of the repaired tape. */
  readonly parts: readonly Part[];
  /** The last number that a frame had, as checkpoints say; -1 where they do not. */
  readonly lastSeq: number;
  /** The right times of frames whose time is wrong, by offset. */
  readonly times: ReadonlyMap<number, number>;
}

/**
 * Decides which frames stay where they are, which are moved, and which are none of this tape's: a number that was
 * damaged makes a frame that contradicts its neighbours. The most frames that follow each other in order stay; those
 * that fill a hole between them are moved there.
 *
 * @throws {TapeError} code `invalid_tape`: there is no record, or the frames have fallen into too many runs; `io`
 */
export async function planRepair(store: TapeStore, key: string, options: TapeLinesOptions): Promise<RepairPlan> {
  const runs: Run[] = [];
  const times = new TimeCheck();
  const gaps = new DeclaredGaps();
  let init: RepairPlan["init"];
  let records = 0;
  let lastSeq = -1;
  const add = ({ line, record }: RecordPart) => {
    records++;
    if (record.type === "init") init ??= { record, bytes: line.bytes.slice(), offset: line.offset };
    if (record.type === "gap") {
      const { from, to } = gapRange(record) ?? {};
      if (to !== undefined) gaps.add(from ?? to, to);
    }
    // It says so twice, so that no single damage can make frames up.
    if (record.type === "checkpoint" && record.stats.frame_count && record.seq === record.stats.last_sequence) {
      lastSeq = Math.max(lastSeq, record.seq ?? -1);
    }
    if (record.type !== "frame") return;
    times.add(line.offset, record);
    addTo(runs, line, record);
    if (runs.length > MAX_RUNS) {
      const why = `its frames have fallen into more than ${MAX_RUNS} runs`;
      throw new TapeError("invalid_tape", `Cannot repair ${key}: ${why}`);
    }
  };
  for await (const line of tapeLines(store, key, options)) {
    if (line instanceof TapeError) continue;
    for (const part of readParts(line)) if (part.record !== undefined) add(part);
  }
  if (records === 0) throw new TapeError("invalid_tape", `Cannot repair ${key}: no line of it is a record`);
  const parts = keepMost(runs, gaps);
  fillHoles(runs, parts);
  return { init, runs, parts: parts.sort((a, b) => a.from - b.from), lastSeq, times: times.end() };
}

function addTo(runs: Run[], line: TapeLine, { seq, ts }: FrameRecord): void {
  const last = runs.at(-1);
  if (last !== undefined && seq === last.to + 1) {
    last.to = seq;
    last.toTs = ts;
    last.end = line.nextOffset;
  } else {
    runs.push({ from: seq, to: seq, fromTs: ts, toTs: ts, offset: line.offset, end: line.nextOffset, parts: [] });
  }
}

/** How good it is to keep a run and some before it. */
interface Chain {
  readonly frames: number;
  readonly runs: number;
  /** Frames that are missing before it without a gap record. */
  readonly missing: number;
  /** Index of the run before this one; -1 if there is none. */
  readonly before: number;
}

function isBetter(a: Chain, b: Chain | undefined): boolean {
  if (b === undefined || a.frames !== b.frames) return b === undefined || a.frames > b.frames;
  return a.runs !== b.runs ? a.runs < b.runs : a.missing < b.missing;
}

/**
 * Finds the runs that rise along the tape and hold the most frames: among such the fewest runs, and those between which
 * the fewest frames are missing.
 */
function keepMost(runs: readonly Run[], gaps: DeclaredGaps): Part[] {
  const chains: Chain[] = [];
  const missing = (from: number, to: number) => Math.max(0, to - from + 1) - gaps.count(from, to);
  let best = -1;
  for (const [index, { from, to }] of runs.entries()) {
    let chain: Chain = { frames: to - from + 1, runs: 1, missing: missing(0, from - 1), before: -1 };
    for (let before = Math.max(0, index - COMPARED_RUNS); before < index; before++) {
      const last = runs[before]!.to;
      const other = chains[before]!;
      const frames = other.frames + to - Math.max(last, from - 1);
      if (last >= to || frames < chain.frames) continue;
      const longer = { frames, runs: other.runs + 1, missing: other.missing + missing(last + 1, from - 1), before };
      if (isBetter(longer, chain)) chain = longer;
    }
    chains.push(chain);
    if (isBetter(chain, chains[best])) best = index;
  }
  const kept: Run[] = [];
  for (let index = best; index >= 0; index = chains[index]!.before) kept.push(runs[index]!);
  kept.reverse();
  const parts: Part[] = [];
  for (const run of kept) {
    const part = { from: Math.max(run.from, (parts.at(-1)?.to ?? -1) + 1), to: run.to, run, isMoved: false };
    run.parts.push(part);
    parts.push(part);
  }
  return parts;
}

/** Numbers that no frame has yet, and the times between which theirs must be. */
interface Hole {
  readonly from: number;
  readonly to: number;
  readonly fromTs: number;
  readonly toTs: number;
}

/** Adds the frames of other runs that fill the holes between those that are kept. */
function fillHoles(runs: readonly Run[], parts: Part[]): void {
  const holes = holesBetween(parts);
  for (const run of runs) {
    if (run.parts.length > 0) continue;
    for (let index = firstHole(holes, run.from); index < holes.length && holes[index]!.from <= run.to; index++) {
      const hole = holes[index]!;
      const from = Math.max(run.from, hole.from);
      const to = Math.min(run.to, hole.to);
      if (from > to || !fits(run, hole)) continue;
      const part = { from, to, run, isMoved: true };
      run.parts.push(part);
      parts.push(part);
      const rest = [{ ...hole, to: from - 1 }, { ...hole, from: to + 1 }].filter((one) => one.from <= one.to);
      holes.splice(index, 1, ...rest);
      index += rest.length - 1;
    }
  }
}

/** A lone frame may have its number by damage; then its time betrays it. */
function fits(run: Run, hole: Hole): boolean {
  if (run.to > run.from) return true;
  return run.fromTs >= hole.fromTs && run.fromTs <= hole.toTs;
}

function holesBetween(parts: readonly Part[]): Hole[] {
  const holes: Hole[] = [];
  let from = 0;
  let fromTs = 0;
  for (const { from: next, to, run } of parts) {
    // Of a run that is kept in part the time of the first frame that is kept is not known.
    const toTs = next === run.from ? run.fromTs : run.toTs;
    if (next > from) holes.push({ from, to: next - 1, fromTs, toTs });
    from = to + 1;
    fromTs = run.toTs;
  }
  holes.push({ from, to: from + 2 ** 20, fromTs, toTs: Infinity });
  return holes;
}

/** Index of the first hole that ends at `seq` or behind it. */
function firstHole(holes: readonly Hole[], seq: number): number {
  let low = 0;
  let high = holes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holes[middle]!.to < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
