import { crc32 } from "../../lines/crc32.ts";
import type { SessionEnd } from "../../records/metadata.ts";
import type { CheckpointRecord, EndRecord, TapeRecord } from "../../records/record.ts";
import { type CountedRecord, RunningStats } from "../../records/running-stats.ts";
import { recordLine } from "../../transforms/encode-record.ts";
import { putAscii } from "../../utf8.ts";
import { checksumText, UNSEALED } from "../write/commit/seal.ts";

/** Where the lines of a tape that is made go: a sink, or a pipe. */
export interface LineTarget {
  /** Settles when the bytes have been taken: then others may stand in their place. */
  append(chunks: readonly Uint8Array[]): Promise<void>;
}

const BLOCK_BYTES = 256 * 1024;
/** Longer lines are written by themselves. */
const LONG_BYTES = BLOCK_BYTES / 4;
const LF = 0x0a;
const EVERY_FRAMES = 1000;
const EVERY_MS = 60_000;
const encoder = new TextEncoder();

/** Writes a tape that is made of others, line by line: counts what it writes, and seals it by checkpoints now and then. */
export class DerivedOutput {
  readonly stats: RunningStats = new RunningStats();
  /** How the session has ended, if no frame has come behind that. */
  sessionEnd: SessionEnd | undefined;
  /** Whether anything stands on it beside its `init` record and checkpoints. */
  hasContent = false;
  readonly #target: LineTarget;
  #block = new Uint8Array(BLOCK_BYTES);
  #used = 0;
  /** Blocks that were taken, to be filled again. */
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  #writing: Promise<void> = Promise.resolve();
  /** Checksum of what stands behind the last checkpoint, but for what is in the block from `#summedTo` on. */
  #crc = 0;
  #summedTo = 0;
  #size = 0;
  #framesSince = 0;
  #checkpointTs = 0;

  constructor(target: LineTarget) {
    this.#target = target;
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Adds a line with its `\n`, which is copied. A promise where it has to be waited for room. */
  line(line: Uint8Array, record: CountedRecord): Promise<void> | undefined {
    return this.#counted(record, this.#put(line));
  }

  /** Adds a line that begins with a text in ASCII and goes on with bytes, which are copied; a `\n` follows. */
  spliced(text: string, bytes: Uint8Array, from: number, to: number, record: CountedRecord): Promise<void> | undefined {
    const { length } = text;
    const size = length + to - from + 1;
    if (size > LONG_BYTES) {
      const whole = new Uint8Array(size);
      putAscii(whole, text, 0);
      whole.set(bytes.subarray(from, to), length);
      whole[size - 1] = LF;
      return this.#counted(record, this.#put(whole));
    }
    const flushed = this.#used + size > BLOCK_BYTES ? this.#flush() : undefined;
    const block = this.#block;
    const start = this.#used;
    putAscii(block, text, start);
    block.set(bytes.subarray(from, to), start + length);
    block[start + size - 1] = LF;
    this.#used += size;
    this.#size += size;
    return this.#counted(record, flushed);
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

  /** Adds a record. */
  record(record: TapeRecord): Promise<void> | undefined {
    return this.line(encoder.encode(recordLine(record)), record);
  }

  /** Ends the tape with its final checkpoint, and waits until all of it has been taken. */
  async finish(): Promise<void> {
    await this.#checkpoint(true);
    await this.#flush();
    await this.#writing;
  }

  #checkpoint(isFinal: boolean): Promise<void> | undefined {
    const checkpoint: CheckpointRecord = {
      type: "checkpoint",
      checkpoint_at: new Date().toISOString(),
      seq: this.stats.lastSequence ?? 0,
      stats: this.stats.snapshot(this.#size),
      ...(isFinal ? { final: true } : {}),
      crc32: UNSEALED,
    };
    const bytes = encoder.encode(recordLine(checkpoint));
    const end = bytes.length - '"}\n'.length;
    this.#sum();
    const crc = crc32(bytes.subarray(0, end - UNSEALED.length), this.#crc);
    encoder.encodeInto(checksumText(crc), bytes.subarray(end - UNSEALED.length, end));
    const written = this.#put(bytes);
    this.stats.add(checkpoint);
    // The next range starts behind this line, wherever that stands now.
    this.#crc = 0;
    this.#summedTo = this.#used;
    return written;
  }

  #put(line: Uint8Array): Promise<void> | undefined {
    this.#size += line.length;
    if (this.#used + line.length <= BLOCK_BYTES) {
      this.#block.set(line, this.#used);
      this.#used += line.length;
      return undefined;
    }
    if (line.length > LONG_BYTES) return this.#putLong(line);
    const flushed = this.#flush();
    this.#block.set(line, 0);
    this.#used = line.length;
    return flushed;
  }

  /** A line that is only lent has to be written before anybody else comes. */
  #putLong(line: Uint8Array): Promise<void> {
    void this.#flush();
    this.#crc = crc32(line, this.#crc);
    const written = this.#writing.then(() => this.#target.append([line]));
    written.catch(() => {});
    return this.#writing = written;
  }

  /** Lets the block go. Settles when the one before it has been taken: so there are two on their way at most. */
  #flush(): Promise<void> {
    this.#sum();
    const before = this.#writing;
    if (this.#used === 0) return before;
    const block = this.#block;
    const full = block.subarray(0, this.#used);
    const writing = before.then(() => this.#target.append([full])).then(() => void this.#free.push(block));
    // Whoever comes next is told of a failure.
    writing.catch(() => {});
    this.#writing = writing;
    this.#block = this.#free.pop() ?? new Uint8Array(BLOCK_BYTES);
    this.#used = this.#summedTo = 0;
    return before;
  }

  #sum(): void {
    if (this.#used > this.#summedTo) this.#crc = crc32(this.#block.subarray(this.#summedTo, this.#used), this.#crc);
    this.#summedTo = this.#used;
  }
}

function sessionEndOf({ type: _type, origin: _origin, ...end }: EndRecord): SessionEnd {
  return end;
}
