import type { Bytes } from "../../bytes/bytes.ts";

/** What a packed tape is called: the key of the tape, and this. */
export const PACKED = ".zst";

/** So many bytes of a tape make a block, up to the end of a line. */
export const BLOCK_BYTES: number = 256 * 1024;

/** Blocks that others made may be larger, but not larger than this. */
export const MAX_BLOCK_BYTES: number = 16 * 1024 * 1024;

/** The magic numbers of the skippable frames of a packed tape. */
export const FRAME = { metadata: 0x184d2a50, index: 0x184d2a51, seekTable: 0x184d2a5e } as const;

/** Magic number and length. */
export const FRAME_HEADER_BYTES = 8;

/** How many blocks, a descriptor, and a magic number. */
export const FOOTER_BYTES = 9;

export const FOOTER_MAGIC = 0x8f92eab1;

/** Each entry of the seek table has a checksum of 4 bytes more. We write none: a tape has its own. */
export const HAS_CHECKSUMS = 0x80;

/** Bits that mean something to nobody yet. */
export const RESERVED_BITS = 0x7c;

/** Two sizes of 4 bytes. */
export const ENTRY_BYTES = 8;

/** Makes the first bytes of a skippable frame. */
export function frameHeader(magic: number, length: number): Bytes {
  return numbers([magic, length]);
}

/** Makes the seek table, which ends a packed tape. */
export function seekTable(sizes: readonly number[]): Bytes {
  const count = sizes.length / 2;
  const entries = numbers(sizes);
  const table = new Uint8Array(FRAME_HEADER_BYTES + entries.length + FOOTER_BYTES);
  table.set(frameHeader(FRAME.seekTable, entries.length + FOOTER_BYTES));
  table.set(entries, FRAME_HEADER_BYTES);
  const footer = new DataView(table.buffer, table.length - FOOTER_BYTES);
  footer.setUint32(0, count, true);
  footer.setUint32(5, FOOTER_MAGIC, true);
  return table;
}

function numbers(values: readonly number[]): Bytes {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [at, value] of values.entries()) view.setUint32(4 * at, value, true);
  return bytes;
}
