import type { MessageCounts, StreamClosed, TapeStats } from "./metadata.ts";
import { explainIssue } from "./metadata/schemas.ts";
import type {
  CheckpointRecord,
  CheckpointSignature,
  CorrelationRecord,
  DerivedFrom,
  EndRecord,
  FrameEnv,
  FrameFlags,
  FrameRecord,
  GapRecord,
  InitRecord,
  LogRecord,
  MessageEnvelope,
  RecordOrigin,
  RedactedRecord,
  TapeEncryption,
  TapeRecord,
  TransportMetadata,
} from "./record.ts";
import { MessageEnvelopeSchema, TapeRecordSchema } from "./record-schema.ts";

// Every record that is read passes here, and the schema would cost more than parsing it did. So this says the same as
// the schemas of record.ts by hand: plain property reads, no allocation. test/records/record.test.ts holds the two equal;
// whoever changes one changes the other.

/** An object whose fields have the right names and any type yet. */
type Unchecked<T> = { readonly [K in keyof T]?: unknown };

/**
 * Whether a value, such as a parsed line, is a record of a tape. Gives the same verdict as `TapeRecordSchema` in a
 * fraction of the time, and leaves the value as it is: unknown fields and records of unknown types are fine. The message
 * of a frame is not looked into.
 *
 * @example
 * ```ts
 * const value: unknown = JSON.parse('{"type":"log","ts":4,"stream":"stderr","text":"listening"}');
 * if (isTapeRecord(value) && value.type === "log") console.log(value.text); // listening
 * ```
 */
export function isTapeRecord(value: unknown): value is TapeRecord {
  return isObject(value) && hasOwnFields(value) && isParsedRecord(value);
}

/**
 * As {@linkcode isTapeRecord}, for what `JSON.parse` made: all its fields are its own, and to ask for that would cost more
 * than the rest.
 */
export function isParsedRecord(value: unknown): value is TapeRecord {
  if (!isObject(value)) return false;
  const { type } = value as Unchecked<TapeRecord>;
  if (type === "frame") return isFrame(value);
  if (typeof type !== "string") return false;
  switch (type) {
    case "init":
      return isInit(value);
    case "correlation":
      return isCorrelation(value);
    case "checkpoint":
      return isCheckpoint(value);
    case "gap":
      return isGap(value);
    case "log":
      return isLog(value);
    case "end":
      return isEnd(value);
    case "redacted":
      return isRedacted(value);
    default:
      return true;
  }
}

/**
 * Whether a value is what a writer takes. Gives the same verdict as `MessageEnvelopeSchema`; the message is not looked
 * into.
 */
export function isMessageEnvelope(value: unknown): value is MessageEnvelope {
  if (!isObject(value)) return false;
  const envelope = value as Unchecked<MessageEnvelope>;
  const isPayload = envelope.message !== undefined && Object.hasOwn(value, "message")
    ? isNullish(envelope.raw) && isNullish(envelope.encoding)
    : envelope.message === undefined && typeof envelope.raw === "string" && Object.hasOwn(value, "raw") &&
      isEncoding(envelope.encoding);
  return isPayload && isDirection(envelope.direction) && isOptionalString(envelope.timestamp) &&
    isOptionalString(envelope.session_id) && isOptionalString(envelope.line_end) &&
    isOptionalTransport(envelope.transport) && isOptionalObject(envelope.action) && isOptionalFlags(envelope.flags);
}

/**
 * Says in one short line why a value is no record, for an error report: the first field that is wrong and how. Empty
 * for a value that is one.
 *
 * @example
 * ```ts
 * explainRecord({ type: "gap", ts: -1, count: 3 }); // "ts: Invalid value: Expected >=0 but received -1"
 * ```
 */
export function explainRecord(value: unknown): string {
  return explainIssue(TapeRecordSchema, value) ?? "";
}

/** Says in one short line why a value is not what a writer takes. Empty for a value that is. */
export function explainEnvelope(value: unknown): string {
  return explainIssue(MessageEnvelopeSchema, value) ?? "";
}

/** Whether the fields that make a value a record, and those that make it a frame, are not inherited. */
function hasOwnFields(value: object): boolean {
  if (!Object.hasOwn(value, "type")) return false;
  const { type, env } = value as Unchecked<FrameRecord>;
  if (type !== "frame" || !isObject(env)) return true;
  const { message, raw } = env as Unchecked<FrameEnv>;
  return message !== undefined && Object.hasOwn(env, "message") ||
    typeof raw === "string" && Object.hasOwn(env, "raw");
}

