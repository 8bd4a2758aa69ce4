import * as v from "valibot";
import { printable, TapeError } from "../errors.ts";

/** Frames for each direction. */
export interface MessageCounts {
  /** Frames that the client sent. */
  client_to_server?: number | null | undefined;
  /** Frames that the server sent. */
  server_to_client?: number | null | undefined;
}

/**
 * Statistics of a tape as they stand in a checkpoint and in the metadata. Older tapes leave some out: a count that is
 * missing or null is unknown, not zero.
 */
export interface TapeStats {
  /** Frames on the tape. */
  frame_count?: number | null | undefined;
  /** Milliseconds from the start of the tape to the latest record that has a time. */
  duration_ms?: number | null | undefined;
  /** Size of the tape in bytes; 0 where whoever counted saw no bytes. */
  file_size_bytes?: number | null | undefined;
  /** The highest sequence number; 0 while there is no frame, which `frame_count` tells. */
  last_sequence?: number | null | undefined;
  /** Frames for each direction. */
  message_counts?: MessageCounts | null | undefined;
  /** Frames that carry a JSON-RPC error. */
  error_count?: number | null | undefined;
  /** Frames with a tool's result that says `isError`; left out while there are none. */
  tool_error_count?: number | null | undefined;
  /** Requests that were answered. */
  correlation_count?: number | null | undefined;
  /** Checkpoints on the tape. */
  checkpoint_count?: number | null | undefined;
  /** Frames that could not be written, as the gap records say; left out while there are none. */
  lost_frame_count?: number | null | undefined;
}

/** {@linkcode TapeStats} as this library writes them: nothing unknown. */
export interface CompleteTapeStats {
  /** Frames on the tape. */
  frame_count: number;
  /** Milliseconds from the start to the latest record that has a time. */
  duration_ms: number;
  /** Size of the tape in bytes. */
  file_size_bytes: number;
  /** The highest sequence number; 0 while there is no frame. */
  last_sequence: number;
  /** Frames for each direction. */
  message_counts: { client_to_server: number; server_to_client: number };
  /** Frames that carry a JSON-RPC error. */
  error_count: number;
  /** Frames with a tool's result that says `isError`; left out while there are none. */
  tool_error_count?: number;
  /** Requests that were answered. */
  correlation_count: number;
  /** Checkpoints on the tape. */
  checkpoint_count: number;
  /** Frames that could not be written; left out while there are none. */
  lost_frame_count?: number;
}

/** How fast a session was. Round trips are in milliseconds with microsecond digits; null where none was measured. */
export interface TapePerformance {
  /** Mean round trip. */
  avg_rtt_ms?: number | null | undefined;
  /** Longest round trip. */
  max_rtt_ms?: number | null | undefined;
  /** Shortest round trip. */
  min_rtt_ms?: number | null | undefined;
  /** Frames per second over the whole duration; null for a tape without duration. */
  messages_per_second?: number | null | undefined;
  /** Half of all answers took no longer; within 1.6 %, as are the next two. */
  p50_rtt_ms?: number | null | undefined;
  /** 95 of 100 answers took no longer. */
  p95_rtt_ms?: number | null | undefined;
  /** 99 of 100 answers took no longer. */
  p99_rtt_ms?: number | null | undefined;
}

/** That a stream of a session was closed. */
export interface StreamClosed {
  /** Which one: `stdin`, `stdout`, `stderr`; other transports name theirs. */
  stream: string;
  /** Who closed it first: `client` or `server`. */
  by?: string | null | undefined;
  /** Milliseconds since the tape started. */
  ts?: number | null | undefined;
}

