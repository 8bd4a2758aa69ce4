import type { Bytes } from "../bytes/bytes.ts";
import { crc32 } from "../bytes/crc32.ts";
import { FIELDS, type IndexEntry, MAX_48, NONE_32, UNKNOWN_16, UNKNOWN_32, writeUint48 } from "./index-entry.ts";
import { OTHER_ID, UNORDERED } from "./kinds.ts";
import { CHECKSUM_AT } from "./layout.ts";
import type { NameBits } from "./names.ts";

/** A block has so many bytes, and then goes on to the next frame. */
const BLOCK_BYTES = 64 * 1024;
/** So many are enough if it lasts a second: with fewer, an index would be more than 0.2 % of its tape. */
const SECOND_BYTES = 48 * 1024;
const SECOND_MS = 1000;
/** So many lines are the most that an entry can count; so many bytes are enough where no frame comes. */
const MAX_LINES = 0xffff;
const MAX_BYTES = 2 * BLOCK_BYTES;

/** Where a block begins, and what came before it. */
export interface BlockStart {
  readonly offset: number;
  /** The number of its first line. */
  readonly line: number;
  /** The greatest ones so far. */
  readonly maxSeq: number;
  readonly maxTs: number;
}

/** The block with which a tape begins. */
export const FIRST_BLOCK: BlockStart = { offset: 0, line: 1, maxSeq: -1, maxTs: 0 };

/** The block behind that of an entry. */
export function blockBehind({ end, line, lines, maxSeq, maxTs }: IndexEntry): BlockStart {
  return { offset: end, line: line + lines, maxSeq, maxTs };
}

/** What is known of the block that is being read. */
export class BlockFacts {
  #offset: number;
  #line: number;
  #lines = 0;
  #frames = 0;
  #maxSeq: number;
  #maxTs: number;
  #minSeq = Infinity;
  #minTs = Infinity;
  #firstTs = -1;
  #lastSeq = -1;
  #kinds = 0;
  #minId = Infinity;
  #maxId = -1;
  #oldestAnswered = Infinity;
  #low = 0;
  #middle = 0;
  #high = 0;
  readonly #ends: (() => number) | undefined;
  /** Where the block ends, where that is given. */
  #givenEnd: number | undefined;

  /** @param ends gives where each block in its turn shall end; by default that is decided here */
  constructor(start: BlockStart, ends?: () => number) {
    this.#ends = ends;
    this.#givenEnd = ends?.();
    this.#offset = start.offset;
    this.#line = start.line;
    this.#maxSeq = start.maxSeq;
    this.#maxTs = start.maxTs;
  }

  /** Whether a line stands in it. */
  get isBegun(): boolean {
    return this.#lines > 0;
  }

  /** Whether the next line, which starts at `offset`, begins another block: where it is a frame, `ts` is its time, else undefined. */
  isFull(offset: number, ts: number | undefined): boolean {
    if (this.#givenEnd !== undefined) return offset >= this.#givenEnd;
    const length = offset - this.#offset;
    if (length < SECOND_BYTES && this.#lines < MAX_LINES) return false;
    if (length >= MAX_BYTES || this.#lines >= MAX_LINES) return true;
    if (ts === undefined) return false;
    return length >= BLOCK_BYTES || this.#firstTs >= 0 && ts - this.#firstTs >= SECOND_MS;
  }

  /** Another line. */
  addLine(): void {
    this.#lines++;
  }

  /** Another frame. */
  addFrame(seq: number, ts: number): void {
    this.#frames++;
    if (seq <= this.#lastSeq) this.#kinds |= UNORDERED;
    this.#lastSeq = seq;
    if (seq < this.#minSeq) this.#minSeq = seq;
    if (seq > this.#maxSeq) this.#maxSeq = seq;
    this.addTime(ts);
  }

  /** The time of a record. */
  addTime(ts: number): void {
    if (this.#firstTs < 0) this.#firstTs = ts;
    if (ts < this.#minTs) this.#minTs = ts;
    if (ts > this.#maxTs) this.#maxTs = ts;
  }

  /** What else stands in the block, see `kinds.ts`. */
  addKinds(bits: number): void {
    this.#kinds |= bits;
  }

  /** The id of a message; -1 for one that is no integer. */
  addId(id: number): void {
    if (id < 0 || id >= UNKNOWN_32) {
      this.#kinds |= OTHER_ID;
      return;
    }
    if (id < this.#minId) this.#minId = id;
    if (id > this.#maxId) this.#maxId = id;
  }

  /** An answer to the request with this number, or what tells how it ended; 0 where it is not known. */
  addAnswer(requestSeq: number): void {
    if (requestSeq < this.#oldestAnswered) this.#oldestAnswered = requestSeq;
  }

  /** The names of a message. */
  addNames({ low, middle, high }: NameBits): void {
    this.#low |= low;
    this.#middle |= middle;
    this.#high |= high;
  }

  /** Ends the block before `offset`, writes its entry to `room`, from `at` on, and begins the next. `crc` is that of the header. */
  end(offset: number, room: Bytes, at: number, crc: number): void {
    const view = new DataView(room.buffer, room.byteOffset, room.byteLength);
    writeUint48(view, at + FIELDS.offset, this.#offset);
    writeUint48(view, at + FIELDS.line, this.#line);
    view.setUint32(at + FIELDS.length, Math.min(offset - this.#offset, NONE_32), true);
    view.setUint16(at + FIELDS.lines, this.#lines, true);
    view.setUint16(at + FIELDS.frames, this.#frames, true);
    writeUint48(view, at + FIELDS.nextSeq, this.#maxSeq + 1);
    writeUint48(view, at + FIELDS.maxTs, this.#maxTs);
    view.setUint32(at + FIELDS.seqSpan, spanOf(this.#maxSeq + 1, this.#minSeq + 1, UNKNOWN_32), true);
    view.setUint32(at + FIELDS.tsSpan, spanOf(this.#maxTs, this.#minTs, UNKNOWN_32), true);
    view.setUint32(at + FIELDS.minId, Math.min(this.#minId, NONE_32), true);
    view.setUint16(at + FIELDS.idSpan, this.#maxId < 0 ? 0 : Math.min(this.#maxId - this.#minId, UNKNOWN_16), true);
    view.setUint16(at + FIELDS.answerSpan, spanOf(this.#maxSeq + 1, this.#oldestAnswered + 1, UNKNOWN_16), true);
    view.setUint16(at + FIELDS.kinds, this.#kinds, true);
    view.setInt32(at + FIELDS.names, this.#low, true);
    view.setInt32(at + FIELDS.names + 4, this.#middle, true);
    view.setUint16(at + FIELDS.names + 8, this.#high, true);
    view.setUint32(at + CHECKSUM_AT, crc32(room.subarray(at, at + CHECKSUM_AT), crc), true);
    this.#begin(offset);
  }

  #begin(offset: number): void {
    this.#offset = offset;
    this.#line += this.#lines;
    this.#lines = this.#frames = 0;
    this.#minSeq =
      this.#minTs =
      this.#minId =
      this.#oldestAnswered =
        Infinity;
    this.#firstTs = this.#lastSeq = this.#maxId = -1;
    this.#kinds =
      this.#low =
      this.#middle =
      this.#high =
        0;
    this.#givenEnd = this.#ends?.();
  }
}

/** How far the least one is below the greatest; a number that is too large, or that could not be told from one. */
function spanOf(greatest: number, least: number, unknown: number): number {
  if (least === Infinity) return unknown + 1;
  return greatest >= MAX_48 || greatest - least >= unknown ? unknown : greatest - least;
}
