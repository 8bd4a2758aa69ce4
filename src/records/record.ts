import type { SessionEnd, TapeStats } from "./metadata.ts";

// A record in memory is the object that stands on the line: snake_case, unknown fields and all. The schemas are in
// record-schema.ts. Optional fields may be missing, null (older tapes) or undefined (under `exactOptionalPropertyTypes`
// too).

/** Which way a message went. */
export type Direction = "client_to_server" | "server_to_client";

/** A tape that another one was made of. */
export interface DerivedFrom {
  /** Its id. */
  tape_id: string;
  /** The session that it holds. */
  session_id?: string | null | undefined;
  /** When it was started, ISO 8601. */
  created_at?: string | null | undefined;
  /** Milliseconds that were added to its times; left out where that is 0. */
  offset_ms?: number | null | undefined;
  /** What was done: `filter`, `cut`, `merge` … */
  by?: string | null | undefined;
  /** What was asked for, where that was not all of it. */
  query?: string | null | undefined;
  /** What that tape was made of in its turn, as it says itself. */
  derived_from?: unknown;
}

/** Where a record stood on a tape that this one was made of. */
export interface RecordOrigin {
  /** Which of the tapes in `derived_from`, counted from 0; left out where there is only one. */
  tape?: number | null | undefined;
  /** Its number there, of a frame. */
  seq?: number | null | undefined;
  /** Its `ts` there, where that is another than `ts` here less the `offset_ms` of its tape. */
  ts?: number | null | undefined;
  /** The origin that it had there. */
  origin?: object | null | undefined;
}

/** First line of a tape: whose tape this is. */
export interface InitRecord {
  /** Always `init`. */
  type: "init";
  /** Version of the tape format, `2.0`. */
  version: string;
  /** Id of this tape. */
  tape_id: string;
  /** Names the session that is recorded; any text. */
  session_id: string;
  /** ISO 8601, in UTC. */
  created_at: string;
  /** MCP revision, as far as it is known when the tape starts. */
  protocol_version?: string | null | undefined;
  /** The longest line of this tape, in bytes; left out where that is no more than 10 MiB. */
  max_line_bytes?: number | null | undefined;
  /** The tapes that this one was made of; left out of one that was recorded. */
  derived_from?: DerivedFrom[] | null | undefined;
  /** How lines of this tape are compressed: `zstd`; left out where none is. */
  compression?: string | null | undefined;
  /** How lines of this tape are encrypted; left out where none is. */
  encryption?: TapeEncryption | null | undefined;
}

/** How lines of a tape are encrypted, and its key, which only those can unwrap for whom it was wrapped. */
export interface TapeEncryption {
  /** Version of the way in which lines are sealed: 1. */
  version: number;
  /** `AES-256-GCM`. */
  cipher: string;
  /** The base64 of an age file that holds the data key. */
  key: string;
  /** What tells the right data key from a wrong one, base64url. */
  check: string;
  /** Whatever else a writer has noted. */
  [field: string]: unknown;
}

/** What stands in a frame: a message, or the text on the wire that was none. */
export interface FrameEnv {
  /** The JSON-RPC message, any JSON value. Missing where `raw` stands in its place. */
  message?: unknown;
  /** What crossed the wire but was not JSON, as text. */
  raw?: string | null | undefined;
  /** Set where `raw` is base64 because the bytes were not UTF-8. */
  encoding?: "base64" | null | undefined;
  /** Which way it went; the frame's `dir` says so too. */
  direction?: Direction | null | undefined;
  /** ISO 8601. */
  timestamp?: string | null | undefined;
  /** Names the session; any text. */
  session_id?: string | null | undefined;
  /** What ended the line on the wire, where that was not `\n`: `\r\n`, or nothing where the stream ended first. */
  line_end?: string | null | undefined;
}

/** What an interceptor did with a message: continue, modify, block, mock, pause, delay. Passed on as it is. */
export interface InterceptAction {
  /** Whatever the interceptor noted. */
  [field: string]: unknown;
}

/** How a message travelled. Other transports than these two are passed on as they are. */
export interface TransportMetadata {
  /** The message went through the pipes of a process. */
  stdio?:
    | {
      process_id?: number | null | undefined;
      command?: string | null | undefined;
      args?: string[] | null | undefined;
      [field: string]: unknown;
    }
    | null
    | undefined;
  /** The message went over HTTP. */
  http?:
    | {
      method?: string | null | undefined;
      path?: string | null | undefined;
      status?: number | null | undefined;
      /** Which connection; ids of messages are unique within one. */
      connection?: string | number | null | undefined;
      /** Which request and response on it. */
      exchange?: string | number | null | undefined;
      [field: string]: unknown;
    }
    | null
    | undefined;
  /** Any other way; `other` where it is not known, but `connection` and `exchange` are. */
  [transport: string]: unknown;
}

