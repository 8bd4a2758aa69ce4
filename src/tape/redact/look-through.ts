import type { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { checkDecodes, parseLine } from "../../lines/parse-line.ts";
import type { TapeRecord } from "../../records/record.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import { CODED, type Redaction } from "../../redact/redaction.ts";
import { checkUnlocked, decoderOf, decoding } from "../../stores/decoding.ts";
import { lineLimitOf } from "../../stores/line-limit.ts";
import type { TapeStore } from "../../stores/store.ts";
import { pipe } from "../../streams/pipe.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import { decodeUtf8 } from "../../utf8.ts";
import { readInit } from "../first-record.ts";

const CLOSE = 0x7d;

/** Who is told of what, while a tape is looked through. */
export interface LookingThrough {
  readonly signal?: AbortSignal | undefined;
  /** Which line comes; undefined for the metadata. */
  readonly onLine?: ((line: TapeLine | undefined) => void) | undefined;
  /** Is waited for behind each line, and behind the metadata, if it gives a promise. */
  readonly onDone?: ((nextOffset: number | undefined) => Promise<void> | undefined) | undefined;
  readonly onError?: ((error: TapeError) => void) | undefined;
}

/**
 * Shows a tape and its metadata to a redaction, which is asked for what it finds; what it makes of them is dropped.
 *
 * @throws {TapeError} code `tape_not_found`, `invalid_tape`, `line_too_long`, `io`
 */
export async function lookThrough(
  store: TapeStore,
  tapeId: string,
  redaction: Redaction,
  { signal, onLine, onDone, onError = () => {} }: LookingThrough,
): Promise<void> {
  const { tape, meta } = tapeKeys(tapeId);
  const init = await readInit(store, tape);
  const reading = await decoding(store, tape, init);
  checkUnlocked(`look for secrets in ${tapeId}`, reading);
  const size = await reading.size(tape) ?? 0;
  // One line that is too long says nothing of the others; but it may have anything in it.
  const split = lineSplit({ maxLineBytes: lineLimitOf(init), decoder: decoderOf(reading) });
  for await (const line of pipe(reading.openSource(tape, { end: size, signal }), split)) {
    onLine?.(line);
    lookAtLine(line, redaction, onError);
    const waits = onDone?.(line.nextOffset);
    if (waits !== undefined) await waits;
  }
  onLine?.(undefined);
  lookAtMetadata(await store.get(meta), redaction);
  await onDone?.(undefined);
}

function lookAtLine(line: TapeLine, redaction: Redaction, onError: (error: TapeError) => void): void {
  try {
    checkDecodes(line);
  } catch (error) {
    return onError(error as TapeError);
  }
  const { bytes, type } = line;
  const isStateful = type === "log" || redaction.isWaiting;
  const isTelling = type === undefined || bytes[bytes.length - 1] !== CLOSE;
  if (!isStateful && !isTelling && !redaction.maySee(bytes, 0, bytes.length)) return;
  let record: TapeRecord;
  try {
    record = parseLine(line);
  } catch (error) {
    if (line.terminated) onError(error as TapeError);
    return void redaction.text(decodeUtf8(bytes, 0, bytes.length));
  }
  // A dictionary is made of what stood on lines, and stands there as it is.
  if (CODED.has(record.type)) redaction.text(decodeUtf8(bytes, 0, bytes.length));
  else redaction.record(record);
}

function lookAtMetadata(bytes: Uint8Array | undefined, redaction: Redaction): void {
  if (bytes === undefined) return;
  const text = decodeUtf8(bytes, 0, bytes.length);
  let metadata: unknown;
  try {
    metadata = JSON.parse(text);
  } catch {
    return void redaction.text(text);
  }
  if (typeof metadata === "object" && metadata !== null) redaction.value(metadata);
}
