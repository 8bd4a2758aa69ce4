import { TapeError } from "../../errors.ts";

/** What every zstd frame begins with (RFC 8878, 3.1.1). */
export const MAGIC: readonly number[] = [0x28, 0xb5, 0x2f, 0xfd];

/**
 * How many bytes a zstd frame says that it holds (RFC 8878, 3.1.1.1).
 *
 * @throws {TapeError} code `corrupted_record`: it is no frame, does not tell, or holds more than `maxBytes`
 */
export function contentSizeOf(frame: Uint8Array, maxBytes: number): number {
  if (MAGIC.some((byte, at) => frame[at] !== byte) || frame.length < 6) throw refused("it is no zstd frame");
  const descriptor = frame[4]!;
  const isSingle = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const length = sizeFlag === 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag;
  if (length === 0) throw refused("it does not tell how large its content is");
  const at = 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  if (frame.length < at + length) throw refused("it is cut off");
  let size = 0;
  for (let i = length - 1; i >= 0; i--) size = size * 256 + frame[at + i]!;
  if (length === 2) size += 256;
  if (size > maxBytes) throw refused(`its content has ${size} bytes, the limit is ${maxBytes}`);
  return size;
}

function refused(why: string): TapeError {
  return new TapeError("corrupted_record", `Cannot decompress: ${why}`);
}
