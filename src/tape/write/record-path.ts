import type { TapeRecord } from "../../records/record.ts";
import type { Emit, StageSpec } from "../../streams/stage-spec.ts";
import { recordLine, splicedLine } from "../../transforms/encode-record.ts";
import type { PendingLines } from "./commit/pending-lines.ts";
import { UNSEALED } from "./commit/seal.ts";

type Step = StageSpec<TapeRecord, TapeRecord>;

/**
 * The way of a record to its line. `correlator` matches it, `checkpointInjector` counts it, and what comes out becomes a line
 * as `encodeRecord` would write it: the functions of these stages, one calling the next.
 */
export class RecordPath {
  readonly #correlator: Step;
  readonly #checkpoints: Step;
  readonly #lines: PendingLines;
  readonly #isSealing: boolean;
  readonly #count: Emit<TapeRecord>;
  readonly #append: Emit<TapeRecord>;
  #ownLine = 0;

  /** @param isSealing whether checkpoints get a checksum, for which room is left */
  constructor(correlator: Step, checkpoints: Step, lines: PendingLines, isSealing: boolean) {
    this.#correlator = correlator;
    this.#checkpoints = checkpoints;
    this.#lines = lines;
    this.#isSealing = isSealing;
    this.#count = emitter((record) => this.#checkpoints.transform(record, this.#append));
    this.#append = emitter((record) => this.#appendLine(record));
  }

  /** The last line that is a frame, a log or a gap: what came along with it, such as a checkpoint, is behind. */
  get ownLine(): number {
    return this.#ownLine;
  }

  /** Sends a record on its way, and with it what follows from it. */
  push(record: TapeRecord): void {
    this.#correlator.transform(record, this.#count);
  }

  /** Ends the tape: reports the requests that stay open, then how the session has ended, then the final checkpoint. */
  end(sessionEnd: TapeRecord | undefined): void {
    this.#correlator.flush?.(this.#count);
    if (sessionEnd !== undefined) this.#count(sessionEnd);
    this.#checkpoints.flush?.(this.#append);
  }

  #appendLine(record: TapeRecord): void {
    if (record.type === "checkpoint") {
      this.#lines.appendLast(recordLine(this.#isSealing ? { ...record, crc32: UNSEALED } : record));
      return;
    }
    this.#lines.append(splicedLine(record));
    if (record.type !== "correlation") this.#ownLine = this.#lines.count;
  }
}

function emitter(emit: (record: TapeRecord) => void): Emit<TapeRecord> {
  return Object.assign(emit, { terminate() {} });
}
