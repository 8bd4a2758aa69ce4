import { valueSpan } from "../../json/json-span.ts";
import { jsonText } from "../../json/json-text.ts";
import type { TapeLine } from "../../lines/line.ts";
import { batchHeaders, type MessageHeader, messageHeader } from "../../records/jsonrpc.ts";
import type { CorrelationRecord, FrameRecord, GapRecord, TapeRecord } from "../../records/record.ts";
import { type Found, TapeSearch } from "../../tape/seek/tape-search.ts";
import { parseLine } from "../../lines/parse-line.ts";
import type { OpenedTape } from "../arguments/tape-argument.ts";
import type { TapeReading } from "../arguments/tape-reading.ts";
import { UsageError } from "../command.ts";
import { escapeControls } from "../terminal/text.ts";
import { Calls, type SeenFrame } from "../summary/calls.ts";
import { isNoteworthy } from "./describe-record.ts";

/** A frame, and the line it stands on. */
export interface TapedFrame {
  readonly line: TapeLine;
  readonly frame: FrameRecord;
}

/** A frame with its line for people. */
export interface ToldFrame extends TapedFrame {
  readonly text: string;
}

/** A request, its answer, and what came between. */
export interface Exchange {
  readonly request: ToldFrame;
  /** Undefined where none came, or none yet, or where it could not be recorded. */
  readonly answer: ToldFrame | undefined;
  /** What is known of the two: status and round trip. */
  readonly correlation: CorrelationRecord | undefined;
  /** The first records that came between the two, or since the request. */
  readonly between: readonly TapedRecord[];
  readonly betweenCount: number;
}

/** What came between, for people and for programs. */
export interface TapedRecord {
  readonly type: string;
  readonly seq: number | undefined;
  readonly ts: number | undefined;
  readonly text: string;
}

/** Makes a line for people of a record that `calls` has seen. */
export type Describe = (line: TapeLine, record: TapeRecord, seen: SeenFrame | undefined, calls: Calls) => string;

/** So much in front of a frame is looked at first; four times as much when that is not enough. */
const FIRST_BYTES = 256 * 1024;
/** So many places of an id are told. */
const MAX_PLACES = 20;

/** Finds frames and what belongs to them on a tape, and reads no more of it than it takes. */
export class ExchangeSearch {
  readonly #reading: TapeReading;
  readonly #name: string;
  readonly #search: TapeSearch;

  constructor(tape: OpenedTape, reading: TapeReading) {
    this.#reading = reading;
    this.#search = new TapeSearch(tape.store, tape.tapeId, reading.maxLineBytes);
    this.#name = escapeControls(tape.path);
  }

