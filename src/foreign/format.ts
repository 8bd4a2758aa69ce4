import type { VerbatimJson } from "../json/verbatim-json.ts";
import type { TapeTransport } from "../records/metadata.ts";
import type { Direction, InterceptAction, TransportMetadata } from "../records/record.ts";
import type { Head } from "./head.ts";

/** A way in which others write down what JSON-RPC peers say. */
export interface ForeignFormat {
  /** As `--from` names it. */
  readonly name: string;
  /** What such a file is, as in "it is …": `a capture of mcpsnoop`. */
  readonly title: string;
  /** How a file is cut into pieces: into its lines, or as a JSON document of which these containers are opened. */
  readonly cut: "lines" | readonly string[];
  /** Whether a file that begins so looks like one. */
  fits(head: Head): boolean;
  /** Reads one file. */
  reader(out: ForeignOutput): ForeignReader;
}

/** Reads the pieces of one file, one after the other. */
export interface ForeignReader {
  /** Tells what is in a piece. Its bytes are only lent. What it throws ends the conversion. */
  read(piece: Piece): void;
  /** Tells what was held back. */
  end?(): void;
}

/** A line, or a value of a document. */
export interface Piece {
  /** Where a value stands in its document: `metadata`, `frames[]`. Of a line empty. */
  readonly path: string;
  readonly block: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly offset: number;
  readonly line: number;
}

/** When something was: since 1970, or since the session started. In microseconds; neither where nobody knows. */
export interface ForeignTime {
  readonly epochUs?: number | undefined;
  readonly elapsedUs?: number | undefined;
}

/** One message. */
export interface ForeignMessage extends ForeignTime {
  /** As it is spelled; undefined where `raw` stands in its place. */
  readonly message?: VerbatimJson | undefined;
  /** What crossed the wire and is no JSON. */
  readonly raw?: string | undefined;
  /** Undefined where the file does not say. */
  readonly direction: Direction | undefined;
  readonly sessionId?: string | undefined;
  readonly transport?: TransportMetadata | undefined;
  readonly action?: InterceptAction | undefined;
}

/** What a file says of all of its session. What comes first counts. */
export interface ForeignFacts {
  readonly sessionId?: string | undefined;
  /** When the session started, in microseconds since 1970. */
  readonly startedUs?: number | undefined;
  readonly protocolVersion?: string | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly transport?: TapeTransport | undefined;
  /** The system on which it was recorded. */
  readonly platform?: string | undefined;
  /** What has written the file, with its version. */
  readonly tool?: string | undefined;
  /** Version of the format. */
  readonly version?: string | undefined;
  /** The id of the session's tape, where it had one. */
  readonly tapeId?: string | undefined;
}

/** Where the reader of a format tells what it finds. */
export interface ForeignOutput {
  facts(facts: ForeignFacts): void;
  /** A message. Its bytes are taken at once. */
  message(message: ForeignMessage): void;
  /** What was said beside the protocol. */
  log(stream: string, text: string, time?: ForeignTime): void;
  /** So many messages are missing, as the file itself says. */
  gap(count: number, reason: string): void;
  /** A piece cannot be read: why, as in "it has no message". */
  damage(piece: Pick<Piece, "offset" | "line">, why: string, length?: number): void;
  /** One more of what is left out on purpose: `HTTP exchange without JSON-RPC`. */
  leaveOut(what: string): void;
  /** Something that the file cannot tell, in a sentence without a period. Said once. */
  note(text: string): void;
}

/** The text that a piece of a document is, or the digits of a number; undefined for any other value. */
export function textOf({ block, start, end }: Piece): string | undefined {
  const text = new TextDecoder().decode(block.subarray(start, end));
  if (text.startsWith('"')) return JSON.parse(text) as string;
  return /^[-\d]/.test(text) ? text : undefined;
}
