import { printable, TapeError } from "../../errors.ts";
import {
  ENTRY_BYTES,
  FOOTER_BYTES,
  FOOTER_MAGIC,
  FRAME,
  FRAME_HEADER_BYTES,
  HAS_CHECKSUMS,
  MAX_BLOCK_BYTES,
  RESERVED_BITS,
} from "./layout.ts";

/** Where the seek table of a packed tape is. */
export interface TablePlace {
  /** Where its frame starts in the file. */
  readonly start: number;
  readonly count: number;
  readonly entryBytes: number;
}

/**
 * Finds the seek table by the end of a file.
 *
 * @param end the last bytes of the file, 9 at least, or all of them
 * @throws {TapeError} code `invalid_tape`: it does not end as a packed tape does
 */
export function findTable(key: string, end: Uint8Array, size: number): TablePlace {
  if (end.length < FOOTER_BYTES) throw notPacked(key, "it is too short");
  const footer = viewOf(end.subarray(-FOOTER_BYTES));
  if (footer.getUint32(5, true) !== FOOTER_MAGIC) {
    throw notPacked(key, 'it has no seek table at its end; unpack it with "zstd -d", or it is cut off');
  }
  const descriptor = footer.getUint8(4);
  if ((descriptor & RESERVED_BITS) !== 0) throw notPacked(key, "its seek table is of a kind that is not known");
  const entryBytes = ENTRY_BYTES + ((descriptor & HAS_CHECKSUMS) !== 0 ? 4 : 0);
  const count = footer.getUint32(0, true);
  const start = size - FOOTER_BYTES - count * entryBytes - FRAME_HEADER_BYTES;
  if (start < 0) throw notPacked(key, `its seek table tells of ${count} blocks, for which it is too short`);
  return { start, count, entryBytes };
}

/** Where the blocks of a packed tape are. */
export class BlockTable {
  /** Where each block starts in the file, and where the last one ends. */
  readonly packed: Float64Array;
  /** Where each block starts in the tape, and where the last one ends. */
  readonly plain: Float64Array;

  /**
   * Reads the frame of the seek table.
   *
   * @throws {TapeError} code `invalid_tape`: it contradicts itself, or the file
   */
  constructor(key: string, frame: Uint8Array, { start, count, entryBytes }: TablePlace) {
    const view = viewOf(frame);
    const length = count * entryBytes + FOOTER_BYTES;
    if (view.getUint32(0, true) !== FRAME.seekTable || view.getUint32(4, true) !== length) {
      throw notPacked(key, "its seek table does not start where its end says");
    }
    this.packed = new Float64Array(count + 1);
    this.plain = new Float64Array(count + 1);
    for (let at = 0; at < count; at++) {
      const packedBytes = view.getUint32(FRAME_HEADER_BYTES + at * entryBytes, true);
      const plainBytes = view.getUint32(FRAME_HEADER_BYTES + at * entryBytes + 4, true);
      if (plainBytes > MAX_BLOCK_BYTES || packedBytes > 2 * MAX_BLOCK_BYTES) {
        const bytes = Math.max(plainBytes, packedBytes);
        throw notPacked(key, `its block ${at + 1} has ${bytes} bytes, the limit is ${MAX_BLOCK_BYTES}`);
      }
      this.packed[at + 1] = this.packed[at]! + packedBytes;
      this.plain[at + 1] = this.plain[at]! + plainBytes;
    }
    if (this.packed[count]! > start) throw notPacked(key, "the blocks of its seek table are longer than it is");
  }

  get count(): number {
    return this.plain.length - 1;
  }

  /** Size of the tape in bytes. */
  get plainBytes(): number {
    return this.plain[this.count]!;
  }

  /** Where the blocks end in the file. */
  get packedBytes(): number {
    return this.packed[this.count]!;
  }

  /** The number of the block that holds a byte of the tape; of one behind its end how many blocks there are. */
  blockAt(offset: number): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.plain[middle + 1]! > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** The error for a file that is no packed tape. */
export function notPacked(key: string, why: string, cause?: unknown): TapeError {
  return new TapeError("invalid_tape", `Cannot read ${printable(key, 4096)} as a packed tape: ${why}`, { cause });
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