/** What a frame is, known without looking into its message. */
export interface FrameFlags {
  /** A response that reports an error. */
  is_error?: boolean | null | undefined;
  /** The result of a tool that says `isError` (MCP). It is no `is_error`: the call itself came through. */
  is_tool_error?: boolean | null | undefined;
  /** A notification: nobody answers it. */
  is_notification?: boolean | null | undefined;
  /** A request, which wants an answer. */
  requires_response?: boolean | null | undefined;
  /** The frame holds `raw` text in place of a message. */
  is_invalid?: boolean | null | undefined;
  /** JSON that is no message: it does not say `jsonrpc`, and others in the session do. */
  is_stray?: boolean | null | undefined;
  /** Nobody knows when the message came: `ts` is that of the frame before. */
  is_untimed?: boolean | null | undefined;
  /** Nobody knows which side sent the message: `dir` is a guess. */
  is_undirected?: boolean | null | undefined;
  /** The frame is encrypted, and was read without a key: all that is known of it is `seq` and `ts`. It stands on no tape so. */
  is_sealed?: boolean | null | undefined;
}

/** One message on the wire. */
export interface FrameRecord {
  /** Always `frame`. */
  type: "frame";
  /** Sequence number from 0, one more for each frame. */
  seq: number;
  /** Milliseconds since the tape started, an integer. */
  ts: number;
  /** Microseconds since the tape started, an integer. */
  ts_us?: number | null | undefined;
  /** Which way the message went. */
  dir: Direction;
  /** The message. */
  env: FrameEnv;
  /** What an interceptor did with it. */
  action?: InterceptAction | null | undefined;
  /** How it travelled. */
  transport?: TransportMetadata | null | undefined;
  /** The same on a request and on its answer. */
  correlation_id?: string | null | undefined;
  /** What the frame is, known without looking into its message. */
  flags?: FrameFlags | null | undefined;
  /** Where it comes from, on a tape that was made of others. */
  origin?: RecordOrigin | null | undefined;
}

/** How a request ended. A status that is not known here comes from a newer writer and is passed on. */
export type CorrelationStatus =
  | "success"
  | "error"
  | "timeout"
  | "cancelled"
  | "orphan"
  | (string & Record<never, never>);

/** A request and its answer, or that none came. */
export interface CorrelationRecord {
  /** Always `correlation`. */
  type: "correlation";
  /** `corr-{request_seq}-{response_seq}`. */
  id: string;
  /** `seq` of the request's frame. */
  request_seq: number;
  /** Null where no answer came. */
  response_seq?: number | null | undefined;
  /** `ts` of the request. */
  request_ts?: number | null | undefined;
  /** `ts` of the answer, null where none came. */
  response_ts?: number | null | undefined;
  /** Round trip in milliseconds, 0 or more. */
  rtt_ms?: number | null | undefined;
  /** Round trip in microseconds, 0 or more. */
  rtt_us?: number | null | undefined;
  /** Missing in the oldest tapes only. */
  status?: CorrelationStatus | null | undefined;
  /** `request_seq` of the earlier request that this one goes on from. */
  continues?: number | null | undefined;
  /** The answer came after the request had been given up. */
  late?: boolean | null | undefined;
  /** The id was in use twice: the answer may be that of another request, so there is no round trip. */
  ambiguous?: boolean | null | undefined;
}

/** The statistics up to here. */
export interface CheckpointRecord {
  /** Always `checkpoint`. */
  type: "checkpoint";
  /** ISO 8601; a number is passed on from foreign tapes. */
  checkpoint_at: string | number;
  /** `seq` of the last frame, null on a tape without one. */
  seq?: number | null | undefined;
  /** The statistics up to here. */
  stats: TapeStats;
  /** Set on the one that ends a finalized tape. */
  final?: boolean | null | undefined;
  /** Who vouches for everything on the tape up to here, where somebody does. */
  signature?: CheckpointSignature | null | undefined;
  /** CRC-32 of everything on the tape between the checkpoint before and these digits: 8 hexadecimal digits. */
  crc32?: string | null | undefined;
}

/** A signature in a {@linkcode CheckpointRecord}, all of it in base64url without padding. */
export interface CheckpointSignature {
  /** The Ed25519 public key, 32 bytes. */
  key: string;
  /** SHA-256 of what was signed in the signed checkpoint before, or of the tape's id. */
  previous: string;
  /** The Ed25519 signature, 64 bytes. */
  sig: string;
}

