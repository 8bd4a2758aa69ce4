import type { Bytes } from "../bytes/bytes.ts";
import type { CheckpointSignature } from "../records/record.ts";
import { base64Url, fromBase64Url } from "./base64-url.ts";

/** Bytes of an Ed25519 public key. */
export const KEY_BYTES = 32;
/** Bytes of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64;
const HASH_BYTES = 32;

/** What every signed text starts with: a signature for something else is none of a checkpoint. */
const CONTEXT = new TextEncoder().encode("tapeline/checkpoint/1");
const CHECKPOINT_START = new TextEncoder().encode('{"type":"checkpoint"');
const TAIL =
  /^"signature":\{"key":"([\w-]{43})","previous":"([\w-]{43})","sig":"([\w-]{86})"\},"crc32":"[0-9a-f]{8}"\}$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What stands in a checkpoint until it is signed. */
export function unsigned(publicKey: Uint8Array): CheckpointSignature {
  return {
    key: base64Url(publicKey),
    previous: base64Url(new Uint8Array(HASH_BYTES)),
    sig: base64Url(new Uint8Array(SIGNATURE_BYTES)),
  };
}

/** How the signature stands at the end of a line, up to the checksum. */
function signatureText({ key, previous, sig }: CheckpointSignature): string {
  return `"signature":{"key":"${key}","previous":"${previous}","sig":"${sig}"},"crc32":"`;
}

const CHECKSUM_LENGTH = '00000000"}'.length;

/** How many bytes a signed checkpoint has from its signature on, without its `\n`. */
export const SIGNED_TAIL_BYTES: number = signatureText(unsigned(new Uint8Array(KEY_BYTES))).length + CHECKSUM_LENGTH;

/** A signature as it stands on a tape. */
export interface ReadSignature {
  readonly key: string;
  readonly previous: Bytes;
  readonly sig: Bytes;
  /** Where it starts in its line: what stands before is signed. */
  readonly start: number;
}

/**
 * The signature at the end of a line, given without its `\n`; undefined where there is none, or one that is spelled in any other
 * way than {@linkcode fillSignature} does: so nothing can stand in it that nobody has signed.
 */
export function signatureOf(line: Uint8Array): ReadSignature | undefined {
  const start = line.length - SIGNED_TAIL_BYTES;
  if (start < CHECKPOINT_START.length || line[start] !== QUOTE) return undefined;
  if (!CHECKPOINT_START.every((byte, index) => line[index] === byte)) return undefined;
  const [, key = "", before = "", signature = ""] = TAIL.exec(decoder.decode(line.subarray(start))) ?? [];
  const previous = fromBase64Url(before, HASH_BYTES);
  const sig = fromBase64Url(signature, SIGNATURE_BYTES);
  if (fromBase64Url(key, KEY_BYTES) === undefined || previous === undefined || sig === undefined) return undefined;
  return { key, previous, sig, start };
}

const QUOTE = 0x22;

/** Writes a signature into a line, in the place of another. */
export function fillSignature(line: Uint8Array, start: number, signature: CheckpointSignature): void {
  encoder.encodeInto(signatureText(signature), line.subarray(start));
}

/** What is signed: what the signer found before, and what has come since, each as its SHA-256. */
export function signedText(previous: Uint8Array, range: Uint8Array): Bytes {
  const text = new Uint8Array(CONTEXT.length + 2 * HASH_BYTES);
  text.set(CONTEXT);
  text.set(previous, CONTEXT.length);
  text.set(range, CONTEXT.length + HASH_BYTES);
  return text;
}
