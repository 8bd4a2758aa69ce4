import type { TapeError } from "../../errors.ts";
import type { Path } from "./expression.ts";
import { pathOfPointer } from "./path.ts";
import { queryError } from "./query-error.ts";

/** What ends a word. */
const DELIMITER = /[\s()"]/;
/** A name in a path that stands there without quotes. */
const SEGMENT = /[\w$-]+/y;
const POINTER = /(?:\/[^\s()":,/]*)+/y;
/** Of a regular expression. With other letters behind it, what stands between slashes is a part of a path. */
const REGEX_FLAGS = /[imsu]*/y;

/** A key, and where what stands behind it begins. */
export interface Key {
  readonly path: Path;
  /** Whether it was written as a path from the root: `/error`, `$.error`. */
  readonly isRooted: boolean;
  readonly end: number;
}

/** Goes through the text of a query, character by character. */
export class QueryReader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** The character here; empty at the end. */
  get char(): string {
    return this.text.charAt(this.at);
  }

  /** Whether a word ends at `at`. */
  isDelimiter(at: number = this.at): boolean {
    return at >= this.text.length || DELIMITER.test(this.text.charAt(at)) && this.text.charAt(at) !== '"';
  }

  skipSpace(): void {
    while (!this.isAtEnd && /\s/.test(this.char)) this.at++;
  }

  /** Goes behind `word`, if just that stands here. */
  skipKeyword(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    const end = this.at + word.length;
    if (!this.isDelimiter(end)) return false;
    this.at = end;
    return true;
  }

  /** Goes behind `part`, if it stands here. */
  skip(part: string): boolean {
    if (!this.text.startsWith(part, this.at)) return false;
    this.at += part.length;
    return true;
  }

  /** A word up to white space, a bracket, a quote, or one of `stops`. */
  word(stops = ""): string {
    const start = this.at;
    while (!this.isAtEnd && !DELIMITER.test(this.char) && !stops.includes(this.char)) this.at++;
    return this.text.slice(start, this.at);
  }

  /**
   * The text between the quotes that start here. A backslash stands for itself but before a quote or another one.
   *
   * @throws {TapeError} code `invalid_argument`: it has no end
   */
  quoted(): string {
    const start = this.at++;
    let text = "";
    for (; !this.isAtEnd; this.at++) {
      const next = this.text.charAt(this.at + 1);
      if (this.char === '"') {
        this.at++;
        return text;
      }
      if (this.char === "\\" && (next === '"' || next === "\\")) this.at++;
      text += this.char;
    }
    throw this.error('this quote has no end; write a quote inside of it as \\"', start);
  }

  /** The regular expression that starts here with a slash; undefined if there is none up to a word's end. */
  regex(stops = ""): { readonly source: string; readonly flags: string } | undefined {
    const { text } = this;
    let isInClass = false;
    for (let at = this.at + 1; at < text.length; at++) {
      const char = text.charAt(at);
      if (char === "\\") at++;
      else if (char === "[") isInClass = true;
      else if (char === "]") isInClass = false;
      else if (char === "/" && !isInClass) {
        REGEX_FLAGS.lastIndex = at + 1;
        const [flags] = REGEX_FLAGS.exec(text)!;
        const end = at + 1 + flags.length;
        if (at === this.at + 1 || !this.isDelimiter(end) && !stops.includes(text.charAt(end))) return undefined;
        const source = text.slice(this.at + 1, at);
        this.at = end;
        return { source, flags };
      }
    }
    return undefined;
  }

  /** The name, path or JSON pointer that starts here; nothing is gone over. Undefined if there is none. */
  key(): Key | undefined {
    const { text, at: start } = this;
    if (text.charAt(start) === "/") {
      POINTER.lastIndex = start;
      const [pointer] = POINTER.exec(text)!;
      return { path: pathOfPointer(pointer), isRooted: true, end: start + pointer.length };
    }
    const isRooted = text.startsWith("$.", start);
    const path: string[] = [];
    let at = isRooted ? start + 2 : start;
    try {
      for (;;) {
        if (text.charAt(at) === '"' && (isRooted || path.length > 0)) {
          this.at = at;
          path.push(this.quoted());
          at = this.at;
        } else {
          SEGMENT.lastIndex = at;
          const segment = SEGMENT.exec(text)?.[0];
          if (segment === undefined) return undefined;
          path.push(segment);
          at += segment.length;
        }
        if (text.charAt(at) !== ".") return { path, isRooted, end: at };
        at++;
      }
    } finally {
      this.at = start;
    }
  }

  /** An error about what stands from `start` to here, or to `end`. */
  error(why: string, start: number, end: number = this.at): TapeError {
    return queryError(this.text, why, start, end);
  }
}
