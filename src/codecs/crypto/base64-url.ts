import { base64Length, readBase64, writeBase64 } from "../../bytes/base64.ts";
import type { Bytes } from "../../bytes/bytes.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The base64 of bytes, without padding. */
export function toBase64(bytes: Uint8Array): string {
  const text = new Uint8Array(base64Length(bytes.length));
  writeBase64(bytes, text, 0);
  return decoder.decode(text);
}

/** The same in the alphabet that has `-` and `_`. */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_");
}

/** The way back; undefined for what {@linkcode toBase64} does not make. */
export function fromBase64(text: string): Bytes | undefined {
  const bytes = encoder.encode(text);
  return readBase64(bytes, 0, bytes.length);
}

/** The same for {@linkcode toBase64Url}. */
export function fromBase64Url(text: string): Bytes | undefined {
  return /[+/]/.test(text) ? undefined : fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
}
