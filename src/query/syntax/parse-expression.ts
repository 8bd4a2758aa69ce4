import { nearest } from "../../nearest.ts";
import { kindOf } from "../../arguments.ts";
import { printable, TapeError } from "../../errors.ts";
import { allOf, anyOf, EVERYTHING, type Expression, notOf, type Path, type Term } from "./expression.ts";
import { named } from "./query-error.ts";
import { type Key, QueryReader } from "./query-reader.ts";
import { readValues } from "./read-values.ts";
import { FRAMES, namesIn, type ValueKind, type Vocabulary } from "./term-names.ts";

/** Longer queries, and deeper ones, are refused: nobody types them, and somebody may send them. */
const MAX_LENGTH = 16 * 1024;
const MAX_DEPTH = 64;
/** What may be greater or less. */
const COMPARES: ReadonlySet<ValueKind> = new Set(["number", "size", "duration", "age", "time", "date"]);

/**
 * Reads a query.
 *
 * @param vocabulary what can be asked for; by default what frames can
 * @throws {TapeError} code `invalid_argument`, with the place in the text
 */
export function parseExpression(text: string): Expression;
export function parseExpression<Name extends string>(text: string, vocabulary: Vocabulary<Name>): Expression<Name>;
export function parseExpression(text: string, vocabulary: Vocabulary<string> = FRAMES): Expression<string> {
  if (typeof text !== "string") {
    throw new TapeError("invalid_argument", `Cannot read the query: it must be a text, not ${kindOf(text)}`);
  }
  const reader = new QueryReader(text);
  if (text.length > MAX_LENGTH) {
    throw reader.error(`it has ${text.length} characters, the limit is ${MAX_LENGTH}`, MAX_LENGTH, MAX_LENGTH);
  }
  reader.skipSpace();
  if (reader.isAtEnd) return EVERYTHING;
  const expression = new Parser(reader, vocabulary).any();
  if (!reader.isAtEnd) throw reader.error('nothing is open that this ")" could close', reader.at, reader.at + 1);
  return expression;
}

/** Recursive descent: `any` is made of `all`, `all` of `one`, and `one` may hold an `any` in parentheses. */
class Parser {
  readonly #reader: QueryReader;
  #depth = 0;
  #isInOperation = false;
  readonly #vocabulary: Vocabulary<string>;

  constructor(reader: QueryReader, vocabulary: Vocabulary<string>) {
    this.#reader = reader;
    this.#vocabulary = vocabulary;
  }

  /** What stands between `OR`s, up to a closing parenthesis or the end. */
  any(): Expression<string> {
    const reader = this.#reader;
    const parts = [this.#all()];
    for (;;) {
      const start = reader.at;
      if (!reader.skipKeyword("OR")) break;
      reader.skipSpace();
      if (this.#isOver()) throw reader.error("something must stand behind this OR", start, start + 2);
      parts.push(this.#all());
    }
    return anyOf(parts);
  }

  #all(): Expression<string> {
    const reader = this.#reader;
    const parts: Expression<string>[] = [];
    for (;;) {
      reader.skipSpace();
      const start = reader.at;
      if (this.#isOver() || this.#isBeforeOr()) {
        if (parts.length === 0) throw reader.error("a term must stand here", start, start + 1);
        return allOf(parts);
      }
      if (reader.skipKeyword("AND")) {
        reader.skipSpace();
        if (parts.length === 0 || this.#isOver() || this.#isBeforeOr()) {
          throw reader.error("AND stands between two terms; a space means the same", start, start + 3);
        }
        continue;
      }
      parts.push(this.#one());
    }
  }

  #one(): Expression<string> {
    const reader = this.#reader;
    let isNot = false;
    for (;;) {
      const start = reader.at;
      const isWord = reader.skipKeyword("NOT");
      if (!isWord && !reader.skip("-")) break;
      if (isWord) reader.skipSpace();
      if (this.#isOver() || this.#isBeforeOr() || !isWord && /\s/.test(reader.char)) {
        const hint = isWord ? "" : '; to look for a "-", put it in quotes';
        throw reader.error(`something must stand behind this ${isWord ? "NOT" : '"-"'}${hint}`, start);
      }
      isNot = !isNot;
    }
    const part = reader.char === "(" ? this.#group() : this.#term();
    return isNot ? notOf(part) : part;
  }

  #group(): Expression<string> {
    const reader = this.#reader;
    const start = reader.at++;
    if (++this.#depth > MAX_DEPTH) throw reader.error(`parentheses nest deeper than ${MAX_DEPTH} levels`, start);
    const part = this.any();
    if (!reader.skip(")")) throw reader.error('this "(" has no ")"', start, start + 1);
    this.#depth--;
    return part;
  }

  #term(): Expression<string> {
    const reader = this.#reader;
    const start = reader.at;
    const { char } = reader;
    if (char === "/") {
      const regex = reader.regex();
      if (regex !== undefined) {
        reader.at = start;
        return this.#text();
      }
    } else if (char === '"') return this.#text();
    const key = reader.key();
    if (key === undefined || reader.text.charAt(key.end) !== ":") return this.#bare(start, key);
    reader.at = key.end + 1;
    const [name = ""] = key.path;
    const { terms, aliases, hasMessages } = this.#vocabulary;
    if (hasMessages) {
      if (key.isRooted || key.path.length > 1) return this.#path(key.path, start);
      if (name === "has") return this.#has(start);
      if (name === "op") return this.#operation(start);
    }
    const isTerm = key.path.length === 1 && !key.isRooted && Object.hasOwn(terms, name);
    const term = isTerm ? name : Object.hasOwn(aliases, name) ? aliases[name] : undefined;
    if (term === undefined) throw this.#unknown(name, start, key.end);
    return this.#named(term, start);
  }

  /** A word without a name is looked for in the text. */
  #bare(start: number, key: Key | undefined): Expression<string> {
    const reader = this.#reader;
    if (key !== undefined) this.#wantColon(key, start);
    if (reader.char === "/") {
      reader.word();
      throw reader.error(
        'this is neither a regular expression, which ends with "/", nor a path, which has a value behind a ":"; ' +
          "to look for the text, put it in quotes",
        start,
      );
    }
    return this.#text();
  }

