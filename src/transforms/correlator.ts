import { checkOptions, type OptionNames, wantRecord } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import {
  batchMessages,
  cancelledRequestKey,
  inputRequiredState,
  isToolError,
  messageHeader,
  originScope,
  transportScope,
} from "../records/jsonrpc.ts";
import type { MessageHeader } from "../records/jsonrpc.ts";
import { OldestFirst } from "../oldest-first.ts";
import type {
  CorrelationRecord,
  Direction,
  FrameFlags,
  FrameRecord,
  GapRecord,
  TapeRecord,
} from "../records/record.ts";
import { member } from "../json/member.ts";
import { exactMessage } from "../records/recorded-text.ts";
import { type Stage, stage } from "../streams/stage.ts";
import type { Emit } from "../streams/stage-spec.ts";
import { rawHeader, standInOf } from "./unread.ts";
import { type OpenRequest, OpenRequests } from "./open-requests.ts";

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

/** How many answers that asked for more input are remembered until the client goes on. */
const MAX_CONTINUATIONS = 1024;

const OPTIONS: OptionNames<CorrelatorOptions> = { timeoutMs: true, maxPending: true };

/**
 * Matches answers to requests. Every answered request is followed by a `correlation` record behind the frame of its
 * answer, and both frames get the same `correlation_id` and their `flags`.
 *
 * Ids are compared per connection and per sender, by type and text: `1` and `"1"` differ; on a tape that was made of several,
 * those of each are its own. The messages of a batch are
 * taken one by one. A request that was cancelled (MCP's `notifications/cancelled`) is reported as `cancelled` when its
 * answer comes or the stream ends; one that is never answered as `timeout`, or as `orphan` at the end. An answer to
 * nothing that was asked passes through without a correlation. Memory is bounded by `maxPending`.
 *
 * Where an id is used again before its answer, nobody can tell which of the requests an answer is for: all of them are
 * reported as `ambiguous`, the oldest with the first answer, and without a round trip. There is none either where a frame
 * says that its time is not known (`is_untimed`).
 *
 * From the first message on that says `jsonrpc`, of whichever side, JSON that does not say it is no message: it is
 * flagged `is_stray` and answers nothing. Before that, and in sessions in which nobody ever says it, it counts.
 *
 * Raw text that is a request or an answer but for a byte or a word, and a message of which nothing is there but a `gap`
 * record that knows what it was, count like any other.
 *
 * A request that a correlation record among the input reports as unanswered is not reported again: a tape that was ended
 * and resumed has those.
 *
 * Frames are completed in place, or in a copy where they are frozen; a frame that has a `correlation_id` keeps it.
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
  checkOptions("correlate", options, OPTIONS);
  const { timeoutMs = 300_000, maxPending = 65_536 } = options;
  if (!(timeoutMs > 0)) {
    throw new TapeError("invalid_argument", `Cannot correlate: timeoutMs must be above 0, not ${timeoutMs}`);
  }
  if (!(maxPending >= 1)) {
    throw new TapeError("invalid_argument", `Cannot correlate: maxPending must be 1 or more, not ${maxPending}`);
  }
  const requests = new OpenRequests(maxPending);
  const continuations = new OldestFirst<string, number>();
  /** Whether a message has said `jsonrpc`. */
  let isVersioned = false;

  const expire = (ts: number, emit: Emit<TapeRecord>) => {
    for (let oldest = requests.oldest(); oldest !== undefined; oldest = requests.oldest()) {
      if (ts - oldest.ts < timeoutMs) return;
      emit(unanswered(requests.timeOutOldest(), "timeout"));
    }
  };

  const onRequest = (frame: FrameRecord, message: unknown, header: MessageHeader, emit: Emit<TapeRecord>) => {
    const key = requestKey(frame, frame.dir, header.idKey);
    if (requests.isFull) emit(unanswered(requests.giveUpOldest(), "orphan"));
    // Only where an answer asked for more input can a request go on from one.
    const state = continuations.size > 0 ? inputRequiredState(message, header) : undefined;
    const continued = state && continuationKey(frame, header.method, state);
    requests.add({
      key,
      seq: frame.seq,
      ts: frame.ts,
      us: frame.ts_us ?? undefined,
      isTimed: frame.flags?.is_untimed !== true,
      method: header.method,
      continues: continued === undefined ? undefined : continuations.get(continued),
      isVersioned: header.version !== undefined,
      isCancelled: false,
      isAmbiguous: false,
    });
    if (continued !== undefined) continuations.delete(continued);
    frame.correlation_id ??= `corr-${frame.seq}`;
  };

  const onResponse = (frame: FrameRecord, message: unknown, header: MessageHeader): CorrelationRecord | undefined => {
    const asker = frame.dir === "client_to_server" ? "server_to_client" : "client_to_server";
    const taken = requests.take(requestKey(frame, asker, header.idKey));
    if (taken === undefined) return undefined;
    const { request, isLate } = taken;
    const state = inputRequiredState(message, header);
    if (state !== undefined) {
      const next = continuationKey({ ...frame, dir: asker }, request.method, state);
      continuations.set(next, request.seq);
      if (continuations.size > MAX_CONTINUATIONS) continuations.delete(continuations.oldest()![0]);
    }
    frame.correlation_id ??= `corr-${request.seq}`;
    // Whoever could not read a request answers null, too.
    if (header.isError && header.idKey === "null") request.isAmbiguous = true;
    const record = correlation(
      request,
      frame,
      request.isCancelled ? "cancelled" : header.isError ? "error" : "success",
    );
    if (isLate) record.late = true;
    return record;
  };

  const onNotification = (frame: FrameRecord, message: unknown, header: MessageHeader) => {
    const id = cancelledRequestKey(message, header);
    if (id !== undefined) requests.cancel(requestKey(frame, frame.dir, id));
  };

  const onBatch = (frame: FrameRecord, message: unknown, emit: Emit<TapeRecord>) => {
    const messages = batchMessages(message).filter(([, { version }]) => !isVersioned || version !== undefined);
    const matched: CorrelationRecord[] = [];
    for (const [each, header] of messages) {
      if (header.kind === "request") onRequest(frame, each, header, emit);
      else if (header.kind === "notification") onNotification(frame, each, header);
      else if (header.kind === "response") {
        const answered = onResponse(frame, each, header);
        if (answered !== undefined) matched.push(answered);
      }
    }
    if (isVersioned && messages.length === 0) flag(frame, STRAY);
    if (messages.some(([, { kind }]) => kind === "request")) flag(frame, REQUEST);
    if (messages.some(([, { isError }]) => isError)) flag(frame, ERROR);
    if (messages.some(([each, header]) => isToolError(each, header))) flag(frame, TOOL_ERROR);
    emit(frame);
    for (const each of matched) emit(each);
    if (messages.some(([, { version }]) => version !== undefined)) onVersion();
  };

  /** What did not say `jsonrpc` was no message, unless it was answered by one that does. */
  const onVersion = () => {
    if (!isVersioned) requests.forgetUnversioned();
    isVersioned = true;
  };

  /** A tape that was ended has reported its open requests, the oldest first: what is reported is not reported again. */
  const onReported = ({ request_seq, response_seq }: CorrelationRecord) => {
    if (response_seq == null && requests.oldest()?.seq === request_seq) requests.timeOutOldest();
  };

  const onFrame = (frame: FrameRecord, emit: Emit<TapeRecord>) => {
    expire(frame.ts, emit);
    if (frame.flags?.is_stray === true) return emit(frame);
    const message = exactMessage(frame);
    const header = message === undefined ? rawHeader(frame) : messageHeader(message);
    if (header.kind === "batch") return onBatch(frame, message, emit);
    if (header.version === undefined && isVersioned) {
      if (message !== undefined) flag(frame, STRAY);
      return emit(frame);
    }
    switch (header.kind) {
      case "request":
        onRequest(frame, message, header, emit);
        flag(frame, REQUEST);
        emit(frame);
        break;
      case "response": {
        const matched = onResponse(frame, message, header);
        if (header.isError) flag(frame, ERROR);
        else if (message !== undefined && isToolError(message, header)) flag(frame, TOOL_ERROR);
        emit(frame);
        if (matched !== undefined) emit(matched);
        break;
      }
      case "notification":
        onNotification(frame, message, header);
        flag(frame, NOTIFICATION);
        emit(frame);
        break;
      default:
        emit(frame);
    }
    if (header.version !== undefined) onVersion();
  };

  /** A message that is missing was sent all the same: what is known of it stands in its place. */
  const onGap = (gap: GapRecord, emit: Emit<TapeRecord>) => {
    const standIn = standInOf(gap);
    if (standIn === undefined) return emit(gap);
    const inPlace = (record: TapeRecord) => {
      if (record !== standIn) return emit(record);
      if (standIn.flags == null) delete gap.flags;
      else gap.flags = standIn.flags;
      emit(gap);
    };
    onFrame(standIn, Object.assign(inPlace, { terminate() {} }));
  };

  return stage<TapeRecord, TapeRecord>({
    transform(record, emit) {
      wantRecord("correlate", record);
      if (record.type === "frame") return onFrame(changeable(record), emit);
      if (record.type === "gap") return onGap(changeable(record), emit);
      if (record.type === "correlation") onReported(record);
      emit(record);
    },
    flush(emit) {
      while (requests.oldest() !== undefined) emit(unanswered(requests.giveUpOldest(), "orphan"));
    },
  });
}

