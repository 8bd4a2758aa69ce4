/**
 * What is wrong with a tape, for a program to decide on:
 *
 * - `bad_line`: a line, or a part of one, is no record
 * - `shared_line`: several records stand on one line
 * - `line_too_long`: a line is longer than the limit
 * - `torn_end`: the last line has no end; it is torn, or still being written
 * - `no_init`: the first line is no init record
 * - `second_init`: an init record stands behind the first line
 * - `frames_missing`: numbers are left out and no gap record says so
 * - `frame_repeated`: the number of a frame has been there before
 * - `frame_misplaced`: a frame stands behind frames with higher numbers
 * - `time_back`: a frame has an earlier time than the one before it
 * - `gap_wrong`: a gap record says that a frame is missing that is there
 * - `correlation_wrong`: a correlation does not fit the frames that it names
 * - `counts_differ`: a checkpoint counts other than the tape does
 * - `seal_broken`: the checksum of a checkpoint does not fit, or cannot be read
 * - `signature_wrong`: what stands before a checkpoint is not what its signer has signed, or its signature cannot be read
 * - `chain_broken`: a signer has found something else before the range of a checkpoint
 * - `signer_unknown`: somebody has signed who was not named
 * - `not_signed`: nobody vouches for the tape, or for what stands at its end
 * - `cut_off`: the metadata know of an end that the tape has not
 * - `id_differs`: the tape, or its metadata, carry another id than their name
 * - `metadata_unreadable`, `metadata_differ`: the metadata cannot be read, or tell of other numbers
 * - `sealing_broken`: lines of an encrypted tape are missing, doubled or misplaced, a checkpoint is not authentic; or, a notice, the tape has no
 *   authentic end
 * - `index_wrong`: there is an index, which is not that of the tape as it is
 */
export type FindingCode =
  | "bad_line"
  | "shared_line"
  | "line_too_long"
  | "torn_end"
  | "no_init"
  | "second_init"
  | "frames_missing"
  | "frame_repeated"
  | "frame_misplaced"
  | "time_back"
  | "gap_wrong"
  | "correlation_wrong"
  | "counts_differ"
  | "seal_broken"
  | "sealing_broken"
  | "signature_wrong"
  | "chain_broken"
  | "signer_unknown"
  | "not_signed"
  | "cut_off"
  | "id_differs"
  | "metadata_unreadable"
  | "metadata_differ"
  | "index_wrong";

/** One thing that {@linkcode verifyTape} has found. */
export interface Finding {
  /** What was found, for a program. */
  readonly code: FindingCode;
  /**
   * `damage`: something on the tape is wrong or was lost without a word. `notice`: worth knowing, but the tape may be as
   * it was written: it is about what stands beside the tape, or about a count that other writers understand otherwise.
   */
  readonly severity: "damage" | "notice";
  /** What was found, for a person: one sentence without its place. Foreign text in it is escaped. */
  readonly message: string;
  /** Line of the tape, counted from 1; left out where it is about the tape as a whole. */
  readonly line?: number | undefined;
  /** Bytes from the start of the tape to where it begins. */
  readonly offset?: number | undefined;
  /** Bytes that it is about. */
  readonly length?: number | undefined;
}

/** Takes findings as they are made. */
export type Report = (finding: Finding) => void;

/** Where a finding belongs. */
export type Place = Pick<Finding, "line" | "offset" | "length">;

/** The place of a line. */
export function placeOfLine(
  line: { readonly number: number; readonly offset: number; readonly length: number },
): Place {
  return { line: line.number, offset: line.offset, length: line.length };
}

/** `line 7`, `lines 7 to 9` */
export function linesText(from: number, to: number): string {
  return from === to ? `line ${from}` : `lines ${from} to ${to}`;
}

/** `frame 7`, `frames 7 to 9` */
export function framesText(from: number, to: number): string {
  return from === to ? `frame ${from}` : `frames ${from} to ${to}`;
}
