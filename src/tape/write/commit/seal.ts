import type { Bytes } from "../../../lines/bytes.ts";
import { crc32 } from "../../../lines/crc32.ts";

/** Stands in a checkpoint until its checksum is known. */
export const UNSEALED: string = "0".repeat(8);

const encoder = new TextEncoder();
const CHECKPOINT_START = encoder.encode('{"type":"checkpoint"');
/** How a checkpoint line ends that waits for its checksum. */
const SEAL = encoder.encode(`"crc32":"${UNSEALED}"}\n`);
const END_LENGTH = '"}\n'.length;
const LF = 0x0a;

/** A CRC-32 as it stands on a tape: 8 hexadecimal digits. */
export function checksumText(crc: number): string {
  return crc.toString(16).padStart(UNSEALED.length, "0");
}

/** How many bytes of a checkpoint's line its checksum covers: all before the digits. `length` is without line ending. */
export function sealedLength(length: number): number {
  return length - '"}'.length - UNSEALED.length;
}

/**
 * Seals the checkpoints of a tape: each gets the CRC-32 of everything between the checkpoint before it and its own
 * digits, so that every byte of a tape up to its last checkpoint is covered but the digits themselves.
 */
export class Sealer {
  #crc: number;

  /** @param crc of what stands behind the last checkpoint of the tape */
  constructor(crc: number) {
    this.#crc = crc;
  }

  /**
   * Fills in the checksums of the checkpoints among these pieces, which are next on the tape, and gives what is to be
   * passed to {@linkcode written} when they have arrived there.
   */
  fill(pieces: readonly Bytes[]): number {
    let crc = this.#crc;
    for (const piece of pieces) {
      if (!endsWithCheckpoint(piece)) {
        crc = crc32(piece, crc);
        continue;
      }
      if (endsUnsealed(piece)) {
        const end = piece.length - END_LENGTH;
        const start = end - UNSEALED.length;
        encoder.encodeInto(checksumText(crc32(piece.subarray(0, start), crc)), piece.subarray(start, end));
      }
      crc = 0;
    }
    return crc;
  }

  /** The pieces that were filled in have arrived on the tape. */
  written(crc: number): void {
    this.#crc = crc;
  }
}

/** Whether a checkpoint has no checksum yet. */
function endsUnsealed(piece: Bytes): boolean {
  const start = piece.length - SEAL.length;
  return SEAL.every((byte, index) => piece[start + index] === byte);
}

/** Whether a piece ends with a checkpoint. The encoder lets pieces end behind checkpoints. */
function endsWithCheckpoint(piece: Bytes): boolean {
  // A checkpoint ends with `"}`, frames with `}}`: for most pieces this is all there is to look at.
  if (piece[piece.length - END_LENGTH] !== QUOTE) return false;
  const start = piece.lastIndexOf(LF, piece.length - 2) + 1;
  return CHECKPOINT_START.every((byte, index) => piece[start + index] === byte);
}

const QUOTE = 0x22;
