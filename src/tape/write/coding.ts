import type { SealFor } from "../../codecs/crypto/keys/age.ts";
import type { LineDecoder, LineEncoder, SealedLines } from "../../lines/coded-line.ts";
import type { InitRecord } from "../../records/record.ts";
import type { ZstdLineEncoder } from "../../codecs/zstd/line-encoder.ts";
import { MAX_LINE_BYTES } from "../../transforms/line-split.ts";
import type { CreateWriterOptions } from "./writer-options.ts";

/** How the lines of a new tape are coded. */
export interface NewCoding {
  /** What the init record says of it. */
  readonly init: Pick<InitRecord, "compression" | "encryption" | "max_line_bytes">;
  readonly encoder: LineEncoder;
  /** What decodes the lines again, where they are encrypted: as {@linkcode SealedLines.decoderWith}. */
  readonly decoderWith?: SealedLines["decoderWith"] | undefined;
}

/** How the lines of a new tape are to be coded. */
export interface WantedCoding extends Pick<CreateWriterOptions, "compress" | "encryptTo"> {
  /** What decodes an encrypted tape, whose key the new one is to have too. */
  readonly sameKeyAs?: LineDecoder | undefined;
}

/**
 * How the lines of a new tape are to be coded; undefined where they are plain.
 *
 * @param maxLineBytes the longest plain line
 * @throws {TapeError} code `invalid_argument`: an option is wrong, or a package is missing
 */
export async function newCoding(
  tapeId: string,
  { compress = false, encryptTo, sameKeyAs }: WantedCoding,
  maxLineBytes: number,
): Promise<NewCoding | undefined> {
  const inner = compress === false ? undefined : await compressing(compress);
  const compression = inner === undefined ? {} : { compression: "zstd" };
  const sealed = encryptTo === undefined
    ? sameKeyAs?.another?.(tapeId, inner)
    : await sealedFor(tapeId, encryptTo, inner);
  if (sealed === undefined) return inner && { init: compression, encoder: inner };
  const { encryption, encoder, decoderWith } = sealed;
  return { encoder, decoderWith, init: { ...compression, encryption, max_line_bytes: sealedLineBytes(maxLineBytes) } };
}

async function compressing(compress: Exclude<CreateWriterOptions["compress"], false | undefined>) {
  const { checkZstdOptions, loadLineEncoder } = await import("../../codecs/zstd/line-encoder.ts");
  if (compress !== true) checkZstdOptions("compress a tape", compress);
  return await loadLineEncoder(compress === true ? {} : compress);
}

async function sealedFor(tapeId: string, to: SealFor, inner: ZstdLineEncoder | undefined): Promise<SealedLines> {
  const { createEncryption } = await import("../../codecs/crypto/keys/encryption.ts");
  const { sealedLines } = await import("../../codecs/crypto/sealed-tape.ts");
  const { key, encryption } = await createEncryption(tapeId, to);
  return sealedLines(key, encryption, inner);
}

/** How long a plain line may be on a sealed tape whose lines may have so many bytes. */
export function plainLineBytes(sealed: number): number {
  return Math.max(1, Math.floor((sealed - 1024) * 3 / 4 / 1.125));
}

/** How long the sealed line of a plain one may be: padded by an eighth, in base64, with what stands before it. */
function sealedLineBytes(plain: number): number {
  return Math.min(Math.ceil(plain * 1.125 * 4 / 3) + 1024, MAX_LINE_BYTES);
}

/** What encodes the lines of writers, for who goes on with their tapes. */
const encoders = new WeakMap<object, LineEncoder>();

/** Remembers what encodes the lines of a writer; undefined where they are plain. */
export function keepEncoder(writer: object, encoder: LineEncoder | undefined): void {
  if (encoder !== undefined) encoders.set(writer, encoder);
}

/** What {@linkcode keepEncoder} was told of a writer. */
export function encoderOf(writer: object): LineEncoder | undefined {
  return encoders.get(writer);
}
