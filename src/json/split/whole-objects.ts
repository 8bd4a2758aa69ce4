import { jsonExtent } from "../json-extent.ts";
import { COMMA, DOCUMENT_RULES, OPEN_ARRAY, OPEN_OBJECT, skipScalar } from "../json-tokens.ts";

const NEVER = () => false;

/** Whether the bytes up to `length`, behind which a NUL must stand, are exactly one JSON value in UTF-8. */
export function isJson(bytes: Uint8Array, length: number): boolean {
  const first = bytes[0];
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return skipScalar(bytes, 0, DOCUMENT_RULES) === length;
  const { isWhole, end } = jsonExtent(bytes, 0, NEVER, DOCUMENT_RULES);
  return isWhole && end === length;
}

/**
 * Looks for whole objects in damaged JSON, where elements may begin: at its start, where the grammar breaks, and behind a
 * comma or an opening bracket. The time is linear. Behind the bytes a NUL must stand.
 *
 * @param onObject is told where each starts, and what stands behind it
 * @returns where the object starts that only lacks its end, or `length`
 */
export function wholeObjects(
  bytes: Uint8Array,
  length: number,
  onObject: (start: number, end: number) => void,
): number {
  let at = 0;
  while (at < length) {
    const { isWhole, end } = jsonExtent(bytes, at, NEVER, DOCUMENT_RULES);
    if (isWhole && bytes[at] === OPEN_OBJECT) onObject(at, end);
    else if (!isWhole && isCutOff(bytes, end, length)) return at;
    at = isWhole || bytes[end] !== OPEN_OBJECT || end === at ? nextObject(bytes, Math.max(end, at + 1), length) : end;
  }
  return length;
}

/** Whether JSON that breaks at `end` does so because the bytes are over: there, or in the middle of a token. */
function isCutOff(bytes: Uint8Array, end: number, length: number): boolean {
  if (end >= length) return true;
  const token = bytes[end]!;
  if (token === 0x22) return !hasQuote(bytes, end + 1, length);
  // The letters of a word, and what a number is made of.
  for (let at = end; at < length; at++) if (!/[-+.\w]/.test(String.fromCharCode(bytes[at]!))) return false;
  return length - end < 32;
}

/** Whether a quote stands there that no backslash escapes. */
function hasQuote(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (bytes[at] === 0x22 || bytes[at]! < 0x20) return true;
    if (bytes[at] === 0x5c) at++;
  }
  return false;
}

/** The next opening brace behind a comma or an opening bracket. */
function nextObject(bytes: Uint8Array, from: number, length: number): number {
  for (let at = bytes.indexOf(OPEN_OBJECT, from); at >= 0 && at < length; at = bytes.indexOf(OPEN_OBJECT, at + 1)) {
    let before = at - 1;
    while (before >= from && isSpace(bytes[before]!)) before--;
    if (before < from || bytes[before] === COMMA || bytes[before] === OPEN_ARRAY) return at;
  }
  return length;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}
