import type { Bytes } from "../bytes/bytes.ts";
import { HeldBlocks } from "../bytes/held-blocks.ts";
import type { TapeLine } from "../lines/line.ts";
import type { NewSha256, Sha256 } from "./sha256.ts";
import { type ReadSignature, signatureOf, signedText } from "./signature.ts";

/** How far the chain of a tape has come. */
export interface ChainState {
  /** What the next signature has to say of all that stands before its range. */
  readonly previous: Bytes;
  /** Of what stands behind that. */
  readonly range: Sha256;
}

/** The chain of a tape on which nothing stands. */
export function newChain(newHash: NewSha256, tapeId: string): ChainState {
  return { previous: sha256(newHash, new TextEncoder().encode(tapeId)), range: newHash() };
}

/** The SHA-256 of a few bytes. */
export function sha256(newHash: NewSha256, bytes: Uint8Array): Bytes {
  const hash = newHash();
  hash.update(bytes);
  return hash.digest();
}

/** A signed checkpoint, and what stands before it. */
export interface SignedCheckpoint extends ReadSignature {
  /** What the signature has to fit: what it says of before, and what is there since. */
  readonly text: Bytes;
  /** Whether what it says of before is what is there. */
  readonly isLinked: boolean;
  /** Number of the first line of its range. */
  readonly firstLine: number;
  /** Where its range starts. */
  readonly offset: number;
}

/**
 * Follows the chain of signatures along a tape. It sees the raw bytes, block by block, and each line when the lines of its block
 * are dealt with. Whether the signatures fit is for others to say.
 */
export class SignatureChain {
  readonly #newHash: NewSha256;
  readonly #blocks: HeldBlocks;
  #range: Sha256;
  #previous: Bytes;
  #offset = 0;
  #firstLine = 1;

  constructor(newHash: NewSha256, tapeId: string) {
    this.#newHash = newHash;
    const { previous, range } = newChain(newHash, tapeId);
    this.#previous = previous;
    this.#range = range;
    this.#blocks = new HeldBlocks((bytes) => this.#range.update(bytes));
  }

  /** The next bytes of the tape. All lines that ended before them have been dealt with. */
  block(bytes: Uint8Array): void {
    this.#blocks.add(bytes);
  }

  /** The next line: with it ends a range, where it is a signed checkpoint. */
  line(line: TapeLine): SignedCheckpoint | undefined {
    const signature = line.type === "checkpoint" && line.ending !== "\r\n" ? signatureOf(line.stored) : undefined;
    if (signature === undefined) return undefined;
    this.#blocks.takeTo(line.offset + signature.start);
    const text = signedText(signature.previous, this.#range.digest());
    const isLinked = signature.previous.every((byte, at) => this.#previous[at] === byte);
    const found = { ...signature, text, isLinked, firstLine: this.#firstLine, offset: this.#offset };
    this.#previous = sha256(this.#newHash, text);
    this.#range = this.#newHash();
    this.#offset = line.offset + signature.start;
    this.#firstLine = line.number + 1;
    return found;
  }

  /** How far the chain has come at the end of the tape. */
  end(): ChainState {
    this.#blocks.takeTo(Infinity);
    return { previous: this.#previous, range: this.#range };
  }
}
