import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { type LinePart, readParts } from "../../lines/line-parts.ts";
import { pipe } from "../../streams/pipe.ts";
import type { CheckpointRecord, CorrelationRecord, FrameRecord, GapRecord, TapeRecord } from "../../records/record.ts";
import type { TapeStore } from "../../stores/store.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import type { RepairOutput } from "./repair-output.ts";
import type { CopyReport } from "./repair-report.ts";
import type { Part, RepairPlan } from "./repair-plan.ts";
import { framesText } from "../verify/verify-finding.ts";
import { tapeLines, type TapeLinesOptions } from "../verify/verify-lines.ts";
import { FrameMemory, gapRange } from "../verify/verify-order.ts";
import { isSealed, SealCheck } from "../verify/verify-seals.ts";

/** So many correlations wait for frames that come later than they. */
const MAX_HELD = 4096;

/** Copies a tape line by line, each where it belongs, and leaves out what belongs nowhere. */
export class RepairCopy {
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #plan: RepairPlan;
  readonly #options: TapeLinesOptions;
  readonly #output: RepairOutput;
  readonly #report: CopyReport;
  readonly #frames = new FrameMemory();
  readonly #seals = new SealCheck();
  #run = 0;
  #part = 0;
  #next = 0;
  #lastTs = 0;
  /** Frames that a gap record tells of without their numbers. */
  #unnumbered = 0;
  #held: { readonly line: TapeLine; readonly record: CorrelationRecord }[] = [];
  /** The lowest number that one of them waits for. */
  #heldFor = Infinity;
  #lastCheckpoint: string | undefined;
  #hasSeals = false;
  /** Size of the repaired tape behind its last checkpoint. */
  #sealedSize = 0;

  constructor(
    store: TapeStore,
    key: string,
    plan: RepairPlan,
    options: TapeLinesOptions,
    output: RepairOutput,
    report: CopyReport,
  ) {
    this.#store = store;
    this.#key = key;
    this.#plan = plan;
    this.#options = options;
    this.#output = output;
    this.#report = report;
  }

