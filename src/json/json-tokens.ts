// The tokens of JSON, in bytes. Every function that starts with "skip" gives the end of what stands at `at`. Behind the
// bytes there must be one that is valid nowhere, so that nothing runs past it or has to ask for the end: a NUL will do,
// and under LINE_RULES a line ending will too.

/** Which bytes are taken for JSON: a sum of what some of them may be. */
export type JsonRules = number;

/** For each byte what it may be, as a sum of the seven below. */
const CLASS = new Uint8Array(256);
const STRING_STOP = 1; // ends a run of plain characters in a string: quote, backslash, control character
const SPACE = 2; // space and tab
const DIGIT = 4;
const HEX = 8;
const ESCAPED = 16; // may follow a backslash, "u" aside
const LINE_END = 32;
const NOT_ASCII = 64;
for (let byte = 0; byte < 256; byte++) CLASS[byte] = byte < 0x20 ? STRING_STOP : byte < 0x80 ? 0 : NOT_ASCII;
for (
  const [characters, bit] of [
    ['"\\', STRING_STOP],
    [" \t", SPACE],
    ["\n\r", LINE_END],
    ["0123456789", DIGIT],
    ["0123456789abcdefABCDEF", HEX],
    ['"\\/bfnrt', ESCAPED],
  ] as const
) {
  for (const character of characters) CLASS[character.charCodeAt(0)]! |= bit;
}

/** For bytes that were made of a text: they are UTF-8, and need not be looked at for that. */
export const TEXT_RULES: JsonRules = STRING_STOP | SPACE | LINE_END;
/** For bytes as they came: they must be UTF-8, and have no line ending anywhere. */
export const LINE_RULES: JsonRules = STRING_STOP | SPACE | NOT_ASCII;
/** For bytes as they came that may go over several lines: they must be UTF-8. */
export const DOCUMENT_RULES: JsonRules = STRING_STOP | SPACE | LINE_END | NOT_ASCII;

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_ARRAY = 0x5b;
export const BACKSLASH = 0x5c;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;

function is(bytes: Uint8Array, at: number, bits: number): boolean {
  return (CLASS[bytes[at]!]! & bits) !== 0;
}

/** The first offset from `at` on where no white space is. */
export function skipSpace(bytes: Uint8Array, at: number, rules: JsonRules): number {
  // Mostly there is none, and a function this small is inlined.
  return bytes[at]! > 0x20 ? at : skipSpaces(bytes, at, rules);
}

function skipSpaces(bytes: Uint8Array, at: number, rules: JsonRules): number {
  const spaces = rules & (SPACE | LINE_END);
  while (is(bytes, at, spaces)) at++;
  return at;
}

function skipDigits(bytes: Uint8Array, at: number): number {
  while (is(bytes, at, DIGIT)) at++;
  return at;
}

/** The end of the string whose opening quote is at `at`, or -1. */
export function skipString(bytes: Uint8Array, at: number, rules: JsonRules): number {
  const stops = rules & (STRING_STOP | NOT_ASCII);
  at++;
  for (;;) {
    // Four a round: strings are most of a message, and this is twice as fast as one a round.
    for (;;) {
      if (is(bytes, at, stops)) break;
      if (is(bytes, ++at, stops)) break;
      if (is(bytes, ++at, stops)) break;
      if (is(bytes, ++at, stops)) break;
      at++;
    }
    const stop = bytes[at]!;
    if (stop === QUOTE) return at + 1;
    if (stop !== BACKSLASH) at = skipUtf8(bytes, at);
    else if (is(bytes, at + 1, ESCAPED)) at += 2;
    else if (bytes[at + 1] === 0x75 && isHex4(bytes, at + 2)) at += 6;
    else return -1;
    if (at < 0) return -1;
  }
}

function isHex4(bytes: Uint8Array, at: number): boolean {
  return is(bytes, at, HEX) && is(bytes, at + 1, HEX) && is(bytes, at + 2, HEX) && is(bytes, at + 3, HEX);
}

/** The end of the character beyond ASCII at `at`, or -1: the shortest spelling of it counts, and no surrogate is one. */
function skipUtf8(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const second = bytes[at + 1]!;
  if (first < 0xc2 || first > 0xf4 || !isContinuation(second)) return -1;
  if (first < 0xe0) return at + 2;
  if (!isContinuation(bytes[at + 2]!)) return -1;
  if (first < 0xf0) return first === 0xe0 && second < 0xa0 || first === 0xed && second > 0x9f ? -1 : at + 3;
  if (!isContinuation(bytes[at + 3]!)) return -1;
  return first === 0xf0 && second < 0x90 || first === 0xf4 && second > 0x8f ? -1 : at + 4;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** The end of the string, number or literal at `at`, or -1. */
export function skipScalar(bytes: Uint8Array, at: number, rules: JsonRules): number {
  switch (bytes[at]) {
    case QUOTE:
      return skipString(bytes, at, rules);
    case 0x74:
      return skipWord(bytes, at, "true");
    case 0x66:
      return skipWord(bytes, at, "false");
    case 0x6e:
      return skipWord(bytes, at, "null");
    default:
      return skipNumber(bytes, at);
  }
}

/** The end of `word`, which is ASCII, if it stands at `at`, or -1. */
export function skipWord(bytes: Uint8Array, at: number, word: string): number {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return -1;
  return at + word.length;
}

function skipNumber(bytes: Uint8Array, at: number): number {
  if (bytes[at] === 0x2d) at++;
  if (!is(bytes, at, DIGIT)) return -1;
  at = bytes[at] === 0x30 ? at + 1 : skipDigits(bytes, at + 1);
  if (bytes[at] === 0x2e) {
    if (!is(bytes, ++at, DIGIT)) return -1;
    at = skipDigits(bytes, at + 1);
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    at++;
    if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
    if (!is(bytes, at, DIGIT)) return -1;
    at = skipDigits(bytes, at + 1);
  }
  return at;
}
