import type { Bytes } from "../../../bytes/bytes.ts";
import { printable, TapeError } from "../../../errors.ts";
import { base64Url } from "../../../signing/base64-url.ts";
import type { NewSha256, Sha256 } from "../../../signing/sha256.ts";
import { type ChainState, sha256 } from "../../../signing/signature-chain.ts";
import {
  fillSignature,
  SIGNATURE_BYTES,
  signatureOf,
  SIGNED_TAIL_BYTES,
  signedText,
  unsigned,
} from "../../../signing/signature.ts";
import type { Signer } from "../../../signing/signer.ts";
import { type BatchSealer, endsWithCheckpoint, sealPiece, type Written } from "./seal.ts";

const LF = 0x0a;

/** As `Sealer`, and signs the checkpoints before it seals them. */
export class SigningSealer implements BatchSealer {
  readonly #signer: Signer;
  readonly #newHash: NewSha256;
  readonly #placeholder: string;
  #crc: number;
  #chain: ChainState;

  /**
   * @param crc of what stands behind the last checkpoint of the tape
   * @param chain as it is at the end of the tape
   */
  constructor(crc: number, chain: ChainState, signer: Signer, newHash: NewSha256) {
    this.#crc = crc;
    this.#chain = chain;
    this.#signer = signer;
    this.#newHash = newHash;
    this.#placeholder = unsigned(signer.publicKey).sig;
  }

  fill(pieces: readonly Bytes[]): Written | Promise<Written> {
    const { previous } = this.#chain;
    const range = this.#chain.range.copy();
    if (pieces.some(endsWithCheckpoint)) return this.#sign(pieces, previous, range);
    let crc = this.#crc;
    for (const piece of pieces) {
      range.update(piece);
      crc = sealPiece(piece, crc);
    }
    return () => {
      this.#crc = crc;
      this.#chain = { previous, range };
    };
  }

  async #sign(pieces: readonly Bytes[], previous: Bytes, range: Sha256): Promise<Written> {
    let crc = this.#crc;
    for (const piece of pieces) {
      if (!endsWithCheckpoint(piece)) {
        range.update(piece);
        crc = sealPiece(piece, crc);
        continue;
      }
      const line = piece.subarray(piece.lastIndexOf(LF, piece.length - 2) + 1, piece.length - 1);
      const signature = signatureOf(line);
      if (signature === undefined) throw new TapeError("internal", "Cannot sign a checkpoint: it has no room for that");
      const start = piece.length - 1 - SIGNED_TAIL_BYTES;
      range.update(piece.subarray(0, start));
      const text = signedText(previous, range.digest());
      if (base64Url(signature.sig) === this.#placeholder) {
        const sig = base64Url(await this.#signatureOf(text));
        fillSignature(piece, start, { key: signature.key, previous: base64Url(previous), sig });
      }
      previous = sha256(this.#newHash, text);
      range = this.#newHash();
      crc = sealPiece(piece, crc);
      range.update(piece.subarray(start));
    }
    return () => {
      this.#crc = crc;
      this.#chain = { previous, range };
    };
  }

  async #signatureOf(text: Bytes): Promise<Uint8Array> {
    try {
      const signature = await this.#signer.sign(text);
      if (signature.length === SIGNATURE_BYTES) return signature;
      throw new Error(`the signer gave ${signature.length} bytes, not ${SIGNATURE_BYTES}`);
    } catch (cause) {
      const why = printable(cause instanceof Error ? cause.message : String(cause), 400);
      throw new TapeError("internal", `Cannot sign a checkpoint: ${why}`, { cause });
    }
  }
}
