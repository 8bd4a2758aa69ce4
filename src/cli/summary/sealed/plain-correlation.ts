import type { CorrelationRecord } from "../../../records/record.ts";
import { ByteCursor, type Word, wordOf } from "./byte-cursor.ts";

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

/** The correlation on a line, if it is written as this library writes that of a good answer; undefined for any other. */
export class PlainCorrelations {
  readonly #cursor = new ByteCursor();

  read(bytes: Uint8Array, start: number): CorrelationRecord | undefined {
    const cursor = this.#cursor;
    cursor.enter(bytes);
    cursor.at = start;
    if (!cursor.skip(CORRELATION) || cursor.count() < 0) return undefined;
    if (bytes[cursor.at++] !== DASH || cursor.count() < 0) return undefined;
    const request_seq = this.#count(REQUEST_SEQ);
    const response_seq = this.#count(RESPONSE_SEQ);
    const request_ts = this.#count(REQUEST_TS);
    const response_ts = this.#count(RESPONSE_TS);
    const rtt_ms = this.#count(RTT_MS);
    const rtt_us = this.#count(SUCCESS);
    if (!(rtt_us >= 0) || bytes[cursor.at] !== CLOSE || bytes[cursor.at + 1] !== LF) return undefined;
    return {
      type: "correlation",
      id: "",
      request_seq,
      response_seq,
      request_ts,
      response_ts,
      rtt_ms,
      rtt_us,
      status: "success",
    };
  }

  /** The number behind `name`; NaN where they do not stand here, and then nothing more is found. */
  #count(name: Word): number {
    const cursor = this.#cursor;
    const value = cursor.skip(name) ? cursor.count() : -1;
    if (value >= 0) return value;
    cursor.at = NaN;
    return NaN;
  }
}