function isFrame(frame: Unchecked<FrameRecord>): boolean {
  return isCount(frame.seq) && isCount(frame.ts) && isDirection(frame.dir) && isEnv(frame.env) &&
    isOptionalCount(frame.ts_us) && isOptionalObject(frame.action) && isOptionalTransport(frame.transport) &&
    isOptionalString(frame.correlation_id) && isOptionalFlags(frame.flags) && isOptionalOrigin(frame.origin);
}

function isEnv(env: unknown): boolean {
  if (!isObject(env)) return false;
  const { message, raw, encoding, direction, timestamp, session_id, line_end } = env as Unchecked<FrameEnv>;
  return (message !== undefined || typeof raw === "string") && isOptionalString(raw) && isEncoding(encoding) &&
    (isNullish(direction) || isDirection(direction)) && isOptionalString(timestamp) &&
    isOptionalString(session_id) && isOptionalString(line_end);
}

function isInit(init: Unchecked<InitRecord>): boolean {
  return typeof init.version === "string" && typeof init.tape_id === "string" && typeof init.session_id === "string" &&
    typeof init.created_at === "string" && isOptionalString(init.protocol_version) &&
    isOptionalCount(init.max_line_bytes) && isOptionalDerivedFrom(init.derived_from) &&
    isOptionalString(init.compression) && isOptionalEncryption(init.encryption);
}

/** Whether it is what an `init` record, or metadata, may say of how a tape is encrypted. */
export function isOptionalEncryption(value: unknown): value is TapeEncryption | null | undefined {
  if (isNullish(value)) return true;
  if (!isObject(value)) return false;
  const { version, cipher, key, check } = value as Unchecked<TapeEncryption>;
  return isCount(version) && typeof cipher === "string" && typeof key === "string" && typeof check === "string";
}

function isOptionalDerivedFrom(value: unknown): boolean {
  if (isNullish(value)) return true;
  if (!Array.isArray(value)) return false;
  for (const item of value) if (!isDerivedFrom(item)) return false;
  return true;
}

function isDerivedFrom(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { tape_id, session_id, created_at, offset_ms, by, query } = value as Unchecked<DerivedFrom>;
  return typeof tape_id === "string" && isOptionalString(session_id) && isOptionalString(created_at) &&
    isOptionalCount(offset_ms) && isOptionalString(by) && isOptionalString(query);
}

function isOptionalOrigin(value: unknown): boolean {
  if (isNullish(value)) return true;
  if (!isObject(value)) return false;
  const { tape, seq, ts, origin } = value as Unchecked<RecordOrigin>;
  return isOptionalCount(tape) && isOptionalCount(seq) && isOptionalCount(ts) && isOptionalObject(origin);
}

function isCorrelation(correlation: Unchecked<CorrelationRecord>): boolean {
  return typeof correlation.id === "string" && isCount(correlation.request_seq) &&
    isOptionalCount(correlation.response_seq) && isOptionalCount(correlation.request_ts) &&
    isOptionalCount(correlation.response_ts) && isOptionalDuration(correlation.rtt_ms) &&
    isOptionalDuration(correlation.rtt_us) && isOptionalString(correlation.status) &&
    isOptionalCount(correlation.continues) && isOptionalBoolean(correlation.late) &&
    isOptionalBoolean(correlation.ambiguous);
}

function isCheckpoint(checkpoint: Unchecked<CheckpointRecord>): boolean {
  const at = checkpoint.checkpoint_at;
  return (typeof at === "string" || isNumber(at)) && isOptionalCount(checkpoint.seq) && isStats(checkpoint.stats) &&
    isOptionalBoolean(checkpoint.final) && isOptionalSignature(checkpoint.signature) &&
    isOptionalString(checkpoint.crc32);
}

function isOptionalSignature(value: unknown): boolean {
  if (isNullish(value)) return true;
  if (!isObject(value)) return false;
  const { key, previous, sig } = value as Unchecked<CheckpointSignature>;
  return typeof key === "string" && typeof previous === "string" && typeof sig === "string";
}

function isGap(gap: Unchecked<GapRecord>): boolean {
  return isCount(gap.ts) && isOptionalCount(gap.from_seq) && isOptionalCount(gap.to_seq) && isCount(gap.count) &&
    isOptionalString(gap.reason) && (isNullish(gap.dir) || isDirection(gap.dir)) && isOptionalKey(gap.id) &&
    isOptionalString(gap.method) && isOptionalCount(gap.length) && isOptionalFlags(gap.flags) &&
    isOptionalOrigin(gap.origin);
}

function isLog(log: Unchecked<LogRecord>): boolean {
  return isCount(log.ts) && typeof log.stream === "string" && typeof log.text === "string" &&
    isOptionalOrigin(log.origin);
}

