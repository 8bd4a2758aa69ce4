import type { TapeError } from "../errors.ts";
import { jsonExtent } from "../json/json-extent.ts";
import { RECORD_TYPES } from "../records/record-schema.ts";
import type { TapeRecord } from "../records/record.ts";
import { CODED_TYPES } from "./coded-line.ts";
import type { TapeLine } from "./line.ts";
import { corrupted, parseLine, recordOn } from "./parse-line.ts";

/** A record, and the line or the part of a line that it stands on. */
export interface RecordPart {
  readonly line: TapeLine;
  readonly record: TapeRecord;
}

/** What stands on a line and is no record: all of it, or a part. */
export interface StrayPart {
  readonly line: TapeLine;
  readonly record?: undefined;
  /** Says where it is and what is wrong, code `corrupted_record`. */
  readonly error: TapeError;
  /** Whether something may be lost with it: not with a byte order mark, nor, yet, with what has no end. */
  readonly isLoss: boolean;
}

/** What a line consists of. */
export type LinePart = RecordPart | StrayPart;

/**
 * What stands on a line, in its order: nearly always one record.
 *
 * @param tapeId the tape that the line is from, where it is known
 */
export function readParts(line: TapeLine, tapeId?: string): readonly LinePart[] {
  try {
    return [{ line, record: parseLine(line, tapeId) }];
  } catch (error) {
    return takeApart(line, error as TapeError, tapeId);
  }
}

/**
 * What stands on a line that is no record as a whole. A record that lost its end has another one right behind it, where
 * its writer, or a second one, went on; sometimes only the line feed between two was lost. What counts as a record in
 * there:
 *
 * - It is a whole JSON object and a record, and reaches to the end of the line or to where another object begins.
 * - It starts the line, or directly behind another record; or it starts as records of the known types do, where JSON
 *   cannot go on that breaks off there. So the objects in a message never count, nor do its strings, which have no
 *   quotes but escaped ones. Only an object with which a torn line ends may be either: it counts if it is a record,
 *   except at the end of a tape, where it would be a part of a message that is still being written.
 *
 * White space, NUL bytes and byte order marks may stand between. The time is linear in the length of the line.
 *
 * @param error what {@linkcode parseLine} says of the whole line
 */
export function takeApart(line: TapeLine, error: TapeError, tapeId?: string): readonly LinePart[] {
  const parts = new Parts(line, tapeId);
  const { bytes, length } = parts;
  // Only there can an object be of a type that is not known here.
  let isStart = true;
  for (let at = skipFiller(bytes, 0, length); at < length; at = skipFiller(bytes, at, length)) {
    if (bytes[at] !== OPEN) {
      at = nextStart(bytes, at + 1);
      isStart = false;
      continue;
    }
    const { isWhole, end, last } = jsonExtent(bytes, at, (inner) => isRecordStart(bytes, inner));
    const start: number | undefined = !isWhole ? last : isStart || isRecordStart(bytes, at) ? at : undefined;
    const next = skipFiller(bytes, end, length);
    const isEnd = next === length && (isWhole || line.terminated);
    isStart = start !== undefined && (isEnd || bytes[next] === OPEN) && parts.add(start, end);
    // A record that begins within a string breaks off the JSON behind its first quote.
    at = isStart ? end : nextStart(bytes, isWhole ? end : Math.max(at + 1, end - 2));
  }
  return parts.end(error);
}

/** Whether nothing stands on the line: white space, NUL bytes and byte order marks at most. */
export function isBlank(line: TapeLine): boolean {
  return skipFiller(line.stored, 0, line.length) === line.length;
}

/**
 * Whether a record may stand on the line behind the one that its first bytes tell of. For most lines it cannot, and that
 * is quicker to see than by parsing them.
 */
export function mayHoldMore({ stored: bytes }: TapeLine): boolean {
  let end = bytes.length;
  while (end > 0 && isSpace(bytes[end - 1]!)) end--;
  if (bytes[end - 1] !== CLOSE) return true;
  for (let at = bytes.indexOf(OPEN, 1); at >= 0; at = bytes.indexOf(OPEN, at + 1)) {
    if (isRecordStart(bytes, at) || bytes[skipFillerBack(bytes, at) - 1] === CLOSE) return true;
  }
  return false;
}

/** Collects the parts of a line. */
class Parts {
  /** The bytes of the line, with a NUL behind them. */
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly #line: TapeLine;
  readonly #tapeId: string | undefined;
  readonly #parts: LinePart[] = [];
  /** Where what is in no part yet begins. */
  #from = 0;

