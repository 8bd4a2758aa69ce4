import { base64Length, writeBase64 } from "../../bytes/base64.ts";
import { BACKSLASH } from "../../json/json-tokens.ts";

/** Shorter texts in base64 are not looked into: words and names are as long. */
export const MIN_BASE64 = 24;

const SLASH = 0x2f;
/** What a character of base64 or base64url stands for, by its code; 0xff for all others. */
const VALUES = new Uint8Array(256).fill(0xff);
for (const [value, char] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries()) {
  VALUES[char.charCodeAt(0)] = value;
}
VALUES["-".charCodeAt(0)] = 62;
VALUES["_".charCodeAt(0)] = 63;
/** Behind these a base64 may begin that stands in a path or a name. */
const isSeparator = (code: number): boolean => code === SLASH || code === 0x2d || code === 0x5f || code === 0x2b;

/** Whether a text in base64 may begin at a place: there are enough letters of it, and what they spell begins as a text. */
export function mayBeBase64(bytes: Uint8Array, at: number, end: number): boolean {
  // Most words are told by what would be their first byte. A slash may be escaped.
  const next = bytes[at + 1] === BACKSLASH && bytes[at + 2] === SLASH ? SLASH : bytes[at + 1]!;
  const first = VALUES[bytes[at]!]! << 2 & 0xff | VALUES[next]! >> 4;
  if (end - at < MIN_BASE64 || first < 0x20 && first !== 0x09 && first !== 0x0a && first !== 0x0d) return false;
  return (first < 0x7f || first > 0xc1 && first < 0xf5) && isTextHead(bytes, at, end);
}

function isTextHead(bytes: Uint8Array, at: number, end: number): boolean {
  const text = new TextCheck();
  let [bits, letters] = [0, 0];
  for (; at < end && letters < MIN_BASE64; at++) {
    const value = VALUES[bytes[at]!]!;
    if (value === 0xff) {
      // A slash may be escaped.
      if (bytes[at] === BACKSLASH && bytes[at + 1] === SLASH) continue;
      return false;
    }
    bits = bits << 6 | value;
    if (++letters % 4 !== 0) continue;
    if (!text.takes(bits >> 16 & 0xff) || !text.takes(bits >> 8 & 0xff) || !text.takes(bits & 0xff)) return false;
    bits = 0;
  }
  return letters >= MIN_BASE64;
}

/** Tells bytes that are a text in UTF-8, without control characters, from others. */
class TextCheck {
  /** So many bytes of a character are still to come. */
  missing = 0;

  takes(byte: number): boolean {
    if (this.missing > 0) {
      this.missing--;
      return (byte & 0xc0) === 0x80;
    }
    if (byte >= 0x80) {
      this.missing = byte < 0xc2 ? -1 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : byte < 0xf5 ? 3 : -1;
      return this.missing > 0;
    }
    return byte >= 0x20 ? byte !== 0x7f : byte === 0x09 || byte === 0x0a || byte === 0x0d;
  }
}

/** A text that stands in another one in base64. */
export interface Base64Text {
  readonly start: number;
  readonly end: number;
  readonly plain: string;
  /** The same place with another text in it, spelled in the same way. */
  readonly encode: (plain: string) => string;
}

const RUN = /[\w+/-]{24,}(?:\r?\n[\w+/-]+)*={0,2}/g;
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** The texts in base64 that stand in a text, and are long enough. */
export function* base64Texts(text: string): Generator<Base64Text, void, undefined> {
  for (const { 0: run, index } of text.matchAll(RUN)) {
    for (let at = 0; run.length - at >= MIN_BASE64;) {
      const found = at === 0 || isSeparator(run.charCodeAt(at - 1)) ? textAt(run, at) : undefined;
      if (found !== undefined) yield { ...found, start: index + at, end: index + found.end };
      at = found?.end ?? at + 1;
    }
  }
}

/** The text at a place of a run, and where its letters end. Where bytes follow that are no text it is what stands before them. */
function textAt(run: string, at: number): Omit<Base64Text, "start"> | undefined {
  const head = new Uint8Array(MIN_BASE64);
  for (let n = 0; n < MIN_BASE64; n++) head[n] = run.charCodeAt(at + n);
  if (!isTextHead(head, 0, MIN_BASE64)) return undefined;
  const bytes = new Uint8Array((run.length - at) * 3 >> 2);
  const check = new TextCheck();
  let [bits, letters, count, end, whole] = [0, 0, 0, at, at];
  let [isUrl, isWhole] = [false, true];
  /** Bytes up to the last place where four letters and a character have come to their end. */
  let sure = 0;
  for (; end < run.length; end++) {
    const value = VALUES[run.charCodeAt(end)]!;
    if (value === 0xff) continue;
    isUrl ||= run[end] === "-" || run[end] === "_";
    bits = bits << 6 | value;
    if (++letters % 4 !== 0) continue;
    for (const byte of [bits >> 16 & 0xff, bits >> 8 & 0xff, bits & 0xff]) {
      isWhole &&= check.takes(byte);
      bytes[count++] = byte;
    }
    if (!isWhole) break;
    if (check.missing === 0) [sure, whole] = [count, end + 1];
  }
  const rest = letters % 4;
  if (isWhole && rest !== 1) {
    // Two letters are a byte, three are two.
    for (let n = 0; n < rest - 1; n++) {
      const byte = (bits << 6 * (4 - rest)) >> 16 - 8 * n & 0xff;
      isWhole &&= check.takes(byte);
      bytes[count++] = byte;
    }
    if (isWhole && check.missing === 0) [sure, whole] = [count, run.length];
  }
  if (sure < MIN_BASE64 * 3 / 4) return undefined;
  const isEnd = whole === run.length;
  const isPadded = run.endsWith("=") || rest === 0 && !isUrl;
  return {
    end: whole,
    plain: DECODER.decode(bytes.subarray(0, sure)),
    encode(plain) {
      const utf8 = new TextEncoder().encode(plain);
      // Where something follows that is none of it, the letters come to a whole number of fours.
      const spaces = isEnd ? 0 : (3 - utf8.length % 3) % 3;
      const padded = spaces === 0 ? utf8 : new TextEncoder().encode(plain + " ".repeat(spaces));
      const encoded = toBase64(padded);
      const spelled = isUrl ? encoded.replaceAll("+", "-").replaceAll("/", "_") : encoded;
      return isPadded ? spelled : spelled.replace(/=+$/, "");
    },
  };
}

function toBase64(bytes: Uint8Array): string {
  const letters = new Uint8Array(base64Length(bytes.length));
  writeBase64(bytes, letters, 0);
  return DECODER.decode(letters) + "=".repeat((4 - letters.length % 4) % 4);
}
