const ZERO = 0x30;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const encoder = new TextEncoder();

/** Shorter texts are no words. */
export const MIN_WORD = 4;

/** A piece of text to be compared with bytes, four at a time. */
export interface Word {
  /** In bytes. */
  readonly length: number;
  /** The bytes as numbers of 32 bits; the last one may overlap the one before it. */
  readonly parts: Int32Array;
}

/** A word of at least {@linkcode MIN_WORD} bytes. */
export function wordOf(text: string | Uint8Array): Word {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const last = bytes.length - 4;
  const parts = Array.from(
    { length: Math.ceil(bytes.length / 4) },
    (_, at) => view.getInt32(Math.min(at * 4, last), true),
  );
  return { length: bytes.length, parts: Int32Array.from(parts) };
}

/** Reads along a line. A line ends with a byte that is part of nothing which is looked for: so its end is never passed. */
export class ByteCursor {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  #view = new DataView(this.bytes.buffer);

  /** Goes to another block. */
  enter(bytes: Uint8Array): void {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes behind `word`, if it stands here. */
  skip({ parts, length }: Word): boolean {
    const view = this.#view;
    const { at } = this;
    if (!(at + length <= view.byteLength)) return false;
    const last = parts.length - 1;
    for (let i = 0; i < last; i++) if (view.getInt32(at + 4 * i, true) !== parts[i]) return false;
    if (view.getInt32(at + length - 4, true) !== parts[last]) return false;
    this.at = at + length;
    return true;
  }

  /** Goes behind an integer from 0 to 2^53 - 1 and gives it; -1 if none stands here, spelled as JSON spells it. */
  count(): number {
    const { bytes, at: start } = this;
    let at = start;
    let value = 0;
    for (let digit; (digit = bytes[at]! - ZERO) >= 0 && digit <= 9; at++) value = value * 10 + digit;
    if (at === start || value > Number.MAX_SAFE_INTEGER || bytes[start] === ZERO && at > start + 1) return -1;
    this.at = at;
    return value;
  }

  /** Goes behind the closing quote of the string of which the first letter stands here, if it is spelled without escapes. */
  skipText(): boolean {
    const { bytes } = this;
    let at = this.at;
    while (bytes[at]! >= 0x20 && bytes[at] !== QUOTE && bytes[at] !== BACKSLASH) at++;
    if (bytes[at] !== QUOTE) return false;
    this.at = at + 1;
    return true;
  }
}