  /**
   * The frame of that number.
   *
   * @throws {UsageError} there is none; it says what there is
   */
  async frame(seq: number): Promise<TapedFrame> {
    const { offset } = await this.#find(seq);
    let next: number | undefined;
    let end = offset;
    for await (const line of this.#reading.lines({ start: offset })) {
      const frame = this.#reading.parse(line);
      end = line.nextOffset;
      if (frame?.type !== "frame" || frame.seq < seq) continue;
      if (frame.seq === seq) return { line, frame };
      next = frame.seq;
      break;
    }
    const why = await this.#loss(seq, end) ??
      (next === undefined ? await this.#range(end) : `it is not on the tape; the next one is ${next}`);
    throw new UsageError(`Cannot show frame ${seq} of ${this.#name}: ${why}`);
  }

  /** The number of the request that a frame answers; undefined if none is found. */
  async requestOf({ line, frame }: TapedFrame): Promise<number | undefined> {
    // The tape's own word stands right behind the answer.
    for await (const next of this.#reading.lines({ start: line.nextOffset })) {
      const record = next.type === "correlation" ? this.#reading.parse(next) : undefined;
      if (record?.type !== "correlation") break;
      if (record.response_seq === frame.seq) return record.request_seq;
    }
    return await this.#backwards(line.nextOffset, async (lines) => {
      const calls = new Calls();
      for await (const record of framesOf(lines)) {
        const { answers } = calls.see(record);
        if (record.seq === frame.seq) return answers[0]?.request_seq;
      }
      return undefined;
    });
  }

  /**
   * The request of that number with all that belongs to it.
   *
   * @param limit how much of what came between is described
   */
  async exchange(requestSeq: number, describe: Describe, limit: number): Promise<Exchange> {
    const calls = new Calls();
    const told = ({ line, frame }: TapedFrame, seen = calls.see(frame)): ToldFrame => {
      return { line, frame, text: describe(line, frame, seen, calls) };
    };
    const request = told(await this.frame(requestSeq));
    const between: TapedRecord[] = [];
    let betweenCount = 0;
    let answer: ToldFrame | undefined;
    let correlation: CorrelationRecord | undefined;
    for await (const line of this.#reading.lines({ start: request.line.nextOffset })) {
      // The tape's own word on the two stands behind the answer.
      if (answer !== undefined && line.type !== "correlation") break;
      const record = this.#reading.parse(line);
      if (record === undefined) continue;
      if (record.type === "correlation" && record.request_seq === requestSeq) {
        correlation = record;
        if (record.response_seq == null) continue;
        const frame = answer === undefined ? await this.#frameIfThere(record.response_seq) : undefined;
        if (frame !== undefined) answer = told(frame);
        break;
      }
      const seen = record.type === "frame" ? calls.see(record) : undefined;
      const own = seen?.answers.find(({ request_seq }) => request_seq === requestSeq);
      if (own !== undefined && record.type === "frame") {
        answer = told({ line, frame: record }, seen);
        correlation = own;
      } else if (answer === undefined && isNoteworthy(record)) {
        betweenCount++;
        if (between.length >= limit) continue;
        const { seq, ts } = line;
        between.push({ type: record.type, seq, ts, text: describe(line, record, seen, calls) });
      }
    }
    return { request, answer, correlation, between, betweenCount };
  }

  /**
   * The number of the one request with that JSON-RPC id, or of the one answer with it if nobody asked. An id that looks
   * like a number is found as a string too.
   *
   * @throws {UsageError} there is none, or there are several; it says which
   */
  async seqOf(id: string): Promise<number> {
    const keys = idKeys(id);
    const asked = { client_to_server: false, server_to_client: false };
    const places: number[] = [];
    let count = 0;
    for await (const line of this.#reading.lines()) {
      if (line.type !== "frame" || line.dir === undefined || line.seq === undefined) continue;
      const kinds = headersOn(line).filter(({ idKey }) => idKey !== undefined && keys.includes(idKey));
      const isRequest = kinds.some(({ kind }) => kind === "request");
      const asker = line.dir === "client_to_server" ? "server_to_client" : "client_to_server";
      if (isRequest) asked[line.dir] = true;
      else if (kinds.length === 0 || asked[asker]) continue;
      if (places.length < MAX_PLACES) places.push(line.seq);
      count++;
    }
    const [only] = places;
    const start = `Cannot show id ${escapeControls(id)} of ${this.#name}:`;
    if (only === undefined) throw new UsageError(`${start} no message has it`);
    if (count === 1) return only;
    const more = count > places.length ? ` and ${count - places.length} more` : "";
    throw new UsageError(
      `${start} it was used ${count} times, at frames ${places.join(", ")}${more}; name one of them`,
    );
  }

  async #frameIfThere(seq: number): Promise<TapedFrame | undefined> {
    try {
      return await this.frame(seq);
    } catch (error) {
      if (error instanceof UsageError) return undefined;
      throw error;
    }
  }

  /** What has no end yet counts for the end of the tape. */
  #find(seq: number): Promise<Found> {
    return this.#search.frame("seq", seq);
  }

  /** Which frames there are up to `end`. */
  async #range(end: number): Promise<string> {
    const last = await this.#backwards(end, async (lines) => {
      let last: number | undefined;
      for await (const { seq } of framesOf(lines)) last = seq;
      return last;
    });
    const { offset } = await this.#find(0);
    for await (const { seq } of framesOf(this.#reading.linesBetween(offset, end))) {
      return `its frames have the numbers ${seq} to ${last}`;
    }
    return "there is no message on it yet";
  }

  /** What the tape says of a frame that could not be recorded, shortly before `end`. */
  async #loss(seq: number, end: number): Promise<string | undefined> {
    for await (const line of this.#reading.linesBetween(Math.max(0, end - FIRST_BYTES), end)) {
      const gap = line.type === "gap" ? gapOn(line) : undefined;
      if (gap === undefined || !((gap.from_seq ?? Infinity) <= seq && seq <= (gap.to_seq ?? -1))) continue;
      return `it could not be recorded${gap.reason ? `: ${escapeControls(gap.reason)}` : ""}`;
    }
    return undefined;
  }

  /** Looks at growing pieces of the tape that end at `end`, until one of them holds what is looked for. */
  async #backwards<T>(
    end: number,
    look: (lines: AsyncIterable<TapeLine>) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (let reach = FIRST_BYTES;; reach *= 4) {
      const start = Math.max(0, end - reach);
      const found = await look(wholeLines(this.#reading.linesBetween(start, end), start > 0));
      if (found !== undefined || start === 0) return found;
    }
  }
}

/** Without the first line where that is the rest of one. */
async function* wholeLines(lines: AsyncIterable<TapeLine>, isCut: boolean): AsyncGenerator<TapeLine, void, undefined> {
  for await (const line of lines) {
    if (!isCut) yield line;
    isCut = false;
  }
}

async function* framesOf(lines: AsyncIterable<TapeLine>): AsyncGenerator<FrameRecord, void, undefined> {
  for await (const line of lines) {
    const record = line.type === "frame" ? recordOn(line) : undefined;
    if (record?.type === "frame") yield record;
  }
}

function gapOn(line: TapeLine): GapRecord | undefined {
  const record = recordOn(line);
  return record?.type === "gap" ? record : undefined;
}

/** The record on a line that nobody asked for; undefined for one that is damaged. */
function recordOn(line: TapeLine): TapeRecord | undefined {
  try {
    return parseLine(line);
  } catch {
    return undefined;
  }
}

/** The headers of the messages on a line, from their very text: ids past 2^53 differ. */
function headersOn(line: TapeLine): MessageHeader[] {
  let text: string;
  try {
    text = line.text();
  } catch {
    return [];
  }
  const span = valueSpan(text, ["env", "message"]);
  if (span === undefined) return [];
  const message = jsonText(text.slice(...span));
  const header = messageHeader(message);
  return header.kind === "batch" ? batchHeaders(message) : [header];
}

/** The keys of the ids that somebody may mean: `5` may be the number or the string, `"5"` is the string. */
function idKeys(id: string): (string | undefined)[] {
  const asJson = messageHeader(jsonText(`{"id":${id},"method":""}`));
  const key = asJson.kind === "request" ? asJson.idKey : undefined;
  return id.startsWith('"') && key !== undefined ? [key] : [key, `"${id}"`];
}
