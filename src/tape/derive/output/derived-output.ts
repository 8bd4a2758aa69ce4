import type { SessionEnd } from "../../../records/metadata.ts";
import type { CheckpointRecord, EndRecord, TapeRecord } from "../../../records/record.ts";
import { type CountedRecord, RunningStats } from "../../../records/running-stats.ts";
import { recordLine } from "../../../transforms/encode-record.ts";
import { LineOutput, type LineTarget, type OutputCoding } from "./line-output.ts";

const EVERY_FRAMES = 1000;
const EVERY_MS = 60_000;
const encoder = new TextEncoder();

/** Writes a tape that is made of others, line by line: counts what it writes, and puts checkpoints there now and then. */
export class DerivedOutput {
  readonly stats: RunningStats = new RunningStats();
  /** How the session has ended, if no frame has come behind that. */
  sessionEnd: SessionEnd | undefined;
  /** Whether anything stands on it beside its `init` record and checkpoints. */
  hasContent = false;
  readonly #lines: LineOutput;
  #framesSince = 0;
  #checkpointTs = 0;

  constructor(target: LineTarget, coding?: OutputCoding) {
    this.#lines = new LineOutput(target, coding);
  }

  /** Bytes so far. */
  get size(): number {
    return this.#lines.size;
  }

  /** Adds a line with its `\n`, which is copied. A promise where it has to be waited for room. */
  line(line: Uint8Array, record: CountedRecord): Promise<void> | undefined {
    return this.#counted(record, this.#lines.line(line, record));
  }

  /** Adds a line that begins with a text in ASCII and goes on with bytes, which are copied; a `\n` follows. */
  spliced(text: string, bytes: Uint8Array, from: number, to: number, record: CountedRecord): Promise<void> | undefined {
    return this.#counted(record, this.#lines.spliced(text, bytes, from, to, record));
  }

  /** Adds a record. */
  record(record: TapeRecord): Promise<void> | undefined {
    return this.line(encoder.encode(recordLine(record)), record);
  }

  /** Ends the tape with its final checkpoint, and waits until all of it has been taken. */
  async finish(): Promise<void> {
    await this.#checkpoint(true);
    await this.#lines.finish();
  }

  /** Counts what was written, and lets a checkpoint follow now and then. */
  #counted(record: CountedRecord, written: Promise<void> | undefined): Promise<void> | undefined {
    this.stats.add(record);
    this.hasContent ||= record.type !== "init";
    if (record.type === "end") this.sessionEnd = sessionEndOf(record as EndRecord);
    if (record.type !== "frame") return written;
    this.sessionEnd = undefined;
    const ts = record.ts as number;
    if (++this.#framesSince === 1 && this.stats.frameCount === 1) this.#checkpointTs = ts;
    const isDue = this.#framesSince >= EVERY_FRAMES || ts - this.#checkpointTs >= EVERY_MS;
    if (!isDue) return written;
    this.#framesSince = 0;
    this.#checkpointTs = ts;
    const sealed = this.#checkpoint(false);
    return written === undefined || sealed === undefined ? written ?? sealed : written.then(() => sealed);
  }

  #checkpoint(isFinal: boolean): Promise<void> | undefined {
    const checkpoint: CheckpointRecord = {
      type: "checkpoint",
      checkpoint_at: new Date().toISOString(),
      seq: this.stats.lastSequence ?? 0,
      stats: this.stats.snapshot(this.size),
      ...(isFinal ? { final: true } : {}),
    };
    const written = this.#lines.checkpoint(checkpoint);
    this.stats.add(checkpoint);
    return written;
  }
}

function sessionEndOf({ type: _type, origin: _origin, ...end }: EndRecord): SessionEnd {
  return end;
}
