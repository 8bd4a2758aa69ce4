import type { TapeLine } from "../../lines/line.ts";
import { recordOn } from "../../lines/parse-line.ts";
import { messageHeader } from "../../records/jsonrpc.ts";
import type { FrameRecord, TapeRecord } from "../../records/record.ts";
import { exactMessage } from "../../records/recorded-text.ts";
import { StreamingTapeReader } from "../../tape/read/reader.ts";
import type { OpenedTape } from "../arguments/tape-argument.ts";
import { isTelling, type TapeReading } from "../arguments/tape-reading.ts";
import type { Where } from "../arguments/where.ts";
import { Calls } from "./calls.ts";

/** A record that somebody wants to see, and who knows the request that it belongs to. */
export interface AskedRecord {
  readonly line: TapeLine;
  readonly record: TapeRecord;
  /** Has not seen the record yet: who describes it shows it to them. */
  readonly calls: Calls;
}

/** Which lines are wanted. */
type IsWanted = (line: TapeLine) => boolean;

/**
 * The records that a query selects, and `accepts` as well, for people: each answer is told with its request. Where the tape has
 * an index, no more of it is read than that takes, as long as each answer says which request it is for. That may be more than
 * who reads all can tell, where an answer is damaged and the next one has the same id.
 */
export async function* askedRecords(
  tape: OpenedTape,
  reading: TapeReading,
  where: Where,
  accepts: IsWanted,
): AsyncGenerator<AskedRecord, void, undefined> {
  if (where.query === undefined || !await reading.isIndexed()) {
    const isSelected = await where.test(tape, reading);
    yield* allRead(reading, 0, new Calls(), (line) => isSelected(line) && accepts(line));
    return;
  }
  const { lines, isSelected } = await where.read(tape, reading);
  const requests = new Requests(tape);
  const isWanted = (line: TapeLine) => isSelected(line) && accepts(line);
  let done: number | undefined;
  /** A record waits for the next line, which may say that several requests can be meant. */
  let held: AskedRecord | undefined;
  for await (const line of lines) {
    if (held !== undefined) {
      if (await mayBeAmbiguous(held, line, reading)) {
        done = held.line.offset;
        held = undefined;
        break;
      }
      yield held;
      held = undefined;
    }
    requests.note(line);
    const isAsked = isWanted(line);
    const record = isAsked || isTelling(line) ? reading.parse(line) : undefined;
    if (!isAsked || record === undefined) continue;
    const calls = await requests.callsOf(record);
    if (calls === undefined) {
      done = line.offset;
      break;
    }
    held = { line, record, calls };
  }
  if (held !== undefined && await mayBeAmbiguous(held, undefined, reading)) done = held.line.offset;
  else if (held !== undefined) yield held;
  if (done === undefined) return;
  // Nobody knows whose answer this is who has not read all that came before it.
  const test = await where.test(tape, reading);
  const calls = new Calls();
  for await (const line of reading.linesBetween(0, done)) {
    test(line);
    const record = line.type === "frame" || line.type === "gap" || line.type === "end" ? recordOn(line) : undefined;
    if (record !== undefined) calls.learn(record);
  }
  yield* allRead(reading, done, calls, (line) => test(line) && accepts(line));
}

/**
 * Whether the line behind an answer says that nobody can tell which request it is for, or is damaged and may have said it.
 *
 * @param next what was read after the answer; it need not be what stands behind it
 */
async function mayBeAmbiguous(answer: AskedRecord, next: TapeLine | undefined, reading: TapeReading): Promise<boolean> {
  const { record, line } = answer;
  if (record.type !== "frame" || record.correlation_id == null) return false;
  if (record.correlation_id === `corr-${record.seq}`) return false;
  const behind = next?.offset === line.nextOffset ? next : await reading.lineAt(line.nextOffset);
  if (behind === undefined || (behind.type !== undefined && behind.type !== "correlation")) return false;
  const said = recordOn(behind);
  if (said === undefined) return true;
  return said.type === "correlation" && said.ambiguous === true && said.response_seq === record.seq;
}

/** The same by reading all of it from `start` on. What is left out is not parsed, unless somebody needs to know it. */
async function* allRead(
  reading: TapeReading,
  start: number,
  calls: Calls,
  isWanted: IsWanted,
): AsyncGenerator<AskedRecord, void, undefined> {
  for await (const line of reading.lines({ start })) {
    const isAsked = isWanted(line);
    const record = isAsked || isTelling(line) || line.type === "frame" ? reading.parse(line) : undefined;
    if (record === undefined) continue;
    if (isAsked) yield { line, record, calls };
    else calls.learn(record);
  }
}

/** So many of the lines before an answer are remembered: mostly one of them is its request. */
const MAX_LINES = 512;

/** Finds the requests of answers on a tape of which only parts are read. */
class Requests {
  readonly #tape: OpenedTape;
  #reader: Promise<StreamingTapeReader> | undefined;
  /** The frames that were read last, by their numbers. */
  readonly #lines = new Map<number, TapeLine>();
  /** For all that is no answer. */
  readonly #calls = new Calls();

  constructor(tape: OpenedTape) {
    this.#tape = tape;
  }

  /** Takes in a line that was read. */
  note(line: TapeLine): void {
    if (line.type !== "frame" || line.seq === undefined) return;
    this.#lines.set(line.seq, line);
    if (this.#lines.size > MAX_LINES) this.#lines.delete(this.#lines.keys().next().value!);
  }

  /** Who knows the request that a record tells of; undefined where it cannot be told which one that is. */
  async callsOf(record: TapeRecord): Promise<Calls | undefined> {
    if (record.type === "correlation") return await this.#callsOf(record.request_seq);
    if (record.type !== "frame" || record.flags?.is_stray === true) return this.#calls;
    const seq = Number(/^corr-(\d+)$/.exec(record.correlation_id ?? "")?.[1]);
    if (seq === record.seq) return this.#calls;
    if (Number.isSafeInteger(seq)) return await this.#callsOf(seq);
    return messageHeader(exactMessage(record)).kind === "response" ? undefined : this.#calls;
  }

  async #callsOf(seq: number): Promise<Calls | undefined> {
    const request = await this.#frame(seq);
    if (request === undefined) return undefined;
    const calls = new Calls();
    calls.see(request);
    return calls;
  }

  async #frame(seq: number): Promise<FrameRecord | undefined> {
    const line = this.#lines.get(seq);
    const record = line === undefined ? undefined : recordOn(line);
    if (record?.type === "frame") return record;
    const { store, tapeId } = this.#tape;
    const reader = await (this.#reader ??= StreamingTapeReader.open(store, tapeId, { onError: () => {} }));
    for await (const frame of reader.frames({ fromSeq: seq, toSeq: seq, limit: 1 })) return frame;
    return undefined;
  }
}
