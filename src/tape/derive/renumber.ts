import { checkOptions, type OptionNames, wantRecord } from "../../arguments.ts";
import { TapeError } from "../../errors.ts";
import type { TapeRecord } from "../../records/record.ts";
import { checkTapeId, newTapeId } from "../../records/tape-id.ts";
import { lineLimitOf } from "../../stores/line-limit.ts";
import { type Stage, stage } from "../../streams/stage.ts";
import { DEFAULT_MAX_LINE_BYTES } from "../../transforms/line-split.ts";
import { startOf } from "./derived-init.ts";
import { Renumbering, SourceRenumbering } from "./frames/renumbering.ts";

/** Options of {@linkcode renumber}. */
export interface RenumberOptions {
  /**
   * Id of the new tape.
   *
   * @default {a new ULID}
   */
  readonly tapeId?: string | undefined;
  /** What was done to the records, for whoever reads the new tape: `filter`, or a word of yours. */
  readonly by?: string | undefined;
  /** What was asked for. */
  readonly query?: string | undefined;
}

const OPTIONS: OptionNames<RenumberOptions> = { tapeId: true, by: true, query: true };

/**
 * Makes a tape of its own of records that were chosen from another one: the init record gets an id of its own and says where
 * the tape comes from, frames are numbered from 0 and say which number they had, and correlations follow them; one of which a
 * side is not there is left out, and so are checkpoints. Messages keep their text, and times stay what they were.
 *
 * Memory is bounded: of older frames only requests without an answer are remembered. {@linkcode deriveTape} does all of it,
 * for one tape or for several.
 *
 * @throws {TapeError} code `invalid_argument`: an option that cannot be; in the stream: what comes is no record
 *
 * @example
 * ```ts
 * import { checkpointInjector, encodeRecord, filter, memorySink, pipe, renumber, type TapeRecord } from "tapeline";
 *
 * const frame = (seq: number) => ({ type: "frame" as const, seq, ts: seq, dir: "client_to_server" as const, env: { raw: "" } });
 * const odd = filter((record: TapeRecord) => record.type !== "frame" || record.seq % 2 === 1);
 * const tape = memorySink();
 * await pipe([frame(0), frame(1), frame(2), frame(3)], odd, renumber(), checkpointInjector(), encodeRecord(), tape);
 * console.log(tape.text()); // frames 0 and 1, which were 1 and 3
 * ```
 */
export function renumber(options: RenumberOptions = {}): Stage<TapeRecord, TapeRecord> {
  checkOptions("renumber records", options, OPTIONS);
  const { tapeId = newTapeId(), by = "renumber", query } = options;
  checkTapeId(tapeId);
  for (const [name, value] of Object.entries({ by, query })) {
    if (value === undefined || typeof value === "string") continue;
    throw new TapeError("invalid_argument", `Cannot renumber records: ${name} must be a text`);
  }
  const numbers = new SourceRenumbering(new Renumbering(), {});
  let hasInit = false;
  return stage<TapeRecord, TapeRecord>({
    transform(record, emit) {
      wantRecord("renumber records", record);
      if (record.type !== "init") {
        const placed = numbers.record(record);
        if (placed !== undefined) emit(placed);
      } else if (!hasInit) {
        hasInit = true;
        // How long its lines are is not known: where they may be longer than those of other tapes, the new one says so too.
        const maxLineBytes = lineLimitOf(record);
        const size = maxLineBytes > DEFAULT_MAX_LINE_BYTES ? Infinity : 0;
        emit(startOf([{ init: record, size, maxLineBytes, query }], "given", tapeId, by).init);
      }
    },
  });
}
