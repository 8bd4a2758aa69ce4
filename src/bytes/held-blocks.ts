const LF = 0x0a;
/** So much of a line that has no end yet is held: on a damaged line a checkpoint may stand before other records. */
const HELD_BYTES = 1024 * 1024;

/**
 * Hands on the bytes of a tape up to wherever somebody wants, which is known only once the lines of a block are dealt with.
 * Holds little more than a block, and the line that is not dealt with yet.
 */
export class HeldBlocks {
  readonly #take: (bytes: Uint8Array) => void;
  #blocks: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  #taken = 0;
  #end = 0;
  /** Where the line starts that has no end yet. */
  #lineStart = 0;

  /** @param take is given all bytes in their order, but for those that are passed over */
  constructor(take: (bytes: Uint8Array) => void) {
    this.#take = take;
  }

  /** The next bytes of the tape. All lines that ended before them have been dealt with. */
  add(bytes: Uint8Array): void {
    this.takeTo(Math.max(this.#lineStart, this.#end - HELD_BYTES));
    this.#blocks.push({ offset: this.#end, bytes });
    const lastLineEnd = bytes.lastIndexOf(LF);
    if (lastLineEnd >= 0) this.#lineStart = this.#end + lastLineEnd + 1;
    this.#end += bytes.length;
  }

  /** Hands on what stands before `offset`. */
  takeTo(offset: number): void {
    while (this.#blocks.length > 0 && this.#taken < offset) {
      const { offset: start, bytes } = this.#blocks[0]!;
      const end = Math.min(start + bytes.length, offset);
      if (end > this.#taken) {
        this.#take(bytes.subarray(this.#taken - start, end - start));
        this.#taken = end;
      }
      if (start + bytes.length > offset) return;
      this.#blocks.shift();
    }
  }

  /** Passes over what stands before `offset` and was not handed on. */
  skipTo(offset: number): void {
    this.#taken = Math.max(this.#taken, offset);
  }
}
