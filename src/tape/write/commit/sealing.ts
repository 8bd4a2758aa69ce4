import type { CheckpointRecord } from "../../../records/record.ts";
import { loadSha256, type NewSha256 } from "../../../signing/sha256.ts";
import type { ChainState } from "../../../signing/signature-chain.ts";
import { unsigned } from "../../../signing/signature.ts";
import type { Signer } from "../../../signing/signer.ts";
import { type BatchSealer, Sealer, UNSEALED } from "./seal.ts";
import { SigningSealer } from "./signing-sealer.ts";

/** The fields with which a checkpoint ends. */
export type CheckpointSeal = Pick<CheckpointRecord, "signature" | "crc32">;

/** How the checkpoints of a tape are sealed. */
export interface Sealing {
  /** What they end with, in place of what is filled in when they are written. */
  readonly seal: CheckpointSeal;
  /** What completes them. */
  readonly sealer: BatchSealer;
}

/**
 * How the checkpoints of a tape are sealed, and signed where somebody does.
 *
 * @param crc of what stands behind the last checkpoint of the tape
 * @param chain gives the chain of signatures as it is at the end of the tape
 */
export async function sealing(
  signer: Signer | undefined,
  crc: number,
  chain: (newHash: NewSha256) => ChainState | Promise<ChainState>,
): Promise<Sealing> {
  if (signer === undefined) return { seal: { crc32: UNSEALED }, sealer: new Sealer(crc) };
  const newHash = await loadSha256();
  const seal = { signature: unsigned(signer.publicKey), crc32: UNSEALED };
  return { seal, sealer: new SigningSealer(crc, await chain(newHash), signer, newHash) };
}
