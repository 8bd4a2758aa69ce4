import type { Bytes } from "../../../bytes/bytes.ts";
import { printable } from "../../../errors.ts";
import { TapeLine } from "../../../lines/line.ts";
import type { RunningStats } from "../../../records/running-stats.ts";
import type { GapRecord, TapeRecord } from "../../../records/record.ts";
import { recordLine } from "../../../transforms/encode-record.ts";
import { parseLine } from "../../../lines/parse-line.ts";

/** Frames that were lost since the last line that could be written. */
interface Loss {
  /** When the last of them was stamped: no later than any frame behind the gap. */
  ts: number | undefined;
  from: number | undefined;
  to: number | undefined;
  count: number;
  reason: string;
}

/** Keeps count of what is on a tape, or on its way there, and of what was lost on the way. */
export class Ledger {
  /** The statistics of the tape. */
  readonly stats: RunningStats;
  readonly #elapsedMs: () => number;
  readonly #tellLoss: ((record: TapeRecord, error: unknown) => void) | undefined;
  readonly #appended: () => number;
  /** What the tape has beyond what was appended to it by this writer. */
  #beyond: number;
  #loss: Loss | undefined;
  #announced: { readonly gap: GapRecord; readonly line: Bytes } | undefined;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param stats what the tape has so far
   * @param size how many bytes that is
   * @param appended how many bytes were appended since
   */
  constructor(
    stats: RunningStats,
    size: number,
    appended: () => number,
    elapsedMs: () => number,
    tellLoss: ((record: TapeRecord, error: unknown) => void) | undefined,
  ) {
    this.stats = stats;
    this.#beyond = size;
    this.#appended = appended;
    this.#elapsedMs = elapsedMs;
    this.#tellLoss = tellLoss;
  }

  /** Bytes of the tape, counting those that still wait to be written. */
  get size(): number {
    return this.#beyond + this.#appended();
  }

  /** Why lines were lost that the tape does not tell of yet. */
  get lossReason(): string | undefined {
    return this.#loss?.reason;
  }

  /** Forgets the last failure, and throws it if there was one. */
  throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  /** Forgets the last failure. */
  forgetFailure(): void {
    this.#failure = undefined;
  }

  /** The gap record that has to be written first, where lines were lost. */
  announceLoss(): Bytes | undefined {
    if (this.#loss === undefined) return undefined;
    const { ts = this.#elapsedMs(), from = null, to = null, count, reason } = this.#loss;
    const gap: GapRecord = { type: "gap", ts, from_seq: from, to_seq: to, count, reason };
    const line = new TextEncoder().encode(recordLine(gap));
    this.#announced = { gap, line };
    return line;
  }

  /** What was announced has arrived. */
  onWritten(): void {
    if (this.#announced === undefined) return;
    this.stats.add(this.#announced.gap);
    this.#beyond += this.#announced.line.length;
    this.#announced = undefined;
    this.#loss = undefined;
  }

  /** These lines will not be written. */
  onLost(pieces: readonly Bytes[], error: unknown): void {
    this.#announced = undefined;
    const loss = this.#loss ??= { ts: undefined, from: undefined, to: undefined, count: 0, reason: reasonOf(error) };
    for (const { line, bytes } of linesIn(pieces)) {
      this.#beyond -= bytes.length;
      const record = parseLine(line);
      this.stats.subtract(record);
      this.#tell(record, error);
      if ("ts" in record && typeof record.ts === "number") loss.ts = Math.max(loss.ts ?? 0, record.ts);
      if (record.type === "frame") {
        loss.from ??= record.seq;
        loss.to = record.seq;
        loss.count++;
      } else if (record.type === "gap") {
        // What this one was to tell of, the next one tells of.
        loss.from ??= record.from_seq ?? undefined;
        loss.to = record.to_seq ?? loss.to;
        loss.count += record.count;
      }
    }
    this.#failure ??= { error };
  }

  /** What the listener throws is nobody's here: it ends as an uncaught error, and writing goes on. */
  #tell(record: TapeRecord, error: unknown): void {
    try {
      this.#tellLoss?.(record, error);
    } catch (thrown) {
      queueMicrotask(() => {
        throw thrown;
      });
    }
  }

  /** A checkpoint that counted what is lost now must not be written; the next one will be true. */
  withoutCheckpoints(pieces: readonly Bytes[]): readonly Bytes[] {
    const kept: Bytes[] = [];
    for (const { line, bytes } of linesIn(pieces)) {
      if (line.type === "checkpoint") {
        this.#beyond -= bytes.length;
        this.stats.subtract({ type: line.type });
      } else kept.push(bytes);
    }
    return kept;
  }
}

/** The lines that were encoded into these bytes. None spans two pieces. */
function* linesIn(pieces: readonly Bytes[]): Generator<{ readonly line: TapeLine; readonly bytes: Bytes }> {
  for (const piece of pieces) {
    for (let start = 0, end; start < piece.length; start = end) {
      end = piece.indexOf(LF, start) + 1;
      yield { line: new TapeLine(piece, start, end - 1, 0, 0, true), bytes: piece.subarray(start, end) };
    }
  }
}

const LF = 0x0a;

/** What went wrong, in one line that is safe to print. */
export function reasonOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error), 400);
}
