import { type LineLook, lookAt, type TapeLine } from "../../../lines/line.ts";
import { PlainCorrelation } from "../../../lines/plain/plain-correlation.ts";
import type { CountedRecord } from "../../../records/running-stats.ts";
import { decodeUtf8 } from "../../../utf8.ts";
import type { SourceRenumbering } from "./renumbering.ts";

const utf8 = new TextEncoder();
const INTEGER = "(?:0|[1-9]\\d{0,14})";
/** A correlation with the fields that nearly all have, in the order in which this library writes them. */
const PLAIN = new RegExp(
  `^\\{"type":"correlation","id":"corr-(${INTEGER})-(${INTEGER}|none)","request_seq":\\1,"response_seq":(${INTEGER}|null),` +
    `"request_ts":(${INTEGER}),"response_ts":(${INTEGER}|null),"rtt_ms":(${INTEGER}|null),"status":"(\\w{1,32})"` +
    `(?:,"rtt_us":(${INTEGER}))?\\}$`,
);
/** A longer one has other fields. */
const MAX_LENGTH = 384;

/** What is counted of the correlation that was rewritten last. */
class CountedCorrelation implements CountedRecord {
  readonly type = "correlation";
  response_seq: number | null = null;
  rtt_ms: number | null = null;
  rtt_us: number | undefined;
}

/** Writes correlations anew that are spelled as this library does, without parsing them as JSON. */
export class CorrelationRewriter {
  readonly counted: CountedCorrelation = new CountedCorrelation();
  readonly #plain = new PlainCorrelation();
  readonly #readPlain: LineLook<boolean> = (block, start, end) =>
    this.#plain.read(block, start) && this.#plain.end === end;
  readonly #room = new Uint8Array(2 * MAX_LENGTH);

  /**
   * The line of a correlation with the numbers that its frames have here, and its `\n`; only lent: the next one takes its place.
   * `dropped` where one of the frames is not here, and undefined where the line has to be parsed.
   */
  rewrite(line: TapeLine, numbers: SourceRenumbering): Uint8Array | "dropped" | undefined {
    if (lookAt(line, this.#readPlain)) {
      const { request_seq, response_seq, request_ts, response_ts, rtt_ms, rtt_us } = this.#plain;
      return this.#write(numbers, request_seq, response_seq, request_ts, response_ts, rtt_ms, "success", rtt_us);
    }
    if (line.length > MAX_LENGTH) return undefined;
    const found = PLAIN.exec(decodeUtf8(line.bytes));
    if (found === null) return undefined;
    const [, request, response, responseSeq, requestTs, responseTs, rttMs, status = "", rttUs] = found;
    if (responseSeq !== (response === "none" ? "null" : response)) return undefined;
    if ((responseSeq === "null") !== (responseTs === "null")) return undefined;
    const number = (text: string | undefined) => text === "null" || text === undefined ? undefined : Number(text);
    const [asked, askedTs] = [Number(request), Number(requestTs)];
    return this.#write(
      numbers,
      asked,
      number(responseSeq),
      askedTs,
      number(responseTs),
      number(rttMs),
      status,
      number(rttUs),
    );
  }

  #write(
    numbers: SourceRenumbering,
    requestSeq: number,
    responseSeq: number | undefined,
    requestTs: number,
    responseTs: number | undefined,
    rttMs: number | undefined,
    status: string,
    rttUs: number | undefined,
  ): Uint8Array | "dropped" {
    const pair = numbers.pair(requestSeq, responseSeq);
    if (pair === undefined) return "dropped";
    const { request, response } = pair;
    const { counted } = this;
    counted.response_seq = response?.seq ?? null;
    counted.rtt_ms = rttMs ?? null;
    counted.rtt_us = rttUs;
    const answered = response?.seq;
    const answeredTs = responseTs === undefined ? null : response?.ts ?? numbers.shifted(responseTs);
    const us = rttUs === undefined ? "" : `,"rtt_us":${rttUs}`;
    const text =
      `{"type":"correlation","id":"corr-${request.seq}-${answered ?? "none"}","request_seq":${request.seq},` +
      `"response_seq":${answered ?? null},"request_ts":${request.ts ?? numbers.shifted(requestTs)},` +
      `"response_ts":${answeredTs},"rtt_ms":${rttMs ?? null},"status":"${status}"${us}}\n`;
    const { written } = utf8.encodeInto(text, this.#room);
    return this.#room.subarray(0, written);
  }
}
