import type { JsonShape, JsonType } from "./json-shape.ts";
import { BACKSLASH, CLOSE_ARRAY, CLOSE_OBJECT, COLON, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "./json-tokens.ts";

/** Keys and values that are longer are not known. */
const MAX_TOKEN_BYTES = 256;
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/**
 * Finds what {@linkcode JsonShape} tells of an object whose text comes in pieces and is not kept, or is not quite JSON:
 * bytes in it may be no UTF-8, and a value may be a word that JSON does not have. Only the members of the outermost
 * object are looked at. The time is linear, and the memory fixed, whatever comes.
 */
export class JsonMembers {
  /** How many brackets are open; -1 once it is known that this is no object. */
  #depth = 0;
  #isClosed = false;
  #inString = false;
  #isEscaped = false;
  readonly #token = new Uint8Array(MAX_TOKEN_BYTES);
  #tokenLength = 0;
  /** The member whose value is being read; undefined where a key comes. */
  #key: string | undefined;
  /** The type of that value, as far as it is known. */
  #type: JsonType | undefined;
  readonly #members = new Map<string, { readonly type: JsonType; readonly text: string | undefined }>();

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#depth >= 0; at++) {
      const byte = bytes[at]!;
      if (this.#inString) this.#takeInString(byte);
      else if (byte === QUOTE) {
        this.#inString = true;
        if (this.#depth === 1) this.#take(byte);
        else if (this.#depth === 0) this.#depth = -1;
      } else if (byte > 0x20) this.#takeOutside(byte);
    }
  }

  /** What the object holds, but for what is in its result; undefined if there was none, or none that is whole. */
  shape(): JsonShape | undefined {
    if (!this.#isClosed || this.#depth !== 0) return undefined;
    const typeOf = (name: string) => this.#members.get(name)?.type;
    const textOf = (name: string) => this.#members.get(name)?.text;
    const method = textOf("method");
    const version = textOf("jsonrpc");
    return {
      type: "object",
      jsonrpc: typeOf("jsonrpc") === undefined ? undefined : version === '"2.0"' ? "2.0" : "other",
      id: typeOf("id"),
      idText: textOf("id"),
      method: typeOf("method") === "string" && method !== undefined ? JSON.parse(method) as string : undefined,
      params: typeOf("params"),
      result: typeOf("result"),
      error: typeOf("error"),
      resultIsError: false,
      resultType: undefined,
    };
  }

  #takeInString(byte: number): void {
    if (this.#depth === 1) this.#take(byte);
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) this.#inString = false;
  }

  #takeOutside(byte: number): void {
    const isClosing = byte === CLOSE_OBJECT || byte === CLOSE_ARRAY;
    if (this.#depth === 0) {
      this.#depth = byte === OPEN_OBJECT && !this.#isClosed ? 1 : -1;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (this.#depth++ === 1) this.#type = byte === OPEN_OBJECT ? "object" : "array";
    } else if (isClosing && this.#depth > 1) this.#depth--;
    else if (this.#depth > 1) return;
    else if (byte === COLON && this.#key === undefined) {
      this.#key = textOf(this.#takenToken()) ?? "";
    } else if (byte === COMMA || isClosing) {
      this.#endMember();
      if (!isClosing) return;
      this.#depth = byte === CLOSE_OBJECT ? 0 : -1;
      this.#isClosed = true;
    } else this.#take(byte);
  }

  #take(byte: number): void {
    if (this.#tokenLength < MAX_TOKEN_BYTES) this.#token[this.#tokenLength] = byte;
    this.#tokenLength++;
  }

  /** The token so far; undefined where it is too long. */
  #takenToken(): string | undefined {
    const length = this.#tokenLength;
    this.#tokenLength = 0;
    return length > MAX_TOKEN_BYTES ? undefined : DECODER.decode(this.#token.subarray(0, length));
  }

  #endMember(): void {
    const key = this.#key;
    const first = this.#token[0];
    const type = this.#type ?? (this.#tokenLength === 0 ? undefined : typeOf(first!));
    const token = this.#takenToken();
    this.#key = undefined;
    this.#type = undefined;
    if (key === undefined || type === undefined || !MEMBERS.has(key)) return;
    if (type === "object" || type === "array") this.#members.set(key, { type, text: undefined });
    else {
      const text = scalarText(token, type);
      // An id that cannot be read is none that an answer could carry.
      this.#members.set(key, { type: text === undefined && key === "id" ? "boolean" : type, text });
    }
  }
}

const MEMBERS: ReadonlySet<string> = new Set(["jsonrpc", "id", "method", "params", "result", "error"]);

function typeOf(first: number): JsonType {
  if (first === QUOTE) return "string";
  if (first === 0x74 || first === 0x66) return "boolean";
  return first === 0x6e ? "null" : "number";
}

/** The text of a scalar if it is JSON. */
function scalarText(token: string | undefined, type: JsonType): string | undefined {
  if (token === undefined) return undefined;
  if (type === "number") return NUMBER.test(token) ? token : undefined;
  if (type === "string") return textOf(token) === undefined ? undefined : JSON.stringify(textOf(token));
  return token;
}

/** What a string in quotes spells; undefined if it is none. */
function textOf(token: string | undefined): string | undefined {
  try {
    const value: unknown = JSON.parse(token ?? "");
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
