import { requiredLiteral } from "../regex/required-literal.ts";
import { readAnyNumber } from "../syntax/amounts.ts";
import type { Expression, Value } from "../syntax/expression.ts";

/** Words of which one stands on every line that can fit: where none of them does, nothing else has to be looked at. */
export interface Needles {
  readonly words: readonly string[];
  /** Whether the first bytes of a message tell as much, and sooner. */
  readonly isPeeked: boolean;
}

/** What the words were taken of, and how long the shortest is: long ones are rare, and found fast. */
interface Found extends Needles {
  readonly least: number;
}

/** With more words than these, looking for them takes longer than it saves. */
const MAX_WORDS = 6;

/** Of an expression a shorter text is not worth a search. */
const MIN_LITERAL = 3;

/** What must stand on a line that a query picks, whatever its message is spelled like; undefined if there is no such thing. */
export function needlesOf(expression: Expression): Needles | undefined {
  const found = find(expression);
  if (found === undefined) return undefined;
  const words = new Set(found.words);
  // A character may be spelled as an escape.
  const text = found.words.join("");
  words.add(/^[\0-\x7f]*$/.test(text) ? "\\u00" : "\\u");
  if (text.includes("/")) words.add("\\/");
  return { words: [...words], isPeeked: found.isPeeked };
}

function find(expression: Expression): Found | undefined {
  switch (expression.is) {
    case "all":
      return best(expression.of.map(find));
    case "any":
      return union(expression.of.map(find));
    case "has":
      return union(expression.paths.map((path) => {
        const name = path.findLast((name) => !/^\d+$/.test(name));
        return name === undefined ? undefined : wordsOf([JSON.stringify(name)]);
      }));
    case "path":
      return union(expression.values.map((value) => {
        const word = jsonWord(value);
        return word === undefined ? undefined : wordsOf([word]);
      }));
    case "term":
      switch (expression.name) {
        case "text":
          return union(expression.values.map((value) => {
            const text = literalOf(value);
            if (text === undefined) return undefined;
            // In a string, or in the JSON around it; and what is base64 is looked into.
            return { ...wordsOf([text, JSON.stringify(text).slice(1, -1)], ['base64"']) };
          }));
        case "tool":
          return union(expression.values.map((value) => {
            // Without the first quote: a search stops at each of those.
            const word = value.is === "text" ? JSON.stringify(value.text).slice(1) : startOf(value);
            return word === undefined ? undefined : { ...wordsOf([word]), isPeeked: true };
          }));
        default:
          return undefined;
      }
    default:
      return undefined;
  }
}

function wordsOf(words: readonly string[], others: readonly string[] = []): Found {
  return { words: [...words, ...others], isPeeked: false, least: Math.min(...words.map((word) => word.length)) };
}

function best(all: readonly (Found | undefined)[]): Found | undefined {
  return all.reduce((best, next) => {
    if (best === undefined || next === undefined) return best ?? next;
    if (best.isPeeked !== next.isPeeked) return best.isPeeked ? next : best;
    return next.least > best.least ? next : best;
  }, undefined);
}

function union(all: readonly (Found | undefined)[]): Found | undefined {
  if (all.length === 0 || all.some((each) => each === undefined)) return undefined;
  const found = all as readonly Found[];
  const words = [...new Set(found.flatMap(({ words }) => words))];
  const [{ isPeeked }] = found as readonly [Found];
  // An answer fits by the name in its request, and has none of the words itself.
  if (words.length > MAX_WORDS || found.some((each) => each.isPeeked !== isPeeked)) return undefined;
  return {
    words,
    isPeeked,
    least: Math.min(...found.map(({ least }) => least)),
  };
}

/** What stands in every text that fits; undefined where that is nothing, or so short that it stands everywhere. */
function literalOf(value: Value): string | undefined {
  if (value.is === "text") return value.text;
  const literal = value.is === "regex" ? requiredLiteral(value.source, value.flags) : "";
  return literal.length < MIN_LITERAL ? undefined : literal;
}

/** What stands in the JSON of every value that fits. */
function jsonWord(value: Value): string | undefined {
  if (value.is === "regex") {
    const literal = literalOf(value);
    // A number may be spelled in many ways.
    return literal === undefined || /^[-+.\dEInfity]*$/i.test(literal)
      ? undefined
      : JSON.stringify(literal).slice(1, -1);
  }
  if (value.is !== "text") return startOf(value);
  const { text, isQuoted = false } = value;
  if (isQuoted) return JSON.stringify(text);
  // A number may be spelled in many ways; and a word may be a text, or true.
  return readAnyNumber(text) === undefined ? JSON.stringify(text).slice(1, -1) : undefined;
}

/** The beginning of what fits a pattern, where that says enough. */
function startOf(value: Value): string | undefined {
  if (value.is !== "glob") return undefined;
  const start = JSON.stringify(value.pattern.split("*", 1)[0]!).slice(1, -1);
  // What begins like this may be a number.
  return start.length < 3 || /^[-\dIe]/.test(start) ? undefined : start;
}
