import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  type JsonRules,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  skipScalar,
  skipSpace,
  skipString,
  TEXT_RULES,
} from "./json-tokens.ts";

/** How far bytes are JSON. */
export interface JsonExtent {
  /** Whether one whole value stands there. */
  readonly isWhole: boolean;
  /** Where the value ends; of one that is not whole, where the first token starts that cannot go on with it. */
  readonly end: number;
  /** Of a value that is not whole: where the last object in it starts, if that is whole, is marked, and ends at `end`. */
  readonly last: number | undefined;
}

/**
 * Goes over the JSON value that starts at `start`, to where it ends or breaks off. The time is linear in what it goes
 * over, and any depth of nesting will do.
 *
 * @param bytes must have a NUL behind the text
 * @param isMarked whether the object that starts there counts for {@linkcode JsonExtent.last}
 */
export function jsonExtent(
  bytes: Uint8Array,
  start: number,
  isMarked: (at: number) => boolean,
  rules: JsonRules = TEXT_RULES,
): JsonExtent {
  const outer: number[] = []; // `kinds` of the levels further out, 32 to a number
  let kinds = 0; // the innermost levels, a bit each, the last one lowest: 1 for an object, 0 for an array
  let depth = 0;
  const marks: { readonly at: number; readonly depth: number }[] = []; // the marked objects that are open
  let last = -1; // where the marked object started that was closed last, and what stands behind it
  let lastEnd = -1;
  let at = start;
  const broken = (end: number): JsonExtent => ({ isWhole: false, end, last: lastEnd === end ? last : undefined });
  for (;;) {
    at = skipSpace(bytes, at, rules);
    if ((kinds & 1) === 1) {
      const key = at;
      if (bytes[at] !== QUOTE || (at = skipString(bytes, at, rules)) < 0) return broken(key);
      at = skipSpace(bytes, at, rules);
      if (bytes[at] !== COLON) return broken(at);
      at = skipSpace(bytes, at + 1, rules);
    }

    const first = bytes[at]!;
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      if (depth > 0 && depth % 32 === 0) outer.push(kinds);
      depth++;
      kinds = kinds << 1 | (first === OPEN_OBJECT ? 1 : 0);
      if (first === OPEN_OBJECT && depth > 1 && isMarked(at)) marks.push({ at, depth });
      at = skipSpace(bytes, at + 1, rules);
      if (bytes[at] !== first + 2) continue; // In ASCII both kinds of brackets close two after they open.
    } else {
      const scalar = at;
      if ((at = skipScalar(bytes, at, rules)) < 0) return broken(scalar);
    }

    // A value is complete, or an empty container about to be: on to the next value, through all that closes here.
    for (;;) {
      if (depth === 0) return { isWhole: true, end: at, last: undefined };
      at = skipSpace(bytes, at, rules);
      const next = bytes[at]!;
      if (next === COMMA) break;
      if (next !== ((kinds & 1) === 1 ? CLOSE_OBJECT : CLOSE_ARRAY)) return broken(at);
      at++;
      if (marks.at(-1)?.depth === depth) {
        last = marks.pop()!.at;
        lastEnd = skipSpace(bytes, at, rules);
      }
      depth--;
      kinds = depth > 0 && depth % 32 === 0 ? outer.pop() as number : kinds >>> 1;
    }
    at++;
  }
}