  /**
   * Copies all but the init record, which comes first and is the caller's.
   *
   * @param lastSeq number of the last frame that there should be, where it is known
   */
  async run(lastSeq: number = -1): Promise<void> {
    const onBlock = (bytes: Uint8Array) => this.#seals.block(bytes);
    let tooLong: number | undefined;
    let lines = 0;
    for await (const line of tapeLines(this.#store, this.#key, { ...this.#options, onBlock })) {
      lines++;
      if (tooLong !== undefined) await this.#report.drop(tooLong, line.offset!, undefined);
      tooLong = line instanceof TapeError ? line.offset! : undefined;
      if (!(line instanceof TapeError)) { for (const part of readParts(line)) await this.#copy(part); }
    }
    if (tooLong !== undefined) await this.#report.drop(tooLong, this.#options.end, undefined);
    await this.#moveBefore(Infinity);
    await this.#bridge(lastSeq + 1);
    await this.#release();
    for (const { line, record } of this.#held) await this.#drop(line, record);
    const isUnsealed = this.#output.size > this.#sealedSize;
    if (this.#hasSeals && isUnsealed) await this.#noteUnverified(this.#seals.line, lines);
  }

  async #copy({ line, record }: LinePart): Promise<void> {
    if (record === undefined || (record.type !== "checkpoint" && isSealed(line))) {
      return await this.#drop(line, undefined);
    }
    switch (record.type) {
      case "init":
        if (line.offset !== this.#plan.init?.offset) await this.#drop(line, record);
        break;
      case "frame":
        await this.#frame(line, record);
        break;
      case "gap":
        await this.#gap(line, record);
        break;
      case "correlation":
        await this.#correlation(line, record);
        break;
      case "checkpoint":
        await this.#checkpoint(line, record);
        break;
      default:
        await this.#output.line(line, record);
    }
  }

  async #frame(line: TapeLine, frame: FrameRecord): Promise<void> {
    const { runs } = this.#plan;
    while (runs[this.#run]!.end <= line.offset) this.#run++;
    const part = runs[this.#run]!.parts.find(({ from, to }) => frame.seq >= from && frame.seq <= to);
    if (part === undefined) return await this.#drop(line, frame);
    if (part.isMoved) return;
    await this.#moveBefore(frame.seq);
    await this.#putFrame(line, frame);
  }

  /** Puts the frames here that belong before a number and stand elsewhere. */
  async #moveBefore(seq: number): Promise<void> {
    for (let part = this.#upcoming(); part !== undefined && part.isMoved && part.to < seq; part = this.#upcoming()) {
      const { offset, end } = part.run;
      const { maxLineBytes, signal } = this.#options;
      const lines = pipe(
        this.#store.openSource(this.#key, { start: offset, end, signal }),
        lineSplit({ maxLineBytes, offset, line: 0, onError: () => {} }),
      );
      for await (const whole of lines) {
        for (const { line, record } of readParts(whole)) {
          if (record?.type !== "frame" || record.seq < part.from || record.seq > part.to) continue;
          await this.#putFrame(line, record);
          this.#report.movedFrames++;
        }
      }
      // Whatever the source has become meanwhile, this part is done with.
      this.#part++;
    }
  }

  /** The part that the next frame is of. */
  #upcoming(): Part | undefined {
    const { parts } = this.#plan;
    while (this.#part < parts.length && parts[this.#part]!.to < this.#next) this.#part++;
    return parts[this.#part];
  }

  async #putFrame(line: TapeLine, frame: FrameRecord): Promise<void> {
    await this.#bridge(frame.seq);
    const ts = Math.max(this.#plan.times.get(line.offset) ?? frame.ts, this.#lastTs);
    if (ts === frame.ts) await this.#output.line(line, frame);
    else {
      this.#report.retimedFrames++;
      frame.ts = ts;
      // A tape may claim to be as old as numbers go; then its microseconds end before its milliseconds do.
      if (frame.ts_us != null && Math.floor(frame.ts_us / 1000) !== ts) {
        frame.ts_us = Math.min(ts * 1000, Number.MAX_SAFE_INTEGER);
      }
      await this.#output.record(frame);
    }
    this.#lastTs = ts;
    this.#frames.add(frame);
    this.#next = frame.seq + 1;
    this.#unnumbered = 0;
    await this.#release();
  }

  /** Says that the frames before this one are missing, where nothing says so yet. */
  async #bridge(seq: number): Promise<void> {
    const count = seq - this.#next;
    if (count <= this.#unnumbered) return;
    this.#report.missingFrames += count;
    const reason = `tapeline repair: ${framesText(this.#next, seq - 1)} could not be found on the damaged tape`;
    const gap = { type: "gap" as const, ts: this.#lastTs, from_seq: this.#next, to_seq: seq - 1, count, reason };
    await this.#output.record(gap);
    this.#next = seq;
  }

  async #gap(line: TapeLine, gap: GapRecord): Promise<void> {
    const range = gapRange(gap);
    if (range === undefined) {
      this.#unnumbered += gap.count;
      await this.#output.line(line, gap);
      return;
    }
    const { from = this.#next, to } = range;
    await this.#moveBefore(from);
    const upcoming = this.#upcoming();
    const isTrue = from >= this.#next && to >= from && (upcoming === undefined || to < upcoming.from);
    if (!isTrue) return await this.#drop(line, gap);
    await this.#bridge(from);
    await this.#output.line(line, gap);
    this.#next = to + 1;
    await this.#release();
  }

  async #correlation(line: TapeLine, record: CorrelationRecord): Promise<void> {
    const last = lastOf(record);
    if (last < this.#next) return await this.#putCorrelation(line, record);
    // Its frames may be among those that come later.
    this.#held.push({ line, record });
    this.#heldFor = Math.min(this.#heldFor, last);
    if (this.#held.length <= MAX_HELD) return;
    const oldest = this.#held.shift()!;
    await this.#drop(oldest.line, oldest.record);
  }

  async #putCorrelation(line: TapeLine, record: CorrelationRecord): Promise<void> {
    if (this.#frames.misfit(record) !== undefined) await this.#drop(line, record);
    else await this.#output.line(line, record);
  }

  /** Puts the correlations whose frames are there now. */
  async #release(): Promise<void> {
    if (this.#next <= this.#heldFor) return;
    const held = this.#held;
    this.#held = [];
    this.#heldFor = Infinity;
    for (const { line, record } of held) await this.#correlation(line, record);
  }

  async #checkpoint(line: TapeLine, record: CheckpointRecord): Promise<void> {
    const text = line.text();
    const { line: from } = this.#seals;
    const verdict = this.#seals.checkpoint(line, record.crc32);
    this.#hasSeals ||= verdict !== "unsealed";
    if (text === this.#lastCheckpoint) return await this.#drop(line, record);
    this.#lastCheckpoint = text;
    if (typeof verdict === "object") await this.#noteUnverified(from, line.number);
    await this.#output.checkpoint(record);
    if (record.signature != null) this.#report.unsignedCheckpoints++;
    this.#sealedSize = this.#output.size;
  }

  /** Notes on the tape what its new checksums cannot tell: that of these lines the old ones did not fit. */
  async #noteUnverified(from: number, to: number): Promise<void> {
    this.#report.unverified(from, to);
    const reason = `tapeline repair: no checksum vouched for lines ${from} to ${to} of the damaged tape`;
    await this.#output.record({ type: "gap", ts: this.#lastTs, from_seq: null, to_seq: null, count: 0, reason });
  }

  async #drop(line: TapeLine, record: TapeRecord | undefined): Promise<void> {
    await this.#report.drop(line.offset, line.nextOffset, record);
  }
}

function lastOf({ request_seq, response_seq }: CorrelationRecord): number {
  return Math.max(request_seq, response_seq ?? 0);
}
