import type { TapeLine } from "../../lines/line.ts";
import type { CorrelationRecord, FrameRecord, GapRecord } from "../../records/record.ts";
import { framesText, placeOfLine, type Report } from "./verify-finding.ts";

/** So many of the latest frames are remembered, to check correlations against. */
const REMEMBERED_FRAMES = 65_536;

/** The numbers that a gap record says are missing; undefined where it does not say. */
export function gapRange(gap: GapRecord): { readonly from: number | undefined; readonly to: number } | undefined {
  const { count } = gap;
  const from = gap.from_seq ?? undefined;
  const to = gap.to_seq ?? (from !== undefined && count > 0 ? from + count - 1 : undefined);
  return to === undefined ? undefined : { from, to };
}

/** The latest frames of a tape, in fixed memory (about 1 MB once it is full). */
export class FrameMemory {
  readonly #seqs: number[] = [];
  readonly #times: number[] = [];
  readonly #fromClient: boolean[] = [];

  add({ seq, ts, dir }: FrameRecord): void {
    const at = seq % REMEMBERED_FRAMES;
    this.#seqs[at] = seq;
    this.#times[at] = ts;
    this.#fromClient[at] = dir === "client_to_server";
  }

  has(seq: number): boolean {
    return this.#seqs[seq % REMEMBERED_FRAMES] === seq;
  }

  /** Why a correlation does not fit the frames that it names, as far as they are remembered; undefined if it does. */
  misfit(correlation: CorrelationRecord): string | undefined {
    const { request_seq, response_seq, request_ts, response_ts } = correlation;
    if (this.#isOtherTime(request_seq, request_ts)) return `frame ${request_seq} has another time than request_ts`;
    if (response_seq == null) return undefined;
    if (response_seq <= request_seq) {
      return `the answer ${response_seq} does not stand behind the request ${request_seq}`;
    }
    if (this.#isOtherTime(response_seq, response_ts)) return `frame ${response_seq} has another time than response_ts`;
    const isSameSide = this.has(request_seq) && this.has(response_seq) &&
      this.#fromClient[request_seq % REMEMBERED_FRAMES] === this.#fromClient[response_seq % REMEMBERED_FRAMES];
    return isSameSide ? `frames ${request_seq} and ${response_seq} come from the same side` : undefined;
  }

  #isOtherTime(seq: number, ts: number | null | undefined): boolean {
    return ts != null && this.has(seq) && this.#times[seq % REMEMBERED_FRAMES] !== ts;
  }
}

/** Checks that frames follow each other in number and time, but for what gap records say. */
export class OrderCheck {
  readonly #report: Report;
  readonly #frames = new FrameMemory();
  /** The number that the next frame should have, gap records counted in. */
  #next = 0;
  /** The same without the gap records since the last frame. */
  #unbridged = 0;
  #highest = -1;
  #lastTs = 0;
  /** Frames that are missing as a gap record says that does not know their numbers. */
  #unnumbered = 0;
  /** Frames that are missing before the last one. A gap record right behind it may still tell of them. */
  #missing: { from: number; readonly to: number; readonly line: TapeLine } | undefined;

  constructor(report: Report) {
    this.#report = report;
  }

  /** The highest number that a frame had, or that a gap record says one had; -1 while there is none. */
  get highest(): number {
    return Math.max(this.#highest, this.#next - 1);
  }

  frame(line: TapeLine, frame: FrameRecord): void {
    this.end();
    const { seq, ts } = frame;
    if (seq >= this.#next) this.#jump(line, seq);
    else if (seq >= this.#unbridged) this.#find("gap_wrong", line, `a gap record says that frame ${seq} is missing`);
    else if (this.#frames.has(seq)) this.#find("frame_repeated", line, `frame ${seq} has been there before`);
    else this.#find("frame_misplaced", line, `frame ${seq} stands behind frame ${this.#unbridged - 1}`);
    if (ts < this.#lastTs) {
      this.#find("time_back", line, `frame ${seq} has the time ${ts} ms, the one before it ${this.#lastTs} ms`);
    }
    this.#lastTs = ts;
    if (!this.#frames.has(seq)) this.#frames.add(frame);
    this.#highest = Math.max(this.#highest, seq);
    this.#next = this.#unbridged = seq + 1;
    this.#unnumbered = 0;
  }

  gap(line: TapeLine, gap: GapRecord): void {
    const range = gapRange(gap);
    if (range === undefined) {
      this.#unnumbered += gap.count;
      return;
    }
    const { from = 0, to } = range;
    if (to < from) this.#find("gap_wrong", line, `the gap ends with frame ${to}, before it starts with frame ${from}`);
    // What is missing before it may be what gap records without numbers tell of.
    if (from <= this.#next + this.#unnumbered) this.#next = Math.max(this.#next, to + 1);
    const missing = this.#missing;
    if (missing === undefined || from > missing.from || to < missing.from) return;
    missing.from = to + 1;
    if (missing.from > missing.to) this.#missing = undefined;
  }

  correlation(line: TapeLine, correlation: CorrelationRecord): void {
    const { request_seq, response_seq } = correlation;
    const last = Math.max(request_seq, response_seq ?? 0);
    const why = last > this.highest ? `frame ${last} does not stand before it` : this.#frames.misfit(correlation);
    if (why !== undefined) this.#find("correlation_wrong", line, why);
  }

  /** There is no gap record any more that could tell of missing frames. */
  end(): void {
    if (this.#missing === undefined) return;
    const { from, to, line } = this.#missing;
    this.#missing = undefined;
    const are = from === to ? "is" : "are";
    this.#find("frames_missing", line, `${framesText(from, to)} ${are} missing before it, and no gap record says so`);
  }

  #jump(line: TapeLine, seq: number): void {
    const count = seq - this.#next;
    // Behind frames that stand in the wrong place it goes on where it was before them.
    if (count === 0 || seq === this.#highest + 1 || count <= this.#unnumbered) return;
    this.#missing = { from: this.#next, to: seq - 1, line };
  }

  #find(
    code: "gap_wrong" | "frame_repeated" | "frame_misplaced" | "time_back" | "correlation_wrong" | "frames_missing",
    line: TapeLine,
    message: string,
  ): void {
    this.#report({ code, severity: "damage", message, ...placeOfLine(line) });
  }
}
