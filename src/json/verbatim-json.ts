import type { JsonShape } from "./json-shape.ts";

/** A JSON value that is given as it is spelled: as a text by `jsonText`, as bytes by `jsonBytes`. */
export abstract class VerbatimJson {
  /** The text, as it was given. */
  abstract readonly text: string;
  /** What the text holds; undefined if it is not exactly one JSON value. Scanned on first use, then remembered. */
  abstract readonly shape: JsonShape | undefined;
  /** The text on one line, as it stands on a tape ({@linkcode flattenJson}); undefined if it is not JSON. */
  abstract readonly line: string | undefined;
  /** The value that `JSON.stringify` made the text of, if it did. */
  abstract readonly origin: object | undefined;

  /**
   * The value, parsed anew by each call.
   *
   * @throws {SyntaxError} if the text is not JSON
   */
  value(): unknown {
    return JSON.parse(this.text);
  }

  /** Lets `JSON.stringify` write the value where this object stands; what it writes is not the very text. */
  toJSON(): unknown {
    return this.value();
  }
}

/**
 * The same JSON on one line, and such that UTF-8 can carry it: line ends, which can only stand between tokens, become
 * spaces, and lone surrogates, which can only stand in strings, become `\u` escapes. All else stays as it is.
 *
 * The text must be JSON. It is returned itself where there is nothing to do.
 */
export function flattenJson(text: string): string {
  if (text.includes("\n") || text.includes("\r")) text = text.replace(/[\r\n]/g, " ");
  if (text.isWellFormed()) return text;
  return text.replace(/\p{Surrogate}/gu, (unit) => "\\u" + unit.charCodeAt(0).toString(16));
}
