import { TapeError } from "../errors.ts";
import { JsonBytes } from "../json/json-bytes.ts";
import type { Direction, TapeRecord } from "../records/record.ts";
import { decodeStrictly } from "../utf8.ts";
import type { Bytes } from "../bytes/bytes.ts";
import { codedHead, isCoded, isPlain, type LineDecoder, SEALED } from "./coded-line.ts";
import { canonicalHeader, headerOf, type LineHeader, NO_HEADER } from "./line-header.ts";

/** Where a line stands in its tape. */
export interface LinePosition {
  /** Bytes from the start of the tape to the start of the line. */
  readonly offset: number;
  /** Number of the line, counted from 1; 0 where reading began in the middle. */
  readonly number: number;
  /** Whether the line has its `\n`. One that has not is torn, or still being written. */
  readonly terminated: boolean;
}

const CR = 0x0d;

/** A block of which lines are made, whose memory may be used again. */
export interface Loan {
  /** Set when the block is taken back: its lines have lost their bytes. */
  isOver: boolean;
  /** Whether somebody got a view of the block, which must stay as it is then. */
  isSeen: boolean;
}

/** How a line of a tape is read on which some are coded. */
interface Coding {
  readonly decoder: LineDecoder;
  readonly isCoded: boolean;
  /** What it was decoded to. */
  plain: Bytes | undefined;
}

/** Tells a line, directly after it was made, that its block is only lent. */
export let lendLine: (line: TapeLine, loan: Loan) => void;
/** Tells a line, directly after it was made, what decodes the coded lines of its tape. */
export let codeLine: (line: TapeLine, decoder: LineDecoder) => void;
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
 *
 * Of a line that is compressed or encrypted, where its reader can decode it, `type`, `seq` and `ts` are those of the record in it, which
 * the line tells in plain; its `bytes` and all that is read of them are those of the record, decoded when asked for. Where a
 * line stands and how long it is there ({@linkcode TapeLine.length}) is always told of what is on the tape ({@linkcode TapeLine.stored}).
 */
export class TapeLine implements LineHeader, LinePosition {
  #block: Uint8Array;
  #start: number;
  #end: number;
  #loan: Loan | undefined;
  /** Where lines of the tape may be coded. */
  #coding: Coding | undefined;
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
    codeLine = (line, decoder) => {
      const [block, start, end] = [line.#lent(), line.#start, line.#end];
      const isSeen = isCoded(block, start, end) || decoder.codesAll === true && !isPlain(block, start, end);
      line.#coding = { decoder, isCoded: isSeen, plain: undefined };
      // What comes behind it may need it, also where it is only a part of a line.
      if (decoder.learn !== undefined && line.type === "dictionary") decoder.learn(line.stored);
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
    lookAt = (line, look) => {
      const plain = line.isCoded ? line.#decodedIfWhole() : undefined;
      if (plain === undefined) return look(line.#lent(), line.#start, line.#end, line.#loan);
      return look(plain, 0, plain.length, undefined);
    };
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

  /**
   * The line's bytes, without its line ending. A view into a larger block.
   *
   * @throws {TapeError} code `corrupted_record`: the line is compressed or encrypted, and does not decode
   */
  get bytes(): Uint8Array {
    return this.isCoded ? this.#decoded() : this.stored;
  }

  /** The bytes that stand on the tape, without the line ending: what {@linkcode bytes} are, unless the line is coded. */
  get stored(): Uint8Array {
    return this.#seen().subarray(this.#start, this.#end);
  }

  /** Whether the line is compressed or encrypted, and its reader can decode it. */
  get isCoded(): boolean {
    return this.#coding?.isCoded === true;
  }

  /** Length on the tape in bytes, without the line ending. */
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
    const header = this.#header ??= this.#readHeader();
    return this.isCoded && header.type === "frame" ? this.#codedDirection() : header.dir;
  }

  /**
   * The line as text, without its line ending.
   *
   * @throws {TypeError} the bytes are not UTF-8
   */
  text(): string {
    if (!this.isCoded) return decodeStrictly(this.#lent(), this.#start, this.#end);
    const plain = this.#decoded();
    return decodeStrictly(plain, 0, plain.length);
  }

  /** The line as a message that is given as its bytes, which are not copied. */
  message(): JsonBytes {
    if (!this.isCoded) return new JsonBytes(this.#seen(), this.#start, this.#end);
    const plain = this.#decoded();
    return new JsonBytes(plain, 0, plain.length);
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
   * A part of what is stored of the line as a line of its own: several records stand on a line that was damaged. A part that does
   * not reach to the end of the line has an empty ending.
   *
   * @param start bytes from the start of the line
   * @param end bytes from the start of the line
   */
  part(start: number, end: number): TapeLine {
    const [from, to, offset] = [this.#start + start, this.#start + end, this.offset + start];
    const part = end === this.length
      ? new TapeLine(this.#seen(), from, to, offset, this.number, this.terminated)
      : new LinePart(this.#seen(), from, to, offset, this.number, true);
    if (this.#coding !== undefined) codeLine(part, this.#coding.decoder);
    return part;
  }

  /** The same line, counted by somebody else. */
  withNumber(number: number): TapeLine {
    const line = new TapeLine(this.#seen(), this.#start, this.#end, this.offset, number, this.terminated);
    line.#coding = this.#coding;
    return line;
  }

  #decoded(): Bytes {
    const coding = this.#coding!;
    if (coding.plain !== undefined) return coding.plain;
    const plain = coding.decoder.decode(this.#lent().subarray(this.#start, this.#end));
    const { type, seq, ts } = this.#header ??= this.#readHeader();
    const inside = canonicalHeader(plain, 0, plain.length) ?? headerOf(parsed(plain));
    if (inside.type !== type || inside.seq !== seq || inside.ts !== undefined && inside.ts !== ts) {
      throw new TapeError("corrupted_record", "what it tells in plain is not what is in it");
    }
    return coding.plain = plain;
  }

  /** Undefined where it does not decode: whoever looks finds no record then, and whoever reads it is told why. */
  #decodedIfWhole(): Bytes | undefined {
    try {
      return this.#decoded();
    } catch {
      return undefined;
    }
  }

  #codedDirection(): Direction | undefined {
    const plain = this.#decodedIfWhole();
    if (plain === undefined) return undefined;
    return (canonicalHeader(plain, 0, plain.length) ?? headerOf(parsed(plain))).dir;
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
    if (this.isCoded) {
      const head = codedHead(this.#lent(), this.#start, this.#end);
      if (head === undefined) return NO_HEADER;
      // Without a key there is a frame to be read, and else nothing of that type.
      const isHidden = this.#coding!.decoder.isLocked === true && head.kind !== "frame";
      return { type: isHidden ? SEALED : head.kind, seq: head.seq, ts: head.ts, dir: undefined };
    }
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

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeStrictly(bytes, 0, bytes.length));
  } catch {
    return undefined;
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