/** How a recorded session has ended, as far as the recorder saw it. */
export interface SessionEnd {
  /** Milliseconds since the tape started. */
  ts?: number | null | undefined;
  /**
   * What the server ended with; 126 or 127, as in a shell, for one that could not be started. Null where a signal ended it,
   * where there is no process, and where it went on when the recording ended.
   */
  exit_code?: number | null | undefined;
  /** The signal that ended the server, such as `SIGSEGV`. */
  signal?: string | null | undefined;
  /** When the server ended, in milliseconds since the tape started. Its output may come to its end later. */
  exit_ts?: number | null | undefined;
  /** Why there was no session, or why it broke off. */
  error?: string | null | undefined;
  /** Who closed which stream, the first one first. One that is not named was open until the end. */
  closed?: StreamClosed[] | null | undefined;
}

/** Where a recording stands. A status that is not known here comes from a newer writer and is passed on. */
export type TapeStatus = "recording" | "paused" | "finalized" | (string & Record<never, never>) | { error: string };

/** How the recorded session was connected: `command`, `args` and `process_id` for stdio, `url` for HTTP. */
export interface TapeTransport {
  /** `stdio`, `http` … */
  type?: string | null | undefined;
  /** The program that was started. */
  command?: string | null | undefined;
  /** Its arguments. */
  args?: string[] | null | undefined;
  /** Its process id. */
  process_id?: number | null | undefined;
  /** Where it was reached. */
  url?: string | null | undefined;
}

/** One side of a session, as it has introduced itself. Foreign text. */
export interface TapePeer {
  /** What it calls itself. */
  name: string;
  /** Its version. */
  version?: string | null | undefined;
}

/** Where a recording was made. */
export interface TapeEnvironment {
  /** Operating system, such as `linux`. */
  platform?: string | null | undefined;
  /** `node`, `deno`, `bun` or `browser`. */
  runtime?: string | null | undefined;
  /** Version of the runtime. */
  runtime_version?: string | null | undefined;
  /** Version of this library. */
  tapeline_version?: string | null | undefined;
  /** Name of the machine. */
  hostname?: string | null | undefined;
  /** Who ran it. */
  user?: string | null | undefined;
  /** Older tapes name other things. */
  [key: string]: unknown;
}

/** What a tape was made of that was no tape, and what could not be told of it. */
export interface ConvertedFrom {
  /** Name of the file. */
  name?: string | null | undefined;
  /** Its format, such as `har`. */
  format?: string | null | undefined;
  /** Version of the format. */
  version?: string | null | undefined;
  /** What has written it. */
  tool?: string | null | undefined;
  /** Id that the session had there. */
  tape_id?: string | null | undefined;
  /** How many of its messages say when they came: `all`, `some` or `none`. */
  times?: string | null | undefined;
  /** The same of which side they came from. */
  directions?: string | null | undefined;
  /** What is not as it was, in sentences. */
  notes?: string[] | null | undefined;
  /** Whether all of it is on the tape, and nothing was missing in it. */
  is_complete?: boolean | null | undefined;
  /** Counts, and when it was converted. */
  [key: string]: unknown;
}

/**
 * What stands beside a tape in `{tape_id}.meta.json`: for people and for lists. It is a hint and may lag behind the
 * tape or be missing. Fields that are not listed here are kept. Times are ISO 8601, in UTC.
 */
export interface TapeMetadata {
  /** Id of the tape. */
  tape_id: string;
  /** A short name, for people. */
  name?: string | null | undefined;
  /** More about it, for people. */
  description?: string | null | undefined;
  /** Words to find it by. */
  tags?: string[] | null | undefined;
  /** When the tape was started. */
  created_at?: string | null | undefined;
  /** When this was last put. */
  updated_at?: string | null | undefined;
  /** When the tape was ended. */
  finalized_at?: string | null | undefined;
  /** Where the recording stands. */
  status?: TapeStatus | null | undefined;
  /** How the session has ended; the tape's `end` record says so too. */
  end?: SessionEnd | null | undefined;
  /** How the session was connected. */
  transport?: TapeTransport | null | undefined;
  /** What the tape was made of, where that is a recording of another program. */
  converted_from?: ConvertedFrom | null | undefined;
  /** Where the recording was made. */
  environment?: TapeEnvironment | null | undefined;
  /** The client, as it has introduced itself. */
  client_info?: TapePeer | null | undefined;
  /** The server, as it has introduced itself. */
  server_info?: TapePeer | null | undefined;
  /** The MCP revision that the two agreed on. */
  protocol_version?: string | null | undefined;
  /** How many requests and notifications there are of each method; those of methods that found no room count as `*`. */
  methods?: Record<string, number> | null | undefined;
  /** How often each tool was called; calls of tools that found no room count as `*`. */
  tools?: Record<string, number> | null | undefined;
  /** Statistics so far. */
  stats?: TapeStats | null | undefined;
  /** Latencies and throughput so far. */
  performance?: TapePerformance | null | undefined;
  /** The tapes that this one was made of, as its init record says. */
  derived_from?: unknown;
}

