import type { SealFor } from "../../../codecs/crypto/keys/age.ts";
import type { ZstdLineOptions } from "../../../codecs/zstd/line-encoder.ts";
import { TapeError } from "../../../errors.ts";
import type { LineDecoder } from "../../../lines/coded-line.ts";
import type { InitRecord } from "../../../records/record.ts";
import { newChain } from "../../../signing/signature-chain.ts";
import { checkSigner, type Signer } from "../../../signing/signer.ts";
import { checkUnlocked, decoderOf } from "../../../stores/decoding.ts";
import type { TapeStore } from "../../../stores/store.ts";
import { DEFAULT_MAX_LINE_BYTES } from "../../../transforms/line-split.ts";
import { type NewCoding, newCoding } from "../../write/coding.ts";
import { sealing } from "../../write/commit/sealing.ts";
import type { OutputCoding } from "./line-output.ts";

/** How the lines of a tape that is made of others are coded, and who vouches for it. */
export interface CodingOptions {
  /**
   * Compresses every line by itself, as the option of `StreamingTapeWriter.create` does; false does not.
   *
   * @default {as the tapes are that it is made of: if one of them is compressed, so is the new one}
   */
  readonly compress?: boolean | ZstdLineOptions | undefined;
  /**
   * Encrypts every line, for recipients of age or with a passphrase, under a key of its own; false does not encrypt what is made of encrypted
   * tapes.
   *
   * @default {as the tapes are that it is made of: if one of them is encrypted, so is the new one, under the same key, and who can open
   * the one can open the other}
   */
  readonly encryptTo?: SealFor | false | undefined;
  /** Signs every checkpoint. Signatures are never taken over. */
  readonly signer?: Signer | undefined;
}

/** A tape that another one is made of, as far as it decides how that one is coded. */
export interface CodedSource {
  readonly init: Pick<InitRecord, "compression" | "encryption">;
  /** What decodes it. */
  readonly store: TapeStore;
  readonly key: string;
}

/** How the lines of a tape are coded, and what its `init` record says of it. */
export interface DerivedCoding extends OutputCoding {
  readonly init: NewCoding["init"];
  /** What decodes the lines again, where they are encrypted. */
  readonly decoderWith: NewCoding["decoderWith"];
}

/**
 * How the lines of a tape that is made of others are to be coded.
 *
 * @param init what it begins with, but for that
 * @throws {TapeError} code `invalid_argument`: the others are encrypted with different keys, or nothing opens one of them; an option is
 *   wrong, or a package is missing
 */
export async function derivedCoding(
  init: InitRecord,
  sources: readonly CodedSource[],
  { compress = sources.some(({ init }) => init.compression != null), encryptTo, signer }: CodingOptions,
): Promise<DerivedCoding> {
  if (signer !== undefined) checkSigner("make a tape of others", signer);
  const { tape_id: tapeId, max_line_bytes } = init;
  const wanted = {
    compress,
    encryptTo: encryptTo === false ? undefined : encryptTo,
    sameKeyAs: encryptTo === undefined ? sealedSource(sources) : undefined,
  };
  const coding = await newCoding(tapeId, wanted, max_line_bytes ?? DEFAULT_MAX_LINE_BYTES);
  return {
    init: coding?.init ?? {},
    encoder: coding?.encoder,
    decoderWith: coding?.decoderWith,
    sealing: await sealing(signer, 0, (newHash) => newChain(newHash, tapeId)),
  };
}

/** What decodes the tapes that are encrypted, all with one key; undefined where none is. */
function sealedSource(sources: readonly CodedSource[]): LineDecoder | undefined {
  const sealed = sources.filter(({ init }) => init.encryption != null);
  const [first] = sealed;
  if (first === undefined) return undefined;
  for (const { store, key } of sealed) checkUnlocked(`make a tape of ${key}`, store);
  if (sealed.some(({ init }) => init.encryption!.key !== first.init.encryption!.key)) {
    const why = "they are encrypted with different keys; name those who shall open the new one, or ask for a plain one";
    throw new TapeError("invalid_argument", `Cannot make one tape of these: ${why}`);
  }
  return decoderOf(first.store);
}
