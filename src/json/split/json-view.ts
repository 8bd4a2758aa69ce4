import { decodeUtf8 } from "../../utf8.ts";
import { JsonBytes } from "../json-bytes.ts";
import { jsonExtent } from "../json-extent.ts";
import {
  CLOSE_OBJECT,
  COLON,
  COMMA,
  DOCUMENT_RULES,
  type JsonRules,
  LINE_RULES,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  skipScalar,
  skipSpace,
  skipString,
} from "../json-tokens.ts";

/**
 * An object of JSON in bytes, of which members are asked for by name: values stay as they are spelled, and none is parsed
 * but those that are asked for. Of duplicate members the last counts.
 */
export class JsonView {
  readonly #bytes: Uint8Array;
  /** Four offsets a member: its key, quotes and all, and its value. */
  readonly #spans: readonly number[];

  private constructor(bytes: Uint8Array, spans: readonly number[]) {
    this.#bytes = bytes;
    this.#spans = spans;
  }

  /**
   * The object that the bytes from `start` to `end` are, white space around it aside; undefined if they are none, or not
   * quite JSON. The time is linear, and any depth of nesting will do.
   */
  static of(bytes: Uint8Array, start: number = 0, end: number = bytes.length): JsonView | undefined {
    // A byte that is valid nowhere must stand behind them.
    switch (bytes[end]) {
      case 0x00:
        return JsonView.#scan(bytes, start, end, DOCUMENT_RULES);
      case 0x0a:
      case 0x0d: {
        const view = JsonView.#scan(bytes, start, end, LINE_RULES);
        if (view !== undefined || !hasLineEnd(bytes, start, end)) return view;
      }
    }
    const copy = new Uint8Array(end - start + 1);
    copy.set(bytes.subarray(start, end));
    return JsonView.#scan(copy, 0, end - start, DOCUMENT_RULES);
  }