/** What a gap record says of a single message that is missing, as far as it is known. */
export interface LostMessage {
  /** Which way it went. */
  dir?: Direction | null | undefined;
  /** Its JSON-RPC id; a number past 2^53 as text. */
  id?: string | number | null | undefined;
  /** Its method. One that has an id and no method is an answer. */
  method?: string | null | undefined;
  /** How many bytes it had. */
  length?: number | null | undefined;
  /** What would stand in its frame. */
  flags?: FrameFlags | null | undefined;
}

/** Frames that could not be written. */
export interface GapRecord extends LostMessage {
  /** Always `gap`. */
  type: "gap";
  /** Milliseconds since the tape started. */
  ts: number;
  /** First sequence number that is missing, null where it is not known. */
  from_seq?: number | null | undefined;
  /** Last sequence number that is missing, null where it is not known. */
  to_seq?: number | null | undefined;
  /** How many frames are missing. */
  count: number;
  /** Why, for people. */
  reason?: string | null | undefined;
  /** Where it comes from, on a tape that was made of several. */
  origin?: RecordOrigin | null | undefined;
}

/** What the recorded program said beside the protocol. */
export interface LogRecord {
  /** Always `log`. */
  type: "log";
  /** Milliseconds since the tape started. */
  ts: number;
  /** `stderr`. */
  stream: string;
  /** A line, without its line ending. */
  text: string;
  /** Where it comes from, on a tape that was made of several. */
  origin?: RecordOrigin | null | undefined;
}

/** How the session has ended. Behind it stands the final checkpoint, and more only where the tape was gone on with. */
export interface EndRecord extends SessionEnd {
  /** Always `end`. */
  type: "end";
  /** Milliseconds since the tape started. */
  ts: number;
  /** Where it comes from, on a tape that was made of several. */
  origin?: RecordOrigin | null | undefined;
}

/** Which secrets were taken out of the tape, by rule. What they were nobody says. */
export interface RedactedRecord {
  /** Always `redacted`. */
  type: "redacted";
  /** Milliseconds since the tape started. */
  ts: number;
  /** SHA-256 of the policy, 64 hexadecimal digits. */
  policy: string;
  /** How many of each rule have been replaced since the `redacted` record before, or since the start. */
  rules: Record<string, number>;
  /** Where it comes from, on a tape that was made of several. */
  origin?: RecordOrigin | null | undefined;
}

// Erased like every `declare`. An enum, because the compiler narrows a union by a string that is an enum and gives up
// on one that is `string` or a branded string.
/** Any type but those listed in this file: a string like any other, see {@linkcode UnknownRecord}. */
export declare enum UnknownRecordType {
  /** Stands for them all; there is no such value when the program runs. */
  Type = "",
}

/**
 * A record of a type that is not known here, from a newer writer: it is passed on. Its `type` is a string that the
 * compiler keeps apart from the known ones, so that `record.type === "frame"` narrows a {@linkcode TapeRecord} to a
 * {@linkcode FrameRecord}; to make one, cast: `{ type: "note" as UnknownRecordType }`.
 */
export interface UnknownRecord {
  /** None of the types above. */
  type: UnknownRecordType;
  /** Kept as it is. */
  [field: string]: unknown;
}

/** One line of a tape. */
export type TapeRecord =
  | InitRecord
  | FrameRecord
  | CorrelationRecord
  | CheckpointRecord
  | GapRecord
  | LogRecord
  | EndRecord
  | RedactedRecord
  | UnknownRecord;

/** What every envelope has. */
export interface EnvelopeFields {
  /** Which way it went. */
  direction: Direction;
  /** ISO 8601. */
  timestamp?: string | null | undefined;
  /** Names the session; any text. */
  session_id?: string | null | undefined;
  /** What ended the line on the wire, where that was not `\n`. */
  line_end?: string | null | undefined;
  /** How it travelled. */
  transport?: TransportMetadata | null | undefined;
  /** What an interceptor did with it. */
  action?: InterceptAction | null | undefined;
  /** What is known of it; the correlator adds to this. */
  flags?: FrameFlags | null | undefined;
}

/** An envelope around a JSON-RPC message. */
export interface JsonEnvelope extends EnvelopeFields {
  /** The message: a value that has a JSON text, or it as it is spelled: `jsonText("…")`, `jsonBytes(…)`. Not undefined. */
  message: unknown;
  /** Not beside a message. */
  raw?: null | undefined;
  /** Not beside a message. */
  encoding?: null | undefined;
}

/** An envelope around something that is not JSON. */
export interface RawEnvelope extends EnvelopeFields {
  /** Not beside raw text. */
  message?: undefined;
  /** What crossed the wire, as text, or as base64 where `encoding` says so. */
  raw: string;
  /** Set where `raw` is base64. */
  encoding?: "base64" | null | undefined;
}

/** What a writer takes: a message or raw text, and which way it went. It becomes a {@linkcode FrameRecord}. */
export type MessageEnvelope = JsonEnvelope | RawEnvelope;
