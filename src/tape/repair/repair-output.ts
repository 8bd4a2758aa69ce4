import { type Bytes, concat } from "../../lines/bytes.ts";
import { crc32 } from "../../lines/crc32.ts";
import type { CheckpointRecord, TapeRecord } from "../../records/record.ts";
import { RunningStats } from "../../records/running-stats.ts";
import type { TapeSink } from "../../streams/sink.ts";
import { recordLine } from "../../transforms/encode-record.ts";
import { checksumText, UNSEALED } from "../write/commit/seal.ts";

const BLOCK_BYTES = 256 * 1024;
const LINE_END = Uint8Array.of(0x0a);
const encoder = new TextEncoder();

/** Writes a tape line by line: counts what it writes, and seals its checkpoints. */
export class RepairOutput {
  readonly stats: RunningStats = new RunningStats();
  readonly #sink: TapeSink;
  #pieces: Bytes[] = [];
  #waiting = 0;
  #crc = 0;
  #offset = 0;
  /** Whether the last line is a final checkpoint. */
  isFinal = false;

  constructor(sink: TapeSink) {
    this.#sink = sink;
  }

  /** Bytes so far. */
  get size(): number {
    return this.#offset;
  }

  /** Adds a line as it stands on another tape. */
  line(bytes: Uint8Array, record: TapeRecord): Promise<void> | undefined {
    return this.#add(concat([bytes.slice(), LINE_END]), record);
  }

  /** Adds a record of our own. */
  record(record: TapeRecord): Promise<void> | undefined {
    return this.#add(encoder.encode(recordLine(record)), record);
  }

  /** Adds a checkpoint, with the statistics and the checksum that are right for it here. */
  checkpoint(checkpoint: CheckpointRecord): Promise<void> | undefined {
    const { crc32: _theirs, stats, ...rest } = checkpoint;
    const { lost_frame_count: _lost, tool_error_count: _toolErrors, ...known } = stats;
    const seq = this.stats.lastSequence ?? 0;
    const own = { ...rest, seq, stats: { ...known, ...this.stats.snapshot(this.#offset) }, crc32: UNSEALED };
    const bytes = encoder.encode(recordLine(own));
    const end = bytes.length - '"}\n'.length;
    const crc = crc32(bytes.subarray(0, end - UNSEALED.length), this.#crc);
    encoder.encodeInto(checksumText(crc), bytes.subarray(end - UNSEALED.length, end));
    const added = this.#add(bytes, own);
    this.#crc = 0;
    this.isFinal = checkpoint.final === true;
    return added;
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#waiting = 0;
    if (pieces.length > 0) await this.#sink.append([concat(pieces)]);
  }

  #add(bytes: Bytes, record: TapeRecord): Promise<void> | undefined {
    this.isFinal = false;
    this.stats.add(record);
    this.#crc = crc32(bytes, this.#crc);
    this.#offset += bytes.length;
    this.#pieces.push(bytes);
    this.#waiting += bytes.length;
    return this.#waiting < BLOCK_BYTES ? undefined : this.flush();
  }
}
