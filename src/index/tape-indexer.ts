import { type Bytes, concat } from "../bytes/bytes.ts";
import { indexOfNewline } from "../bytes/newline.ts";
import { BlockFacts, type BlockStart, FIRST_BLOCK } from "./block-facts.ts";
import { CHECKSUM_AT, encodeHeader, ENTRY_BYTES, MAX_START_BYTES } from "./layout.ts";
import { LineFacts } from "./line-facts.ts";

/** Entries are written into rooms of so many. */
const ROOM_ENTRIES = 64;
const NO_BYTES: Bytes = new Uint8Array(0);

/** What an indexer goes on from. */
export interface GoOnFrom {
  readonly block: BlockStart;
  /** The checksum of the header. */
  readonly crc: number;
  /** The longest line of the tape, in bytes. */
  readonly maxLineBytes: number;
}

/**
 * Makes the index of a tape of its bytes, as they come. Of most lines it looks at the first bytes only, where they lie; no
 * chunk is kept.
 */
export class TapeIndexer {
  readonly #tapeId: string | undefined;
  readonly #block: BlockFacts;
  readonly #lines: LineFacts;
  /** Where the next byte stands in the tape. */
  #offset: number;
  /** The beginning of a line whose end has not come. */
  #held: Bytes[] = [];
  #heldLength = 0;
  /** The first bytes of the tape, as long as there is no header. */
  #start: Bytes | undefined;
  #crc = 0;
  #room: Bytes = NO_BYTES;
  #roomUsed = 0;
  #done: Bytes[] = [];

  /**
   * @param tapeId that of the index; by default what the init record says
   * @param from where another one ended; by default the beginning of the tape
   * @param ends gives where each block in its turn shall end; by default that is decided here
   */
  constructor(tapeId?: string, from?: GoOnFrom, ends?: () => number) {
    const { block = FIRST_BLOCK, crc = 0, maxLineBytes } = from ?? {};
    this.#tapeId = tapeId;
    this.#block = new BlockFacts(block, ends);
    this.#offset = block.offset;
    this.#lines = new LineFacts(this.#block, (offset) => this.#endBlock(offset), maxLineBytes);
    this.#crc = crc;
    this.#start = from === undefined ? NO_BYTES : undefined;
  }

  /** How many bytes of the tape it has seen. */
  get offset(): number {
    return this.#offset;
  }

  /** How many bytes stand in the blocks so far, once they are ended: all but a last line that has no end. */
  get indexedBytes(): number {
    return this.#offset - this.#heldLength;
  }

  /** Takes the next bytes of the tape. */
  push(chunk: Uint8Array): void {
    if (this.#start !== undefined) this.#keepStart(chunk);
    let start = 0;
    if (this.#heldLength > 0) {
      const end = indexOfNewline(chunk, 0);
      start = end < 0 ? chunk.length : end + 1;
      this.#hold(chunk.subarray(0, start));
      if (end >= 0) this.#release(this.#offset + start);
    }
    if (start < chunk.length) {
      const end = chunk.lastIndexOf(LF) + 1;
      if (end > start) this.#lines.add(chunk, start, end, this.#offset);
      this.#hold(chunk.subarray(Math.max(start, end)));
    }
    this.#lines.keep();
    this.#offset += chunk.length;
    if (this.#start !== undefined) this.#tryHeader(false);
  }

  /** What is ready of the index: its header first, then whole entries. */
  take(): readonly Bytes[] {
    if (this.#start !== undefined) return [];
    if (this.#roomUsed > 0) {
      this.#done.push(this.#room.subarray(0, this.#roomUsed));
      this.#room = this.#room.subarray(this.#roomUsed);
      this.#roomUsed = 0;
    }
    const done = this.#done;
    if (done.length > 0) this.#done = [];
    return done;
  }

  /** Ends the block that is open. A last line without its line ending belongs to none. */
  end(): void {
    this.#lines.confirm();
    if (this.#start !== undefined) this.#tryHeader(true);
    if (this.#block.isBegun) this.#endBlock(this.#offset - this.#heldLength);
  }

  #endBlock(offset: number): void {
    if (this.#start !== undefined) this.#tryHeader(true);
    if (this.#roomUsed === this.#room.length) {
      if (this.#roomUsed > 0) this.#done.push(this.#room);
      this.#room = new Uint8Array(ROOM_ENTRIES * ENTRY_BYTES);
      this.#roomUsed = 0;
    }
    this.#block.end(offset, this.#room, this.#roomUsed, this.#crc);
    this.#roomUsed += ENTRY_BYTES;
  }

  /** Keeps the beginning of a line. One that is too long is none. */
  #hold(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#heldLength += piece.length;
    if (this.#heldLength > this.#lines.maxLineBytes + 2) this.#held = [];
    else this.#held.push(piece.slice());
  }

  /** The line that was held has its end. `end` is where the next one starts. */
  #release(end: number): void {
    const length = this.#heldLength;
    const held = this.#held;
    this.#held = [];
    this.#heldLength = 0;
    if (held.length === 0) this.#lines.addTooLong(end - length);
    else this.#lines.add(concat(held), 0, length, end - length);
  }

  #keepStart(chunk: Uint8Array): void {
    const room = MAX_START_BYTES - this.#start!.length;
    if (room > 0) this.#start = concat([this.#start!, new Uint8Array(chunk.subarray(0, room))]);
  }

  /** Writes the header as soon as the init record is known. */
  #tryHeader(isLast: boolean): void {
    const { init } = this.#lines;
    const start = this.#start!;
    if (init === undefined && start.length < MAX_START_BYTES && !isLast) return;
    const header = encodeHeader(this.#tapeId ?? init?.tapeId ?? "", start.subarray(0, init?.end));
    this.#start = undefined;
    this.#crc = new DataView(header.buffer).getUint32(CHECKSUM_AT, true);
    this.#done.unshift(header);
  }
}

const LF = 0x0a;
