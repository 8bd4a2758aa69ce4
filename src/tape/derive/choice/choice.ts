import type { TapeLine } from "../../../lines/line.ts";
import { parseLine } from "../../../lines/parse-line.ts";
import type { Direction, FrameRecord, TapeRecord } from "../../../records/record.ts";

/** A record that may be taken. What it says before its message is known; the rest is parsed for who asks. */
export interface Candidate {
  readonly type: string;
  /** A frame's number. */
  readonly seq: number | undefined;
  /** Milliseconds since the start of its tape. */
  readonly ts: number | undefined;
  /** A frame's direction. */
  readonly dir: Direction | undefined;
  /** The record, which is not to be changed. */
  record(): TapeRecord;
}

/**
 * What of a tape to take. It is asked for every frame, gap, log, end, and record of a type that is not known, in the order of
 * the tape. Correlations follow their frames, and checkpoints are made anew.
 */
export interface Choice {
  takes(candidate: Candidate): boolean;
  /** Set when nothing more will be taken: the rest of the tape need not be read. */
  readonly isOver?: boolean | undefined;
}

/**
 * What of a tape to take, line by line: it is shown all of them in their order, so that it may know of an answer what was asked. Of
 * a line that it does not accept nothing is taken, but for correlations of frames that are.
 */
export interface LineChoice {
  accepts(line: TapeLine): boolean;
  /** As {@linkcode Choice.isOver}. */
  readonly isOver?: boolean | undefined;
}

/** Takes all. */
export const ALL: Choice = { takes: () => true };

/** A record on a line. */
export class LineCandidate implements Candidate {
  readonly type: string;
  readonly seq: number | undefined;
  readonly ts: number | undefined;
  readonly dir: Direction | undefined;
  readonly #line: TapeLine | undefined;
  #record: TapeRecord | undefined;
  /** Whether the line turned out to be no record. */
  isDamaged = false;

  /** @param line where it stands; left out where the record is given */
  constructor(
    type: string,
    seq: number | undefined,
    ts: number | undefined,
    dir: Direction | undefined,
    line: TapeLine | undefined,
    record?: TapeRecord,
  ) {
    this.type = type;
    this.seq = seq;
    this.ts = ts;
    this.dir = dir;
    this.#line = line;
    this.#record = record;
  }

  /** A record that has been parsed. */
  static of(record: TapeRecord): LineCandidate {
    const { seq, ts, dir } = record as Partial<FrameRecord>;
    return new LineCandidate(record.type, seq, typeof ts === "number" ? ts : undefined, dir, undefined, record);
  }

  /** Whether it is known that the line is a record. */
  get isParsed(): boolean {
    return this.#record !== undefined;
  }

  record(): TapeRecord {
    try {
      return this.#record ??= parseLine(this.#line!);
    } catch (error) {
      this.isDamaged = true;
      throw error;
    }
  }
}
