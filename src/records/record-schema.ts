import * as v from "valibot";
import { CountSchema, jsonObject } from "./metadata/schemas.ts";
import { SessionEndEntries } from "./metadata/session.ts";
import { TapeStatsSchema } from "./metadata/stats.ts";
import type {
  CheckpointRecord,
  CorrelationRecord,
  DerivedFrom,
  Direction,
  EndRecord,
  FrameEnv,
  FrameFlags,
  FrameRecord,
  GapRecord,
  InitRecord,
  InterceptAction,
  JsonEnvelope,
  LogRecord,
  MessageEnvelope,
  RawEnvelope,
  RecordOrigin,
  RedactedRecord,
  TapeEncryption,
  TapeRecord,
  TransportMetadata,
  UnknownRecord,
  UnknownRecordType,
} from "./record.ts";

// The types are in record.ts. The schemas say what is a record; use them to check, and keep the checked object rather
// than valibot's output, which is a copy without fields named `constructor`, `prototype` or `__proto__`. Where every
// frame passes, use `isTapeRecord` of record-guard.ts.

/** The types of records that are known here. */
export const RECORD_TYPES: ReadonlySet<unknown> = new Set([
  "init",
  "frame",
  "correlation",
  "checkpoint",
  "gap",
  "log",
  "end",
  "redacted",
]);

const TextSchema = v.nullish(v.string());
const SwitchSchema = v.nullish(v.boolean());
const OptionalCountSchema = v.nullish(CountSchema);
const DurationSchema = v.nullish(v.pipe(v.number(), v.finite(), v.minValue(0)));
const KeySchema = v.nullish(v.union([v.string(), v.number()]));
const EncodingSchema = v.nullish(v.literal("base64"));

// Own fields only: valibot asks `key in object`, which finds what an object inherits, and that is never written.
function hasOwnType(input: object): boolean {
  return Object.hasOwn(input, "type") && "type" in input && typeof input.type === "string";
}

function hasOwnMessage(input: object): boolean {
  return Object.hasOwn(input, "message") && "message" in input && input.message !== undefined;
}

function hasOwnRaw(input: object): boolean {
  return Object.hasOwn(input, "raw") && "raw" in input && typeof input.raw === "string";
}

function record<Entries extends v.ObjectEntries>(
  entries: Entries,
): v.GenericSchema<unknown, v.InferOutput<v.LooseObjectSchema<Entries, undefined>>> {
  return jsonObject(entries, hasOwnType, 'Expected a "type" that is a string');
}

/** Schema of {@linkcode Direction}. */
export const DirectionSchema: v.GenericSchema<unknown, Direction> = v.picklist([
  "client_to_server",
  "server_to_client",
]);

/** Schema of {@linkcode InterceptAction}. */
export const InterceptActionSchema: v.GenericSchema<unknown, InterceptAction> = jsonObject({});

/** Schema of {@linkcode TransportMetadata}. */
export const TransportMetadataSchema: v.GenericSchema<unknown, TransportMetadata> = jsonObject({
  stdio: v.nullish(
    jsonObject({ process_id: OptionalCountSchema, command: TextSchema, args: v.nullish(v.array(v.string())) }),
  ),
  http: v.nullish(
    jsonObject({
      method: TextSchema,
      path: TextSchema,
      status: OptionalCountSchema,
      connection: KeySchema,
      exchange: KeySchema,
    }),
  ),
});

/** Schema of {@linkcode FrameFlags}. */
export const FrameFlagsSchema: v.GenericSchema<unknown, FrameFlags> = jsonObject({
  is_error: SwitchSchema,
  is_notification: SwitchSchema,
  requires_response: SwitchSchema,
  is_invalid: SwitchSchema,
  is_stray: SwitchSchema,
  is_tool_error: SwitchSchema,
  is_untimed: SwitchSchema,
  is_undirected: SwitchSchema,
  is_sealed: SwitchSchema,
});

