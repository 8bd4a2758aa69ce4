import * as v from "valibot";
import { printable, TapeError } from "../errors.ts";
import {
  type ConvertedFrom,
  ConvertedFromSchema,
  type TapeEnvironment,
  TapeEnvironmentSchema,
} from "./metadata/origin.ts";
import { CountSchema, explainIssue, jsonObject, TextSchema } from "./metadata/schemas.ts";
import {
  type SessionEnd,
  SessionEndSchema,
  type TapePeer,
  TapePeerSchema,
  type TapeStatus,
  TapeStatusSchema,
  type TapeTransport,
  TapeTransportSchema,
} from "./metadata/session.ts";
import { type TapePerformance, TapePerformanceSchema, type TapeStats, TapeStatsSchema } from "./metadata/stats.ts";

export type { ConvertedFrom, TapeEnvironment } from "./metadata/origin.ts";
export type { SessionEnd, StreamClosed, TapePeer, TapeStatus, TapeTransport } from "./metadata/session.ts";
export { SessionEndSchema, TapeStatusSchema } from "./metadata/session.ts";
export type { CompleteTapeStats, MessageCounts, TapePerformance, TapeStats } from "./metadata/stats.ts";
export { TapePerformanceSchema, TapeStatsSchema } from "./metadata/stats.ts";

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

/** Any names, `__proto__` among them, and how often there was each. */
const CountsSchema: v.GenericSchema<unknown, Record<string, number>> = v.custom<Record<string, number>>(
  (input) =>
    typeof input === "object" && input !== null && !Array.isArray(input) &&
    Object.values(input).every((count) => v.is(CountSchema, count)),
  "Expected an object of counts",
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
  transport: v.nullish(TapeTransportSchema),
  converted_from: v.nullish(ConvertedFromSchema),
  environment: v.nullish(TapeEnvironmentSchema),
  client_info: v.nullish(TapePeerSchema),
  server_info: v.nullish(TapePeerSchema),
  protocol_version: TextSchema,
  methods: v.nullish(CountsSchema),
  tools: v.nullish(CountsSchema),
  stats: v.nullish(TapeStatsSchema),
  performance: v.nullish(TapePerformanceSchema),
});

/** What nests deeper can be parsed, but not be written as JSON again. */
const MAX_DEPTH = 200;

/** Whether JSON nests deeper than that. Texts with so few brackets, as nearly all are, are not looked at any closer. */
function nestsDeeper(text: string, levels: number): boolean {
  if (text.split(/[[{]/, levels + 2).length <= levels + 1) return false;
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') isInString = !isInString;
    else if (isInString) at += char === "\\" ? 1 : 0;
    else if (char === "[" || char === "{") depth++;
    else if (char === "]" || char === "}") depth--;
    if (depth > levels) return true;
  }
  return false;
}

/**
 * Reads metadata. The object that comes back is the one that was parsed, with every unknown field in it.
 *
 * @param text content of a `.meta.json`
 * @param what names it in the error, such as `metadata of tape demo`
 * @throws {TapeError} code `invalid_tape` if the text is not JSON, nests deeper than 200 levels, or the object is no metadata
 */
export function parseMetadata(text: string, what: string): TapeMetadata {
  let value: unknown;
  if (nestsDeeper(text, MAX_DEPTH)) {
    throw new TapeError("invalid_tape", `Cannot read ${what}: it nests deeper than ${MAX_DEPTH} levels`);
  }
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
