import type { CorrelationRecord } from "../../records/record.ts";
import { ByteCursor, wordOf } from "../../bytes/byte-cursor.ts";

const CORRELATION = wordOf('{"type":"correlation","id":"corr-');
const DASH = 0x2d;
const REQUEST_SEQ = wordOf('","request_seq":');
const RESPONSE_SEQ = wordOf(',"response_seq":');
const REQUEST_TS = wordOf(',"request_ts":');
const RESPONSE_TS = wordOf(',"response_ts":');
const RTT_MS = wordOf(',"rtt_ms":');
const SUCCESS = wordOf(',"status":"success","rtt_us":');
const CLOSE = 0x7d;
const LF = 0x0a;

/** A correlation as this library writes that of a good answer. The one that was read last: it is read over and over. */
export class PlainCorrelation implements CorrelationRecord {
  readonly type = "correlation";
  /** Nobody asks for it. */
  readonly id = "";
  readonly status = "success";
  request_seq = 0;
  response_seq = 0;
  request_ts = 0;
  response_ts = 0;
  rtt_ms = 0;
  rtt_us = 0;
  /** Where its line ends: the place of the `\n`. */
  end = 0;
  readonly #cursor = new ByteCursor();

  /** Reads the line at `start`; false if it is spelled in another way, or something else stands there. */
  read(bytes: Uint8Array, start: number): boolean {
    const cursor = this.#cursor;
    cursor.enter(bytes);
    cursor.at = start;
    if (!cursor.skip(CORRELATION) || cursor.count() < 0) return false;
    if (bytes[cursor.at++] !== DASH || cursor.count() < 0) return false;
    if (!cursor.skip(REQUEST_SEQ) || (this.request_seq = cursor.count()) < 0) return false;
    if (!cursor.skip(RESPONSE_SEQ) || (this.response_seq = cursor.count()) < 0) return false;
    if (!cursor.skip(REQUEST_TS) || (this.request_ts = cursor.count()) < 0) return false;
    if (!cursor.skip(RESPONSE_TS) || (this.response_ts = cursor.count()) < 0) return false;
    if (!cursor.skip(RTT_MS) || (this.rtt_ms = cursor.count()) < 0) return false;
    if (!cursor.skip(SUCCESS) || (this.rtt_us = cursor.count()) < 0) return false;
    this.end = cursor.at + 1;
    return bytes[cursor.at] === CLOSE && bytes[this.end] === LF;
  }
}
