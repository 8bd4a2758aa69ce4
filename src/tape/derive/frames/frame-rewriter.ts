import { scanJsonLine } from "../../../json/json-scan.ts";
import type { CountedRecord } from "../../../records/running-stats.ts";
import type { FrameFlags } from "../../../records/record.ts";
import { decodeUtf8 } from "../../../utf8.ts";
import type { FrameHead } from "./frame-head.ts";
import type { SourceRenumbering } from "./renumbering.ts";

const utf8 = new TextEncoder();
const LF = 0x0a;
const CLOSE = 0x7d;
/** A head is shorter than that: numbers, a few flags, an origin. */
const HEAD_ROOM = 4096;
/** Memory for longer lines is not kept. */
const KEPT_BYTES = 1024 * 1024;

/** What is counted of the frame that was rewritten last. One stays alive, so that V8 keeps what it compiled for it. */
class CountedFrame implements CountedRecord {
  readonly type = "frame";
  seq = 0;
  ts = 0;
  dir = "";
  flags: FrameFlags | undefined;
}

/**
 * Writes frames anew before their messages, and copies the messages as bytes. The line that it gives is only lent: the next
 * one takes its place.
 */
export class FrameRewriter {
  readonly counted: CountedFrame = new CountedFrame();
  readonly #head: FrameHead;
  #kept = new Uint8Array(64 * 1024);
  /** Where the line is that was taken: its head before `HEAD_ROOM`, what follows from there up to `#end`. */
  #room: Uint8Array = this.#kept;
  #end = HEAD_ROOM;
  /** The origin that it has already. */
  #origin = "";

  /** @param head reads the lines before they come here */
  constructor(head: FrameHead) {
    this.#head = head;
  }

  /**
   * Takes the line that the head was read of.
   *
   * @param isProven whether it is known that the line is JSON; else its message is looked at
   * @returns whether the message is JSON on one line
   */
  take(line: Uint8Array, isProven: boolean): boolean {
    const { envStart, messageStart, originStart, originEnd } = this.#head;
    const size = line.length - envStart;
    const room = this.#room = this.#roomFor(HEAD_ROOM + size + 1);
    room.set(line.subarray(envStart), HEAD_ROOM);
    const end = this.#end = HEAD_ROOM + size;
    room[end] = LF;
    this.#origin = originEnd === 0 ? "" : `,"origin":${decodeUtf8(line, originStart, originEnd)}`;
    if (isProven) return true;
    // The scanner wants a line ending behind the message.
    room[end - 2] = LF;
    const isJson = scanJsonLine(room, HEAD_ROOM + messageStart - envStart, end - 2) !== undefined;
    room[end - 2] = CLOSE;
    return isJson;
  }

  /** The line that was taken, with the number and the time that it gets, and its `\n`. It is only lent. */
  place(numbers: SourceRenumbering): Uint8Array {
    const { seq, ts, tsUs, isFromClient, correlation, flags, flagsText } = this.#head;
    numbers.place(seq, ts, isFromClient, correlation === seq || flags?.requires_response === true);
    const dir = isFromClient ? "client_to_server" : "server_to_client";
    const us = tsUs < 0 ? "" : `,"ts_us":${numbers.us(tsUs)}`;
    const id = this.#correlationId(numbers);
    const which = numbers.tape === undefined ? "" : `"tape":${numbers.tape},`;
    const time = numbers.isRetimed ? `,"ts":${ts}` : "";
    const origin = `,"origin":{${which}"seq":${seq}${time}${this.#origin}}`;
    const text =
      `{"type":"frame","seq":${numbers.seq},"ts":${numbers.ts},"dir":"${dir}"${us}${id}${flagsText}${origin}`;
    const room = this.#room;
    const { written } = utf8.encodeInto(text, room);
    room.copyWithin(HEAD_ROOM - written, 0, written);
    const { counted } = this;
    counted.seq = numbers.seq;
    counted.ts = numbers.ts;
    counted.dir = dir;
    counted.flags = flags;
    return room.subarray(HEAD_ROOM - written, this.#end + 1);
  }

  #correlationId(numbers: SourceRenumbering): string {
    const { correlation, seq } = this.#head;
    if (correlation < 0) return "";
    const number = correlation === seq ? numbers.seq : numbers.numberOf(correlation);
    // Whose request is not here answers nothing.
    return number === undefined ? "" : `,"correlation_id":"corr-${number}"`;
  }

  #roomFor(size: number): Uint8Array {
    if (size <= this.#kept.length) return this.#kept;
    if (size > KEPT_BYTES) return new Uint8Array(size);
    return this.#kept = new Uint8Array(Math.min(KEPT_BYTES, 2 * size));
  }
}
