import type {
  CorrelationRecord,
  EndRecord,
  FrameRecord,
  GapRecord,
  RecordOrigin,
  TapeRecord,
} from "../../../records/record.ts";
import { gapRange } from "../../verify/verify-order.ts";
import { FrameNumbers, type NumberedFrame } from "./frame-numbers.ts";

/** The numbers and times of a tape that is made of others, shared by all of its sources. */
export class Renumbering {
  /** The number that the next frame gets. */
  next = 0;
  /** The time of the last frame. */
  lastTs = 0;
  /** Frames whose times went back, and were set to that of the frame before. */
  retimedFrames = 0;
  /** Correlations of which one side is on the tape and the other is not. */
  leftCorrelations = 0;
  /** Correlations of which neither is. */
  otherCorrelations = 0;
  /** Correlations that contradict the frames they name. */
  wrongCorrelations = 0;
}

/** The frames of a correlation, as they stand on the tape that is made. */
export interface PlacedPair {
  readonly request: NumberedFrame;
  readonly response: NumberedFrame | undefined;
}

/** Where a source stands among others. */
export interface SourcePlace {
  /** Which of several it is, from 0; undefined where it is the only one. */
  readonly tape?: number | undefined;
  /** What is added to its times, in milliseconds. */
  readonly offsetMs?: number | undefined;
}

/** Numbers that go beyond this are not given to what is missing: frames could get none behind it. */
const MAX_GAP_SEQ = 2 ** 52;
const { MAX_SAFE_INTEGER } = Number;

const CORRELATION_ID = /^corr-(0|[1-9]\d{0,14})$/;
const PAIR_ID = /^corr-\d+-(?:\d+|none)$/;

/** Gives the records of one source their numbers and times on the tape that is made of it. */
export class SourceRenumbering {
  readonly all: Renumbering;
  readonly tape: number | undefined;
  readonly offsetMs: number;
  readonly #numbers = new FrameNumbers();
  /** What the frame that was placed last got. */
  seq = 0;
  ts = 0;
  /** Whether its time had to be changed. */
  isRetimed = false;

  constructor(all: Renumbering, { tape, offsetMs = 0 }: SourcePlace) {
    this.all = all;
    this.tape = tape;
    this.offsetMs = offsetMs;
  }

  /** Gives the next number to a frame. */
  place(seq: number, ts: number, isClient: boolean, isRequest: boolean): void {
    const { all } = this;
    const shifted = this.shifted(ts);
    this.isRetimed = shifted < all.lastTs;
    if (this.isRetimed) all.retimedFrames++;
    this.ts = all.lastTs = this.isRetimed ? all.lastTs : shifted;
    this.seq = all.next++;
    this.#numbers.add(seq, this.seq, this.ts, isClient, isRequest);
  }

  /** The `ts_us` of the frame that was placed last. */
  us(us: number): number {
    return Math.min(this.isRetimed ? this.ts * 1000 : us + this.offsetMs * 1000, MAX_SAFE_INTEGER);
  }

  /** A time of the source on the clock of all. Where a tape claims to be as old as numbers go, it cannot be later. */
  shifted(ts: number): number {
    return Math.min(ts + this.offsetMs, MAX_SAFE_INTEGER);
  }

  /** The number that a frame of the source has here; undefined if it is not here, or forgotten. */
  numberOf(seq: number): number | undefined {
    return this.#numbers.get(seq)?.seq;
  }

  /** The record as it stands on the tape that is made; undefined for one that has no place there. */
  record(record: TapeRecord): TapeRecord | undefined {
    switch (record.type) {
      case "frame":
        return this.#frame(record);
      case "correlation":
        return this.#correlation(record);
      case "gap":
        return this.#gap(record);
      case "end":
        return this.#end(record);
      case "init":
      case "checkpoint":
        return undefined;
      default: {
        const { ts, origin } = record as { readonly ts?: unknown; readonly origin?: RecordOrigin };
        const isTimed = Number.isSafeInteger(ts) && this.offsetMs > 0;
        return {
          ...record,
          ...(isTimed ? { ts: this.shifted(ts as number) } : {}),
          ...this.#from(origin),
        } as TapeRecord;
      }
    }
  }