/** Schema of {@linkcode FrameEnv}. The message is not looked into. */
export const FrameEnvSchema: v.GenericSchema<unknown, FrameEnv> = jsonObject(
  {
    message: v.optional(v.unknown()),
    raw: TextSchema,
    encoding: EncodingSchema,
    direction: v.nullish(DirectionSchema),
    timestamp: TextSchema,
    session_id: TextSchema,
    line_end: TextSchema,
  },
  (env) => hasOwnMessage(env) || hasOwnRaw(env),
  'Expected a "message", or "raw" text',
);

/** Schema of {@linkcode DerivedFrom}. What stands further back is not looked into. */
export const DerivedFromSchema: v.GenericSchema<unknown, DerivedFrom> = jsonObject({
  tape_id: v.string(),
  session_id: TextSchema,
  created_at: TextSchema,
  offset_ms: OptionalCountSchema,
  by: TextSchema,
  query: TextSchema,
  derived_from: v.optional(v.unknown()),
});

/** Schema of {@linkcode RecordOrigin}. What stands further back is not looked into. */
export const RecordOriginSchema: v.GenericSchema<unknown, RecordOrigin> = jsonObject({
  tape: OptionalCountSchema,
  seq: OptionalCountSchema,
  ts: OptionalCountSchema,
  origin: v.nullish(jsonObject({})),
});

/** Schema of {@linkcode TapeEncryption}. */
export const TapeEncryptionSchema: v.GenericSchema<unknown, TapeEncryption> = jsonObject({
  version: CountSchema,
  cipher: v.string(),
  key: v.string(),
  check: v.string(),
});

/** Schema of {@linkcode InitRecord}. */
export const InitRecordSchema: v.GenericSchema<unknown, InitRecord> = record({
  type: v.literal("init"),
  version: v.string(),
  tape_id: v.string(),
  session_id: v.string(),
  created_at: v.string(),
  protocol_version: TextSchema,
  max_line_bytes: OptionalCountSchema,
  derived_from: v.nullish(v.array(DerivedFromSchema)),
  compression: TextSchema,
  encryption: v.nullish(TapeEncryptionSchema),
});

/** Schema of {@linkcode FrameRecord}. */
export const FrameRecordSchema: v.GenericSchema<unknown, FrameRecord> = record({
  type: v.literal("frame"),
  seq: CountSchema,
  ts: CountSchema,
  ts_us: OptionalCountSchema,
  dir: DirectionSchema,
  env: FrameEnvSchema,
  action: v.nullish(InterceptActionSchema),
  transport: v.nullish(TransportMetadataSchema),
  correlation_id: TextSchema,
  flags: v.nullish(FrameFlagsSchema),
  origin: v.nullish(RecordOriginSchema),
});

/** Schema of {@linkcode CorrelationRecord}. */
export const CorrelationRecordSchema: v.GenericSchema<unknown, CorrelationRecord> = record({
  type: v.literal("correlation"),
  id: v.string(),
  request_seq: CountSchema,
  response_seq: OptionalCountSchema,
  request_ts: OptionalCountSchema,
  response_ts: OptionalCountSchema,
  rtt_ms: DurationSchema,
  rtt_us: DurationSchema,
  status: TextSchema,
  continues: OptionalCountSchema,
  late: SwitchSchema,
  ambiguous: SwitchSchema,
});

/** Schema of {@linkcode CheckpointRecord}. */
export const CheckpointRecordSchema: v.GenericSchema<unknown, CheckpointRecord> = record({
  type: v.literal("checkpoint"),
  checkpoint_at: v.union([v.string(), v.number()]),
  seq: OptionalCountSchema,
  stats: TapeStatsSchema,
  final: SwitchSchema,
  signature: v.nullish(jsonObject({ key: v.string(), previous: v.string(), sig: v.string() })),
  crc32: TextSchema,
});

