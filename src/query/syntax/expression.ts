// What a query asks, as a tree of plain values without positions: two queries are equal if their trees are.

/** A query, or a part of one. */
export type Expression = All | Any | Not | Operation | Term;

/** All of these; everything, where there are none. */
export interface All {
  readonly is: "all";
  readonly of: readonly Expression[];
}

/** At least one of these. */
export interface Any {
  readonly is: "any";
  readonly of: readonly Expression[];
}

/** Not this. */
export interface Not {
  readonly is: "not";
  readonly of: Expression;
}

/** Whatever belongs to an operation in which this is found. */
export interface Operation {
  readonly is: "op";
  readonly of: Expression;
}

/** A single condition. */
export type Term = NamedTerm | PathTerm | HasTerm;

/** Terms that are known by name, and compare a property of a message with values. */
export type TermName =
  | "method"
  | "tool"
  | "dir"
  | "kind"
  | "request"
  | "id"
  | "status"
  | "dur"
  | "size"
  | "seq"
  | "at"
  | "text";

/** `method:tools/call`: one of the values must fit. */
export interface NamedTerm {
  readonly is: "term";
  readonly name: TermName;
  readonly values: readonly Value[];
}

/** `params.arguments.city:Paris`: what stands there in the message must fit one of the values. */
export interface PathTerm {
  readonly is: "path";
  readonly path: Path;
  readonly values: readonly Value[];
}

/** `has:error`: something other than null stands in one of these places. */
export interface HasTerm {
  readonly is: "has";
  readonly paths: readonly Path[];
}

/** Names of members, from the message inwards. */
export type Path = readonly string[];

/** What a term compares with. */
export type Value = TextValue | GlobValue | RegexValue | CompareValue | RangeValue;

/** Exactly this. */
export interface TextValue {
  readonly is: "text";
  readonly text: string;
  /** Whether only a text will do, where a number or a word such as `true` would too. */
  readonly isQuoted?: true;
}

/** A text in which `*` stands for any characters. */
export interface GlobValue {
  readonly is: "glob";
  readonly pattern: string;
}

/** A regular expression. */
export interface RegexValue {
  readonly is: "regex";
  readonly source: string;
  readonly flags: string;
}

/** How a value is compared. */
export type Comparison = ">" | ">=" | "<" | "<=";

/** Above or below an amount, which is kept as it is spelled. */
export interface CompareValue {
  readonly is: "compare";
  readonly comparison: Comparison;
  readonly amount: string;
}

/** From an amount to another, both included; without an end where one is missing. */
export interface RangeValue {
  readonly is: "range";
  readonly from?: string;
  readonly to?: string;
}

/** Everything. */
export const EVERYTHING: Expression = { is: "all", of: [] };

/** All of these, with no more levels than it takes. */
export function allOf(parts: readonly Expression[]): Expression {
  const flat = parts.flatMap((part) => part.is === "all" ? part.of : [part]);
  return flat.length === 1 ? flat[0]! : { is: "all", of: flat };
}

/** At least one of these, with no more levels than it takes. */
export function anyOf(parts: readonly Expression[]): Expression {
  const flat = parts.flatMap((part) => part.is === "any" ? part.of : [part]);
  return flat.length === 1 ? flat[0]! : { is: "any", of: flat };
}

/** The opposite. */
export function notOf(part: Expression): Expression {
  return part.is === "not" ? part.of : { is: "not", of: part };
}
