import type { Bytes } from "../../../bytes/bytes.ts";
import { crc32 } from "../../../bytes/crc32.ts";

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

/** To be called when what was filled in has arrived on the tape. */
export type Written = () => void;

/** Completes the checkpoints of a batch just before it is written. */
export interface BatchSealer {
  /**
   * @param pieces what is next on the tape. A checkpoint ends its piece
   * @returns a promise only where something has to be signed; it rejects where that cannot be
   */
  fill(pieces: readonly Bytes[]): Written | Promise<Written>;
}

/**
 * Seals the checkpoints of a tape: each gets the CRC-32 of everything between the checkpoint before it and its own
 * digits, so that every byte of a tape up to its last checkpoint is covered but the digits themselves.
 */
export class Sealer implements BatchSealer {
  #crc: number;

  /** @param crc of what stands behind the last checkpoint of the tape */
  constructor(crc: number) {
    this.#crc = crc;
  }

  /**
   * Fills in the checksums of the checkpoints among these pieces, which are next on the tape, and gives what is to be
   * called when they have arrived there.
   */
  fill(pieces: readonly Bytes[]): Written {
    let crc = this.#crc;
    for (const piece of pieces) crc = sealPiece(piece, crc);
    return () => {
      this.#crc = crc;
    };
  }
}

/** Fills in the checksum where a piece ends with a checkpoint. `crc` is of what stands before it, and so is the one given. */
export function sealPiece(piece: Bytes, crc: number): number {
  if (!endsWithCheckpoint(piece)) return crc32(piece, crc);
  if (endsUnsealed(piece)) {
    const end = piece.length - END_LENGTH;
    const start = end - UNSEALED.length;
    encoder.encodeInto(checksumText(crc32(piece.subarray(0, start), crc)), piece.subarray(start, end));
  }
  return 0;
}

/** Whether a checkpoint has no checksum yet. */
function endsUnsealed(piece: Bytes): boolean {
  const start = piece.length - SEAL.length;
  return SEAL.every((byte, index) => piece[start + index] === byte);
}

/** Whether a piece ends with a checkpoint. The encoder lets pieces end behind checkpoints. */
export function endsWithCheckpoint(piece: Bytes): boolean {
  // A checkpoint ends with `"}`, frames with `}}`: for most pieces this is all there is to look at.
  if (piece[piece.length - END_LENGTH] !== QUOTE) return false;
  const start = piece.lastIndexOf(LF, piece.length - 2) + 1;
  return CHECKPOINT_START.every((byte, index) => piece[start + index] === byte);
}

const QUOTE = 0x22;
