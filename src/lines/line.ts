import { TapeError } from "../errors.ts";
import { JsonBytes } from "../json/json-bytes.ts";
import type { Direction, TapeRecord } from "../records/record.ts";
import { decodeStrictly } from "../utf8.ts";

/** What the first bytes of a line say about it. Fields that a record of its type does not have are `undefined`. */
export interface LineHeader {
  /** The record's type; undefined for a line that is no record. */
  readonly type: string | undefined;
  /** A frame's sequence number. */
  readonly seq: number | undefined;
  /** Milliseconds since the start of the tape, for records that have a time. */
  readonly ts: number | undefined;
  /** A frame's direction. */
  readonly dir: Direction | undefined;
}

/** Where a line stands in its tape. */
export interface LinePosition {
  /** Bytes from the start of the tape to the start of the line. */
  readonly offset: number;
  /** Number of the line, counted from 1; 0 where reading began in the middle. */
  readonly number: number;
  /** Whether the line has its `\n`. One that has not is torn, or still being written. */
  readonly terminated: boolean;
}

const NO_HEADER: LineHeader = { type: undefined, seq: undefined, ts: undefined, dir: undefined };
/** Types of records that have no time. */
const TIMELESS: ReadonlySet<string> = new Set(["correlation", "checkpoint", "init"]);
const encoder = new TextEncoder();
const TYPE_PREFIX = encoder.encode('{"type":"');
const FRAME_PREFIX = encoder.encode('{"type":"frame","seq":');
const TIMELESS_HEADERS: readonly [Uint8Array, LineHeader][] = Array.from(
  TIMELESS,
  (type) => [encoder.encode(`{"type":"${type}"`), { ...NO_HEADER, type }],
);
const TS_KEY = encoder.encode(',"ts":');
const DIR_KEY = encoder.encode(',"dir":"');
const DIRECTIONS: readonly [Direction, Uint8Array][] = [
  ["client_to_server", encoder.encode('client_to_server"')],
  ["server_to_client", encoder.encode('server_to_client"')],
];
const CR = 0x0d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/** A block of which lines are made, whose memory may be used again. */
export interface Loan {
  /** Set when the block is taken back: its lines have lost their bytes. */
  isOver: boolean;
  /** Whether somebody got a view of the block, which must stay as it is then. */
  isSeen: boolean;
}

/** Tells a line, directly after it was made, that its block is only lent. */
export let lendLine: (line: TapeLine, loan: Loan) => void;
/** Copies a line that is lent to `room`, from `at` on, and lets it go on there. It takes `length + 2` bytes at most. */
export let keepLine: (line: TapeLine, room: Uint8Array, at: number) => void;
/** Looks at a line's bytes where they lie. */
export type LineLook<T> = (block: Uint8Array, start: number, end: number, loan: Loan | undefined) => T;
/** Lets somebody look at a line's bytes, who keeps nothing of them when the call returns. */
export let lookAt: <T>(line: TapeLine, look: LineLook<T>) => T;
/** Notes the record that was parsed from a line, for the next one who parses it. */
export let handOn: (line: TapeLine, record: TapeRecord) => void;
/** Takes the record that was noted, once. */
export let takeOver: (line: TapeLine) => TapeRecord | undefined;

/**
 * One line of a tape, as bytes. It knows its `type`, and for a frame its `seq`, `ts` and `dir`, from its first bytes,
 * and is decoded and parsed only when asked: filters, counts and copies never pay for the rest.
 *
 * A header is what the line claims: only {@linkcode TapeLine.parse} proves that the whole line is JSON. Of a damaged line
 * on which another record stands behind a torn one, it is the header of the torn one. A line that is not spelled
 * canonically (foreign tapes have spaces and other orders) is parsed to learn it.
 */
export class TapeLine implements LineHeader, LinePosition {
  #block: Uint8Array;
  #start: number;
  #end: number;
  #loan: Loan | undefined;
  /** What the line was parsed to, where somebody had to know before its reader does. */
  #record: TapeRecord | undefined;
  /** Bytes from the start of the tape to the start of the line. */
  readonly offset: number;
  /** Number of the line, counted from 1; 0 where reading began in the middle. */
  readonly number: number;
  /** Whether the line has its `\n`. */
  readonly terminated: boolean;
  #header: LineHeader | undefined;

