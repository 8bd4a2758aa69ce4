// What a query asks, as a tree of plain values without positions: two queries are equal if their trees are.

/**
 * A query, or a part of one.
 *
 * @typeParam Name what stands before a colon: of frames there are other things to ask than of tapes
 */
export type Expression<Name extends string = TermName> =
  | All<Name>
  | Any<Name>
  | Not<Name>
  | Operation<Name>
  | Term<Name>;

/** All of these; everything, where there are none. */
export interface All<Name extends string = TermName> {
  readonly is: "all";
  readonly of: readonly Expression<Name>[];
}

/** At least one of these. */
export interface Any<Name extends string = TermName> {
  readonly is: "any";
  readonly of: readonly Expression<Name>[];
}

/** Not this. */
export interface Not<Name extends string = TermName> {
  readonly is: "not";
  readonly of: Expression<Name>;
}

/** Whatever belongs to an operation in which this is found. */
export interface Operation<Name extends string = TermName> {
  readonly is: "op";
  readonly of: Expression<Name>;
}

/** A single condition. */
export type Term<Name extends string = TermName> = NamedTerm<Name> | PathTerm | HasTerm;

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
export interface NamedTerm<Name extends string = TermName> {
  readonly is: "term";
  readonly name: Name;
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
export const EVERYTHING: All<never> = { is: "all", of: [] };

/** All of these, with no more levels than it takes. */
export function allOf<Name extends string = TermName>(parts: readonly Expression<Name>[]): Expression<Name> {
  const flat = parts.flatMap((part) => part.is === "all" ? part.of : [part]);
  return flat.length === 1 ? flat[0]! : { is: "all", of: flat };
}

/** At least one of these, with no more levels than it takes. */
export function anyOf<Name extends string = TermName>(parts: readonly Expression<Name>[]): Expression<Name> {
  const flat = parts.flatMap((part) => part.is === "any" ? part.of : [part]);
  return flat.length === 1 ? flat[0]! : { is: "any", of: flat };
}

/** The opposite. */
export function notOf<Name extends string = TermName>(part: Expression<Name>): Expression<Name> {
  return part.is === "not" ? part.of : { is: "not", of: part };
}
