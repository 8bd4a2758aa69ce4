import { nearest } from "../../nearest.ts";
import { regexFault } from "../regex/linear-regex.ts";
import { canonicalAmount, EXAMPLES, isBackwards, isUnit } from "./amounts.ts";
import type { Comparison, Value } from "./expression.ts";
import { named } from "./query-error.ts";
import type { QueryReader } from "./query-reader.ts";
import { type TermSpec, type ValueKind, wordOf } from "./term-names.ts";

const COMPARISONS: readonly Comparison[] = [">=", "<=", ">", "<"];
/** What has an order; undefined stands for what a path leads to. */
const COMPARED: ReadonlySet<ValueKind | undefined> = new Set([
  "number",
  "size",
  "duration",
  "age",
  "time",
  "date",
  undefined,
]);

/**
 * Reads the values behind a colon, with commas between them.
 *
 * @param name of the term, and what it is; undefined for a path
 * @param isBare whether it is a text without a name, in which a comma is a comma
 * @throws {TapeError} code `invalid_argument`
 */
export function readValues(
  reader: QueryReader,
  name: string | undefined,
  spec: TermSpec | undefined,
  isBare = false,
): readonly Value[] {
  const values: Value[] = [];
  for (;;) {
    const start = reader.at;
    values.push(readValue(reader, name, spec, isBare ? "" : ","));
    if (!isBare && reader.skip(",")) {
      if (reader.isDelimiter() || reader.char === ",") {
        throw reader.error("a value must stand between commas, and no space", reader.at - 1);
      }
      continue;
    }
    if (reader.isDelimiter()) return values;
    if (reader.char === ",") {
      throw reader.error("there is no list here; put a comma in quotes", reader.at, reader.at + 1);
    }
    const rest = reader.at;
    reader.word();
    throw reader.error(
      rest === start ? "a value must stand here" : "put a space here, or all of it in quotes",
      rest,
      Math.max(reader.at, rest + 1),
    );
  }
}

function readValue(reader: QueryReader, name: string | undefined, spec: TermSpec | undefined, stops: string): Value {
  const start = reader.at;
  const kind = spec?.values;
  const comparison = COMPARISONS.find((each) => COMPARED.has(kind) && reader.skip(each));
  if (comparison !== undefined) {
    const text = reader.word(stops);
    if (text === "" && /\s/.test(reader.char)) checkSpace(reader, () => true, `behind ${comparison}`, start);
    checkUnit(reader, kind, text, start);
    const amount = canonicalAmount(kind, text);
    if (amount === undefined) throw notAnAmount(reader, name, kind, start);
    return { is: "compare", comparison, amount };
  }
  const isExact = reader.skip("=");
  if (reader.char === '"') return quotedValue(reader, name, kind, start);
  if (!isExact && reader.char === "/" && takesRegex(kind)) {
    const regex = reader.regex(stops);
    if (regex !== undefined) return regexValue(reader, regex, start);
  }
  const text = reader.word(stops);
  if (text === "") {
    throw reader.error("a value must stand here", start, start + 1);
  }
  switch (kind) {
    case "word":
    case "status":
      return wordValue(reader, name!, spec!, text, start);
    case "number":
    case "size":
    case "duration":
    case "age":
    case "time":
    case "date":
      return amountValue(reader, name!, kind, text, start);
    case undefined:
      return (isExact ? undefined : rangeOf(reader, kind, text, start)) ??
        plainValue(reader, text, isExact, kind, start);
    default:
      return plainValue(reader, text, isExact, kind, start);
  }
}

function takesRegex(kind: ValueKind | undefined): boolean {
  return kind === "pattern" || kind === "text" || kind === undefined;
}

function plainValue(
  reader: QueryReader,
  text: string,
  isExact: boolean,
  kind: ValueKind | undefined,
  start: number,
): Value {
  if (isExact || !text.includes("*")) return { is: "text", text };
  if (kind === "text") {
    throw reader.error(
      `"*" stands for nothing else in a text: put it in quotes, or use a regular expression such as /${
        text.replaceAll("*", ".*")
      }/`,
      start,
    );
  }
  return { is: "glob", pattern: text.replace(/\*+/g, "*") };
}

