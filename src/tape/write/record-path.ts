import type { GapRecord, TapeRecord } from "../../records/record.ts";
import type { SplicedLine } from "../../lines/line-encoder.ts";
import type { Emit, StageSpec } from "../../streams/stage-spec.ts";
import { recordLine, splicedLine } from "../../transforms/encode-record.ts";
import { reasonOf } from "./commit/ledger.ts";
import type { PendingLines } from "./commit/pending-lines.ts";
import type { CheckpointSeal } from "./commit/sealing.ts";

type Step = StageSpec<TapeRecord, TapeRecord>;

/**
 * The way of a record to its line. `correlator` matches it, `checkpointInjector` counts it, and what comes out becomes a line
 * as `encodeRecord` would write it: the functions of these stages, one calling the next.
 */
export class RecordPath {
  readonly #correlator: Step;
  readonly #checkpoints: Step;
  readonly #lines: PendingLines;
  readonly #seal: CheckpointSeal;
  readonly #elapsedMs: () => number;
  readonly #count: Emit<TapeRecord>;
  readonly #append: Emit<TapeRecord>;
  #line: string | SplicedLine = "";
  #ownLine = 0;

  /** @param seal what checkpoints get, in place of what is filled in when they are written */
  constructor(
    correlator: Step,
    checkpoints: Step,
    lines: PendingLines,
    seal: CheckpointSeal,
    elapsedMs: () => number,
  ) {
    this.#correlator = correlator;
    this.#checkpoints = checkpoints;
    this.#lines = lines;
    this.#seal = seal;
    this.#elapsedMs = elapsedMs;
    this.#count = emitter((record) => {
      // Made before it is counted: one that cannot be made is not counted.
      this.#line = splicedLine(record);
      this.#checkpoints.transform(record, this.#append);
    });
    this.#append = emitter((record) => this.#appendLine(record));
  }

  /** The last line that is a frame, a log or a gap: what came along with it, such as a checkpoint, is behind. */
  get ownLine(): number {
    return this.#ownLine;
  }

  /**
   * Sends a record on its way, and with it what follows from it. Where a stage throws, what is whole stays, and a gap says
   * that something is missing: the record, or only what should have followed.
   */
  push(record: TapeRecord): void {
    const before = this.#ownLine;
    try {
      this.#correlator.transform(record, this.#count);
    } catch (error) {
      const missing = this.#ownLine === before ? numbersOf(record) : NO_FRAME;
      this.#count({ type: "gap", ts: this.#elapsedMs(), ...missing, reason: `internal: ${reasonOf(error)}` });
      throw error;
    }
  }

  /** Ends the tape: reports the requests that stay open, then how the session has ended, then the final checkpoint. */
  end(sessionEnd: TapeRecord | undefined): void {
    this.#correlator.flush?.(this.#count);
    if (sessionEnd !== undefined) this.#count(sessionEnd);
    this.#checkpoints.flush?.(this.#append);
  }

  #appendLine(record: TapeRecord): void {
    if (record.type === "checkpoint") {
      this.#lines.appendLast(recordLine({ ...record, ...this.#seal }));
      return;
    }
    this.#lines.append(this.#line);
    if (record.type !== "correlation") this.#ownLine = this.#lines.count;
  }
}

type Missing = Pick<GapRecord, "from_seq" | "to_seq" | "count">;

const NO_FRAME: Missing = { from_seq: null, to_seq: null, count: 0 };

/** The sequence numbers that are missing without this record. */
function numbersOf(record: TapeRecord): Missing {
  if (record.type === "frame") return { from_seq: record.seq, to_seq: record.seq, count: 1 };
  if (record.type === "gap") return { from_seq: record.from_seq, to_seq: record.to_seq, count: record.count };
  return NO_FRAME;
}

function emitter(emit: (record: TapeRecord) => void): Emit<TapeRecord> {
  return Object.assign(emit, { terminate() {} });
}
