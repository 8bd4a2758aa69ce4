import { checkOptions, type OptionNames, wrongChunk } from "../arguments.ts";
import type { TapeError } from "../errors.ts";
import type { TapeLine } from "../lines/line.ts";
import { takeApart } from "../lines/line-parts.ts";
import { parseLine } from "../lines/parse-line.ts";
import type { TapeRecord } from "../records/record.ts";
import { type Stage, stage } from "../streams/stage.ts";
import { KEEPS_NOTHING, type StageSpec, type StageTraits } from "../streams/stage-spec.ts";

/** Options of {@linkcode parseRecord}. */
export interface ParseRecordOptions {
  /**
   * Is told of everything that is no record (code `corrupted_record`, with `line`, `offset` and `length`): a line, or a
   * part of one. Without it that ends the stream with that error; but a byte order mark and an unfinished last line,
   * with which nothing is lost, are left out.
   */
  readonly onError?: ((error: TapeError) => void) | undefined;
}

const OPTIONS: OptionNames<ParseRecordOptions> = { onError: true };

/**
 * Turns lines into records, each checked. A record is the object that stands on the line, unknown fields and types
 * included. What is none never costs its neighbours, not even on the same line: of a torn record and a whole one behind it
 * the whole one is delivered.
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
  const spec: StageSpec<TapeLine, TapeRecord> & StageTraits<TapeLine, TapeRecord> = {
    transform(line, emit) {
      let record: TapeRecord;
      try {
        record = parseLine(line);
      } catch (error) {
        // Looked at only now, as every line of every tape comes by.
        if (typeof (Object(line) as Partial<TapeLine>).terminated !== "boolean") {
          throw wrongChunk("parse records", "the lines of lineSplit()", line);
        }
        return readDamaged(line, error as TapeError, emit);
      }
      emit(record);
    },
    [KEEPS_NOTHING]: true,
  };
  return stage(spec);

  function readDamaged(line: TapeLine, error: TapeError, emit: (record: TapeRecord) => void): void {
    for (const part of takeApart(line, error)) {
      if (part.record !== undefined) emit(part.record);
      else if (onError !== undefined) onError(part.error);
      else if (part.isLoss) throw part.error;
    }
  }
}