  #frame(frame: FrameRecord): FrameRecord {
    const { seq, ts, ts_us, dir, correlation_id, flags } = frame;
    const [, digits] = CORRELATION_ID.exec(correlation_id ?? "") ?? [];
    const request = digits === undefined ? undefined : Number(digits);
    this.place(seq, ts, dir === "client_to_server", flags?.requires_response === true || request === seq);
    const placed: FrameRecord = { ...frame, seq: this.seq, ts: this.ts };
    if (ts_us != null) placed.ts_us = this.us(ts_us);
    if (request !== undefined) {
      const number = this.numberOf(request);
      if (number === undefined) delete placed.correlation_id;
      else placed.correlation_id = `corr-${number}`;
    } else if (correlation_id != null && this.tape !== undefined) {
      placed.correlation_id = `${this.tape}:${correlation_id}`;
    }
    placed.origin = this.#originOf(frame);
    return placed;
  }

  #originOf({ seq, ts, origin }: FrameRecord): RecordOrigin {
    return {
      ...(this.tape === undefined ? {} : { tape: this.tape }),
      seq,
      ...(this.isRetimed ? { ts } : {}),
      ...(origin == null ? {} : { origin }),
    };
  }

  /** What the frames of a correlation are here; undefined, and counted, where it has no place here. */
  pair(request_seq: number, response_seq: number | undefined): PlacedPair | undefined {
    const request = this.#numbers.get(request_seq);
    const response = response_seq === undefined ? undefined : this.#numbers.get(response_seq);
    if (request === undefined || response_seq !== undefined && response === undefined) {
      if (request ?? response) this.all.leftCorrelations++;
      else this.all.otherCorrelations++;
      return undefined;
    }
    if (response !== undefined) {
      const isSameSide = request.isFromClient !== undefined && request.isFromClient === response.isFromClient;
      if (response.seq <= request.seq || isSameSide) {
        this.all.wrongCorrelations++;
        return undefined;
      }
      this.#numbers.settle(request_seq);
    }
    return { request, response };
  }

  #correlation(record: CorrelationRecord): CorrelationRecord | undefined {
    const { id, request_seq, response_seq, request_ts, response_ts, continues } = record;
    const pair = this.pair(request_seq, response_seq ?? undefined);
    if (pair === undefined) return undefined;
    const { request, response } = pair;
    const placed: CorrelationRecord = { ...record, request_seq: request.seq };
    if (PAIR_ID.test(id)) placed.id = `corr-${request.seq}-${response?.seq ?? "none"}`;
    if (response !== undefined) placed.response_seq = response.seq;
    if (request_ts != null) placed.request_ts = request.ts ?? this.shifted(request_ts);
    if (response_ts != null) placed.response_ts = response?.ts ?? this.shifted(response_ts);
    if (continues != null) {
      const number = this.numberOf(continues);
      if (number === undefined) delete placed.continues;
      else placed.continues = number;
    }
    return placed;
  }

  /** What is missing keeps numbers of its own: a correlation may name them. */
  #gap(gap: GapRecord): GapRecord {
    const { all } = this;
    const range = gapRange(gap);
    const { from = undefined, to = 0 } = range ?? {};
    const count = range === undefined ? 0 : from === undefined ? gap.count : to - from + 1;
    const placed: GapRecord = { ...gap, ts: this.shifted(gap.ts), ...this.#from(gap.origin) };
    if (!(count > 0) || all.next + count > MAX_GAP_SEQ) return { ...placed, from_seq: null, to_seq: null };
    if (count === 1) this.#numbers.addMissing(from ?? to, all.next);
    placed.from_seq = all.next;
    placed.to_seq = all.next + count - 1;
    all.next += count;
    return placed;
  }

  #end(end: EndRecord): EndRecord {
    const placed: EndRecord = { ...end, ts: this.shifted(end.ts), ...this.#from(end.origin) };
    if (end.exit_ts != null) placed.exit_ts = this.shifted(end.exit_ts);
    if (end.closed != null) {
      placed.closed = end.closed.map((each) => each.ts == null ? each : { ...each, ts: this.shifted(each.ts) });
    }
    return placed;
  }

  /** Of a record without a number only the tape is told, and only where there are several. */
  #from(origin: RecordOrigin | null | undefined): { readonly origin?: RecordOrigin } {
    if (this.tape === undefined) return {};
    return { origin: { tape: this.tape, ...(origin == null ? {} : { origin }) } };
  }
}