/** The record, or a copy of one that is frozen, as those are that many followers are handed. */
export function changeable<R extends FrameRecord | GapRecord>(record: R): R {
  return Object.isExtensible(record) ? record : { ...record };
}

const REQUEST: FrameFlags = Object.freeze({ requires_response: true });
const NOTIFICATION: FrameFlags = Object.freeze({ is_notification: true });
const ERROR: FrameFlags = Object.freeze({ is_error: true });
const TOOL_ERROR: FrameFlags = Object.freeze({ is_tool_error: true });
const STRAY: FrameFlags = Object.freeze({ is_stray: true });

function flag(frame: FrameRecord, flags: FrameFlags): void {
  frame.flags = frame.flags == null ? flags : merged(frame.flags, flags);
}

/** What became of flags that many frames share, and further ones: again flags that many frames share. */
const sharedFlags = new WeakMap<FrameFlags, Map<FrameFlags, FrameFlags>>();

function merged(flags: FrameFlags, more: FrameFlags): FrameFlags {
  if (!Object.isFrozen(flags)) return { ...flags, ...more };
  let all = sharedFlags.get(flags);
  if (all === undefined) sharedFlags.set(flags, all = new Map());
  let both = all.get(more);
  if (both === undefined) all.set(more, both = Object.freeze({ ...flags, ...more }));
  return both;
}

