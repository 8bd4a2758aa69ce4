import { scanJson } from "./json-scan.ts";
import { skipSpace, skipString, skipWord } from "./json-span.ts";

/** A piece of a line, as it stands in the JSON text; a `note` is said about it. */
export interface JsonPart {
  /** What the piece is; a `mark` is a bracket, a comma or a colon. */
  readonly kind: "key" | "string" | "number" | "word" | "mark" | "note";
  readonly text: string;
}

/** One line of JSON that was laid out. */
export interface JsonLine {
  /** How deep it stands: so many levels are around it. */
  readonly depth: number;
  readonly parts: readonly JsonPart[];
}

/**
 * Lays a JSON text out for people, a member or element a line. Nothing is parsed and written anew: numbers, duplicate
 * keys and escapes are shown as they stand. A string goes on on the next line behind each `\n` in it, and one that holds
 * a JSON object or array is shown as that, with a note.
 *
 * The text must be JSON; for any other the answer means nothing. Any depth of nesting will do.
 */
export function* layOutJson(text: string): Generator<JsonLine, void, undefined> {
  const last = yield* valueLines(text, 0, []);
  yield { depth: 0, parts: last };
}

/** Goes on behind `before` on the same line. What is returned is the last line, which may go on too. */
function* valueLines(text: string, outer: number, before: JsonPart[]): Generator<JsonLine, JsonPart[], undefined> {
  let depth = outer;
  let line = before;
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const char = text[at]!;
    if (char === "{" || char === "[") {
      const inside = skipSpace(text, at + 1);
      const isEmpty = text[inside] === (char === "{" ? "}" : "]");
      line.push(mark(isEmpty ? char + text[inside] : char));
      at = isEmpty ? inside + 1 : inside;
      if (!isEmpty) {
        yield { depth: depth++, parts: line };
        line = [];
      }
    } else if (char === "}" || char === "]") {
      yield { depth: depth--, parts: line };
      line = [mark(char)];
      at++;
    } else if (char === ",") {
      line.push(mark(char));
      yield { depth, parts: line };
      line = [];
      at++;
    } else if (char === '"') {
      const end = skipString(text, at);
      const colon = skipSpace(text, end);
      const string = text.slice(at, end);
      if (text[colon] === ":") line.push({ kind: "key", text: string }, mark(": "));
      else line = yield* stringLines(string, depth, line);
      at = text[colon] === ":" ? colon + 1 : end;
    } else {
      const end = Math.max(skipWord(text, at), at + 1);
      line.push({ kind: /[-\d]/.test(char) ? "number" : "word", text: text.slice(at, end) });
      at = end;
    }
    at = skipSpace(text, at);
  }
  return line;
}

function* stringLines(string: string, depth: number, before: JsonPart[]): Generator<JsonLine, JsonPart[], undefined> {
  const held = heldJson(string);
  if (held !== undefined) {
    return yield* valueLines(held, depth, [...before, { kind: "note", text: "(JSON in a string) " }]);
  }
  let line = before;
  let start = 0;
  for (let end = nextLine(string, start); end < string.length - 1; end = nextLine(string, start)) {
    yield {
      depth: start === 0 ? depth : depth + 1,
      parts: [...line, { kind: "string", text: string.slice(start, end) }],
    };
    line = [];
    start = end;
  }
  const rest: JsonPart = { kind: "string", text: string.slice(start) };
  // The last line stands at the depth of its value, and what goes on belongs further in.
  return start === 0 ? [...line, rest] : [mark("  "), rest];
}

/** The JSON object or array that a string literal holds. Any level of that is at most half as long as the one around it. */
function heldJson(string: string): string | undefined {
  if (string.length < 5 || !/^"(?: |\\[nrt])*[[{]/.test(string)) return undefined;
  const held: string = JSON.parse(string);
  const type = scanJson(held)?.type;
  return type === "object" || type === "array" ? held : undefined;
}

/** The offset behind the next `\n` that is spelled in a string literal, or its end. */
function nextLine(string: string, start: number): number {
  for (let at = string.indexOf("\\", start); at >= 0; at = string.indexOf("\\", at + 2)) {
    if (string[at + 1] === "n") return at + 2;
  }
  return string.length;
}

function mark(text: string): JsonPart {
  return { kind: "mark", text };
}
