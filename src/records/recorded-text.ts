import { JsonText } from "../json/json-text.ts";
import { valueSpan } from "../json/json-span.ts";
import { VerbatimJson } from "../json/verbatim-json.ts";
import { TapeError } from "../errors.ts";
import type { FrameEnv, FrameRecord, TapeRecord } from "./record.ts";
import { sameJson } from "../json/same-json.ts";

/** Returning another object from a constructor lets a subclass put a private field on it. */
export class Marked {
  constructor(target: object) {
    return target;
  }
}

/** A line that a record was parsed from. */
export interface RecordedLine {
  readonly text: string;
  /** Bytes from the start of the tape to its start. */
  readonly offset: number;
  /** Its number, from 1; 0 where nobody has counted. */
  readonly number: number;
  /** The id of the tape, where it is known. */
  readonly tapeId: string | undefined;
  /** What stands on the tape, where that is not the text but coded. */
  readonly stored?: Uint8Array | undefined;
}

/**
 * The line of a frame, kept on its `env` in a private field: nothing that lists, compares or prints the object sees it, and
 * it costs a tenth of a WeakMap entry. The frame itself comes in many shapes, which would cost four times as much.
 */
class RecordedEnv extends Marked {
  #line: RecordedLine;

  constructor(env: object, line: RecordedLine) {
    super(env);
    this.#line = line;
  }

  static of(env: object): RecordedLine | undefined {
    return #line in env ? env.#line : undefined;
  }
}

/** The line of a correlation. */
class RecordedCorrelation extends Marked {
  #line: RecordedLine;

  constructor(record: object, line: RecordedLine) {
    super(record);
    this.#line = line;
  }

  static of(record: object): RecordedLine | undefined {
    return #line in record ? record.#line : undefined;
  }
}

/** The line of a record of another type. */
class RecordedOther extends Marked {
  #line: RecordedLine;

  constructor(record: object, line: RecordedLine) {
    super(record);
    this.#line = line;
  }

  static of(record: object): RecordedLine | undefined {
    return #line in record ? record.#line : undefined;
  }
}

/** Notes which line a record was just parsed from, so that its place and the text of its message are not lost. Once for each. */
export function rememberLine(record: TapeRecord, line: RecordedLine): void {
  if (record.type === "frame") new RecordedEnv(record.env, line);
  else if (record.type === "correlation") new RecordedCorrelation(record, line);
  else new RecordedOther(record, line);
}

/** The line that a record was parsed from; undefined for one that was made. */
export function lineOf(record: TapeRecord): RecordedLine | undefined {
  if (record.type === "frame") return RecordedEnv.of(record.env);
  return RecordedCorrelation.of(record) ?? RecordedOther.of(record);
}

/**
 * The text of a frame's message: the very text that was recorded, with its spelling of numbers, its duplicate keys and
 * its escapes, as long as the message is what was recorded; the JSON text of the message where it has been changed or
 * made anew. Of a frame that holds no JSON, what stood on the wire (decoded leniently where it is not UTF-8; see
 * {@linkcode messageBytes}).
 *
 * @throws {TapeError} code `serialization`: the message has no JSON text
 *
 * @example
 * ```ts
 * import { lineSplit, memorySource, messageText, parseRecord, pipe } from "tapeline";
 *
 * const line = '{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":{"id":12345678901234567890}}}\n';
 * for await (const record of pipe(memorySource(line), lineSplit(), parseRecord())) {
 *   if (record.type === "frame") console.log(messageText(record)); // {"id":12345678901234567890}
 * }
 * ```
 */
export function messageText(frame: Pick<FrameRecord, "env">): string {
  const { env } = frame;
  if (env.message === undefined && typeof env.raw === "string") {
    return env.encoding === "base64" ? new TextDecoder().decode(messageBytes(frame)) : env.raw;
  }
  return envText(env);
}

/**
 * The bytes of a frame's message as they crossed the wire, without a line ending: the UTF-8 of {@linkcode messageText},
 * or the very bytes where they were not UTF-8.
 *
 * @throws {TapeError} code `serialization`: the message has no JSON text, or `raw` is not the base64 it says it is
 */
