import type { Bytes } from "./bytes.ts";

/** Lines are encoded into blocks of this size, one behind the other, so that neighbours can be written as one piece. */
const BLOCK_BYTES = 256 * 1024;

const utf8 = new TextEncoder();

/** Encodes lines one by one into large blocks. No byte is written twice, so what was handed out stays as it is. */
export class LineEncoder {
  #block: Bytes = new Uint8Array(0);
  #used = 0;

  /** Encodes a line. */
  encode(line: string): Bytes {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    const most = line.length * 3;
    if (most > BLOCK_BYTES / 4) return utf8.encode(line);
    if (this.#used + most > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += utf8.encodeInto(line, this.#block.subarray(start)).written;
    return this.#block.subarray(start, this.#used);
  }
}
