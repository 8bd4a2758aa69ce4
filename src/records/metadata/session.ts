import * as v from "valibot";
import { CountSchema, jsonObject, OptionalCountSchema, TextSchema } from "./schemas.ts";

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

/** Schema of {@linkcode TapePeer}. */
export const TapePeerSchema: v.GenericSchema<unknown, TapePeer> = jsonObject({ name: v.string(), version: TextSchema });

/** Schema of {@linkcode TapeTransport}. */
export const TapeTransportSchema: v.GenericSchema<unknown, TapeTransport> = jsonObject({
  type: TextSchema,
  command: TextSchema,
  args: v.nullish(v.array(v.string())),
  process_id: v.nullish(CountSchema),
  url: TextSchema,
});
