import { type Bytes, concat } from "../bytes/bytes.ts";

/** Lines are encoded into blocks of this size, one behind the other, so that neighbours can be written as one piece. */
const BLOCK_BYTES = 256 * 1024;

const utf8 = new TextEncoder();

/** A line of which a part is bytes. What stands behind them is ASCII. */
export type SplicedLine = readonly [before: string, bytes: Uint8Array, after: string];

/** Encodes lines one by one into large blocks. No byte is written twice, so what was handed out stays as it is. */
export class LineEncoder {
  #block: Bytes = new Uint8Array(0);
  #used = 0;

  /** Encodes a line. Bytes in it are copied. */
  encode(line: string | SplicedLine): Bytes {
    if (typeof line !== "string") return this.#encodeSpliced(...line);
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    const most = line.length * 3;
    if (most > BLOCK_BYTES / 4) return utf8.encode(line);
    const start = this.#roomFor(most);
    this.#append(line);
    return this.#block.subarray(start, this.#used);
  }

  #encodeSpliced(before: string, bytes: Uint8Array, after: string): Bytes {
    const most = before.length * 3 + bytes.length + after.length * 3;
    if (most > BLOCK_BYTES / 4) return concat([utf8.encode(before), new Uint8Array(bytes), utf8.encode(after)]);
    const start = this.#roomFor(most);
    this.#append(before);
    this.#block.set(bytes, this.#used);
    this.#used += bytes.length;
    this.#append(after);
    return this.#block.subarray(start, this.#used);
  }

  #append(text: string): void {
    this.#used += utf8.encodeInto(text, this.#block.subarray(this.#used)).written;
  }

  /** Where the next line starts, with room for so many bytes. */
  #roomFor(most: number): number {
    if (this.#used + most > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#used = 0;
    }
    return this.#used;
  }
}
