import { type Bytes, concat } from "../../bytes/bytes.ts";
import { crc32 } from "../../bytes/crc32.ts";
import type { LineDecoder, LineEncoder } from "../../lines/coded-line.ts";
import type { TapeLine } from "../../lines/line.ts";
import { headerOf } from "../../lines/line-header.ts";
import type { CheckpointRecord, TapeRecord } from "../../records/record.ts";
import { RunningStats } from "../../records/running-stats.ts";
import type { TapeSink } from "../../streams/sink.ts";
import { recordLine } from "../../transforms/encode-record.ts";
import { checksumText, UNSEALED } from "../write/commit/seal.ts";

const BLOCK_BYTES = 256 * 1024;
const LINE_END = Uint8Array.of(0x0a);
/** Types of lines that only tell how others are coded. */
const OF_CODING: ReadonlySet<string> = new Set(["epoch", "dictionary"]);
const encoder = new TextEncoder();

/** Writes a tape line by line: counts what it writes, and seals its checkpoints. */
export class RepairOutput {
  readonly stats: RunningStats = new RunningStats();
  readonly #sink: TapeSink;
  readonly #encoder: LineEncoder | undefined;
  #pieces: Bytes[] = [];
  #waiting = 0;
  #crc = 0;
  #offset = 0;
  /** Whether the last line is a final checkpoint. */
  isFinal = false;

  /** @param decoder that of the damaged tape; undefined where its lines are plain */
  constructor(sink: TapeSink, decoder?: LineDecoder) {
    this.#sink = sink;
    // Where lines tell which of them are missing, all are coded anew. On a compressed tape a line of our own is plain: its dictionary may come later.
    this.#encoder = decoder?.anew?.();
  }

  /** Bytes so far. */
  get size(): number {
    return this.#offset;
  }

  /** Adds a line as it stands on another tape. */
  line(line: TapeLine, record: TapeRecord): Promise<void> | undefined {
    if (this.#encoder === undefined) return this.plain(line.stored, record);
    // What tells how its lines are coded is told anew.
    return OF_CODING.has(record.type) ? undefined : this.#coded(line.bytes, record);
  }

  /** Adds a line that is plain on every tape. */
  plain(bytes: Uint8Array, record: TapeRecord): Promise<void> | undefined {
    return this.#add(concat([bytes.slice(), LINE_END]), record);
  }

  /** Adds a record of our own. */
  record(record: TapeRecord): Promise<void> | undefined {
    const line = encoder.encode(recordLine(record));
    if (this.#encoder === undefined || record.type === "init") return this.#add(line, record);
    return this.#coded(line.subarray(0, -1), record);
  }

  #coded(bytes: Uint8Array, record: TapeRecord): Promise<void> | undefined {
    const { type = "", seq, ts } = headerOf(record);
    return this.#add(this.#encoder!.encode(bytes, { kind: type, seq, ts }), record);
  }

  /** Adds a checkpoint, with the statistics and the checksum that are right for it here. */
  checkpoint(checkpoint: CheckpointRecord): Promise<void> | undefined {
    const { crc32: _theirs, signature: _signature, stats, ...rest } = checkpoint;
    const { lost_frame_count: _lost, tool_error_count: _toolErrors, ...known } = stats;
    const seq = this.stats.lastSequence ?? 0;
    const counted = this.stats.snapshot(this.#offset);
    const own = { ...rest, seq, stats: { ...known, ...counted }, crc32: UNSEALED };
    const bytes = this.#encoder?.checkpointLines?.(own) ?? encoder.encode(recordLine(own));
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