function unanswered(request: OpenRequest, status: "timeout" | "orphan"): CorrelationRecord {
  return correlation(request, undefined, request.isCancelled ? "cancelled" : status);
}

function correlation(request: OpenRequest, answer: FrameRecord | undefined, status: string): CorrelationRecord {
  const isTimed = answer !== undefined && !request.isAmbiguous && request.isTimed && answer.flags?.is_untimed !== true;
  const record: CorrelationRecord = {
    type: "correlation",
    id: `corr-${request.seq}-${answer?.seq ?? "none"}`,
    request_seq: request.seq,
    response_seq: answer?.seq ?? null,
    request_ts: request.ts,
    response_ts: answer?.ts ?? null,
    rtt_ms: isTimed ? Math.max(0, answer.ts - request.ts) : null,
    status,
  };
  if (isTimed && request.us !== undefined && answer.ts_us != null) {
    record.rtt_us = Math.max(0, answer.ts_us - request.us);
  }
  if (request.continues !== undefined) record.continues = request.continues;
  if (request.isAmbiguous) record.ambiguous = true;
  return record;
}

/** Ids are unique per sender within a connection; over HTTP within one exchange. */
function requestKey(frame: FrameRecord, sender: Direction, idKey: string | undefined): string {
  // Short, as every look-up hashes a new string.
  return `${scopeOf(frame)}${sender === "client_to_server" ? "c" : "s"}${idKey}`;
}

function scopeOf({ transport, origin }: FrameRecord): string {
  const tape = origin == null ? "" : originScope(origin);
  const scope = transport == null ? undefined : transport.http ?? transport.other;
  return scope == null ? tape : tape + JSON.stringify([member(scope, "connection"), member(scope, "exchange")]);
}

/** A request goes on in an exchange of its own, under a new id: it is known by its method and what it echoes. */
function continuationKey(
  frame: FrameRecord,
  method: string | undefined,
  state: { readonly requestState?: string | undefined },
): string {
  const tape = originScope(frame.origin);
  return JSON.stringify([tape, transportScope(frame.transport).connection, frame.dir, method, state.requestState]);
}