/** Schema of {@linkcode GapRecord}. */
export const GapRecordSchema: v.GenericSchema<unknown, GapRecord> = record({
  type: v.literal("gap"),
  ts: CountSchema,
  from_seq: OptionalCountSchema,
  to_seq: OptionalCountSchema,
  count: CountSchema,
  reason: TextSchema,
  dir: v.nullish(DirectionSchema),
  id: KeySchema,
  method: TextSchema,
  length: OptionalCountSchema,
  flags: v.nullish(FrameFlagsSchema),
  origin: v.nullish(RecordOriginSchema),
});

/** Schema of {@linkcode LogRecord}. */
export const LogRecordSchema: v.GenericSchema<unknown, LogRecord> = record({
  type: v.literal("log"),
  ts: CountSchema,
  stream: v.string(),
  text: v.string(),
  origin: v.nullish(RecordOriginSchema),
});

/** Schema of {@linkcode EndRecord}. */
export const EndRecordSchema: v.GenericSchema<unknown, EndRecord> = record({
  ...SessionEndEntries,
  type: v.literal("end"),
  ts: CountSchema,
  origin: v.nullish(RecordOriginSchema),
});

/** Schema of {@linkcode RedactedRecord}. */
export const RedactedRecordSchema: v.GenericSchema<unknown, RedactedRecord> = record({
  type: v.literal("redacted"),
  ts: CountSchema,
  policy: v.string(),
  rules: v.pipe(jsonObject({}), v.record(v.string(), CountSchema)),
  origin: v.nullish(RecordOriginSchema),
});

/** Schema of {@linkcode UnknownRecord}. */
export const UnknownRecordSchema: v.GenericSchema<unknown, UnknownRecord> = record({
  type: v.custom<UnknownRecordType>((type) => !RECORD_TYPES.has(type), "Expected a type that is not known"),
});

function schemaFor(input: unknown): v.GenericSchema<unknown, TapeRecord> {
  if (typeof input !== "object" || input === null || !("type" in input)) return UnknownRecordSchema;
  switch (input.type) {
    case "init":
      return InitRecordSchema;
    case "frame":
      return FrameRecordSchema;
    case "correlation":
      return CorrelationRecordSchema;
    case "checkpoint":
      return CheckpointRecordSchema;
    case "gap":
      return GapRecordSchema;
    case "log":
      return LogRecordSchema;
    case "end":
      return EndRecordSchema;
    case "redacted":
      return RedactedRecordSchema;
    default:
      return UnknownRecordSchema;
  }
}

/** Schema of {@linkcode TapeRecord}. The type decides: a frame with a fault is no unknown record. */
export const TapeRecordSchema: v.GenericSchema<unknown, TapeRecord> = v.lazy(schemaFor);

const EnvelopeEntries = {
  direction: DirectionSchema,
  timestamp: TextSchema,
  session_id: TextSchema,
  line_end: TextSchema,
  transport: v.nullish(TransportMetadataSchema),
  action: v.nullish(InterceptActionSchema),
  flags: v.nullish(FrameFlagsSchema),
};

/** Schema of {@linkcode JsonEnvelope}. The message is not looked into. */
export const JsonEnvelopeSchema: v.GenericSchema<unknown, JsonEnvelope> = jsonObject(
  {
    ...EnvelopeEntries,
    message: v.unknown(),
    raw: v.nullish(v.never('Expected a "message" or "raw" text, not both')),
    encoding: v.nullish(v.never("Expected no encoding beside a message")),
  },
  hasOwnMessage,
  'Expected a "message"',
);

/** Schema of {@linkcode RawEnvelope}. */
export const RawEnvelopeSchema: v.GenericSchema<unknown, RawEnvelope> = jsonObject(
  { ...EnvelopeEntries, message: v.optional(v.undefined()), raw: v.string(), encoding: EncodingSchema },
  hasOwnRaw,
  'Expected a "message", or "raw" text',
);

/** Schema of {@linkcode MessageEnvelope}. */
export const MessageEnvelopeSchema: v.GenericSchema<unknown, MessageEnvelope> = v.lazy(
  (input): v.GenericSchema<unknown, MessageEnvelope> =>
    typeof input === "object" && input !== null && hasOwnMessage(input) ? JsonEnvelopeSchema : RawEnvelopeSchema,
);
