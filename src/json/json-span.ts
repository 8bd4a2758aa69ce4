/** Where a value stands in a text: the offset of its first character, and that behind its last. */
export type Span = readonly [start: number, end: number];

/**
 * Where in `text` the value stands that `path` leads to, key by key from the outermost object in; undefined if nothing
 * is there. Of duplicate keys the last counts, as in `JSON.parse`. No value is parsed.
 *
 * The text must be JSON; for any other the answer means nothing.
 *
 * @example
 * ```ts
 * import { valueSpan } from "./json-span.ts";
 *
 * const line = '{"type":"frame","seq":0,"env":{"message":{"id":1.0}}}';
 * const span = valueSpan(line, ["env", "message"]);
 * span && line.slice(...span); // '{"id":1.0}'
 * ```
 */
export function valueSpan(text: string, path: readonly string[]): Span | undefined {
  const found: { span?: Span | undefined } = {};
  follow(text, skipSpace(text, 0), path, 0, found);
  return found.span;
}

/** Where in `text`, which must be JSON, the elements of the outermost array stand; empty if that is no array. */
export function elementSpans(text: string): Span[] {
  const spans: Span[] = [];
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_ARRAY) return spans;
  at = skipSpace(text, at + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_ARRAY) {
    const end = skipValue(text, at);
    spans.push([at, end]);
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== COMMA) break;
    at = skipSpace(text, at + 1);
  }
  return spans;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Goes over the value at `at`, to which the first `level` keys of the path lead, and returns its end. */
function follow(
  text: string,
  at: number,
  path: readonly string[],
  level: number,
  found: { span?: Span | undefined },
): number {
  if (level === path.length) {
    const end = skipValue(text, at);
    found.span = [at, end];
    return end;
  }
  found.span = undefined; // What an earlier duplicate held does not count any more.
  if (text.charCodeAt(at) !== OPEN_OBJECT) return skipValue(text, at);
  at = skipSpace(text, at + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const key = at;
    at = skipString(text, at);
    const value = skipSpace(text, skipSpace(text, at) + 1);
    const isOnPath = isKey(text.slice(key, at), path[level]!);
    at = isOnPath ? follow(text, value, path, level + 1, found) : skipValue(text, value);
    at = skipSpace(text, at);
    if (text.charCodeAt(at) !== COMMA) break;
    at = skipSpace(text, at + 1);
  }
  return at + 1;
}

function isKey(raw: string, key: string): boolean {
  if (!raw.includes("\\")) return raw.length === key.length + 2 && raw.startsWith(key, 1);
  return JSON.parse(raw) === key;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** The first offset from `at` on where no white space is. */
export function skipSpace(text: string, at: number): number {
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** The end of the string whose opening quote is at `at`. */
export function skipString(text: string, at: number): number {
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let start = at;
    while (text.charCodeAt(start - 1) === BACKSLASH) start--;
    if ((at - start) % 2 === 0) return at + 1; // Backslashes escape one another: only an odd one escapes the quote.
  }
}

/** The end of the value at `at`. */
function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return skipString(text, at);
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return skipWord(text, at);
  let depth = 0;
  do {
    while (at < text.length && isInert(text.charCodeAt(at))) at++;
    const code = text.charCodeAt(at);
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth++;
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth--;
    at = code === QUOTE ? skipString(text, at) : at + 1;
  } while (depth > 0 && at < text.length);
  return at;
}

/** Whether this is neither a bracket nor a quote: what {@linkcode skipValue} can pass without a look at it. */
function isInert(code: number): boolean {
  return (code | 0x20) < OPEN_OBJECT && code !== QUOTE; // "[" is "{" without the bit 0x20, "]" is "}" without it.
}

/** The end of the number or literal at `at`. */
export function skipWord(text: string, at: number): number {
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === CLOSE_OBJECT || code === CLOSE_ARRAY || isSpace(code)) break;
    at++;
  }
  return at;
}
