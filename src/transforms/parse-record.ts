import { checkOptions, type OptionNames, wrongChunk } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import { placeOf, type TapeLine } from "../lines/line.ts";
import { rememberText } from "../records/recorded-text.ts";
import { explainRecord, isParsedRecord } from "../records/record-guard.ts";
import type { TapeRecord } from "../records/record.ts";
import { type Stage, stage } from "../streams/stage.ts";

/** Options of {@linkcode parseRecord}. */
export interface ParseRecordOptions {
  /**
   * Is told of every line that is no record (code `corrupted_record`, with `line`, `offset` and `length`), and of an
   * unfinished last line. Without it such a line ends the stream with that error; an unfinished last line is left out.
   */
  readonly onError?: ((error: TapeError) => void) | undefined;
}

const OPTIONS: OptionNames<ParseRecordOptions> = { onError: true };

/**
 * Turns lines into records, each checked. A record is the object that stands on the line, unknown fields and types
 * included. A line that is none never costs its neighbours.
 *
 * @throws {TapeError} in the stream: code `corrupted_record` without `onError`
 *
 * @example Read past a damaged line
 * ```ts
 * import { lineSplit, memorySource, parseRecord, pipe } from "tapeline";
 *
 * const tape = memorySource('{"type":"log","ts":0,"stream":"stderr","text":"a"}\n#!?\n');
 * const records = pipe(tape, lineSplit(), parseRecord({ onError: (error) => console.error(error.message) }));
 * for await (const record of records) console.log(record.type);
 * ```
 */
export function parseRecord(options: ParseRecordOptions = {}): Stage<TapeLine, TapeRecord> {
  checkOptions("parse records", options, OPTIONS);
  const { onError } = options;
  return stage<TapeLine, TapeRecord>({
    transform(line, emit) {
      let record: TapeRecord;
      try {
        record = parseLine(line);
      } catch (error) {
        // Looked at only now, as every line of every tape comes by.
        if (typeof (Object(line) as Partial<TapeLine>).terminated !== "boolean") {
          throw wrongChunk("parse records", "the lines of lineSplit()", line);
        }
        if (onError !== undefined) onError(error as TapeError);
        else if (line.terminated) throw error;
        return;
      }
      emit(record);
    },
  });
}

/**
 * The record on one line.
 *
 * @throws {TapeError} code `corrupted_record`: the line is no record
 */
export function parseLine(line: TapeLine): TapeRecord {
  let value: unknown;
  let text: string;
  try {
    text = line.text();
    value = JSON.parse(text);
  } catch (cause) {
    // The error of JSON.parse repeats a part of the text, which may be secret.
    throw cause instanceof SyntaxError ? corrupted(line, "it is not JSON") : corrupted(line, "it is not UTF-8", cause);
  }
  if (!isParsedRecord(value)) throw corrupted(line, explainRecord(value));
  if (value.type === "frame") rememberText(value.env, text);
  return value;
}

function corrupted(line: TapeLine, why: string, cause?: unknown): TapeError {
  const reason = line.length === 0 ? "it is empty" : why;
  return new TapeError(
    "corrupted_record",
    line.terminated
      ? `Cannot read ${placeOf(line)}: ${reason}`
      : `Cannot read ${placeOf(line)}: it has no end, so it is torn or still being written`,
    { line: line.number > 0 ? line.number : undefined, offset: line.offset, length: line.length, cause },
  );
}