/**
 * A schema for a JSON object of which some fields are known; all others are let through. Valibot itself would take an
 * array for an object.
 *
 * @param entries the known fields
 * @param holds a further condition, checked before the fields are
 * @param message what to say when it does not hold
 *
 * @internal
 */
export function jsonObject<Entries extends v.ObjectEntries>(
  entries: Entries,
  holds: (input: object) => boolean = () => true,
  message: string = "Unexpected object",
): v.GenericSchema<unknown, v.InferOutput<v.LooseObjectSchema<Entries, undefined>>> {
  return v.pipe(
    v.custom<object>(
      (input) => typeof input === "object" && input !== null && !Array.isArray(input),
      (issue) => `Expected an object but received ${issue.received}`,
    ),
    v.check(holds, message),
    v.looseObject(entries),
  );
}

/**
 * A schema for an integer from 0 to 2^53 - 1: counts, sequence numbers, times since the start of a tape.
 *
 * @internal
 */
export const CountSchema: v.GenericSchema<unknown, number> = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const TextSchema = v.nullish(v.string());
const OptionalCountSchema = v.nullish(CountSchema);
const NumberSchema = v.nullish(v.pipe(v.number(), v.finite()));

const TapePeerSchema: v.GenericSchema<unknown, TapePeer> = jsonObject({ name: v.string(), version: TextSchema });

/** Any names, `__proto__` among them, and how often there was each. */
const CountsSchema: v.GenericSchema<unknown, Record<string, number>> = v.custom<Record<string, number>>(
  (input) =>
    typeof input === "object" && input !== null && !Array.isArray(input) &&
    Object.values(input).every((count) => v.is(CountSchema, count)),
  "Expected an object of counts",
);

/** Schema of {@linkcode TapeStats}. */
export const TapeStatsSchema: v.GenericSchema<unknown, TapeStats> = jsonObject({
  frame_count: v.nullish(CountSchema),
  duration_ms: v.nullish(CountSchema),
  file_size_bytes: v.nullish(CountSchema),
  last_sequence: v.nullish(CountSchema),
  message_counts: v.nullish(
    jsonObject({ client_to_server: v.nullish(CountSchema), server_to_client: v.nullish(CountSchema) }),
  ),
  error_count: v.nullish(CountSchema),
  correlation_count: v.nullish(CountSchema),
  checkpoint_count: v.nullish(CountSchema),
  lost_frame_count: v.nullish(CountSchema),
  tool_error_count: v.nullish(CountSchema),
});

/** Schema of {@linkcode TapePerformance}. */
export const TapePerformanceSchema: v.GenericSchema<unknown, TapePerformance> = jsonObject({
  avg_rtt_ms: NumberSchema,
  max_rtt_ms: NumberSchema,
  min_rtt_ms: NumberSchema,
  messages_per_second: NumberSchema,
  p50_rtt_ms: NumberSchema,
  p95_rtt_ms: NumberSchema,
  p99_rtt_ms: NumberSchema,
});

/**
 * The fields of {@linkcode SessionEnd}.
 *
 * @internal
 */
