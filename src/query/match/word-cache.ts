import { decodeUtf8 } from "../../utf8.ts";

const MAX_LENGTH = 64;
const SLOTS = 256;

/** Makes texts of bytes, and remembers short ones: methods and names of tools come again and again. */
export class WordCache {
  readonly #bytes: (Uint8Array | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #texts: string[] = new Array(SLOTS).fill("");

  /** The UTF-8 from `start` to `end` as text. */
  text(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length > MAX_LENGTH) return decodeUtf8(bytes, start, end);
    let hash = length;
    for (let at = start; at < end; at++) hash = hash * 31 + bytes[at]! | 0;
    const slot = hash & SLOTS - 1;
    const known = this.#bytes[slot];
    if (known !== undefined && known.length === length && isAt(bytes, start, known)) return this.#texts[slot]!;
    this.#bytes[slot] = bytes.slice(start, end);
    return this.#texts[slot] = decodeUtf8(bytes, start, end);
  }
}

function isAt(bytes: Uint8Array, start: number, word: Uint8Array): boolean {
  for (let at = 0; at < word.length; at++) if (bytes[start + at] !== word[at]) return false;
  return true;
}
