import type { Failure } from "../../records/failure.ts";
import { LatencyHistogram } from "../../records/latency-histogram.ts";
import type { SessionEnd } from "../../records/metadata.ts";
import { RunningStats } from "../../records/running-stats.ts";
import type { CorrelationRecord, Direction, FrameRecord, GapRecord, TapeRecord } from "../../records/record.ts";
import { Calls, roundTripUs, type SeenFrame } from "./calls.ts";
import { Peers } from "../../records/messages/peers.ts";
import type { Call } from "./recent-calls.ts";
import { Strangeness } from "./strange.ts";
import { copyOf } from "../terminal/text.ts";

/** What is counted of one method. */
export interface MethodSummary {
  /** The method, and which tool or prompt. Foreign text, like all labels and messages here. */
  readonly label: string;
  /** The direction of its requests or notifications. */
  readonly dir: Direction;
  count: number;
  errors: number;
  readonly latencies: LatencyHistogram;
}

/** A call and how long it took. */
export interface TimedCall {
  readonly label: string;
  readonly requestSeq: number;
  readonly responseSeq: number;
  /** When it was sent, in milliseconds since the start; undefined where nobody knows. */
  readonly ts: number | undefined;
  readonly us: number;
}

/** Errors of one kind. */
export interface ErrorSummary {
  readonly label: string;
  /** The code of a JSON-RPC error; `tool` for the results of tools that say `isError`. */
  readonly code: number | string;
  readonly message: string;
  readonly firstSeq: number;
  count: number;
}

/** A request without an answer. */
export interface OpenCall {
  readonly label: string;
  readonly seq: number;
  readonly ts: number | undefined;
  /** `timeout`, `cancelled`, `orphan`; `open` where the tape has not said so yet. */
  readonly status: string;
}

/** So many different methods, and kinds of errors, are told apart; all further ones are counted together. */
const MAX_KINDS = 500;
export const OTHERS = "(others)";
const UNKNOWN = "(unknown request)";
/** Longer messages are cut: they are kept in memory, and told apart by their beginning. */
export const MAX_MESSAGE = 500;
/** Codes are numbers; longer text in their place is cut. */
const MAX_CODE = 40;
/** So many answers wait for the tape to confirm them, and so many open requests are remembered. */
const MAX_WAITING = 32_768;
const MAX_GAPS = 1000;

/** All that `info` tells of a tape, counted in one pass over its records and in bounded memory. */
export class TapeSummary {
  readonly stats: RunningStats = new RunningStats();
  readonly peers: Peers = new Peers();
  readonly strange: Strangeness = new Strangeness();
  readonly gaps: GapRecord[] = [];
  /** The slowest calls, the slowest first. */
  readonly slowest: TimedCall[] = [];
  /** Frames, and members of batches, that are no JSON-RPC. */
  invalid = 0;
  logs = 0;
  /** How the session has ended, if no frame has come behind that. */
  sessionEnd: SessionEnd | undefined;
  readonly #top: number;
  readonly #calls = new Calls();
  readonly #methods = new Map<string, MethodSummary>();
  readonly #errors = new Map<string, ErrorSummary>();
  readonly #open = new Map<number, OpenCall>();
  /** Answers that were seen and whose correlation record has not been read yet; in batches several have the same id. */
  readonly #waiting = new Map<string, CorrelationRecord[]>();

  /** @param top how many of the slowest calls to keep */
  constructor(top: number) {
    this.#top = top;
  }

  /** Counts the next record of the tape. */
  add(record: TapeRecord): void {
    if (record.type === "end") this.sessionEnd = record;
    else if (record.type === "frame") this.sessionEnd = undefined;
    // First the frame, which may get its flags there.
    if (record.type === "frame") {
      const seen = this.#calls.see(record);
      this.addSeen(record, seen);
      this.#await(seen.answers);
    } else if (record.type === "correlation") this.#addCorrelation(record);
    else if (record.type === "gap") this.#addGap(record);
    else if (record.type === "log") this.logs++;
    this.stats.add(record);
  }