function isEnd(end: Unchecked<EndRecord>): boolean {
  return isCount(end.ts) && isOptionalCount(end.exit_code) && isOptionalString(end.signal) &&
    isOptionalCount(end.exit_ts) && isOptionalString(end.error) && isOptionalClosed(end.closed) &&
    isOptionalOrigin(end.origin);
}

function isRedacted(redacted: Unchecked<RedactedRecord>): boolean {
  return isCount(redacted.ts) && typeof redacted.policy === "string" && isObject(redacted.rules) &&
    Object.values(redacted.rules).every(isCount) && isOptionalOrigin(redacted.origin);
}

function isOptionalClosed(value: unknown): boolean {
  if (isNullish(value)) return true;
  if (!Array.isArray(value)) return false;
  for (const item of value) if (!isStreamClosed(item)) return false;
  return true;
}

function isStreamClosed(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { stream, by, ts } = value as Unchecked<StreamClosed>;
  return typeof stream === "string" && isOptionalString(by) && isOptionalCount(ts);
}

function isStats(value: unknown): boolean {
  if (!isObject(value)) return false;
  const stats = value as Unchecked<TapeStats>;
  return isOptionalCount(stats.frame_count) && isOptionalCount(stats.duration_ms) &&
    isOptionalCount(stats.file_size_bytes) && isOptionalCount(stats.last_sequence) &&
    isOptionalMessageCounts(stats.message_counts) && isOptionalCount(stats.error_count) &&
    isOptionalCount(stats.correlation_count) && isOptionalCount(stats.checkpoint_count) &&
    isOptionalCount(stats.lost_frame_count) && isOptionalCount(stats.tool_error_count);
}

function isOptionalMessageCounts(value: unknown): boolean {
  if (isNullish(value)) return true;
  if (!isObject(value)) return false;
  const counts = value as Unchecked<MessageCounts>;
  return isOptionalCount(counts.client_to_server) && isOptionalCount(counts.server_to_client);
}

function isOptionalFlags(value: unknown): boolean {
  if (isNullish(value)) return true;
  if (!isObject(value)) return false;
  const flags = value as Unchecked<FrameFlags>;
  return isOptionalBoolean(flags.is_error) && isOptionalBoolean(flags.is_notification) &&
    isOptionalBoolean(flags.requires_response) && isOptionalBoolean(flags.is_invalid) &&
    isOptionalBoolean(flags.is_stray) && isOptionalBoolean(flags.is_tool_error) &&
    isOptionalBoolean(flags.is_untimed) && isOptionalBoolean(flags.is_undirected);
}

function isOptionalTransport(value: unknown): boolean {
  if (isNullish(value)) return true;
  if (!isObject(value)) return false;
  const { stdio, http } = value as Unchecked<TransportMetadata>;
  return (isNullish(stdio) || isStdio(stdio)) && (isNullish(http) || isHttp(http));
}

function isStdio(value: unknown): boolean {
  if (!isObject(value)) return false;
  const stdio = value as Unchecked<NonNullable<TransportMetadata["stdio"]>>;
  return isOptionalCount(stdio.process_id) && isOptionalString(stdio.command) && isOptionalStrings(stdio.args);
}

function isHttp(value: unknown): boolean {
  if (!isObject(value)) return false;
  const http = value as Unchecked<NonNullable<TransportMetadata["http"]>>;
  return isOptionalString(http.method) && isOptionalString(http.path) && isOptionalCount(http.status) &&
    isOptionalKey(http.connection) && isOptionalKey(http.exchange);
}

function isNullish(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOptionalObject(value: unknown): boolean {
  return isNullish(value) || isObject(value);
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" && value === value;
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && Number.isSafeInteger(value);
}

function isOptionalCount(value: unknown): boolean {
  return isNullish(value) || isCount(value);
}

function isOptionalDuration(value: unknown): boolean {
  return isNullish(value) || typeof value === "number" && value >= 0 && value < Infinity;
}

function isOptionalString(value: unknown): boolean {
  return typeof value === "string" || isNullish(value);
}

function isOptionalBoolean(value: unknown): boolean {
  return typeof value === "boolean" || isNullish(value);
}

function isOptionalKey(value: unknown): boolean {
  return typeof value === "string" || isNullish(value) || isNumber(value);
}

function isOptionalStrings(value: unknown): boolean {
  if (isNullish(value)) return true;
  if (!Array.isArray(value)) return false;
  for (const item of value) if (typeof item !== "string") return false;
  return true;
}

function isDirection(value: unknown): boolean {
  return value === "client_to_server" || value === "server_to_client";
}

function isEncoding(value: unknown): boolean {
  return value === "base64" || isNullish(value);
}
