import type { Bytes } from "../bytes.ts";
import { RangeDigest } from "./range-digest.ts";

/** Stands in a checkpoint until its digest is known. */
export const UNSEALED: string = "0".repeat(64);

const encoder = new TextEncoder();
const CHECKPOINT_START = encoder.encode('{"type":"checkpoint"');
/** How a checkpoint line ends that waits for its digest. */
const SEAL = encoder.encode(`"sha256":"${UNSEALED}"}\n`);
const END_LENGTH = '"}\n'.length;
const LF = 0x0a;

/** How many bytes of a checkpoint's line its digest covers: all before the digest itself. `length` is without line ending. */
export function sealedLength(length: number): number {
  return length - '"}'.length - UNSEALED.length;
}

/**
 * Seals the checkpoints of a tape: each gets the digest of everything between the checkpoint before it and its own digest. Every
 * byte of a tape up to its last checkpoint is covered so, by work that is done beside the writing.
 */
export class Sealer {
  #range: RangeDigest;

  /** @param range what stands behind the last checkpoint of the tape */
  constructor(range: RangeDigest) {
    this.#range = range;
  }

  /** Fills in the digests of the checkpoints among these pieces, which are next on the tape; undefined if at once. */
  fill(pieces: readonly Bytes[]): Promise<unknown> | undefined {
    return pieces.some(endsUnsealed) ? this.#fill(pieces) : this.#range.settled();
  }

  /** These pieces have arrived on the tape. */
  written(pieces: readonly Bytes[]): void {
    let from = 0;
    for (const [index, piece] of pieces.entries()) if (endsWithCheckpoint(piece)) from = index + 1;
    if (from > 0) this.#range = new RangeDigest();
    for (const piece of pieces.slice(from)) this.#range.add(piece);
  }

  async #fill(pieces: readonly Bytes[]): Promise<void> {
    let range = this.#range.copy();
    for (const piece of pieces) {
      if (!endsUnsealed(piece)) {
        range.add(piece);
        continue;
      }
      const end = piece.length - END_LENGTH;
      range.add(piece.subarray(0, end - UNSEALED.length));
      encoder.encodeInto(await range.hex(), piece.subarray(end - UNSEALED.length, end));
      range = new RangeDigest();
    }
  }
}

/** Whether a piece ends with a checkpoint that has no digest yet. The encoder lets pieces end behind checkpoints. */
function endsUnsealed(piece: Bytes): boolean {
  const start = piece.length - SEAL.length;
  for (let at = SEAL.length - 1; at >= 0; at--) if (piece[start + at] !== SEAL[at]) return false;
  return endsWithCheckpoint(piece);
}

function endsWithCheckpoint(piece: Bytes): boolean {
  // A checkpoint ends with `"}`, frames with `}}`: for most pieces this is all there is to look at.
  if (piece[piece.length - END_LENGTH] !== 0x22) return false;
  const start = piece.lastIndexOf(LF, piece.length - 2) + 1;
  return CHECKPOINT_START.every((byte, index) => piece[start + index] === byte);
}