function quotedValue(
  reader: QueryReader,
  name: string | undefined,
  kind: ValueKind | undefined,
  start: number,
): Value {
  const text = reader.quoted();
  switch (kind) {
    case undefined:
    case "id":
      return { is: "text", text, isQuoted: true };
    case "text":
      if (text === "") throw reader.error("nothing stands in these quotes", start);
      return { is: "text", text };
    case "pattern":
      return { is: "text", text };
    default:
      throw reader.error(`${name}: takes no text in quotes`, start);
  }
}

function regexValue(
  reader: QueryReader,
  { source, flags }: { readonly source: string; readonly flags: string },
  start: number,
): Value {
  const fault = regexFault(source, flags);
  if (fault !== undefined) {
    const at = fault.at === undefined ? start : start + 1 + fault.at;
    throw reader.error(
      `the regular expression cannot be used: ${fault.why}`,
      at,
      fault.at === undefined ? reader.at : at + 1,
    );
  }
  return { is: "regex", source, flags: [...new Set(flags)].sort().join("") };
}

function wordValue(reader: QueryReader, name: string, spec: TermSpec, text: string, start: number): Value {
  const word = wordOf(spec, text);
  if (word !== undefined) return { is: "text", text: word };
  if (spec.values === "status" && /^-?\d{1,9}$/.test(text)) return { is: "text", text: String(Number(text)) };
  const words = Object.keys(spec.words!);
  const meant = nearest(text, words);
  const hint = meant === undefined ? `one of ${words.join(", ")} would do` : `did you mean ${meant}?`;
  throw reader.error(`${name}: has no value ${named(text)}, ${hint}`, start);
}

function amountValue(reader: QueryReader, name: string, kind: ValueKind, text: string, start: number): Value {
  checkUnit(reader, kind, text, start);
  const range = rangeOf(reader, kind, text, start);
  if (range !== undefined) return range;
  const amount = canonicalAmount(kind, text);
  if (amount === undefined) throw notAnAmount(reader, name, kind, start);
  return { is: "text", text: amount };
}

/**
 * `a..b`, `a..`, `..b`; undefined if it is no range of amounts.
 *
 * @throws {TapeError} code `invalid_argument`: it ends before it begins
 */
function rangeOf(reader: QueryReader, kind: ValueKind | undefined, text: string, start: number): Value | undefined {
  const at = text.indexOf("..");
  if (at < 0 || text.length === 2) return undefined;
  const [first, last] = [text.slice(0, at), text.slice(at + 2)];
  const from = first === "" ? undefined : canonicalAmount(kind, first);
  const to = last === "" ? undefined : canonicalAmount(kind, last);
  if (first !== "" && from === undefined || last !== "" && to === undefined) return undefined;
  if (from !== undefined && to !== undefined && isBackwards(kind, from, to)) {
    throw reader.error(`this range ends before it begins: ${named(`${last}..${first}`)} would do`, start);
  }
  return { is: "range", ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

/** Refuses `dur:>200 ms`, which would look for the text "ms". */
function checkUnit(reader: QueryReader, kind: ValueKind | undefined, text: string, start: number): void {
  if (/\d$/.test(text)) checkSpace(reader, (word) => isUnit(kind, word), "between a number and its unit", start);
}

/** @throws {TapeError} code `invalid_argument`: behind the value and a space stands what belongs to it */
function checkSpace(reader: QueryReader, isPart: (word: string) => boolean, where: string, start: number): void {
  const end = reader.at;
  reader.skipSpace();
  const word = reader.word(",");
  if (reader.at > end && word !== "" && isPart(word)) {
    const meant = reader.text.slice(start, reader.at).replace(/\s+/g, "");
    throw reader.error(`no space stands ${where}: ${named(meant)} would do`, start);
  }
  reader.at = end;
}

function notAnAmount(
  reader: QueryReader,
  name: string | undefined,
  kind: ValueKind | undefined,
  start: number,
): Error {
  const example = kind === undefined ? "a number" : EXAMPLES[kind];
  return reader.error(
    `${name ?? "a comparison"}${name === undefined ? "" : ":"} takes ${example}; a range is from..to`,
    start,
  );
}
