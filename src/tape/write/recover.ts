import { decoderOf } from "../../stores/decoding.ts";
import { isTapeError, TapeError } from "../../errors.ts";
import { TapeLine } from "../../lines/line.ts";
import { readParts } from "../../lines/line-parts.ts";
import { readInit } from "../first-record.ts";
import { SessionOutline } from "../../records/messages/session-outline.ts";
import { RunningStats } from "../../records/running-stats.ts";
import { pipe } from "../../streams/pipe.ts";
import type { CorrelationRecord, InitRecord, TapeRecord } from "../../records/record.ts";
import type { TapeSink } from "../../streams/sink.ts";
import type { StageSpec } from "../../streams/stage-spec.ts";
import type { TapeStore } from "../../stores/store.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import { type Bytes, concat } from "../../bytes/bytes.ts";

const LF = 0x0a;
const TAIL_BLOCK_BYTES = 64 * 1024;

/** What a writer needs to know of a tape to go on with it. */
export interface TapeState {
  readonly init: InitRecord;
  /** The next sequence number. */
  readonly nextSeq: number;
  /** Time of the last record, in microseconds since the start. */
  readonly lastUs: number;
  readonly stats: RunningStats;
  readonly outline: SessionOutline;
  /** Where the last checkpoint ends, 0 if there is none. */
  readonly unsealedFrom: number;
  /** Correlations whose frames are on the tape while they themselves are not: the crash came in between. */
  readonly missing: readonly CorrelationRecord[];
}

/**
 * Makes the end of a tape fit to go on from. A last line without its `\n` is kept up to its last whole record, and gets its
 * `\n`; what stands behind that is moved to `{tape_id}.torn` before it is cut off.
 */
export async function recoverTail(
  store: TapeStore,
  tapeId: string,
  sink: TapeSink,
  maxLineBytes: number,
): Promise<void> {
  const keys = tapeKeys(tapeId);
  const size = sink.offset;
  const start = await lastLineEnd(store, keys.tape, size);
  if (start === size) return;
  let end = start;
  if (size - start <= maxLineBytes) {
    const tail = new TapeLine(await readAll(store, keys.tape, start, size), 0, size - start, start, 0, false);
    const last = readParts(tail).findLast(({ record }) => record !== undefined)?.line;
    if (last !== undefined) end = last.offset + last.length;
  }
  if (end < size) await moveAside(store, tapeId, sink, end);
  if (end > start) await sink.append([Uint8Array.of(LF)]);
}

/** Moves what stands behind `start` to `{tape_id}.torn`. */
async function moveAside(store: TapeStore, tapeId: string, sink: TapeSink, start: number): Promise<void> {
  const keys = tapeKeys(tapeId);
  const torn = await store.openSink(keys.torn, {
    mode: await store.size(keys.torn) === undefined ? "create" : "append",
  });
  await pipe(store.openSource(keys.tape, { start, end: sink.offset }), torn);
  await sink.truncate(start);
}

/** Reads a tape once, to go on with it. `correlate` is the spec of the correlator that will go on too. */
export async function readState(
  store: TapeStore,
  tapeId: string,
  maxLineBytes: number,
  correlate: StageSpec<TapeRecord, TapeRecord>,
): Promise<TapeState> {
  const init = await initOf(store, tapeId, maxLineBytes);
  const ignore = { onError: () => {} };
  const lines = pipe(
    store.openSource(tapeKeys(tapeId).tape),
    lineSplit({ maxLineBytes, decoder: decoderOf(store), ...ignore }),
  );
  const stats = new RunningStats();
  const outline = new SessionOutline();
  const missing = new MissingCorrelations();
  const expect = Object.assign((record: TapeRecord) => {
    if (record.type === "correlation") missing.expect(record);
  }, { terminate() {} });
  const ignoreEmitted = Object.assign(() => {}, { terminate() {} });
  let nextSeq = 0;
  let lastUs = 0;
  let unsealedFrom = 0;
  const decoder = decoderOf(store);
  for await (const line of lines) {
    const records = readParts(line).filter((part) => part.record !== undefined);
    for (const { line: part } of records) decoder?.see?.(part.stored);
    for (const [at, { line: { nextOffset }, record }] of records.entries()) {
      stats.add(record);
      if (record.type === "frame") {
        outline.see(record);
        nextSeq = Math.max(nextSeq, record.seq + 1);
        lastUs = Math.max(lastUs, record.ts_us ?? 0);
        correlate.transform(record, expect);
        missing.endFrame();
      } else if (record.type === "correlation") {
        if (!missing.found(record.id)) correlate.transform(record, ignoreEmitted);
      } else if (record.type === "gap") {
        if (record.to_seq != null) nextSeq = Math.max(nextSeq, record.to_seq + 1);
        correlate.transform(record, expect);
        missing.endFrame();
      } // The last record of a last line that lacks its line ending gets it before anything else is written.
      else if (record.type === "checkpoint") {
        unsealedFrom = nextOffset + (!line.terminated && at === records.length - 1 ? 1 : 0);
      }
      if ("ts" in record && typeof record.ts === "number") lastUs = Math.max(lastUs, record.ts * 1000);
    }
  }
  return { init, nextSeq, lastUs, stats, outline, unsealedFrom, missing: missing.all() };
}

async function initOf(store: TapeStore, tapeId: string, maxLineBytes: number): Promise<InitRecord> {
  try {
    return await readInit(store, tapeKeys(tapeId).tape, maxLineBytes);
  } catch (cause) {
    if (!isTapeError(cause, "invalid_tape")) throw cause;
    const why = `Cannot resume ${tapeId}: its first line is not an init record`;
    throw new TapeError("invalid_tape", why, { cause });
  }
}

/** Correlations that the frames of a tape call for and that have not come. */
class MissingCorrelations {
  /** By id. The answers in one batch to the requests of another all have the same. */
  readonly #expected = new Map<string, CorrelationRecord[]>();
  /** Ids of those that stand before the frame that calls for them: it shows that a request has run out of time. */
  readonly #early = new Map<string, number>();

  expect(record: CorrelationRecord): void {
    const early = this.#early.get(record.id) ?? 0;
    if (early > 0) {
      this.#early.set(record.id, early - 1);
      return;
    }
    const same = this.#expected.get(record.id);
    if (same === undefined) this.#expected.set(record.id, [record]);
    else same.push(record);
  }

  /** Whether it was expected. */
  found(id: string): boolean {
    const same = this.#expected.get(id);
    if (same === undefined) this.#early.set(id, (this.#early.get(id) ?? 0) + 1);
    else if (same.length === 1) this.#expected.delete(id);
    else same.shift();
    return same !== undefined;
  }

  /** All that the frame calls for is expected by now. */
  endFrame(): void {
    this.#early.clear();
  }

  all(): CorrelationRecord[] {
    return [...this.#expected.values()].flat();
  }
}

/** Where the last line ending stands, plus one; 0 if there is none. Reads backwards from the end. */
async function lastLineEnd(store: TapeStore, key: string, size: number): Promise<number> {
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - TAIL_BLOCK_BYTES);
    const at = (await readAll(store, key, start, end)).lastIndexOf(LF);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

async function readAll(store: TapeStore, key: string, start: number, end: number): Promise<Bytes> {
  const chunks: Bytes[] = [];
  for await (const chunk of store.openSource(key, { start, end })) chunks.push(chunk);
  return concat(chunks);
}
