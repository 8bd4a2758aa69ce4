import { checkOptions, type OptionNames } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import type { FrameEnv, FrameRecord, MessageEnvelope, TapeRecord, TransportMetadata } from "../records/record.ts";
import { explainEnvelope, isMessageEnvelope } from "../records/record-guard.ts";
import { type Stage, stage } from "../streams/stage.ts";

/** Options of {@linkcode stampFrames}. */
export interface StampFramesOptions {
  /** Gives each frame its sequence number. By default they count up from 0. */
  readonly nextSeq?: (() => number) | undefined;
  /**
   * Microseconds since the tape started, from a clock that never goes back. By default it starts with this stage.
   */
  readonly elapsedUs?: (() => number) | undefined;
}

const OPTIONS: OptionNames<StampFramesOptions> = { nextSeq: true, elapsedUs: true };

/**
 * Makes a frame of every message: gives it the next sequence number, its time since the start, and its direction.
 * Records pass through as they are.
 *
 * @throws {TapeError} in the stream: code `invalid_argument`, an envelope without a direction or a message
 *
 * @example
 * ```ts
 * import { pipe, stampFrames } from "tapeline";
 *
 * const messages = [{ message: { jsonrpc: "2.0", id: 1, method: "ping" }, direction: "client_to_server" as const }];
 * for await (const record of pipe(messages, stampFrames())) console.log(record); // { type: "frame", seq: 0, … }
 * ```
 */
export function stampFrames(options: StampFramesOptions = {}): Stage<MessageEnvelope | TapeRecord, TapeRecord> {
  checkOptions("stamp frames", options, OPTIONS);
  let frameCount = 0;
  const { nextSeq = () => frameCount++, elapsedUs = stopwatch() } = options;
  return stage<MessageEnvelope | TapeRecord, TapeRecord>({
    transform(chunk, emit) {
      if (typeof chunk === "object" && chunk !== null && "type" in chunk) return emit(chunk);
      if (!isMessageEnvelope(chunk)) {
        throw new TapeError("invalid_argument", `Cannot record a message: ${explainEnvelope(chunk)}`);
      }
      emit(frameOf(chunk, chunk.message, chunk.transport, nextSeq(), elapsedUs()));
    },
  });
}

/** A clock that starts at 0 and counts microseconds, untouched by changes of the wall clock. */
export function stopwatch(startUs: number = 0): () => number {
  const start = performance.now();
  return () => startUs + Math.round((performance.now() - start) * 1000);
}

/**
 * The frame of a message that has been checked.
 *
 * @param message that of the envelope, or how it is spelled
 * @param transport that of the envelope, or what overrides it
 * @param us microseconds since the tape started
 */
export function frameOf(
  envelope: MessageEnvelope,
  message: unknown,
  transport: TransportMetadata | null | undefined,
  seq: number,
  us: number,
): FrameRecord {
  const { direction, raw, encoding, timestamp, session_id, line_end, action, flags } = envelope;
  const env: FrameEnv = {};
  if (timestamp != null) env.timestamp = timestamp;
  if (session_id != null) env.session_id = session_id;
  if (line_end != null) env.line_end = line_end;
  if (message !== undefined) env.message = message;
  else {
    if (encoding != null) env.encoding = encoding;
    env.raw = raw;
  }
  const ts = Math.floor(us / 1000);
  const frame: FrameRecord = flags?.is_untimed === true
    ? { type: "frame", seq, ts, dir: direction, env }
    : { type: "frame", seq, ts, dir: direction, ts_us: us, env };
  if (transport != null) frame.transport = transport;
  if (action != null) frame.action = action;
  if (flags != null) frame.flags = flags;
  if (message === undefined) frame.flags = { ...flags, is_invalid: true };
  return frame;
}
