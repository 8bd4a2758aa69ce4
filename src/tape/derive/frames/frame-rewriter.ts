import { isJsonWithin } from "../../../json/json-scan.ts";
import type { CountedRecord } from "../../../records/running-stats.ts";
import type { FrameFlags } from "../../../records/record.ts";
import { decodeUtf8 } from "../../../utf8.ts";
import type { FrameHead } from "./frame-head.ts";
import type { SourceRenumbering } from "./renumbering.ts";

/** What is counted of the frame that was rewritten last. One stays alive, so that V8 keeps what it compiled for it. */
class CountedFrame implements CountedRecord {
  readonly type = "frame";
  seq = 0;
  ts = 0;
  dir = "";
  flags: FrameFlags | undefined;
}

/** Writes anew what stands before the messages of frames. */
export class FrameRewriter {
  readonly counted: CountedFrame = new CountedFrame();
  readonly #head: FrameHead;

  /** @param head reads the lines before they come here */
  constructor(head: FrameHead) {
    this.#head = head;
  }

  /** Whether the message of the line is JSON, so that it can be copied as it is. */
  isJson(): boolean {
    const { bytes, messageStart, end } = this.#head;
    return isJsonWithin(bytes, messageStart, end - 2);
  }

  /** Gives the frame its number and its time. What then stands on its line before `env`, in ASCII. */
  place(numbers: SourceRenumbering): string {
    const { seq, ts, tsUs, isFromClient, correlation, flags, flagsText } = this.#head;
    numbers.place(seq, ts, isFromClient, correlation === seq || flags?.requires_response === true);
    const dir = isFromClient ? "client_to_server" : "server_to_client";
    const us = tsUs < 0 ? "" : `,"ts_us":${numbers.us(tsUs)}`;
    const id = this.#correlationId(numbers);
    const { counted } = this;
    counted.seq = numbers.seq;
    counted.ts = numbers.ts;
    counted.dir = dir;
    counted.flags = flags;
    return `{"type":"frame","seq":${numbers.seq},"ts":${numbers.ts},"dir":"${dir}"${us}${id}${flagsText}${
      this.#origin(numbers)
    }`;
  }

  #correlationId(numbers: SourceRenumbering): string {
    const { correlation, seq } = this.#head;
    if (correlation < 0) return "";
    const number = correlation === seq ? numbers.seq : numbers.numberOf(correlation);
    // Whose request is not here answers nothing.
    return number === undefined ? "" : `,"correlation_id":"corr-${number}"`;
  }

  #origin({ tape, isRetimed }: SourceRenumbering): string {
    const { bytes, seq, ts, originStart, originEnd } = this.#head;
    const which = tape === undefined ? "" : `"tape":${tape},`;
    const time = isRetimed ? `,"ts":${ts}` : "";
    const before = originEnd === 0 ? "" : `,"origin":${decodeUtf8(bytes, originStart, originEnd)}`;
    return `,"origin":{${which}"seq":${seq}${time}${before}}`;
  }
}
