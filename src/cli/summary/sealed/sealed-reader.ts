import { blockSearch } from "../../../bytes/block-search.ts";
import { crc32 } from "../../../bytes/crc32.ts";
import { TapeLine } from "../../../lines/line.ts";
import { parseLine } from "../../../lines/parse-line.ts";
import { PlainCorrelation } from "../../../lines/plain/plain-correlation.ts";
import { PlainFrame } from "../../../lines/plain/plain-frame.ts";
import { decodeUtf8 } from "../../../utf8.ts";
import { messageHeader } from "../../../records/jsonrpc.ts";
import type { TapeStats } from "../../../records/metadata.ts";
import type {
  CheckpointRecord,
  CorrelationRecord,
  Direction,
  FrameRecord,
  TapeRecord,
} from "../../../records/record.ts";
import { sameJson } from "../../../json/same-json.ts";
import { checksumText, sealedLength } from "../../../tape/write/commit/seal.ts";
import { rawFailure, seenMessage } from "../calls.ts";
import { type MethodLabel, methodLabels } from "./method-labels.ts";
import { PeerHints } from "./peer-hints.ts";
import { type Call, RecentCalls } from "../recent-calls.ts";
import { type MethodSummary, TapeSummary } from "../tape-summary.ts";

/** A request, and whether the tape has said what became of it. */
interface AwaitedCall extends Call {
  /** Where it is counted. */
  readonly counted: MethodSummary;
  isSettled: boolean;
}

/** An answer whose correlation record must follow. */
interface Answer {
  readonly seq: number;
  readonly dir: Direction;
  readonly requestSeq: number;
  readonly status: "success" | "error";
}

/**
 * The summary of a tape that was finalized and is sealed from end to end, without parsing its messages: most frames say
 * what they are at the beginning of their lines, and what became of a request stands in its correlation record. What
 * vouches for the rest of the lines is the checksum behind them, and that the writer, who has parsed all that it found when
 * it went on with a tape, has counted as many records as there are lines.
 *
 * It gives up on a tape on which anything stands that cannot be told in this way: then all of it has to be parsed.
 */
export class SealedReader {
  readonly #summary: TapeSummary;
  readonly #maxLineBytes: number;
  readonly #frame: PlainFrame<MethodLabel>;
  readonly #plainCorrelation = new PlainCorrelation();
  readonly #calls = new RecentCalls<AwaitedCall>();
  readonly #hints: PeerHints;
  /** Where the next block starts in the tape. */
  offset = 0;
  /** The number of the next line. */
  #number = 1;
  #crc = 0;
  /** The answer that was read last, as long as its correlation record has not come. */
  #answer: Answer | undefined;
  /** Requests of which the tape has not said what became of them. */
  #unsettled = 0;
  /** How many requests the writer has given up, where those that ran out of time count half. */
  #unanswered = 0;
  /** The last record, if it is a final checkpoint. */
  #final: CheckpointRecord | undefined;

  /** @param top how many of the slowest calls to keep */
  constructor(top: number, maxLineBytes: number) {
    this.#summary = new TapeSummary(top);
    this.#frame = new PlainFrame(methodLabels((label, dir) => this.#summary.method(label, dir)));
    this.#hints = new PeerHints(this.#summary.peers);
    this.#maxLineBytes = maxLineBytes;
  }

