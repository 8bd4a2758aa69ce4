import { ByteCursor, wordOf } from "../../bytes/byte-cursor.ts";
import { TOOL_CALL } from "../../records/jsonrpc.ts";
import { FIRST_BYTES, HEADER, type Subject } from "../terms/subject.ts";
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

  /** Notes in `subject` the header of the line that starts at `start`; false if it is none, or spelled in another way. */
  readHeader(subject: Subject, bytes: Uint8Array, start: number): boolean {
    const cursor = this.#cursor;
    cursor.enter(bytes);
    cursor.at = start;
    if (!cursor.skip(FRAME)) return false;
    const seq = cursor.count();
    if (seq < 0 || !cursor.skip(TS)) return false;
    const ts = cursor.count();
    if (ts < 0) return false;
    const isClient = bytes[cursor.at + SENDER_AT] === SENDER_CLIENT;
    if (!cursor.skip(isClient ? CLIENT : SERVER)) return false;
    subject.level = HEADER;
    subject.type = "frame";
    subject.seq = seq;
    subject.ts = ts;
    subject.dir = isClient ? "client_to_server" : "server_to_client";
    return true;
  }

  /**
   * Goes on up to where the message begins, and finds out whether it is a request, an answer or a notification. False if it is
   * something else, or spelled in another way.
   */
  readKind(subject: Subject): boolean {
    const cursor = this.#cursor;
    subject.us = undefined;
    if (cursor.skip(TS_US) && (subject.us = cursor.count()) < 0) return false;
    let correlation = -1;
    if (cursor.skip(CORRELATION_ID)) {
      correlation = cursor.count();
      if (correlation < 0 || cursor.bytes[cursor.at++] !== QUOTE) return false;
    }
    subject.isError = subject.isToolError = false;
    this.requestSeq = correlation;
    // The number in it says what the message is; the flags, which must be those of such a message, come next.
    if (correlation < 0) {
      subject.kind = "notification";
      return cursor.skip(NOTIFICATION) && cursor.skip(MESSAGE);
    }
    if (correlation === subject.seq) {
      subject.kind = "request";
      return cursor.skip(REQUEST) && cursor.skip(MESSAGE);
    }
    subject.kind = "response";
    subject.isError = cursor.skip(ERROR);
    if (!subject.isError) subject.isToolError = cursor.skip(TOOL_ERROR);
    return cursor.skip(MESSAGE);
  }

  /**
   * Goes on with the first members of the message, up to `end` at most. False if they are spelled in another way.
   *
   * @param wantsId whether the id is needed
   */
  readMessage(subject: Subject, wantsId: boolean, end: number): boolean {
    const cursor = this.#cursor;
    const { bytes } = cursor;
    subject.method =
      subject.tool =
      subject.idKey =
      subject.request =
        undefined;
    subject.isIdKnown = subject.kind === "notification";
    subject.isToolKnown = true;
    cursor.skip(VERSION);
    if (cursor.skip(ID) && (!this.#id(subject, wantsId) || bytes[cursor.at++] !== COMMA)) return false;
    if (subject.kind !== "response") {
      if (!cursor.skip(METHOD)) return false;
      const method = this.#string();
      if (method === undefined) return false;
      subject.method = method;
      if (wantsId && !subject.isIdKnown && cursor.skip(NEXT_ID) && !this.#id(subject, true)) return false;
      if (method === TOOL_CALL && subject.kind === "request") {
        subject.tool = cursor.skip(TOOL_NAME) ? this.#string() : undefined;
        subject.isToolKnown = subject.tool !== undefined;
      }
    }
    subject.level = FIRST_BYTES;
    // Behind a line that somebody has cut out of something else there may stand anything.
    return cursor.at <= end;
  }

  #id(subject: Subject, isWanted: boolean): boolean {
    const cursor = this.#cursor;
    const start = cursor.at;
    const isText = cursor.bytes[start] === QUOTE;
    if (isText) {
      cursor.at++;
      if (!cursor.skipText()) return false;
    } else if (cursor.count() < 0) return false;
    if (!isWanted) return true;
    subject.idKey = this.#words.text(cursor.bytes, start, cursor.at);
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
