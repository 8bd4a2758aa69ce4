import type { Bytes } from "../../bytes/bytes.ts";

/** So many blocks are kept. */
const MAX_BLOCKS = 2;

/** The blocks that were decoded last. A block is known by its bytes: whatever was put in the place of a file, it fits. */
export class DecodedBlocks {
  readonly #blocks: { readonly stored: Bytes; readonly plain: Bytes }[] = [];

  /** What a block holds, in memory of the caller's own. */
  of(stored: Bytes, decode: () => Bytes): Bytes {
    const at = this.#blocks.findIndex((block) => isSame(block.stored, stored));
    const block = at < 0 ? { stored: stored.slice(), plain: decode() } : this.#blocks.splice(at, 1)[0]!;
    this.#blocks.unshift(block);
    this.#blocks.length = Math.min(this.#blocks.length, MAX_BLOCKS);
    return block.plain.slice();
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
