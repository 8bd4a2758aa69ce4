import { isTapeError, TapeError } from "../errors.ts";
import { explainRecord, isParsedRecord } from "../records/record-guard.ts";
import type { TapeRecord } from "../records/record.ts";
import { rememberLine } from "../records/recorded-text.ts";
import { keepOne } from "../bytes/keep-one.ts";
import { placeOf, takeOver, TapeLine } from "./line.ts";

/**
 * The record on one line.
 *
 * @param tapeId the tape that the line is from, where it is known
 * @param number the number of the line, where it was counted by somebody else
 * @throws {TapeError} code `corrupted_record`: the line is no record
 */
export function parseLine(line: TapeLine, tapeId?: string, number: number = line.number): TapeRecord {
  const known = takeOver(line);
  if (known !== undefined) return known;
  checkDecodes(line);
  let value: unknown;
  let text: string;
  try {
    text = line.text();
    value = JSON.parse(text);
  } catch (cause) {
    // The error of JSON.parse repeats a part of the text, which may be secret.
    if (isUtf16(line.stored)) throw corrupted(line, "it is UTF-16, not UTF-8");
    throw cause instanceof SyntaxError ? corrupted(line, "it is not JSON") : corrupted(line, "it is not UTF-8", cause);
  }
  if (!isParsedRecord(value)) throw corrupted(line, explainRecord(value));
  const stored = line.isCoded ? line.stored : undefined;
  rememberLine(value, { text, offset: line.offset, number, tapeId, stored });
  return value;
}

/**
 * What a decoder says of a line that does not decode is told with the place of the line.
 *
 * @throws {TapeError} code `corrupted_record`
 */
export function checkDecodes(line: TapeLine): void {
  if (!line.isCoded) return;
  try {
    void line.bytes;
  } catch (error) {
    if (!isTapeError(error, "corrupted_record")) throw error;
    throw corrupted(line, error.message, error.cause);
  }
}

/** The same for a part of a damaged line, of which nobody wants to know why it is no record; undefined for one that is none. */
export function recordOn(line: TapeLine, tapeId?: string): TapeRecord | undefined {
  try {
    const text = line.text();
    const value: unknown = JSON.parse(text);
    if (!isParsedRecord(value)) return undefined;
    const stored = line.isCoded ? line.stored : undefined;
    rememberLine(value, { text, offset: line.offset, number: line.number, tapeId, stored });
    return value;
  } catch {
    return undefined;
  }
}

/** The error that says why a line, or a part of one, is no record. */
export function corrupted(line: TapeLine, why: string, cause?: unknown): TapeError {
  const reason = line.length === 0 ? "it is empty" : why;
  return new TapeError(
    "corrupted_record",
    line.terminated
      ? `Cannot read ${placeOf(line)}: ${reason}`
      : `Cannot read ${placeOf(line)}: it has no end, so it is torn or still being written`,
    { line: line.number > 0 ? line.number : undefined, offset: line.offset, length: line.length, cause },
  );
}

/** Whether a line looks like UTF-16: every other one of its first bytes is NUL. A byte order mark is passed over. */
export function isUtf16(bytes: Uint8Array): boolean {
  const start = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff) ? 2 : 0;
  const first = [...bytes.subarray(start, start + 4)].map((byte) => byte === 0);
  return first.length === 4 && first[0] !== first[1] && first[0] === first[2] && first[1] === first[3];
}

// The kinds of frames that most tapes consist of.
const FRAME = '{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","ts_us":0';
for (
  const text of [
    `${FRAME},"correlation_id":"c","flags":{"requires_response":true},"env":{"message":{}}}`,
    `${FRAME},"correlation_id":"c","env":{"message":{}}}`,
    `${FRAME},"flags":{"is_notification":true},"env":{"message":{}}}`,
  ]
) {
  const line = new TapeLine(new TextEncoder().encode(text), 0, text.length, 0, 1, true);
  keepOne([line, line.type, parseLine(line)]);
}
