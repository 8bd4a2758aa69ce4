import type { Bytes } from "./bytes.ts";

/** Lines are encoded into blocks of this size, one behind the other, so that neighbours can be written as one piece. */
const BLOCK_BYTES = 256 * 1024;

const utf8 = new TextEncoder();

/** Bytes that lie together in memory. */
interface Piece {
  readonly bytes: Bytes;
  /** Whether a group of lines ends with it. */
  readonly endsGroup: boolean;
}

/**
 * Encodes lines into large blocks. A line never spans two of them, and no byte is written twice, so what was handed out
 * stays as it is.
 */
export class LineEncoder {
  #block: Bytes = new Uint8Array(0);
  #used = 0;
  /** Where in the block the lines begin that were not taken yet, and where the last whole group of them ends. */
  #start = 0;
  #groupEnd = 0;
  /** What lies in earlier blocks and was not taken yet. */
  #pieces: Piece[] = [];
  #total = 0;
  #taken = 0;

  /** Bytes encoded so far. */
  get total(): number {
    return this.#total;
  }

  /** Bytes taken so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Encodes a line and gives its bytes, which need not be taken. */
  encode(line: string): Bytes {
    const length = this.append(line);
    const last = this.#pieces.at(-1);
    const bytes = this.#used === this.#start && last !== undefined ? last.bytes : this.#block;
    const end = bytes === this.#block ? this.#used : bytes.length;
    this.#pieces = [];
    this.#start = this.#groupEnd = this.#used;
    return bytes.subarray(end - length, end);
  }

  /** Encodes a line, to be taken later as the end of a piece, and gives its length in bytes. */
  appendLast(line: string): number {
    const length = this.append(line);
    this.#seal();
    return length;
  }

  /** Encodes a line, to be taken later, and gives its length in bytes. */
  append(line: string): number {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    const most = line.length * 3;
    let length: number;
    if (most > BLOCK_BYTES / 4) {
      const bytes = utf8.encode(line);
      this.#seal();
      this.#pieces.push({ bytes, endsGroup: false });
      length = bytes.length;
    } else {
      if (this.#used + most > this.#block.length) {
        this.#seal();
        this.#block = new Uint8Array(BLOCK_BYTES);
        this.#used = this.#start = this.#groupEnd = 0;
      }
      length = utf8.encodeInto(line, this.#block.subarray(this.#used)).written;
      this.#used += length;
    }
    this.#total += length;
    return length;
  }

  /** The lines since the last call belong together: they are taken together. */
  endGroup(): void {
    this.#groupEnd = this.#used;
    const last = this.#pieces.length - 1;
    if (this.#used === this.#start && last >= 0) this.#pieces[last] = { ...this.#pieces[last]!, endsGroup: true };
  }

  /** Takes whole groups, at least one if there is one, and no more than it takes to reach `most` bytes. */
  take(most: number): Bytes[] {
    this.#sealGroups();
    let count = 0;
    let length = 0;
    while (count < this.#pieces.length && !(length >= most && this.#pieces[count - 1]!.endsGroup)) {
      length += this.#pieces[count++]!.bytes.length;
    }
    // Nothing but whole groups: calls come between groups, so only an unfinished one could be in the way.
    while (count > 0 && !this.#pieces[count - 1]!.endsGroup) length -= this.#pieces[--count]!.bytes.length;
    this.#taken += length;
    return this.#pieces.splice(0, count).map((piece) => piece.bytes);
  }

  /** Puts the block's lines among the pieces: those up to the last whole group, and the others. */
  #seal(): void {
    this.#sealGroups();
    if (this.#used > this.#start) {
      this.#pieces.push({ bytes: this.#block.subarray(this.#start, this.#used), endsGroup: false });
      this.#start = this.#groupEnd = this.#used;
    }
  }

  #sealGroups(): void {
    if (this.#groupEnd <= this.#start) return;
    this.#pieces.push({ bytes: this.#block.subarray(this.#start, this.#groupEnd), endsGroup: true });
    this.#start = this.#groupEnd;
  }
}
