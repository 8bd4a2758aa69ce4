import type { Bytes } from "./bytes.ts";

/** What runtimes with a `Buffer` can do with base64 beside what the standard says. */
interface BufferPrototype {
  base64Slice?(this: Uint8Array, start: number, end: number): string;
  base64Write?(this: Uint8Array, text: string, at: number): number;
  latin1Slice?(this: Uint8Array, start: number, end: number): string;
}

const { base64Slice, base64Write, latin1Slice } =
  (globalThis as { Buffer?: { prototype: BufferPrototype } }).Buffer?.prototype ?? {};
/** Shorter ones are done before the runtime's own is called. */
const SHORT = 96;
const encoder = new TextEncoder();
const ALPHABET = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const WRONG = 0xff;
const VALUES = new Uint8Array(256).fill(WRONG);
for (const [value, code] of ALPHABET.entries()) VALUES[code] = value;

/** How long the base64 of so many bytes is, without padding. */
export function base64Length(length: number): number {
  return Math.ceil(length * 4 / 3);
}

/** Writes the base64 of `bytes`, without padding, to `room` from `at` on. Gives where it ends. */
export function writeBase64(bytes: Uint8Array, room: Uint8Array, at: number): number {
  if (base64Slice !== undefined && bytes.length > SHORT) {
    const end = at + base64Length(bytes.length);
    // There is no room for the padding.
    encoder.encodeInto(base64Slice.call(bytes, 0, bytes.length), room.subarray(at, end));
    return end;
  }
  const whole = bytes.length - bytes.length % 3;
  let from = 0;
  for (; from < whole; from += 3) {
    const bits = bytes[from]! << 16 | bytes[from + 1]! << 8 | bytes[from + 2]!;
    room[at++] = ALPHABET[bits >> 18]!;
    room[at++] = ALPHABET[bits >> 12 & 63]!;
    room[at++] = ALPHABET[bits >> 6 & 63]!;
    room[at++] = ALPHABET[bits & 63]!;
  }
  if (from === bytes.length) return at;
  const bits = bytes[from]! << 16 | (bytes[from + 1] ?? 0) << 8;
  room[at++] = ALPHABET[bits >> 18]!;
  room[at++] = ALPHABET[bits >> 12 & 63]!;
  if (from + 1 < bytes.length) room[at++] = ALPHABET[bits >> 6 & 63]!;
  return at;
}

/**
 * The bytes that `text`, from `start` to `end`, is the base64 of, behind `before` bytes that are left free. Undefined where it is no base64:
 * padding, other alphabets, and bits that say nothing are refused, so that the same bytes have one spelling.
 */
export function readBase64(text: Uint8Array, start: number, end: number, before: number = 0): Bytes | undefined {
  const length = end - start;
  const rest = length % 4;
  if (rest === 1) return undefined;
  const bytes = new Uint8Array(before + Math.floor(length * 3 / 4));
  if (base64Write !== undefined && latin1Slice !== undefined && length > SHORT) {
    const letters = latin1Slice.call(text, start, end);
    // It passes over what is no base64, and takes the other alphabet too.
    if (base64Write.call(bytes, letters, before) !== bytes.length - before) return undefined;
    if (letters.includes("-") || letters.includes("_")) return undefined;
    const last = VALUES[text[end - 1]!]!;
    return rest !== 0 && (last & (rest === 3 ? 3 : 15)) !== 0 ? undefined : bytes;
  }
  let to = before;
  let wrong = 0;
  const whole = end - rest;
  let at = start;
  for (; at < whole; at += 4) {
    const a = VALUES[text[at]!]!;
    const b = VALUES[text[at + 1]!]!;
    const c = VALUES[text[at + 2]!]!;
    const d = VALUES[text[at + 3]!]!;
    wrong |= a | b | c | d;
    bytes[to++] = a << 2 | b >> 4;
    bytes[to++] = b << 4 | c >> 2;
    bytes[to++] = c << 6 | d;
  }
  if (rest > 0) {
    const a = VALUES[text[at]!]!;
    const b = VALUES[text[at + 1]!]!;
    const c = rest === 3 ? VALUES[text[at + 2]!]! : 0;
    wrong |= a | b | c;
    bytes[to++] = a << 2 | b >> 4;
    if (rest === 3) bytes[to++] = b << 4 | c >> 2;
    if ((rest === 3 ? c & 3 : b & 15) !== 0) return undefined;
  }
  return wrong > 63 ? undefined : bytes;
}