  static {
    lendLine = (line, loan) => {
      line.#loan = loan;
    };
    keepLine = (line, room, at) => {
      const { length } = line;
      // With the byte behind it, which tells what ends the line.
      room.set(line.#lent().subarray(line.#start, line.#end + 1), at);
      line.#block = room;
      line.#start = at;
      line.#end = at + length;
      line.#loan = undefined;
    };
    lookAt = (line, look) => look(line.#lent(), line.#start, line.#end, line.#loan);
    handOn = (line, record) => {
      line.#record = record;
    };
    takeOver = (line) => {
      if (!(#record in line) || line.#record === undefined) return undefined;
      const record = line.#record;
      line.#record = undefined;
      return record;
    };
  }

  /**
   * Makes a line of bytes that are at hand; {@linkcode lineSplit} does.
   *
   * @param block bytes that hold the line; they are kept, not copied
   * @param start where the line starts in `block`
   * @param end where it ends, before its line ending
   */
  constructor(block: Uint8Array, start: number, end: number, offset: number, number: number, terminated: boolean) {
    this.#block = block;
    this.#start = start;
    this.#end = end;
    this.offset = offset;
    this.number = number;
    this.terminated = terminated;
  }

  /** The line's bytes, without its line ending. A view into a larger block. */
  get bytes(): Uint8Array {
    return this.#seen().subarray(this.#start, this.#end);
  }

  /** Length in bytes, without the line ending. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** What ends the line: `\n`, `\r\n`, or nothing. */
  get ending(): "\n" | "\r\n" | "" {
    return !this.terminated ? "" : this.#lent()[this.#end] === CR ? "\r\n" : "\n";
  }

  /** Where the next line starts, in bytes from the start of the tape. */
  get nextOffset(): number {
    return this.offset + this.length + this.ending.length;
  }

  /** The record's type; `undefined` for a line that is no record. */
  get type(): string | undefined {
    return (this.#header ??= this.#readHeader()).type;
  }

  /** A frame's sequence number. */
  get seq(): number | undefined {
    return (this.#header ??= this.#readHeader()).seq;
  }

  /** Milliseconds since the start of the tape. */
  get ts(): number | undefined {
    return (this.#header ??= this.#readHeader()).ts;
  }

  /** A frame's direction. */
  get dir(): Direction | undefined {
    return (this.#header ??= this.#readHeader()).dir;
  }

  /**
   * The line as text, without its line ending.
   *
   * @throws {TypeError} the bytes are not UTF-8
   */
  text(): string {
    return decodeStrictly(this.#lent(), this.#start, this.#end);
  }

  /** The line as a message that is given as its bytes, which are not copied. */
  message(): JsonBytes {
    return new JsonBytes(this.#seen(), this.#start, this.#end);
  }

  /**
   * The line as a JSON value.
   *
   * @throws {SyntaxError} the line is not JSON
   * @throws {TypeError} the bytes are not UTF-8
   */
  parse(): unknown {
    return JSON.parse(this.text());
  }

  /**
   * A part of the line as a line of its own: several records stand on a line that was damaged. A part that does not
   * reach to the end of the line has an empty ending.
   *
   * @param start bytes from the start of the line
   * @param end bytes from the start of the line
   */
  part(start: number, end: number): TapeLine {
    const [from, to, offset] = [this.#start + start, this.#start + end, this.offset + start];
    return end === this.length
      ? new TapeLine(this.#seen(), from, to, offset, this.number, this.terminated)
      : new LinePart(this.#seen(), from, to, offset, this.number, true);
  }

  /** The same line, counted by somebody else. */
  withNumber(number: number): TapeLine {
    return new TapeLine(this.#seen(), this.#start, this.#end, this.offset, number, this.terminated);
  }

  /** The block, for a look that is over when the call returns. */
  #lent(): Uint8Array {
    if (this.#loan?.isOver) {
      throw new TapeError(
        "closed",
        `Cannot look at ${placeOf(this)}: it was lent to a filter, which did not let it through`,
      );
    }
    return this.#block;
  }

  /** The block, for somebody who may keep it. */
  #seen(): Uint8Array {
    const block = this.#lent();
    if (this.#loan !== undefined) this.#loan.isSeen = true;
    return block;
  }

  #readHeader(): LineHeader {
    return canonicalHeader(this.#lent(), this.#start, this.#end) ?? this.#parsedHeader();
  }

  #parsedHeader(): LineHeader {
    try {
      return headerOf(this.parse());
    } catch {
      return NO_HEADER;
    }
  }
}

/** A part of a line, with another one right behind it. */
class LinePart extends TapeLine {
  override get ending(): "" {
    return "";
  }
}

/** A line's place, for error messages. */
export function placeOf({ offset, number }: Pick<LinePosition, "offset" | "number">): string {
  return number > 0 ? `line ${number} at byte ${offset}` : `the line at byte ${offset}`;
}

/** The header of a parsed line: the same answer that a canonical line gives from its bytes. */
export function headerOf(value: unknown): LineHeader {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "type")) return NO_HEADER;
  const { type, seq, ts, dir } = value as Record<string, unknown>;
  if (typeof type !== "string") return NO_HEADER;
  if (TIMELESS.has(type)) return { ...NO_HEADER, type };
  if (type !== "frame") return { ...NO_HEADER, type, ts: integer(ts) };
  return {
    type,
    seq: integer(seq),
    ts: integer(ts),
    dir: dir === "client_to_server" || dir === "server_to_client" ? dir : undefined,
  };
}

function integer(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && value as number >= 0 ? value as number : undefined;
}

function canonicalHeader(block: Uint8Array, start: number, end: number): LineHeader | undefined {
  if (startsWith(block, start, end, FRAME_PREFIX)) return frameHeader(block, start + FRAME_PREFIX.length, end);
  if (!startsWith(block, start, end, TYPE_PREFIX)) return undefined;
  for (const [spelled, header] of TIMELESS_HEADERS) if (startsWith(block, start, end, spelled)) return header;
  const typeStart = start + TYPE_PREFIX.length;
  let at = typeStart;
  while (at < end && block[at] !== QUOTE) {
    if (block[at] === BACKSLASH || block[at]! < 0x20 || block[at]! > 0x7e) return undefined;
    at++;
  }
  if (at === end) return undefined;
  const type = String.fromCharCode(...block.subarray(typeStart, Math.min(at, typeStart + 64)));
  // A frame is canonical in full or not at all; other records have their time right behind the type.
  if (type === "frame" || at - typeStart > 64 || !startsWith(block, at + 1, end, TS_KEY)) return undefined;
  const ts = readInteger(block, at + 1 + TS_KEY.length, end);
  return ts === undefined ? undefined : { ...NO_HEADER, type, ts: ts.value };
}

function frameHeader(block: Uint8Array, seqStart: number, end: number): LineHeader | undefined {
  let value = 0;
  let at = seqStart;
  for (let digit; at < end && (digit = block[at]! - 0x30) >= 0 && digit <= 9; at++) value = value * 10 + digit;
  if (!isInteger(block, seqStart, at, value) || !startsWith(block, at, end, TS_KEY)) return undefined;
  const seq = value;
  const tsStart = at + TS_KEY.length;
  value = 0;
  at = tsStart;
  for (let digit; at < end && (digit = block[at]! - 0x30) >= 0 && digit <= 9; at++) value = value * 10 + digit;
  if (!isInteger(block, tsStart, at, value) || !startsWith(block, at, end, DIR_KEY)) return undefined;
  at += DIR_KEY.length;
  for (const [dir, spelled] of DIRECTIONS) {
    if (startsWith(block, at, end, spelled)) return { type: "frame", seq, ts: value, dir };
  }
  return undefined;
}

function readInteger(block: Uint8Array, start: number, end: number): { value: number } | undefined {
  let value = 0;
  let at = start;
  for (let digit; at < end && (digit = block[at]! - 0x30) >= 0 && digit <= 9; at++) value = value * 10 + digit;
  return at < end && isInteger(block, start, at, value) && block[at] === COMMA ? { value } : undefined;
}

/** Whether the digits are spelled as JSON spells a safe integer. */
function isInteger(block: Uint8Array, start: number, end: number, value: number): boolean {
  return end > start && (block[start] !== 0x30 || end === start + 1) && value <= Number.MAX_SAFE_INTEGER;
}

function startsWith(block: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (start + prefix.length > end) return false;
  for (let at = 0; at < prefix.length; at++) if (block[start + at] !== prefix[at]) return false;
  return true;
}
