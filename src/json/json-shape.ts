import { decodeUtf8 } from "../utf8.ts";
import { BACKSLASH, type JsonRules, OPEN_ARRAY, OPEN_OBJECT, QUOTE, skipScalar, skipWord } from "./json-tokens.ts";

/** The type of a JSON value. */
export type JsonType = "object" | "array" | "string" | "number" | "boolean" | "null";

/** What {@linkcode scanJson} learns of a JSON text. All but `type` is about the members of a top-level object. */
export interface JsonShape {
  /** The type of the value that the whole text is. */
  readonly type: JsonType;
  /** `2.0` where the member `jsonrpc` is that string, `other` where it is anything else; undefined without one. */
  readonly jsonrpc: "2.0" | "other" | undefined;
  /** The type of the member `id`; undefined without one. */
  readonly id: JsonType | undefined;
  /** The very text of the member `id` where that is a string (with its quotes), a number, a boolean or null. */
  readonly idText: string | undefined;
  /** The value of the member `method` where that is a string. */
  readonly method: string | undefined;
  /** The type of the member `params`; undefined without one. */
  readonly params: JsonType | undefined;
  /** The type of the member `result`; undefined without one. */
  readonly result: JsonType | undefined;
  /** The type of the member `error`; undefined without one. */
  readonly error: JsonType | undefined;
  /** Whether the member `result` is an object whose member `isError` is true. */
  readonly resultIsError: boolean;
  /** The value of the member `resultType` of that object where it is a string. */
  readonly resultType: string | undefined;
}

/** JSON in bytes, with a byte behind it that is valid nowhere. */
export interface JsonSource {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly rules: JsonRules;
  /** The text that the bytes were made of, as UTF-8 has no bytes for lone surrogates; undefined where they came alone. */
  readonly text: string | undefined;
}

/** Where the values start of which a {@linkcode JsonShape} tells: -1 for one that is not there. Of duplicates the last counts. */
export type MemberStarts = number[];

export function noMembers(): MemberStarts {
  return [-1, -1, -1, -1, -1, -1, -1, -1];
}

const ID = 0, METHOD = 1, PARAMS = 2, RESULT = 3, ERROR = 4, JSONRPC = 5, IS_ERROR = 6, RESULT_TYPE = 7;
const MEMBERS = namesFrom(ID, ["id", "method", "params", "result", "error", "jsonrpc"]);
const RESULT_MEMBERS = namesFrom(IS_ERROR, ["isError", "resultType"]);

/** The place of `jsonrpc` where it stands in the opening that nearly all messages share. */
const IN_OPENING = -2;

/** Notes that the text begins with `"jsonrpc":"2.0"`. */
export function noteOpening(starts: MemberStarts): void {
  starts[JSONRPC] = IN_OPENING;
}

/** Notes a member of the outermost object by its key; tells whether it is `result`. */
export function noteMember(
  starts: MemberStarts,
  bytes: Uint8Array,
  key: number,
  keyEnd: number,
  value: number,
): boolean {
  const member = memberAt(MEMBERS, bytes, key, keyEnd);
  if (member < 0) return false;
  starts[member] = value;
  if (member !== RESULT) return false;
  starts[IS_ERROR] = starts[RESULT_TYPE] = -1;
  return true;
}

/** Notes a member of the result by its key. */
export function noteInResult(
  starts: MemberStarts,
  bytes: Uint8Array,
  key: number,
  keyEnd: number,
  value: number,
): void {
  const member = memberAt(RESULT_MEMBERS, bytes, key, keyEnd);
  if (member >= 0) starts[member] = value;
}

/** Names of members, of which no two begin alike, and what they are by the byte that they begin with. */
interface MemberNames {
  readonly first: number;
  readonly names: readonly string[];
  readonly byInitial: Int8Array;
  /** What a key takes at most: two quotes, and characters spelled like `\u006d`. */
  readonly longestKey: number;
}

function namesFrom(first: number, names: readonly string[]): MemberNames {
  const byInitial = new Int8Array(256).fill(-1);
  names.forEach((name, at) => byInitial[name.charCodeAt(0)] = at);
  return { first, names, byInitial, longestKey: 2 + 6 * Math.max(...names.map((name) => name.length)) };
}

/** Which member the key from `start` to `end`, quotes and all, names; -1 for any other. */
function memberAt(
  { first, names, byInitial, longestKey }: MemberNames,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const member = byInitial[bytes[start + 1]!]!;
  if (member >= 0) {
    const name = names[member]!;
    if (name.length === end - start - 2 && skipWord(bytes, start + 1, name) >= 0) return first + member;
  }
  if (end - start > longestKey || !hasBackslash(bytes, start, end)) return -1;
  const spelled = names.indexOf(JSON.parse(decodeUtf8(bytes, start, end)));
  return spelled < 0 ? -1 : first + spelled;
}

function hasBackslash(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === BACKSLASH) return true;
  return false;
}

/** What there is to tell of JSON whose value starts at `first`, and whose members start at `starts`. */
export function shapeOf(source: JsonSource, first: number, starts: MemberStarts): JsonShape {
  const { bytes } = source;
  const id = typeAt(bytes, starts[ID]!);
  return {
    type: typeAt(bytes, first)!,
    jsonrpc: versionAt(source, starts[JSONRPC]!),
    id,
    idText: id === undefined || id === "object" || id === "array" ? undefined : scalarText(source, starts[ID]!),
    method: stringAt(source, starts[METHOD]!),
    params: typeAt(bytes, starts[PARAMS]!),
    result: typeAt(bytes, starts[RESULT]!),
    error: typeAt(bytes, starts[ERROR]!),
    resultIsError: starts[IS_ERROR]! >= 0 && bytes[starts[IS_ERROR]!] === 0x74,
    resultType: stringAt(source, starts[RESULT_TYPE]!),
  };
}

function versionAt(source: JsonSource, start: number): JsonShape["jsonrpc"] {
  if (start === IN_OPENING) return "2.0";
  if (start < 0) return undefined;
  return stringAt(source, start) === "2.0" ? "2.0" : "other";
}

/** The value of the member that starts at `start` where it is a string. */
function stringAt(source: JsonSource, start: number): string | undefined {
  if (start < 0 || source.bytes[start] !== QUOTE) return undefined;
  const text = scalarText(source, start);
  return text.includes("\\") ? JSON.parse(text) as string : text.slice(1, -1);
}

/** The very text of the scalar at `start`. */
function scalarText({ bytes, start: first, end: last, rules, text }: JsonSource, start: number): string {
  const end = skipScalar(bytes, start, rules);
  if (text === undefined) return decodeUtf8(bytes, start, end);
  if (text.length === last - first) return text.slice(start - first, end - first); // ASCII
  const from = unitsBetween(bytes, first, start);
  return text.slice(from, from + unitsBetween(bytes, start, end));
}

/** How many UTF-16 code units the UTF-8 bytes from `start` to `end` stand for. */
function unitsBetween(bytes: Uint8Array, start: number, end: number): number {
  let units = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if ((byte & 0xc0) !== 0x80) units += byte < 0xf0 ? 1 : 2;
  }
  return units;
}

/** The type of the value that starts at `at`, told from its first byte; undefined for a member that is not there. */
function typeAt(bytes: Uint8Array, at: number): JsonType | undefined {
  if (at < 0) return undefined;
  switch (bytes[at]) {
    case OPEN_OBJECT:
      return "object";
    case OPEN_ARRAY:
      return "array";
    case QUOTE:
      return "string";
    case 0x74:
    case 0x66:
      return "boolean";
    case 0x6e:
      return "null";
    default:
      return "number";
  }
}
