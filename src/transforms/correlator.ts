import { TapeError } from "../errors.ts";
import { batchHeaders, cancelledRequestKey, inputRequiredState, messageHeader } from "../records/jsonrpc.ts";
import type { MessageHeader } from "../records/jsonrpc.ts";
import { OldestFirst } from "../oldest-first.ts";
import type { CorrelationRecord, Direction, FrameFlags, FrameRecord, TapeRecord } from "../records/record.ts";
import { type Stage, stage } from "../streams/stage.ts";
import type { Emit } from "../streams/stage-spec.ts";

/** Options of {@linkcode correlator}. */
export interface CorrelatorOptions {
  /**
   * A request without an answer after so many milliseconds (of the tape's own time) is reported as `timeout`. Its
   * answer is still matched when it comes, and marked `late`.
   *
   * @default {300000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How many open requests are remembered. Beyond that the oldest is given up, as an `orphan`.
   *
   * @default {65536}
   */
  readonly maxPending?: number | undefined;
}

/** A request that waits for its answer. */
interface Pending {
  readonly seq: number;
  readonly ts: number;
  readonly us: number | undefined;
  readonly method: string | undefined;
  /** `request_seq` of the request that this one goes on from. */
  readonly continues: number | undefined;
  cancelled: boolean;
}

/** How many answers that asked for more input are remembered until the client goes on. */
const MAX_CONTINUATIONS = 1024;

/**
 * Matches answers to requests. Every answered request is followed by a `correlation` record behind the frame of its
 * answer, and both frames get the same `correlation_id` and their `flags`.
 *
 * Ids are compared per connection and per sender, by type and text: `1` and `"1"` differ. Answers in a batch are matched
 * one by one. A request that was cancelled (MCP's `notifications/cancelled`) is reported as `cancelled` when its answer
 * comes or the stream ends; one that is never answered as `timeout`, or as `orphan` at the end. An answer to nothing that
 * was asked passes through without a correlation. Memory is bounded by `maxPending`.
 *
 * A request that a correlation record among the input reports as unanswered is not reported again: a tape that was ended
 * and resumed has those.
 *
 * Frames are completed in place; a frame that has a `correlation_id` keeps it.
 *
 * @throws {TapeError} code `invalid_argument`: `timeoutMs` is not above 0, or `maxPending` is below 1
 *
 * @example
 * ```ts
 * import { correlator, pipe, stampFrames } from "tapeline";
 *
 * const session = [
 *   { message: { id: 1, method: "ping" }, direction: "client_to_server" as const },
 *   { message: { id: 1, result: {} }, direction: "server_to_client" as const },
 * ];
 * for await (const record of pipe(session, stampFrames(), correlator())) {
 *   if (record.type === "correlation") console.log(record.id, record.status); // corr-0-1 success
 * }
 * ```
 */