export const SessionEndEntries: {
  readonly [Field in keyof Required<SessionEnd>]: v.GenericSchema<unknown, SessionEnd[Field]>;
} = {
  ts: OptionalCountSchema,
  exit_code: OptionalCountSchema,
  signal: TextSchema,
  exit_ts: OptionalCountSchema,
  error: TextSchema,
  closed: v.nullish(v.array(jsonObject({ stream: v.string(), by: TextSchema, ts: OptionalCountSchema }))),
};

/** Schema of {@linkcode SessionEnd}. */
export const SessionEndSchema: v.GenericSchema<unknown, SessionEnd> = jsonObject(SessionEndEntries);

/** Schema of {@linkcode TapeStatus}. */
export const TapeStatusSchema: v.GenericSchema<unknown, TapeStatus> = v.union(
  [v.string(), jsonObject({ error: v.string() })],
  (issue) => `Expected a string or {"error": string} but received ${issue.received}`,
);

/** Schema of {@linkcode TapeMetadata}. */
export const TapeMetadataSchema: v.GenericSchema<unknown, TapeMetadata> = jsonObject({
  tape_id: v.string(),
  name: TextSchema,
  description: TextSchema,
  tags: v.nullish(v.array(v.string())),
  created_at: TextSchema,
  updated_at: TextSchema,
  finalized_at: TextSchema,
  status: v.nullish(TapeStatusSchema),
  end: v.nullish(SessionEndSchema),
  transport: v.nullish(
    jsonObject({
      type: TextSchema,
      command: TextSchema,
      args: v.nullish(v.array(v.string())),
      process_id: v.nullish(CountSchema),
      url: TextSchema,
    }),
  ),
  converted_from: v.nullish(
    jsonObject({
      name: TextSchema,
      format: TextSchema,
      version: TextSchema,
      tool: TextSchema,
      tape_id: TextSchema,
      times: TextSchema,
      directions: TextSchema,
      notes: v.nullish(v.array(v.string())),
      is_complete: v.nullish(v.boolean()),
    }),
  ),
  environment: v.nullish(
    jsonObject({
      platform: TextSchema,
      runtime: TextSchema,
      runtime_version: TextSchema,
      tapeline_version: TextSchema,
      hostname: TextSchema,
      user: TextSchema,
    }),
  ),
  client_info: v.nullish(TapePeerSchema),
  server_info: v.nullish(TapePeerSchema),
  protocol_version: TextSchema,
  methods: v.nullish(CountsSchema),
  tools: v.nullish(CountsSchema),
  stats: v.nullish(TapeStatsSchema),
  performance: v.nullish(TapePerformanceSchema),
});

/**
 * Reads metadata. The object that comes back is the one that was parsed, with every unknown field in it.
 *
 * @param text content of a `.meta.json`
 * @param what names it in the error, such as `metadata of tape demo`
 * @throws {TapeError} code `invalid_tape` if the text is not JSON or the object is no metadata
 */
export function parseMetadata(text: string, what: string): TapeMetadata {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = printable(cause instanceof Error ? cause.message : String(cause), 120);
    throw new TapeError("invalid_tape", `Cannot read ${what}: it is not JSON (${why})`, { cause });
  }
  const why = explainIssue(TapeMetadataSchema, value);
  if (why !== undefined) throw new TapeError("invalid_tape", `Cannot read ${what}: ${why}`);
  // Not valibot's output: that is a copy without fields named `constructor`, `prototype` or `__proto__`.
  return value as TapeMetadata;
}

/**
 * Says in one line why a value does not fit a schema: the path of the first misfit and what is wrong with it. Undefined
 * if it fits. Texts are not repeated: they may be secret.
 *
 * @internal
 */
export function explainIssue(schema: v.GenericSchema<unknown, unknown>, value: unknown): string | undefined {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return undefined;
  const issue = result.issues[0];
  const path = v.getDotPath(issue);
  const { message, received } = issue;
  const quotes = received.startsWith('"') && message.endsWith(received);
  const why = quotes ? `${message.slice(0, -received.length)}a text` : message;
  return printable(path === null ? why : `${path}: ${why}`, 160);
}
