import * as v from "valibot";
import { CountSchema, jsonObject } from "./schemas.ts";

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

const NumberSchema = v.nullish(v.pipe(v.number(), v.finite()));

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