  /** Takes the next bytes of the tape, which are whole lines and only lent. False if it gives up. */
  block(bytes: Uint8Array): boolean {
    const search = blockSearch(bytes);
    this.#hints.block(search);
    let sealedTo = 0;
    for (let start = 0; start < bytes.length; this.#number++) {
      // What must stand behind an answer is read in no time, and its end need not be looked for.
      const correlation = this.#plainCorrelation;
      if (this.#answer !== undefined && correlation.read(bytes, start)) {
        if (!this.#correlation(correlation)) return false;
        start = correlation.end + 1;
        continue;
      }
      const end = search.newline(start);
      if (end < 0 || end - start > this.#maxLineBytes) return false;
      if (this.#hints.isBefore(end) || !this.#plainFrame(bytes, start, end)) {
        const record = this.#parse(bytes, start, end);
        if (record === undefined || !this.#record(record)) return false;
        if (record.type === "checkpoint") {
          if (!this.#isSealed(record, bytes, sealedTo, start, end)) return false;
          this.#crc = 0;
          sealedTo = end + 1;
        }
      }
      start = end + 1;
    }
    this.#crc = crc32(bytes.subarray(sealedTo), this.#crc);
    this.offset += bytes.length;
    return true;
  }

  /** The summary, if the blocks were all of a tape of this size; undefined where it cannot be told. */
  end(size: number): TapeSummary | undefined {
    const isOver = this.#final !== undefined && this.#answer === undefined && this.#unsettled === 0 &&
      this.offset === size;
    return isOver ? this.#summary : undefined;
  }

  /** Whether the checksum of the checkpoint on a line fits what stands before it. */
  #isSealed(
    { crc32: checksum }: CheckpointRecord,
    bytes: Uint8Array,
    from: number,
    start: number,
    end: number,
  ): boolean {
    const digits = start + sealedLength(end - start);
    return checksum != null && checksumText(crc32(bytes.subarray(from, digits), this.#crc)) === checksum &&
      checksum === decodeUtf8(bytes, digits, digits + checksum.length);
  }

  /** Counts a frame that is spelled as most are; false for any other line. */
  #plainFrame(bytes: Uint8Array, start: number, end: number): boolean {
    const frame = this.#frame;
    if (this.#answer !== undefined || !frame.read(bytes, start, end)) return false;
    this.#final = undefined;
    this.#summary.sessionEnd = undefined;
    this.#summary.stats.add(frame);
    const { kind, seq, ts, dir } = frame;
    if (kind === "response") {
      // No other frame is read before its correlation record.
      this.#answer = frame;
      return true;
    }
    const { counted, method, label } = frame.called!;
    counted.count++;
    return kind === "notification" || this.#asked({ seq, ts, dir, label, counted, isSettled: false }, method);
  }

  #parse(bytes: Uint8Array, start: number, end: number): TapeRecord | undefined {
    try {
      return parseLine(new TapeLine(bytes, start, end, this.offset + start, this.#number, true));
    } catch {
      return undefined;
    }
  }

  /** Counts a record that was parsed; false if what it means cannot be told. */
  #record(record: TapeRecord): boolean {
    if ((record.type === "init") !== (this.#number === 1) || record.type === "gap") return false;
    if (record.type === "correlation") return this.#correlation(record);
    // Only a checkpoint, which is due after so many frames, may come between an answer and its correlation.
    if (this.#answer !== undefined && record.type !== "checkpoint") return false;
    this.#final = undefined;
    if (record.type === "frame") {
      this.#summary.sessionEnd = undefined;
      return this.#parsedFrame(record);
    }
    if (record.type === "checkpoint" && record.final === true) {
      if (!isSame(record.stats, this.#summary.stats.snapshot())) return false;
      this.#final = record;
    }
    this.#summary.add(record);
    return true;
  }

  /** The same for a frame, of which the tape must say the same as its message. */
  #parsedFrame(frame: FrameRecord): boolean {
    const { seq, ts, dir, correlation_id, flags, env: { message, line_end } } = frame;
    const { is_notification, requires_response, is_error, is_tool_error, is_stray } = flags ?? {};
    const summary = this.#summary;
    const header = messageHeader(is_stray === true ? undefined : message);
    const seen = seenMessage(message, header, undefined, rawFailure(frame));
    summary.stats.add(frame);
    if (header.kind === "invalid" || header.kind === "notification" && header.version === "2.0") {
      if (correlation_id != null || header.kind === "notification" && is_notification !== true) return false;
      summary.addSeen(frame, { messages: [seen], answers: [] });
      return true;
    }
    if (header.kind === "batch" || header.version !== "2.0" || header.idKey === "null") return false;
    if (line_end != null) summary.strange.lineEnd(frame, line_end);
    summary.peers.see(seen);
    if (header.kind === "request") {
      if (requires_response !== true || correlation_id !== `corr-${seq}`) return false;
      const label = seen.label!;
      const counted = summary.method(label, dir);
      counted.count++;
      return this.#asked({ seq, ts, dir, label, counted, isSettled: false }, header.method!);
    }
    const requestSeq = Number(/^corr-(\d+)$/.exec(correlation_id ?? "")?.[1]);
    if (Number.isNaN(requestSeq)) return false;
    const { failure } = seen;
    if (failure?.kind !== (is_error === true ? "error" : is_tool_error === true ? "tool_error" : undefined)) {
      return false;
    }
    if (failure !== undefined) summary.addFailure(frame, this.#calls.get(requestSeq)?.label, failure);
    this.#answer = { seq, dir, requestSeq, status: failure?.kind === "error" ? "error" : "success" };
    return true;
  }

  #asked(call: AwaitedCall, method: string): boolean {
    // A writer that has given up requests may not notice that an id is used again. One that ran out of time it remembers.
    if (this.#unanswered > 1) return false;
    this.#calls.add(call);
    this.#unsettled++;
    this.#summary.strange.asked(call, method);
    return true;
  }

  /** Counts what became of a request. Of an answered one this must stand right behind the answer. */
  #correlation(record: CorrelationRecord): boolean {
    const { request_seq, response_seq, status, ambiguous, late } = record;
    const summary = this.#summary;
    const answer = this.#answer;
    // An id was used again: who means which request, only the ids tell.
    if (ambiguous === true) return false;
    if (answer?.seq !== (response_seq ?? undefined)) return false;
    if (answer !== undefined) {
      if (answer.requestSeq !== request_seq || status !== answer.status && status !== "cancelled") return false;
      if (status === "cancelled") summary.strange.add("answer_after_cancellation", answer);
    }
    if (response_seq == null) this.#unanswered += status === "timeout" ? 1 : 2;
    this.#answer = undefined;
    this.#final = undefined;
    const call = this.#calls.get(request_seq);
    if (call === undefined ? late !== true : !call.isSettled) this.#unsettled--;
    if (call !== undefined) call.isSettled = true;
    summary.stats.add(record);
    summary.strange.correlation(record, call?.dir);
    summary.settle(record, call, call?.counted);
    return true;
  }
}

const COUNTS = [
  ...["frame_count", "duration_ms", "last_sequence", "error_count", "tool_error_count", "correlation_count"] as const,
  ...["checkpoint_count", "lost_frame_count"] as const,
];

/** Whether a checkpoint says what was counted. */
function isSame(said: TapeStats, counted: TapeStats): boolean {
  return COUNTS.every((name) => (said[name] ?? 0) === (counted[name] ?? 0)) &&
    sameJson(said.message_counts, counted.message_counts);
}
