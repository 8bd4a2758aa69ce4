const ZERO = 0x30;
/** Longer integers may not be exact. */
const MAX_DIGITS = 15;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const encoder = new TextEncoder();

/** Shorter texts are no words. */
export const MIN_WORD = 4;

/** Longer ones are compared eight bytes at a time, shorter ones four. */
const LONG = 8;

/**
 * A piece of text to be compared with bytes, several at a time. Eight bytes are one double: doubles that are equal have the
 * same bytes, but for zeros and NaN, and text has no eight bytes that spell these.
 */
export interface Word {
  /** In bytes. */
  readonly length: number;
  /** The bytes as numbers; the last one may overlap the one before it. */
  readonly parts: Float64Array;
}

/** A word of at least {@linkcode MIN_WORD} bytes. */
export function wordOf(text: string | Uint8Array): Word {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  const { buffer, byteOffset, length } = bytes;
  const view = new DataView(buffer, byteOffset, length);
  const step = length < LONG ? 4 : LONG;
  const parts = Array.from({ length: Math.ceil(length / step) }, (_, index) => {
    const at = Math.min(index * step, length - step);
    return step === 4 ? view.getInt32(at, true) : view.getFloat64(at, true);
  });
  return { length, parts: Float64Array.from(parts) };
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
    const end = at + length;
    if (end > view.byteLength) return false;
    const last = parts.length - 1;
    if (length < LONG) {
      if (view.getInt32(at, true) !== parts[0] || view.getInt32(end - 4, true) !== parts[last]) return false;
    } else {
      for (let i = 0; i < last; i++) if (view.getFloat64(at + LONG * i, true) !== parts[i]) return false;
      if (view.getFloat64(end - LONG, true) !== parts[last]) return false;
    }
    this.at = end;
    return true;
  }

  /** Goes behind an integer of up to 15 digits and gives it; -1 if none stands here, spelled as JSON spells it. */
  count(): number {
    const { bytes, at: start } = this;
    let at = start;
    let value = 0;
    for (let digit; (digit = bytes[at]! - ZERO) >= 0 && digit <= 9; at++) value = value * 10 + digit;
    if (at === start || at - start > MAX_DIGITS || bytes[start] === ZERO && at > start + 1) return -1;
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
