import { isTapeError, TapeError } from "../../errors.ts";
import { type LinePart, mayHoldMore, readParts } from "../../lines/line-parts.ts";
import { type LineLook, lookAt, placeOf, type TapeLine } from "../../lines/line.ts";
import type { GapRecord, TapeRecord } from "../../records/record.ts";
import { framesText } from "../verify/verify-finding.ts";
import { gapRange } from "../verify/verify-order.ts";
import { ALL, type Choice, LineCandidate, type LineChoice } from "./choice/choice.ts";
import type { DerivedOutput } from "./output/derived-output.ts";
import { CorrelationRewriter } from "./frames/correlation-rewriter.ts";
import type { FrameHead } from "./frames/frame-head.ts";
import type { FrameRewriter } from "./frames/frame-rewriter.ts";
import type { SourceRenumbering } from "./frames/renumbering.ts";

/** Where the records of a source go. */
export interface CopyTarget {
  readonly numbers: SourceRenumbering;
  readonly output: DerivedOutput;
}

/** What a copy is made with, and whom it tells what. */
export interface CopyOptions {
  /** Both are used for all sources of a tape. */
  readonly head: FrameHead;
  readonly rewriter: FrameRewriter;
  readonly choice: Choice;
  /** Decides before the choice does. */
  readonly lines?: LineChoice | undefined;
  /** Frames to take whatever these say. It is asked for each. */
  readonly keeps?: ((candidate: LineCandidate) => boolean) | undefined;
  readonly to: CopyTarget;
  /** Names the source, in what is said of it on the tape. */
  readonly name: string;
  /** Is told of everything that cannot be taken. */
  readonly onError: (error: TapeError) => void;
  /** Is asked before a record is taken where there are several tapes to be made. */
  readonly route?: ((candidate: LineCandidate) => CopyTarget | Promise<CopyTarget>) | undefined;
}

const LF = 0x0a;

/** Copies what is chosen of one tape, line by line, to the tape that is made. */
export class SourceCopy {
  readonly #options: CopyOptions;
  readonly #correlations = new CorrelationRewriter();
  readonly #readHead: LineLook<boolean>;
  #to: CopyTarget;
  #hasInit = false;
  /** The highest number that a frame had, or that a gap record says one had. */
  #highest = -1;
  /** Frames that are missing as a gap record says that does not know their numbers. */
  #unnumbered = 0;
  /** The last frames that were found missing here. */
  #bridged: { readonly from: number; readonly to: number } | undefined;
  #lastTs = 0;
  /** Whether what stands on the line may be taken. */
  #isAccepted = true;
  /** What has been decided of the frame on the line, where it has to be taken in another way than was thought. */
  #verdict: boolean | undefined;
  /** Frames that are missing on the source, though nothing there says so. */
  missingFrames = 0;
  /** The last line, if it has no end and is no record yet. */
  unfinished: TapeError | undefined;

  constructor(options: CopyOptions) {
    this.#options = options;
    this.#to = options.to;
    this.#readHead = (block, start, end) => options.head.read(block, start, end);
  }

  /** Whether nothing more will be taken. */
  get isOver(): boolean {
    const { choice, lines } = this.#options;
    return choice.isOver === true || lines?.isOver === true;
  }

  /** Takes the next line, or leaves it. A promise where it has to be waited. */
  line(line: TapeLine): Promise<void> | undefined {
    const { choice, lines } = this.#options;
    // Of several records on a line some may be taken: each is a line of its own then.
    if ((choice !== ALL || lines !== undefined) && mayHoldMore(line)) {
      const parts = readParts(line);
      if (parts.length > 1) return this.#each(parts);
    }
    return this.#one(line);
  }

  async #each(parts: readonly LinePart[]): Promise<void> {
    for (const part of parts) await (part.record === undefined ? this.#part(part) : this.#one(part.line));
  }

  #one(line: TapeLine): Promise<void> | undefined {
    const { head, rewriter, choice, lines, keeps, route } = this.#options;
    if (lines !== undefined) this.#isAccepted = lines.accepts(line);
    if (!line.terminated) return this.#apart(line);
    if (line.type === "correlation" && route === undefined) return this.#correlation(line);
    if (!lookAt(line, this.#readHead)) return this.#apart(line);
    const { seq, ts } = head;
    if (choice === ALL && keeps === undefined && route === undefined) {
      if (!this.#isAccepted) return this.#seen(seq, ts);
      return rewriter.isJson() ? this.#place(seq, ts) : this.#apart(line);
    }
    const dir = head.isFromClient ? "client_to_server" : "server_to_client";
    const candidate = new LineCandidate("frame", seq, ts, dir, line);
    let isTaken: boolean;
    try {
      isTaken = this.#takes(candidate);
    } catch (error) {
      if (candidate.isDamaged) return this.#apart(line);
      throw error;
    }
    if (!isTaken) return this.#seen(seq, ts);
    if (!candidate.isParsed && !rewriter.isJson()) {
      // Who decides is asked once for each.
      this.#verdict = true;
      return this.#apart(line);
    }
    if (route !== undefined) return this.#routed(candidate, seq, ts);
    return this.#place(seq, ts);
  }

  #correlation(line: TapeLine): Promise<void> | undefined {
    const { numbers, output } = this.#to;
    const rewritten = this.#correlations.rewrite(line, numbers);
    if (rewritten === undefined) return this.#apart(line);
    return rewritten === "dropped" ? undefined : output.line(rewritten, this.#correlations.counted);
  }

  #place(seq: number, ts: number): Promise<void> | undefined {
    const { head: { bytes, envStart, end }, rewriter } = this.#options;
    this.#seen(seq, ts);
    const { numbers, output } = this.#to;
    return output.spliced(rewriter.place(numbers), bytes, envStart, end, rewriter.counted);
  }

  async #routed(candidate: LineCandidate, seq: number, ts: number): Promise<void> {
    this.#to = await this.#options.route!(candidate);
    await this.#place(seq, ts);
  }

