import type { Bytes } from "../bytes/bytes.ts";

/** A few bytes as base64url without padding (RFC 4648, section 5). */
export function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The bytes that a text stands for; undefined where it is not the one spelling of `length` bytes. */
export function fromBase64Url(text: string, length: number): Bytes | undefined {
  if (!/^[\w-]*$/.test(text)) return undefined;
  let bytes: Bytes;
  try {
    bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
  // The last character may have bits that stand for nothing: two texts would be the same bytes.
  return bytes.length === length && base64Url(bytes) === text ? bytes : undefined;
}