  constructor(line: TapeLine, tapeId: string | undefined) {
    this.#line = line;
    this.#tapeId = tapeId;
    this.length = line.length;
    this.bytes = new Uint8Array(line.length + 1);
    this.bytes.set(line.stored);
  }

  /** Adds a record, if it is one. */
  add(start: number, end: number): boolean {
    const { bytes, length } = this;
    // Space at the end of a line does not keep a record from ending it.
    const line = this.#line.part(start, skipSpace(bytes, end, length) === length ? length : end);
    const record = recordOn(line, this.#tapeId);
    if (record === undefined) return false;
    this.#addStray(start, true);
    this.#parts.push({ line, record });
    this.#from = start + line.length;
    return true;
  }

  /** All parts, once there are no more records; of a line without one, `error` says why. */
  end(error: TapeError): readonly LinePart[] {
    if (this.#parts.length > 0) this.#addStray(this.length, false);
    else this.#parts.push({ line: this.#line, error, isLoss: this.#isLoss(0, this.length) });
    return this.#parts;
  }

  #addStray(to: number, isFollowed: boolean): void {
    const { bytes } = this;
    const start = skipSpace(bytes, this.#from, to);
    let end = to;
    while (end > start && isSpace(bytes[end - 1]!)) end--;
    if (start === end) return;
    const line = this.#line.part(start, end);
    this.#parts.push({ line, error: this.#strayError(line, start, end, isFollowed), isLoss: this.#isLoss(start, end) });
  }

  #strayError(line: TapeLine, start: number, end: number, isFollowed: boolean): TapeError {
    if (skipFiller(this.bytes, start, end) === end) {
      return corrupted(line, isByteOrderMark(line.stored) ? "it is a byte order mark" : "it is nothing but NUL bytes");
    }
    if (isFollowed) return corrupted(line, `it breaks off at byte ${line.nextOffset}, where another record begins`);
    try {
      parseLine(line);
    } catch (error) {
      return error as TapeError;
    }
    return corrupted(line, "it is part of something that is torn");
  }

  #isLoss(start: number, end: number): boolean {
    const isUnfinished = end === this.length && !this.#line.terminated;
    return !isUnfinished && !isByteOrderMark(this.bytes.subarray(start, end));
  }
}

const OPEN = 0x7b;
const CLOSE = 0x7d;
const SPACE = 0x20;
const encoder = new TextEncoder();
const START = encoder.encode('{"type":');
const TYPES = [...RECORD_TYPES, ...CODED_TYPES, "dictionary"].map((type) => encoder.encode(JSON.stringify(type)));
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/** Where the next record of a known type may start; the length of the bytes if none does. */
function nextStart(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(OPEN, from); at >= 0; at = bytes.indexOf(OPEN, at + 1)) {
    if (isRecordStart(bytes, at)) return at;
  }
  return bytes.length;
}

/** Whether a record of a known type may start there, spelled as this library or with a space behind the colon. */
function isRecordStart(bytes: Uint8Array, at: number): boolean {
  if (!standsAt(bytes, at, START)) return false;
  let start = at + START.length;
  if (bytes[start] === SPACE) start++;
  return TYPES.some((type) => standsAt(bytes, start, type));
}

function standsAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

function isByteOrderMark(bytes: Uint8Array): boolean {
  return bytes.length === BYTE_ORDER_MARK.length && BYTE_ORDER_MARK.every((byte, at) => bytes[at] === byte);
}

/** The first place from `at` on where neither white space nor a NUL nor a byte order mark is, up to `end`. */
function skipFiller(bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    if (isSpace(bytes[at]!) || bytes[at] === 0) at++;
    else if (BYTE_ORDER_MARK.every((byte, i) => bytes[at + i] === byte)) at += BYTE_ORDER_MARK.length;
    else break;
  }
  return Math.min(at, end);
}

/** Where the white space, NUL bytes and byte order marks start that stand right before `end`. */
function skipFillerBack(bytes: Uint8Array, end: number): number {
  for (;;) {
    const last = bytes[end - 1] ?? OPEN;
    if (isSpace(last) || last === 0) end--;
    else if (last === 0xbf && isByteOrderMark(bytes.subarray(end - 3, end))) end -= 3;
    else return end;
  }
}

function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && isSpace(bytes[at]!)) at++;
  return at;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}