  /** Takes a line that is spelled in another way, holds another record, or several, or none. */
  #apart(line: TapeLine): Promise<void> | undefined {
    const parts = readParts(line);
    if (this.#options.route !== undefined) return this.#partsRouted(parts);
    let waiting: Promise<void> | undefined;
    for (const part of parts) waiting = this.#part(part) ?? waiting;
    this.#verdict = undefined;
    return waiting;
  }

  async #partsRouted(parts: readonly LinePart[]): Promise<void> {
    for (const part of parts) {
      const { record } = part;
      if (record !== undefined && record.type !== "init" && record.type !== "checkpoint") {
        this.#to = await this.#options.route!(LineCandidate.of(record));
      }
      await this.#part(part);
    }
    this.#verdict = undefined;
  }

  #part(part: LinePart): Promise<void> | undefined {
    const { line, record } = part;
    if (record !== undefined) return this.#record(line, record);
    if (!line.terminated && !part.isLoss) this.unfinished = part.error;
    else if (part.isLoss) this.#options.onError(part.error);
    return undefined;
  }

  #record(line: TapeLine, record: TapeRecord): Promise<void> | undefined {
    switch (record.type) {
      case "init":
        if (this.#hasInit) this.#refuse(line, "it is an init record behind the first record");
        this.#hasInit = true;
        return undefined;
      case "checkpoint":
        return undefined;
      case "correlation":
        return this.#put(line, record);
      case "frame": {
        const isTaken = this.#verdict ?? this.#takes(LineCandidate.of(record));
        this.#verdict = undefined;
        this.#seen(record.seq, record.ts);
        return isTaken ? this.#put(line, record) : undefined;
      }
      case "gap":
        return this.#gap(line, record);
      default:
        // How the lines of the source are coded.
        if (record.type as string === "epoch" || record.type as string === "dictionary") return undefined;
        return this.#takes(LineCandidate.of(record)) ? this.#put(line, record) : undefined;
    }
  }

  #takes(candidate: LineCandidate): boolean {
    const { choice, keeps } = this.#options;
    const isTaken = this.#isAccepted && choice.takes(candidate);
    return keeps !== undefined && candidate.type === "frame" && keeps(candidate) || isTaken;
  }

  #put(line: TapeLine, record: TapeRecord): Promise<void> | undefined {
    const { numbers, output } = this.#to;
    const isCopied = numbers.tape === undefined && numbers.offsetMs === 0 && isPassedOn(record);
    if (isCopied) {
      const { bytes } = line;
      const copy = new Uint8Array(bytes.length + 1);
      copy.set(bytes);
      copy[bytes.length] = LF;
      return output.line(copy, record);
    }
    const placed = numbers.record(record);
    if (placed === undefined) return undefined;
    try {
      return output.record(placed);
    } catch (error) {
      // A field nested too deep to be written: it can be read, but not spelled.
      if (!isTapeError(error, "serialization")) throw error;
      this.#refuse(line, error.message);
      if (placed.type !== "frame") return undefined;
      // It has a number already.
      const { seq, ts } = placed;
      return output.record({ type: "gap", ts, from_seq: seq, to_seq: seq, count: 1, reason: error.message });
    }
  }

  #gap(line: TapeLine, gap: GapRecord): Promise<void> | undefined {
    const range = gapRange(gap);
    if (range === undefined) this.#unnumbered += gap.count;
    else {
      const { from = this.#highest + 1, to } = range;
      if (this.#bridged !== undefined && from >= this.#bridged.from && to <= this.#bridged.to) return undefined;
      if (from <= this.#highest) {
        this.#refuse(line, "it is a gap record that contradicts the frames before it");
        return undefined;
      }
      this.#seen(from, gap.ts);
      this.#highest = Math.max(this.#highest, to);
    }
    return this.#takes(LineCandidate.of(gap)) ? this.#put(line, gap) : undefined;
  }

  /** Notes a frame that is there, and those that should have been before it. */
  #seen(seq: number, ts: number): undefined {
    const count = seq - this.#highest - 1;
    if (count > this.#unnumbered) this.#bridge(this.#highest + 1, seq - 1, ts);
    this.#highest = Math.max(this.#highest, seq);
    this.#unnumbered = 0;
    this.#lastTs = ts;
  }

  /** Says on the tape that frames are missing, where the source does not. */
  #bridge(from: number, to: number, ts: number): void {
    const { name } = this.#options;
    const { numbers, output } = this.#to;
    const reason = `${framesText(from, to)} of tape ${name} could not be found there`;
    const gap: GapRecord = {
      type: "gap",
      ts: Math.min(this.#lastTs, ts),
      from_seq: from,
      to_seq: to,
      count: to - from + 1,
      reason,
    };
    this.#bridged = { from, to };
    if (!this.#options.choice.takes(LineCandidate.of(gap))) return;
    this.missingFrames += gap.count;
    // Nothing is lent, so nobody has to wait: whoever writes next does.
    output.record(numbers.record(gap)!)?.catch(() => {});
  }

  #refuse(line: TapeLine, why: string): void {
    const { offset, number, length } = line;
    const place = { line: number > 0 ? number : undefined, offset, length };
    this.#options.onError(new TapeError("corrupted_record", `Cannot take ${placeOf(line)}: ${why}`, place));
  }
}

/** Whether a record says nothing of numbers, and is passed on as it is spelled. */
function isPassedOn({ type }: TapeRecord): boolean {
  return type !== "frame" && type !== "correlation" && type !== "gap";
}
