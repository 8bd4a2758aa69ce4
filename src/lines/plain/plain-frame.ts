import type { Direction, FrameFlags } from "../../records/record.ts";
import { ByteCursor, wordOf } from "../../bytes/byte-cursor.ts";
import type { SpelledMethods } from "./spelled-methods.ts";

const encoder = new TextEncoder();
const FRAME = wordOf('{"type":"frame","seq":');
const TS = wordOf(',"ts":');
const CLIENT = wordOf(',"dir":"client_to_server"');
const SERVER = wordOf(',"dir":"server_to_client"');
/** Where the direction begins, and with what that of the client does. */
const SENDER_AT = ',"dir":"'.length;
const SENDER_CLIENT = 0x63;
const TS_US = wordOf(',"ts_us":');
const CORRELATION_ID = wordOf(',"correlation_id":"corr-');
const REQUEST = wordOf(',"flags":{"requires_response":true}');
const NOTIFICATION = wordOf(',"flags":{"is_notification":true}');
const MESSAGE = wordOf(',"env":{"message":{');
const VERSION = wordOf('"jsonrpc":"2.0",');
const ID = wordOf('"id":');
const NEXT_ID = wordOf(',"id":');
const METHOD = wordOf('"method":"');
const RESULT = wordOf('"result":');
const LAST_VERSION = encoder.encode(',"jsonrpc":"2.0"');
const LAST_ID = encoder.encode(',"id":');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const CLOSE = 0x7d;

/** The flags of most frames. */
const FLAGS = {
  request: { requires_response: true },
  notification: { is_notification: true },
  response: undefined,
} satisfies Record<string, FrameFlags | undefined>;

/**
 * A frame as this library writes nearly all: its fields in their order, and a message that is a request, a notification, or
 * a result. It is read from the first bytes of its line, and the last ones where the message says there what it is; the
 * message in between is not looked at. That is right for a line of which it is known that it is JSON: what stands at these
 * places then cannot be part of a string.
 */
export class PlainFrame<T> {
  readonly type = "frame";
  kind: "request" | "notification" | "response" = "request";
  seq = 0;
  ts = 0;
  dir: Direction = "client_to_server";
  flags: FrameFlags | undefined;
  /** Whether it has its time in microseconds too, as those of this library have. */
  hasMicroseconds = false;
  /** Of a request or notification: what is known of its method. */
  called: T | undefined;
  /** Of a request or response: its id where that is a number of 15 digits at most; -1 for any other. */
  id = -1;
  /** Of a response: `seq` of its request. */
  requestSeq = 0;
  /** Of a response: it has a result. */
  readonly status = "success";
  readonly #cursor = new ByteCursor();
  readonly #methods: SpelledMethods<T>;
  #isVersioned = false;
  #hasId = false;

  constructor(methods: SpelledMethods<T>) {
    this.#methods = methods;
  }

  /** Reads the line from `start` to `end`; false if it is spelled in another way, or says something else. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const cursor = this.#cursor;
    cursor.enter(bytes);
    cursor.at = start;
    if (!cursor.skip(FRAME) || (this.seq = cursor.count()) < 0) return false;
    if (!cursor.skip(TS) || (this.ts = cursor.count()) < 0) return false;
    const isClient = bytes[cursor.at + SENDER_AT] === SENDER_CLIENT;
    if (!cursor.skip(isClient ? CLIENT : SERVER)) return false;
    this.dir = isClient ? "client_to_server" : "server_to_client";
    this.hasMicroseconds = cursor.skip(TS_US);
    if (this.hasMicroseconds && cursor.count() < 0) return false;
    let correlation = -1;
    if (cursor.skip(CORRELATION_ID) && ((correlation = cursor.count()) < 0 || bytes[cursor.at++] !== QUOTE)) {
      return false;
    }
    // The number in it says what the message is; the flags, which must be those of such a message, come next.
    if (correlation < 0) this.kind = "notification";
    else this.kind = correlation === this.seq ? "request" : "response";
    const { kind } = this;
    if (kind !== "response" && !cursor.skip(kind === "request" ? REQUEST : NOTIFICATION)) return false;
    this.flags = FLAGS[kind];
    this.requestSeq = correlation;
    return cursor.skip(MESSAGE) && this.#message(end);
  }

  #message(end: number): boolean {
    const cursor = this.#cursor;
    this.#isVersioned = cursor.skip(VERSION);
    this.#hasId = false;
    this.id = -1;
    if (cursor.skip(ID) && (!this.#id() || cursor.bytes[cursor.at++] !== COMMA)) return false;
    if (this.kind === "response") {
      if (!cursor.skip(RESULT)) return false;
    } else {
      if (!cursor.skip(METHOD)) return false;
      this.called = this.#methods.at(cursor, this.dir);
      if (this.called === undefined) return false;
      if (cursor.skip(NEXT_ID) && !this.#id()) return false;
    }
    const needsId = this.kind !== "notification";
    return this.#isVersioned && (this.#hasId || !needsId) || this.#lastMembers(end, needsId);
  }

  /** Goes behind an id that is a number or a text. */
  #id(): boolean {
    const cursor = this.#cursor;
    this.#hasId = true;
    if (cursor.bytes[cursor.at] !== QUOTE) return (this.id = cursor.count()) >= 0;
    cursor.at++;
    return cursor.skipText();
  }

  /** Whether the message says in its last members what it has not said in the first. */
  #lastMembers(end: number, needsId: boolean): boolean {
    const { bytes } = this.#cursor;
    let at = end - 3;
    // The ends of the message, of its envelope, and of the record.
    for (let i = at; i < end; i++) if (bytes[i] !== CLOSE) return false;
    while (!this.#isVersioned || needsId && !this.#hasId) {
      const start = endsAt(bytes, at, LAST_VERSION);
      if (start >= 0) {
        this.#isVersioned = true;
        at = start;
        continue;
      }
      const idStart = scalarStart(bytes, at);
      const idEnd = at;
      at = endsAt(bytes, idStart, LAST_ID);
      if (at < 0) return false;
      this.#hasId = true;
      this.id = integerAt(bytes, idStart, idEnd);
    }
    return true;
  }
}

/** Where `word` starts that ends before `end`; -1 if another one does. */
function endsAt(bytes: Uint8Array, end: number, word: Uint8Array): number {
  const start = end - word.length;
  for (let i = word.length - 1; i >= 0; i--) if (bytes[start + i] !== word[i]) return -1;
  return start;
}

/** Where the number, or the text without escapes, starts that ends before `end`; -1 if something else does. */
function scalarStart(bytes: Uint8Array, end: number): number {
  let at = end - 1;
  if (bytes[at] === QUOTE) {
    do at--; while (bytes[at]! >= 0x20 && bytes[at] !== QUOTE && bytes[at] !== BACKSLASH);
    return bytes[at] === QUOTE ? at : -1;
  }
  while (bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at--;
  return at === end - 1 ? -1 : at + 1;
}

/** The integer between two places; -1 for a text, and for more than 15 digits. */
function integerAt(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start] === QUOTE || end - start > 15) return -1;
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + bytes[at]! - 0x30;
  return value;
}