export function messageBytes(frame: Pick<FrameRecord, "env">): Uint8Array {
  const { env } = frame;
  if (env.message !== undefined || typeof env.raw !== "string" || env.encoding !== "base64") {
    return new TextEncoder().encode(messageText(frame));
  }
  let binary: string;
  try {
    binary = atob(env.raw);
  } catch (cause) {
    throw new TapeError("serialization", "Cannot decode a frame: its raw text is not base64", { cause });
  }
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

/**
 * The bytes of a frame's line as they crossed the wire: {@linkcode messageBytes} and what ended the line, which is `\n`
 * unless `env.line_end` says otherwise. Those of one direction, one behind the other, are what that side has sent.
 *
 * @throws {TapeError} code `serialization`: as {@linkcode messageBytes}
 *
 * @example
 * ```ts
 * import { wireBytes } from "tapeline";
 *
 * wireBytes({ env: { message: { id: 1 }, line_end: "\r\n" } }); // the bytes of `{"id":1}\r\n`
 * ```
 */
export function wireBytes(frame: Pick<FrameRecord, "env">): Uint8Array {
  const message = messageBytes(frame);
  const end = new TextEncoder().encode(frame.env.line_end ?? "\n");
  const bytes = new Uint8Array(message.length + end.length);
  bytes.set(message);
  bytes.set(end, message.length);
  return bytes;
}

/**
 * The text of `env.message` on one line.
 *
 * @throws {TapeError} code `serialization`: it has none
 */
export function envText(env: FrameEnv): string {
  const { message } = env;
  if (message instanceof VerbatimJson) return checkedText(message);
  return keptText(env) ?? stringify(message, "a message");
}

/**
 * The message of a frame, for those who compare ids: as the text that was recorded, where an id in it is a number that
 * JavaScript does not have, such as one past 2^53.
 */
export function exactMessage({ env }: Pick<FrameRecord, "env">): unknown {
  const { message } = env;
  if (typeof message !== "object" || message === null) return message;
  // What became a text just now need not be looked up in it.
  if (message instanceof VerbatimJson) return message.origin ?? message;
  const isInexact = Array.isArray(message) ? message.some(hasInexactId) : hasInexactId(message);
  const text = isInexact ? keptText(env) : undefined;
  return text === undefined ? message : new JsonText(text);
}

function hasInexactId(message: unknown): boolean {
  if (typeof message !== "object" || message === null) return false;
  const { id, params } = message as {
    readonly id?: unknown;
    readonly params?: { readonly requestId?: unknown } | null;
  };
  // `notifications/cancelled` has no id, and names that of another.
  const named = id === undefined ? params?.requestId : id;
  return typeof named === "number" && !Number.isSafeInteger(named);
}

/** The text that was recorded, if the message is still what it says. */
function keptText(env: FrameEnv): string | undefined {
  const line = RecordedEnv.of(env);
  const text = line && recordedText(line.text);
  return text !== undefined && sameJson(JSON.parse(text), env.message) ? text : undefined;
}

/** In a canonical line the spaces around a message came with it over the wire; in others they are the line's. */
function recordedText(line: string): string | undefined {
  const span = valueSpan(line, ["env", "message"]);
  if (span === undefined) return undefined;
  let [start, end] = span;
  if (line.startsWith(CANONICAL_START)) {
    while (isJsonSpace(line.charCodeAt(start - 1))) start--;
    while (isJsonSpace(line.charCodeAt(end))) end++;
  }
  return line.slice(start, end);
}

const CANONICAL_START = '{"type":"frame","seq":';

function isJsonSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d;
}

/**
 * The text of a {@linkcode VerbatimJson} on one line.
 *
 * @throws {TapeError} code `serialization`: it is not JSON
 */
export function checkedText(message: VerbatimJson): string {
  const { line } = message;
  if (line === undefined) throw new TapeError("serialization", "Cannot encode a message: its text is not JSON");
  return line;
}

/**
 * `JSON.stringify` that either gives a text or throws.
 *
 * @throws {TapeError} code `serialization`
 */
export function stringify(value: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split("\n", 1)[0] : String(cause);
    throw new TapeError("serialization", `Cannot encode ${what}: ${why}`, { cause });
  }
  if (text === undefined) {
    throw new TapeError("serialization", `Cannot encode ${what}: a value of type ${typeof value} has no JSON text`);
  }
  return text;
}