  /** Counts what the tape does not say: answers without a correlation record, and requests that are still open. */
  end(): void {
    this.#addWaiting();
    for (const { request_seq } of this.#calls.end()) {
      if (!this.#open.has(request_seq)) this.#addOpen(request_seq, "open", this.#calls.get(request_seq));
    }
  }

  /** The methods, the most frequent first. */
  methods(): MethodSummary[] {
    return [...this.#methods.values()].sort((a, b) => b.count - a.count);
  }

  /** The kinds of errors, the most frequent first. */
  errors(): ErrorSummary[] {
    return [...this.#errors.values()].sort((a, b) => b.count - a.count);
  }

  /** The requests without an answer, in their order. */
  openCalls(): OpenCall[] {
    return [...this.#open.values()].sort((a, b) => a.seq - b.seq);
  }

  /** Counts a frame, but for the statistics, of which it is known what it says. */
  addSeen(frame: FrameRecord, seen: SeenFrame): void {
    const { messages } = seen;
    // Nobody knows what is in it.
    if (frame.flags?.is_sealed === true) return;
    this.strange.frame(frame, seen);
    for (const seen of messages) {
      const { header, label, failure } = seen;
      this.peers.see(seen);
      if (header.kind === "request" || header.kind === "notification") this.method(label!, frame.dir).count++;
      else if (header.kind === "invalid") this.invalid++;
      if (failure !== undefined) this.addFailure(frame, label, failure);
    }
  }

  /** Counts what a response says has failed; `label` is that of its request, if that is known. */
  addFailure({ dir, seq }: Pick<FrameRecord, "dir" | "seq">, label: string | undefined, failure: Failure): void {
    this.#addError(label ?? UNKNOWN, failure, seq);
    const asker = dir === "client_to_server" ? "server_to_client" : "client_to_server";
    if (label !== undefined) this.method(label, asker).errors++;
  }

  #addGap(gap: GapRecord): void {
    this.strange.gap(gap);
    if (this.gaps.length < MAX_GAPS) this.gaps.push(gap);
    this.#await(this.#calls.lost(gap));
  }

  /** Answers whose correlation records should follow. */
  #await(answers: readonly CorrelationRecord[]): void {
    for (const answer of answers) {
      const key = keyOf(answer);
      this.#waiting.set(key, [...this.#waiting.get(key) ?? [], answer]);
    }
    // A tape that has left so many unconfirmed has no correlation records at all.
    if (this.#waiting.size > MAX_WAITING) this.#addWaiting();
  }

  /** The tape's own word on a request. */
  #addCorrelation(record: CorrelationRecord): void {
    const waiting = this.#waiting.get(keyOf(record));
    waiting?.pop();
    if (waiting?.length === 0) this.#waiting.delete(keyOf(record));
    const call = this.#calls.get(record.request_seq);
    this.strange.correlation(record, call?.dir);
    this.settle(record, call);
  }

  /**
   * Counts what became of a request, but for the statistics.
   *
   * @param call the request, if it was seen
   * @param method where it is counted, if that is known
   */
  settle(record: CorrelationRecord, call: Call | undefined, method?: MethodSummary): void {
    if (record.response_seq == null) return this.#addOpen(record.request_seq, record.status ?? "open", call);
    this.#open.delete(record.request_seq);
    const us = roundTripUs(record);
    if (us === null) return;
    if (call !== undefined) (method ?? this.method(call.label, call.dir)).latencies.record(us);
    const isSlow = this.slowest.length < this.#top || us > (this.slowest.at(-1)?.us ?? Infinity);
    if (isSlow) this.#addSlow(record, record.response_seq, us, call);
  }

  /** Answers that the tape has no record of. */
  #addWaiting(): void {
    for (const record of [...this.#waiting.values()].flat()) {
      this.stats.add(record);
      this.settle(record, this.#calls.get(record.request_seq));
    }
    this.#waiting.clear();
  }

  #addSlow(record: CorrelationRecord, responseSeq: number, us: number, call: Call | undefined): void {
    const at = this.slowest.findIndex((other) => other.us < us);
    const ts = call?.ts ?? record.request_ts ?? undefined;
    this.slowest.splice(at < 0 ? this.slowest.length : at, 0, {
      label: call?.label ?? UNKNOWN,
      requestSeq: record.request_seq,
      responseSeq,
      ts,
      us,
    });
    if (this.slowest.length > this.#top) this.slowest.pop();
  }

  #addOpen(seq: number, status: string, call: Call | undefined): void {
    if (this.#open.size >= MAX_WAITING) return;
    this.#open.set(seq, { label: call?.label ?? UNKNOWN, seq, ts: call?.ts, status });
  }

  #addError(label: string, failure: Failure, seq: number): void {
    const code = typeof failure.code === "string" ? copyOf(failure.code, MAX_CODE) : failure.code ?? "tool";
    const message = copyOf(failure.message, MAX_MESSAGE);
    const key = JSON.stringify([label, failure.kind, code, message]);
    const known = this.#errors.get(key);
    if (known !== undefined) known.count++;
    else if (this.#errors.size < MAX_KINDS || label === OTHERS) {
      this.#errors.set(key, { label, code, message, firstSeq: seq, count: 1 });
    } else this.#addError(OTHERS, { kind: "error", code: "", message: "" }, seq);
  }

  /** What is counted of a method; nothing yet, if it was not seen before. */
  method(label: string, dir: Direction): MethodSummary {
    const key = `${dir} ${label}`;
    const known = this.#methods.get(key);
    if (known !== undefined) return known;
    if (this.#methods.size >= MAX_KINDS && label !== OTHERS) return this.method(OTHERS, dir);
    const method = { label, dir, count: 0, errors: 0, latencies: new LatencyHistogram() };
    this.#methods.set(key, method);
    return method;
  }
}

function keyOf({ request_seq, response_seq }: CorrelationRecord): string {
  return `${request_seq} ${response_seq}`;
}