export function correlator(options: CorrelatorOptions = {}): Stage<TapeRecord, TapeRecord> {
  const { timeoutMs = 300_000, maxPending = 65_536 } = options;
  if (!(timeoutMs > 0)) {
    throw new TapeError("invalid_argument", `Cannot correlate: timeoutMs must be above 0, not ${timeoutMs}`);
  }
  if (!(maxPending >= 1)) {
    throw new TapeError("invalid_argument", `Cannot correlate: maxPending must be 1 or more, not ${maxPending}`);
  }
  const open = new OldestFirst<string, Pending>();
  const timedOut = new OldestFirst<string, Pending>();
  const continuations = new OldestFirst<string, number>();

  const expire = (ts: number, emit: Emit<TapeRecord>) => {
    for (let oldest = open.oldest(); oldest !== undefined; oldest = open.oldest()) {
      const [key, request] = oldest;
      if (ts - request.ts < timeoutMs) return;
      open.delete(key);
      remember(timedOut, key, request, maxPending);
      emit(correlation(request, undefined, request.cancelled ? "cancelled" : "timeout"));
    }
  };

  const onRequest = (frame: FrameRecord, header: MessageHeader, emit: Emit<TapeRecord>) => {
    const key = requestKey(frame, frame.dir, header.idKey);
    const before = open.get(key);
    if (before !== undefined) {
      open.delete(key);
      emit(correlation(before, undefined, "orphan"));
    } else if (open.size >= maxPending) {
      const [oldestKey, oldest] = open.oldest()!;
      open.delete(oldestKey);
      emit(correlation(oldest, undefined, "orphan"));
    }
    timedOut.delete(key);
    // Only where an answer asked for more input can a request go on from one.
    const state = continuations.size > 0 ? inputRequiredState(frame.env.message, header) : undefined;
    const continued = state && continuationKey(frame, header.method, state);
    open.set(key, {
      seq: frame.seq,
      ts: frame.ts,
      us: frame.ts_us ?? undefined,
      method: header.method,
      continues: continued === undefined ? undefined : continuations.get(continued),
      cancelled: false,
    });
    if (continued !== undefined) continuations.delete(continued);
    frame.correlation_id ??= `corr-${frame.seq}`;
  };

  const onResponse = (frame: FrameRecord, header: MessageHeader): CorrelationRecord | undefined => {
    const asker = frame.dir === "client_to_server" ? "server_to_client" : "client_to_server";
    const key = requestKey(frame, asker, header.idKey);
    const request = open.get(key) ?? timedOut.get(key);
    if (request === undefined) return undefined;
    const late = !open.delete(key) && timedOut.delete(key);
    const state = inputRequiredState(frame.env.message, header);
    if (state !== undefined) {
      const next = continuationKey({ ...frame, dir: asker }, request.method, state);
      remember(continuations, next, request.seq, MAX_CONTINUATIONS);
    }
    frame.correlation_id ??= `corr-${request.seq}`;
    const status = request.cancelled ? "cancelled" : header.isError ? "error" : "success";
    const record = correlation(request, frame, status);
    if (late) record.late = true;
    return record;
  };

  const onNotification = (frame: FrameRecord, header: MessageHeader) => {
    const id = cancelledRequestKey(frame.env.message, header);
    const request = id === undefined ? undefined : open.get(requestKey(frame, frame.dir, id));
    if (request !== undefined) request.cancelled = true;
  };

  /** A tape that was ended has reported its open requests, the oldest first: what is reported is not reported again. */
  const onReported = ({ request_seq, response_seq }: CorrelationRecord) => {
    const [key, request] = open.oldest() ?? [];
    if (key === undefined || response_seq != null || request?.seq !== request_seq) return;
    open.delete(key);
    remember(timedOut, key, request, maxPending);
  };

  return stage<TapeRecord, TapeRecord>({
    transform(record, emit) {
      if (record.type === "correlation") onReported(record);
      if (record.type !== "frame") return emit(record);
      expire(record.ts, emit);
      const { message } = record.env;
      if (message === undefined) return emit(record);
      const header = messageHeader(message);
      switch (header.kind) {
        case "request":
          onRequest(record, header, emit);
          flag(record, REQUEST);
          return emit(record);
        case "response": {
          const matched = onResponse(record, header);
          if (header.isError) flag(record, ERROR);
          emit(record);
          if (matched !== undefined) emit(matched);
          return;
        }
        case "notification":
          onNotification(record, header);
          flag(record, NOTIFICATION);
          return emit(record);
        case "batch": {
          const headers = batchHeaders(message);
          const matched: CorrelationRecord[] = [];
          for (const each of headers) {
            if (each.kind === "request") onRequest(record, each, emit);
            else if (each.kind === "response") {
              matched.push(...[onResponse(record, each)].filter((one) => one !== undefined));
            }
          }
          if (headers.some((each) => each.kind === "request")) flag(record, REQUEST);
          if (headers.some((each) => each.isError)) flag(record, ERROR);
          emit(record);
          for (const one of matched) emit(one);
          return;
        }
        default:
          emit(record);
      }
    },
    flush(emit) {
      for (const request of open.values()) {
        emit(correlation(request, undefined, request.cancelled ? "cancelled" : "orphan"));
      }
      open.clear();
    },
  });
}

const REQUEST: FrameFlags = Object.freeze({ requires_response: true });
const NOTIFICATION: FrameFlags = Object.freeze({ is_notification: true });
const ERROR: FrameFlags = Object.freeze({ is_error: true });

function flag(frame: FrameRecord, flags: FrameFlags): void {
  frame.flags = frame.flags == null ? flags : { ...frame.flags, ...flags };
}

function correlation(request: Pending, answer: FrameRecord | undefined, status: string): CorrelationRecord {
  const record: CorrelationRecord = {
    type: "correlation",
    id: `corr-${request.seq}-${answer?.seq ?? "none"}`,
    request_seq: request.seq,
    response_seq: answer?.seq ?? null,
    request_ts: request.ts,
    response_ts: answer?.ts ?? null,
    rtt_ms: answer === undefined ? null : Math.max(0, answer.ts - request.ts),
    status,
  };
  if (request.us !== undefined && answer?.ts_us != null) record.rtt_us = Math.max(0, answer.ts_us - request.us);
  if (request.continues !== undefined) record.continues = request.continues;
  return record;
}

/** Ids are unique per sender within a connection; over HTTP within one exchange. */
function requestKey(frame: FrameRecord, sender: Direction, idKey: string | undefined): string {
  // Short, as every look-up hashes a new string.
  return `${scopeOf(frame)}${sender === "client_to_server" ? "c" : "s"}${idKey}`;
}

function scopeOf(frame: FrameRecord): string {
  const http = frame.transport?.http;
  return http == null ? "" : JSON.stringify([http.connection, http.exchange]);
}

/** A request goes on in an exchange of its own, under a new id: it is known by its method and what it echoes. */
function continuationKey(
  frame: FrameRecord,
  method: string | undefined,
  state: { readonly requestState?: string | undefined },
): string {
  return JSON.stringify([frame.transport?.http?.connection, frame.dir, method, state.requestState]);
}

function remember<T>(map: OldestFirst<string, T>, key: string, value: T, limit: number): void {
  map.set(key, value);
  if (map.size > limit) map.delete(map.oldest()![0]);
}
