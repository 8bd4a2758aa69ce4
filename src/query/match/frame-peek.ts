import { ByteCursor, wordOf } from "../../lines/byte-cursor.ts";
import { TOOL_CALL } from "../../records/jsonrpc.ts";
import { FIRST_BYTES, type Subject } from "../terms/subject.ts";
import { WordCache } from "./word-cache.ts";

const FRAME = wordOf('{"type":"frame","seq":');
const TS = wordOf(',"ts":');
const CLIENT = wordOf(',"dir":"client_to_server"');
const SERVER = wordOf(',"dir":"server_to_client"');
const TS_US = wordOf(',"ts_us":');
const CORRELATION_ID = wordOf(',"correlation_id":"corr-');
const REQUEST = wordOf(',"flags":{"requires_response":true}');
const NOTIFICATION = wordOf(',"flags":{"is_notification":true}');
const ERROR = wordOf(',"flags":{"is_error":true}');
const TOOL_ERROR = wordOf(',"flags":{"is_tool_error":true}');
const MESSAGE = wordOf(',"env":{"message":{');
const VERSION = wordOf('"jsonrpc":"2.0",');
const ID = wordOf('"id":');
const NEXT_ID = wordOf(',"id":');
const METHOD = wordOf('"method":"');
const TOOL_NAME = wordOf(',"params":{"name":"');
const QUOTE = 0x22;
const COMMA = 0x2c;
/** Where the direction begins, and with what that of the client does. */
const SENDER_AT = ',"dir":"'.length;
const SENDER_CLIENT = 0x63;

/**
 * Reads the first bytes of a frame that is spelled as this library spells them: what its message is, its method and id, and
 * which tool is called. What the message is, the writer has noted in `correlation_id` and `flags`, and is believed. Of a message
 * that names a member twice, the first one counts here.
 */
export class FramePeek {
  /** Of an answer: `seq` of its request. */
  requestSeq = -1;
  readonly #cursor = new ByteCursor();
  readonly #words = new WordCache();

  /** Notes in `subject` what the line from `start` to `end` says; false if it is spelled in another way. */
  read(subject: Subject, bytes: Uint8Array, start: number, end: number): boolean {
    const cursor = this.#cursor;
    cursor.enter(bytes);
    cursor.at = start;
    let seq: number;
    if (!cursor.skip(FRAME) || (seq = cursor.count()) < 0 || !cursor.skip(TS) || cursor.count() < 0) return false;
    if (!cursor.skip(bytes[cursor.at + SENDER_AT] === SENDER_CLIENT ? CLIENT : SERVER)) return false;
    let us: number | undefined;
    if (cursor.skip(TS_US) && (us = cursor.count()) < 0) return false;
    let correlation = -1;
    if (cursor.skip(CORRELATION_ID) && ((correlation = cursor.count()) < 0 || bytes[cursor.at++] !== QUOTE)) {
      return false;
    }
    subject.isError = subject.isToolError = false;
    subject.method = subject.tool = subject.idKey = undefined;
    // The number in it says what the message is; the flags, which must be those of such a message, come next.
    if (correlation < 0) {
      if (!cursor.skip(NOTIFICATION)) return false;
      subject.kind = "notification";
    } else if (correlation === seq) {
      if (!cursor.skip(REQUEST)) return false;
      subject.kind = "request";
    } else {
      subject.kind = "response";
      subject.isError = cursor.skip(ERROR);
      subject.isToolError = !subject.isError && cursor.skip(TOOL_ERROR);
    }
    if (!cursor.skip(MESSAGE)) return false;
    this.requestSeq = correlation;
    subject.us = us;
    subject.isIdKnown = subject.kind === "notification";
    subject.isToolKnown = true;
    // Behind a line that somebody has cut out of something else there may stand anything.
    if (!this.#message(subject) || cursor.at > end) return false;
    subject.level = FIRST_BYTES;
    return true;
  }

  #message(subject: Subject): boolean {
    const cursor = this.#cursor;
    const { bytes } = cursor;
    cursor.skip(VERSION);
    if (cursor.skip(ID)) {
      if (!this.#id(subject) || bytes[cursor.at++] !== COMMA) return false;
    }
    if (subject.kind === "response") return true;
    if (!cursor.skip(METHOD)) return false;
    const method = this.#string();
    if (method === undefined) return false;
    subject.method = method;
    if (!subject.isIdKnown && cursor.skip(NEXT_ID) && !this.#id(subject)) return false;
    if (method !== TOOL_CALL || subject.kind !== "request") return true;
    subject.tool = cursor.skip(TOOL_NAME) ? this.#string() : undefined;
    subject.isToolKnown = subject.tool !== undefined;
    return true;
  }

  #id(subject: Subject): boolean {
    const cursor = this.#cursor;
    const start = cursor.at;
    const isText = cursor.bytes[start] === QUOTE;
    if (isText) {
      cursor.at++;
      if (!cursor.skipText()) return false;
      subject.idKey = this.#words.text(cursor.bytes, start, cursor.at);
    } else {
      const id = cursor.count();
      if (id < 0) return false;
      subject.idKey = String(id);
    }
    subject.isIdKnown = true;
    return true;
  }

  /** The text of which the first letter stands here; undefined if it is spelled with escapes. */
  #string(): string | undefined {
    const cursor = this.#cursor;
    const start = cursor.at;
    return cursor.skipText() ? this.#words.text(cursor.bytes, start, cursor.at - 1) : undefined;
  }
}