  /** A text without a name. */
  #text(): Term<string> {
    const { bare, terms } = this.#vocabulary;
    return { is: "term", name: bare, values: readValues(this.#reader, bare, terms[bare], true) };
  }

  #named(name: string, start: number): Term<string> {
    this.#wantValue(name, start);
    return { is: "term", name, values: readValues(this.#reader, name, this.#vocabulary.terms[name]) };
  }

  #path(path: Path, start: number): Term {
    this.#wantValue("a path", start);
    return { is: "path", path, values: readValues(this.#reader, undefined, undefined) };
  }

  #has(start: number): Term {
    const reader = this.#reader;
    const paths: Path[] = [];
    do {
      const from = reader.at;
      const key = reader.key();
      if (key === undefined) {
        reader.word(",");
        throw reader.error("has: takes a path in the message, such as error or params.arguments.city", start);
      }
      reader.at = key.end;
      if (!reader.isDelimiter() && reader.char !== ",") {
        reader.word(",");
        throw reader.error('this is no path; put names with other characters in quotes: has:params."my key"', from);
      }
      paths.push(key.path);
    } while (reader.skip(","));
    return { is: "has", paths };
  }

  #operation(start: number): Expression<string> {
    const reader = this.#reader;
    if (this.#isInOperation) throw reader.error("op: cannot stand within op:", start);
    if (reader.isDelimiter() && reader.char !== "(") {
      throw reader.error("op: takes a term or several in parentheses: op:(tool:search status:error)", start);
    }
    this.#isInOperation = true;
    const part = this.#one();
    this.#isInOperation = false;
    return { is: "op", of: part };
  }

  /** Refuses `dur>1s`: to look for that text finds nothing, and says nothing. */
  #wantColon({ path, isRooted, end }: Key, start: number): void {
    const reader = this.#reader;
    const [name = ""] = path;
    const { terms, bare } = this.#vocabulary;
    if (path.length > 1 || isRooted || name === bare || !Object.hasOwn(terms, name)) return;
    const sign = COMPARES.has(terms[name]!.values) ? /^(?:=(?!=)|[<>]=?)(?=[^\s()"=<>])/ : /^=(?=[^\s()"=<>])/;
    const found = sign.exec(reader.text.slice(end, end + 3))?.[0];
    if (found === undefined) return;
    reader.at = end;
    const value = reader.word().slice(found.length);
    const meant = `${name}:${found === "=" ? "" : found}${value}`;
    throw reader.error(`there is no colon: ${printable(meant, 40)} is a term (A text stands in quotes)`, start);
  }

  #wantValue(name: string, start: number): void {
    const reader = this.#reader;
    if (!reader.isDelimiter()) return;
    throw reader.error(`${name === "a path" ? name : `${name}:`} needs a value right behind the colon`, start);
  }

  #unknown(name: string, start: number, end: number): TapeError {
    const { aliases, hasMessages } = this.#vocabulary;
    const names = namesIn(this.#vocabulary);
    const meant = nearest(name, [...names, ...Object.keys(aliases)]);
    const hint = meant === undefined ? `the terms are ${names.join(", ")}` : `did you mean ${meant}:?`;
    const member = hasMessages ? `, a member of the message is asked for as $.${name}:` : "";
    const others = `A text with a colon stands in quotes${member}`;
    return this.#reader.error(`there is no term ${named(`${name}:`)}, ${hint} (${others})`, start, end);
  }

  #isOver(): boolean {
    return this.#reader.isAtEnd || this.#reader.char === ")";
  }

  #isBeforeOr(): boolean {
    const { text, at } = this.#reader;
    return text.startsWith("OR", at) && this.#reader.isDelimiter(at + 2);
  }
}
