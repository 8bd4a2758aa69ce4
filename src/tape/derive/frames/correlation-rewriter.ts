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

/** What a correlation line became. */
export interface RewrittenCorrelation {
  /** With its `\n`. It is only lent: the next one takes its place. */
  readonly line: Uint8Array;
  readonly counted: CountedRecord;
}

/** Writes correlations anew that are spelled as this library does, without parsing them as JSON. */
export class CorrelationRewriter {
  readonly #room = new Uint8Array(2 * MAX_LENGTH);

  /**
   * The line of a correlation with the numbers that its frames have here; `dropped` where one of them is not here, and
   * undefined where it has to be parsed.
   */
  rewrite(bytes: Uint8Array, numbers: SourceRenumbering): RewrittenCorrelation | "dropped" | undefined {
    if (bytes.length > MAX_LENGTH) return undefined;
    const found = PLAIN.exec(decodeUtf8(bytes));
    if (found === null) return undefined;
    const [, request, response, responseSeq, requestTs, responseTs, rttMs, status, rttUs] = found;
    if (responseSeq !== (response === "none" ? "null" : response)) return undefined;
    if ((responseSeq === "null") !== (responseTs === "null")) return undefined;
    const pair = numbers.pair(Number(request), response === "none" ? undefined : Number(response));
    if (pair === undefined) return "dropped";
    const { offsetMs } = numbers;
    const [asked, answered] = [pair.request.seq, pair.response?.seq ?? null];
    const askedTs = pair.request.ts ?? Number(requestTs) + offsetMs;
    const answeredTs = responseTs === "null" ? null : pair.response?.ts ?? Number(responseTs) + offsetMs;
    const us = rttUs === undefined ? "" : `,"rtt_us":${rttUs}`;
    const text = `{"type":"correlation","id":"corr-${asked}-${answered ?? "none"}","request_seq":${asked},` +
      `"response_seq":${answered},"request_ts":${askedTs},"response_ts":${answeredTs},"rtt_ms":${rttMs},` +
      `"status":"${status}"${us}}\n`;
    const { written } = utf8.encodeInto(text, this.#room);
    return {
      line: this.#room.subarray(0, written),
      counted: {
        type: "correlation",
        response_seq: answered,
        rtt_ms: rttMs === "null" ? null : Number(rttMs),
        rtt_us: rttUs === undefined ? undefined : Number(rttUs),
      },
    };
  }
}
