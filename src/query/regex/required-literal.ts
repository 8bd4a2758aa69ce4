/** Matches a class of characters, from its bracket to the other one. */
const CLASS = /\[(?:[^\]\\]|\\.)*\]/suy;
/** What may stand for itself: of characters beyond ASCII a part may be meant. */
const PLAIN = /[^\\^$.*+?()[\]{}|\u0080-\uffff]/uy;
/** A character that would mean something, made plain. */
const ESCAPED = /\\([^\w\u0080-\uffff])/uy;
const OTHER_ESCAPE = /\\(?:x[\da-f]{2}|u[\da-f]{4}|u\{[\da-f]+\}|[pP]\{[^}]*\}|c[a-z]|.)/isuy;
const QUANTIFIER = /(?:[*+?]|\{\d+(?:,\d*)?\})\??/uy;

/**
 * A text that stands in every match of a regular expression: the longest one that its source shows, of ASCII. Empty where there
 * is none, as where it ignores case. Where groups are it does not look into them.
 *
 * @param source of an expression that compiles
 */
export function requiredLiteral(source: string, flags: string): string {
  if (flags.includes("i")) return "";
  let longest = "";
  let run = "";
  const end = () => {
    if (run.length > longest.length) longest = run;
    run = "";
  };
  let depth = 0;
  for (let at = 0; at < source.length;) {
    const take = (what: RegExp) => {
      what.lastIndex = at;
      const found = what.exec(source);
      if (found !== null) at = what.lastIndex;
      return found;
    };
    if (source[at] === "(") depth++;
    else if (source[at] === ")") depth--;
    // One of several will do.
    else if (source[at] === "|" && depth === 0) return "";
    const found = take(ESCAPED) ?? take(PLAIN);
    const literal = found === null || depth > 0 ? undefined : found.at(-1)!;
    if (found === null && take(CLASS) === null && take(OTHER_ESCAPE) === null) at++;
    const quantifier = take(QUANTIFIER)?.[0];
    if (literal === undefined) {
      end();
      continue;
    }
    if (quantifier === undefined) run += literal;
    else {
      // It stands there once at least, or perhaps not at all.
      if (/^(?:\+|\{[1-9])/.test(quantifier)) run += literal;
      end();
    }
  }
  end();
  return longest;
}
