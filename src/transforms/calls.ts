import { checkOptions, type OptionNames, wantRecord } from "../arguments.ts";
import type { CorrelationRecord, CorrelationStatus, FrameRecord, TapeRecord } from "../records/record.ts";
import { batchHeaders, messageHeader } from "../records/jsonrpc.ts";
import { OldestFirst } from "../oldest-first.ts";
import { specOf, type Stage, stage } from "../streams/stage.ts";
import type { Emit } from "../streams/stage-spec.ts";
import { changeable, correlator } from "./correlator.ts";

/** A request and what became of it. */
export interface Call {
  /** The frame of the request. */
  readonly request: FrameRecord;
  /** The frame of the answer; undefined where none came, or where it could not be recorded. */
  readonly answer: FrameRecord | undefined;
  /** How it ended. */
  readonly status: CorrelationStatus;
  /** Round trip in milliseconds, with microsecond digits where they were measured; undefined where nobody knows. */
  readonly rttMs: number | undefined;
}

/** Options of {@linkcode calls}. */
export interface CallsOptions {
  /**
   * How many requests may wait for their answers; beyond that the oldest comes out without one. So many of the frames are
   * kept in memory.
   *
   * @default {4096}
   */
  readonly maxPending?: number | undefined;
}

const OPTIONS: OptionNames<CallsOptions> = { maxPending: true };

/** A request that waits. */
interface Waiting {
  readonly request: FrameRecord;
  /** So many of its requests have no answer yet: of a batch there may be several. */
  open: number;
  /** What the tape says became of it. */
  told: CorrelationRecord | undefined;
}

/**
 * Joins requests with their answers: each call comes out when its answer is there, and those without one at the end. Answers
 * are matched as {@linkcode correlator} does it, so a tape need not have correlation records, and frames are completed in
 * place, or in a copy where they are frozen; what such a record says of a request without an answer is taken over. The requests of a batch are one call each,
 * with the same frame.
 *
 * @throws {TapeError} code `invalid_argument`: `maxPending` is below 1
 *
 * @example How long did the calls of one tool take?
 * ```ts
 * import { calls, type FrameRecord, isRequest, pipe } from "tapeline";
 *
 * const params = { name: "echo" };
 * const session: FrameRecord[] = [
 *   { type: "frame", seq: 0, ts: 5, dir: "client_to_server", env: { message: { id: 1, method: "tools/call", params } } },
 *   { type: "frame", seq: 1, ts: 9, dir: "server_to_client", env: { message: { id: 1, result: {} } } },
 * ];
 * for await (const { request, rttMs } of pipe(session, calls())) {
 *   if (isRequest(request, "tools/call")) console.log(request.env.message.params.name, rttMs); // echo 4
 * }
 * ```
 */
export function calls(options: CallsOptions = {}): Stage<TapeRecord, Call> {
  checkOptions("join calls", options, OPTIONS);
  const { maxPending = 4096 } = options;
  // Timeouts are for the tape to say: it knows what its writer took for one.
  const correlate = specOf(correlator({ timeoutMs: Infinity, maxPending }));
  const waiting = new OldestFirst<number, Waiting>();
  /** The frame that is looked at: the answer of what is matched now. */
  let frame: FrameRecord | undefined;
  /** Where calls go now. */
  let out: Emit<Call> | undefined;

  const onMatched = Object.assign((record: TapeRecord) => {
    if (record.type !== "correlation") return;
    const call = waiting.get(record.request_seq);
    if (call === undefined) return;
    if (--call.open === 0) waiting.delete(record.request_seq);
    const answer = record.response_seq == null ? undefined : frame;
    const { status, rtt_us, rtt_ms } = answer === undefined ? call.told ?? record : record;
    const rttMs = rtt_us == null ? rtt_ms ?? undefined : rtt_us / 1000;
    out?.({ request: call.request, answer, status: status ?? "orphan", rttMs });
  }, { terminate() {} });

  return stage<TapeRecord, Call>({
    transform(record, emit) {
      wantRecord("join calls", record);
      if (record.type === "correlation") {
        const call = waiting.get(record.request_seq);
        if (call !== undefined) call.told = record;
      }
      if (record.type !== "frame") return;
      frame = changeable(record);
      out = emit;
      correlate.transform(frame, onMatched);
      const open = requestsIn(frame);
      if (open === 0) return;
      waiting.set(frame.seq, { request: frame, open, told: undefined });
      if (waiting.size > maxPending) waiting.delete(waiting.oldest()![0]);
    },
    flush(emit) {
      frame = undefined;
      out = emit;
      correlate.flush?.(onMatched);
    },
  });
}

/** How many requests a frame holds. */
function requestsIn({ flags, env: { message } }: FrameRecord): number {
  if (flags?.is_stray === true) return 0;
  const header = messageHeader(message);
  const headers = header.kind === "batch" ? batchHeaders(message) : [header];
  return headers.filter(({ kind }) => kind === "request").length;
}
