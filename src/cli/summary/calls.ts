import { batchHeaders, isNamedCall, type MessageHeader, messageHeader } from "../../records/jsonrpc.ts";
import { type Failure, failureOf } from "../../records/failure.ts";
import type { SessionEnd } from "../../records/metadata.ts";
import type { CorrelationRecord, FrameRecord, GapRecord, TapeRecord } from "../../records/record.ts";
import { exactMessage, messageText } from "../../records/recorded-text.ts";
import { specOf } from "../../streams/stage.ts";
import type { StageSpec } from "../../streams/stage-spec.ts";
import { correlator } from "../../transforms/correlator.ts";
import { copyOf } from "../terminal/text.ts";
import { type Call, RecentCalls } from "./recent-calls.ts";

/** One message of a frame: of a batch there are several, of a frame that holds no JSON one of kind `invalid`. */
export interface SeenMessage {
  readonly message: unknown;
  readonly header: MessageHeader;
  /** What a response says has failed; undefined if nothing did. */
  readonly failure: Failure | undefined;
  /** Of a request or notification, the label of {@linkcode Call}; of a response, that of its request if that was seen. */
  readonly label: string | undefined;
}

/** What a frame turned out to be. */
export interface SeenFrame {
  readonly messages: readonly SeenMessage[];
  /** The requests that this frame answers, each with its round trip. */
  readonly answers: readonly CorrelationRecord[];
}

/** Longer labels are cut. */
export const MAX_LABEL = 200;

/**
 * Goes through a session frame by frame and knows which request an answer belongs to, whether or not the tape says so.
 * Memory is bounded.
 */
export class Calls {
  /** How the session has ended, as long as no frame has come behind that. */
  sessionEnd: SessionEnd | undefined;
  readonly #recent = new RecentCalls<Call>();
  /** Timeouts are for the tape to say: it knows what its writer took for one. */
  readonly #correlate: StageSpec<TapeRecord, TapeRecord> = specOf(correlator({ timeoutMs: Infinity }));
  #emitted: CorrelationRecord[] = [];
  readonly #emit = Object.assign((record: TapeRecord) => {
    if (record.type === "correlation") this.#emitted.push(record);
  }, { terminate() {} });

  /** The request that was sent as frame `seq`; undefined if that was none, or long ago. */
  get(seq: number): Call | undefined {
    return this.#recent.get(seq);
  }

  /** Takes in the next frame. Its flags and its `correlation_id` are filled in where the tape left them out. */
  see(frame: FrameRecord): SeenFrame {
    this.sessionEnd = undefined;
    if (frame.flags?.is_sealed === true) return { messages: [], answers: [] };
    this.#correlate.transform(frame, this.#emit);
    const answers = this.#takeEmitted().filter(({ response_seq }) => response_seq != null);
    const { message } = frame.env;
    const exact = exactMessage(frame);
    const header = messageHeader(frame.flags?.is_stray === true ? undefined : exact);
    const messages = header.kind === "batch"
      ? batchHeaders(exact).map((each, at) => seenMessage((message as readonly unknown[])[at], each, undefined))
      : [seenMessage(message, header, answers[0] && this.get(answers[0].request_seq), rawFailure(frame))];
    const requests = messages.filter(({ header: { kind } }) => kind === "request");
    if (requests.length > 0) {
      const label = header.kind === "batch" ? "batch" : requests[0]!.label!;
      this.#recent.add({ seq: frame.seq, ts: frame.ts, dir: frame.dir, label });
    }
    return { messages, answers };
  }

  /** Takes in a gap: where it says what the missing message was, that may be a request or the answer to one. */
  lost(gap: GapRecord): readonly CorrelationRecord[] {
    this.#correlate.transform(gap, this.#emit);
    const { from_seq, ts, dir, id, method } = gap;
    if (from_seq != null && dir != null && id != null && method != null) {
      this.#recent.add({ seq: from_seq, ts, dir, label: copyOf(method, MAX_LABEL) });
    }
    return this.#takeEmitted().filter(({ response_seq }) => response_seq != null);
  }

  /** Takes in any record, for who does not want to know what it turned out to be. */
  learn(record: TapeRecord): void {
    if (record.type === "frame") this.see(record);
    else if (record.type === "gap") this.lost(record);
    else if (record.type === "end") this.sessionEnd = record;
  }

  /** The requests that got no answer up to the end. */
  end(): CorrelationRecord[] {
    this.#correlate.flush?.(this.#emit);
    return this.#takeEmitted();
  }

  #takeEmitted(): CorrelationRecord[] {
    const emitted = this.#emitted;
    if (emitted.length > 0) this.#emitted = [];
    return emitted;
  }
}

/** Round trip in microseconds, null where there was no answer or nobody measured. */
export function roundTripUs({ rtt_us, rtt_ms }: CorrelationRecord): number | null {
  return rtt_us ?? (rtt_ms == null ? null : rtt_ms * 1000);
}

/** One message, and what it says. `answered` is the request that it answers, if that was seen. */
export function seenMessage(
  message: unknown,
  header: MessageHeader,
  answered: Call | undefined,
  failure: Failure | undefined = failureOf(message, header),
): SeenMessage {
  const label = header.method === undefined ? answered?.label : copyOf(labelOf(header.method, message), MAX_LABEL);
  return { message, header, label, failure };
}

/** What an error says that cannot be read to the letter; undefined for any other frame. */
export function rawFailure(frame: FrameRecord): Failure | undefined {
  if (frame.env.message !== undefined || frame.flags?.is_error !== true) return undefined;
  let message: unknown;
  try {
    message = JSON.parse(messageText(frame));
  } catch {
    // What it says cannot be known, only that it is an error.
  }
  return failureOf(message) ?? { kind: "error", code: "?", message: "" };
}

/** The method, and the name of what is called where one method serves many. */
function labelOf(method: string, message: unknown): string {
  if (!isNamedCall(method)) return method;
  const { params } = message as { params?: { name?: unknown } | null };
  return typeof params?.name === "string" ? `${method} ${params.name}` : method;
}
