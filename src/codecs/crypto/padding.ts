import type { Bytes } from "../../bytes/bytes.ts";

/** Stands behind the content; zeros follow. */
const MARK = 0x80;

/**
 * The next length that Padmé knows (Nikitin et al., 2019): of the binary digits of a length of n digits only so many may be 1 at the front as
 * n has digits itself. That adds 12 % at most, and tells no more of a length than its size class.
 */
export function paddedLength(length: number): number {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - Math.floor(Math.log2(exponent || 1)) - 1);
  return step < 1 ? length : Math.ceil(length / step) * step;
}

/** Content with its padding, which is one byte at least. */
export function pad(content: Uint8Array): Bytes {
  const padded = new Uint8Array(paddedLength(content.length + 1));
  padded.set(content);
  padded[content.length] = MARK;
  return padded;
}

/** Content without its padding; undefined where it has none. */
export function unpad(padded: Bytes): Bytes | undefined {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) end--;
  return padded[end] === MARK ? padded.subarray(0, end) : undefined;
}