  static #scan(bytes: Uint8Array, start: number, end: number, rules: JsonRules): JsonView | undefined {
    const spans: number[] = [];
    let at = skipSpace(bytes, start, rules);
    if (bytes[at] !== OPEN_OBJECT) return undefined;
    at = skipSpace(bytes, at + 1, rules);
    if (bytes[at] === CLOSE_OBJECT) return isEnd(bytes, at + 1, end) ? new JsonView(bytes, spans) : undefined;
    for (;;) {
      const key = at;
      if (bytes[at] !== QUOTE || (at = skipString(bytes, at, rules)) < 0) return undefined;
      const keyEnd = at;
      at = skipSpace(bytes, at, rules);
      if (bytes[at] !== COLON) return undefined;
      const value = at = skipSpace(bytes, at + 1, rules);
      const first = bytes[at];
      if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
        const extent = jsonExtent(bytes, at, NEVER, rules);
        if (!extent.isWhole) return undefined;
        at = extent.end;
      } else if ((at = skipScalar(bytes, at, rules)) < 0) return undefined;
      spans.push(key, keyEnd, value, at);
      at = skipSpace(bytes, at, rules);
      const next = bytes[at];
      if (next === CLOSE_OBJECT) return isEnd(bytes, at + 1, end) ? new JsonView(bytes, spans) : undefined;
      if (next !== COMMA) return undefined;
      at = skipSpace(bytes, at + 1, rules);
    }
  }

  /** The names of its members, in their order. */
  names(): string[] {
    const names: string[] = [];
    for (let at = 0; at < this.#spans.length; at += 4) {
      names.push(JSON.parse(decodeUtf8(this.#bytes, this.#spans[at]!, this.#spans[at + 1]!)));
    }
    return names;
  }

  /** Whether it has such a member, be it null. */
  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  /** The value of a member as it is spelled; undefined without one. The bytes are those of the view, not a copy. */
  json(name: string): JsonBytes | undefined {
    const at = this.#find(name);
    return at < 0 ? undefined : new JsonBytes(this.#bytes, this.#spans[at + 2]!, this.#spans[at + 3]!);
  }

  /** The value of a member that is a string. */
  string(name: string): string | undefined {
    const at = this.#find(name);
    const start = this.#spans[at + 2]!;
    if (at < 0 || this.#bytes[start] !== QUOTE) return undefined;
    const text = decodeUtf8(this.#bytes, start, this.#spans[at + 3]!);
    return text.includes("\\") ? JSON.parse(text) as string : text.slice(1, -1);
  }

  /** The value of a member that is a number, as near as JavaScript has it. */
  number(name: string): number | undefined {
    const value = this.#scalar(name, (first) => first === 0x2d || first >= 0x30 && first <= 0x39);
    return value === undefined ? undefined : Number(value);
  }

  /** Whether a member is `true`. */
  isTrue(name: string): boolean {
    return this.#scalar(name, (first) => first === 0x74) !== undefined;
  }

  /** The value of a member that is an object. */
  object(name: string): JsonView | undefined {
    const at = this.#find(name);
    if (at < 0 || this.#bytes[this.#spans[at + 2]!] !== OPEN_OBJECT) return undefined;
    return JsonView.#scan(this.#bytes, this.#spans[at + 2]!, this.#spans[at + 3]!, DOCUMENT_RULES);
  }

  /** The value of a member that is an array or an object, parsed; undefined for any other, and for one nested too deep. */
  value(name: string): unknown {
    const at = this.#find(name);
    const first = this.#bytes[this.#spans[at + 2]!];
    if (at < 0 || first !== OPEN_OBJECT && first !== OPEN_ARRAY) return undefined;
    try {
      return JSON.parse(decodeUtf8(this.#bytes, this.#spans[at + 2]!, this.#spans[at + 3]!));
    } catch {
      // Some engines have no room for what is nested too deep.
      return undefined;
    }
  }

  /**
   * The object without a member, all else as it is spelled; undefined if it has no such member.
   *
   * @param room where the bytes go; new memory if it is too short
   */
  without(name: string, room: Uint8Array = new Uint8Array(0)): JsonBytes | undefined {
    const found = this.#find(name);
    if (found < 0) return undefined;
    const spans = this.#spans;
    const last = spans.length - 4;
    const [start, end] = [this.#start(), this.#end()];
    // Along with it goes the comma before it, or behind the first one.
    const from = found === 0 ? spans[0]! : spans[found - 1]!;
    const to = found === 0 && last > 0 ? spans[4]! : spans[found + 3]!;
    const length = from - start + end - to;
    // One more, which is 0, for a scanner to stop at.
    const bytes = length < room.length ? room : new Uint8Array(length + 1);
    bytes.set(this.#bytes.subarray(start, from));
    bytes.set(this.#bytes.subarray(to, end), from - start);
    bytes[length] = 0;
    return new JsonBytes(bytes, 0, length);
  }

  #scalar(name: string, isWanted: (first: number) => boolean): string | undefined {
    const at = this.#find(name);
    if (at < 0 || !isWanted(this.#bytes[this.#spans[at + 2]!]!)) return undefined;
    return decodeUtf8(this.#bytes, this.#spans[at + 2]!, this.#spans[at + 3]!);
  }

  /** Where its members start in the spans, or -1. */
  #find(name: string): number {
    const bytes = this.#bytes;
    const spans = this.#spans;
    for (let at = spans.length - 4; at >= 0; at -= 4) {
      if (isKey(bytes, spans[at]!, spans[at + 1]!, name)) return at;
    }
    return -1;
  }

  /** Where its opening bracket stands. */
  #start(): number {
    let at = this.#spans[0]! - 1;
    while (this.#bytes[at] !== OPEN_OBJECT) at--;
    return at;
  }

  /** What stands behind its closing bracket. */
  #end(): number {
    let at = this.#spans.at(-1)!;
    while (this.#bytes[at] !== CLOSE_OBJECT) at++;
    return at + 1;
  }
}

const NEVER = () => false;

/** Whether nothing but white space stands from `at` to `end`. */
function isEnd(bytes: Uint8Array, at: number, end: number): boolean {
  while (at < end && isSpace(bytes[at]!)) at++;
  return at === end;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function hasLineEnd(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === 0x0a || bytes[at] === 0x0d) return true;
  return false;
}

/** Whether the key from `start` to `end`, quotes and all, spells a name, which is ASCII. */
function isKey(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start === name.length + 2) {
    let at = 0;
    while (at < name.length && bytes[start + 1 + at] === name.charCodeAt(at)) at++;
    return at === name.length;
  }
  // Spelled with escapes it is longer, six bytes a letter at most.
  if (end - start < name.length + 2 || end - start > 6 * name.length + 2) return false;
  const text = decodeUtf8(bytes, start, end);
  return text.includes("\\") && JSON.parse(text) === name;
}
