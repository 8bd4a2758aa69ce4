import * as v from "valibot";
import { jsonObject, TextSchema } from "./schemas.ts";

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

/** Schema of {@linkcode TapeEnvironment}. */
export const TapeEnvironmentSchema: v.GenericSchema<unknown, TapeEnvironment> = jsonObject({
  platform: TextSchema,
  runtime: TextSchema,
  runtime_version: TextSchema,
  tapeline_version: TextSchema,
  hostname: TextSchema,
  user: TextSchema,
});

/** Schema of {@linkcode ConvertedFrom}. */
export const ConvertedFromSchema: v.GenericSchema<unknown, ConvertedFrom> = jsonObject({
  name: TextSchema,
  format: TextSchema,
  version: TextSchema,
  tool: TextSchema,
  tape_id: TextSchema,
  times: TextSchema,
  directions: TextSchema,
  notes: v.nullish(v.array(v.string())),
  is_complete: v.nullish(v.boolean()),
});
