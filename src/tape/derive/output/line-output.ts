import type { Bytes } from "../../../bytes/bytes.ts";
import type { LineEncoder } from "../../../lines/coded-line.ts";
import { headerOf } from "../../../lines/line-header.ts";
import type { CheckpointRecord } from "../../../records/record.ts";
import { recordLine } from "../../../transforms/encode-record.ts";
import { putAscii } from "../../../utf8.ts";
import { codedLines } from "../../write/commit/line-coding.ts";
import { Sealer, UNSEALED } from "../../write/commit/seal.ts";
import type { Sealing } from "../../write/commit/sealing.ts";

/** Where the lines of a tape that is made go: a sink, or a pipe. */
export interface LineTarget {
  /** Settles when the bytes have been taken: then others may stand in their place. */
  append(chunks: readonly Uint8Array[]): Promise<void>;
}

/** How the lines of a tape that is made are coded and sealed. */
export interface OutputCoding {
  /** Compresses or encrypts them; undefined where they are plain. */
  readonly encoder?: LineEncoder | undefined;
  /**
   * Completes the checkpoints.
   *
   * @default {checksums, and no signatures}
   */
  readonly sealing?: Sealing | undefined;
}

const BLOCK_BYTES = 256 * 1024;
/** Longer lines are written by themselves. */
const LONG_BYTES = BLOCK_BYTES / 4;
const LF = 0x0a;
const encoder = new TextEncoder();

/** Writes the lines of a tape in blocks: codes them where they are to be coded, and seals the checkpoints among them. */
export class LineOutput {
  readonly #target: LineTarget;
  readonly #encoder: LineEncoder | undefined;
  readonly #sealing: Sealing;
  #block = new Uint8Array(BLOCK_BYTES);
  #used = 0;
  /** Where in the block checkpoints end. */
  #checkpointEnds: number[] = [];
  /** Blocks that were taken, to be filled again. */
  readonly #free: Bytes[] = [];
  #writing: Promise<void> = Promise.resolve();
  #size = 0;

  constructor(target: LineTarget, { encoder, sealing }: OutputCoding = {}) {
    this.#target = target;
    this.#encoder = encoder;
    this.#sealing = sealing ?? { seal: { crc32: UNSEALED }, sealer: new Sealer(0) };
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds a line, which is copied. A promise where it has to be waited for room.
   *
   * @param line with its line ending
   * @param record what is to be told of it in plain, where lines are coded
   */
  line(line: Uint8Array, record: { readonly type: string }): Promise<void> | undefined {
    if (this.#encoder === undefined) return this.stored(line);
    const { type = record.type, seq, ts } = headerOf(record);
    return this.stored(codedLines(this.#encoder, line.subarray(0, -1), { kind: type, seq, ts }));
  }

  /** Adds a line that begins with a text in ASCII and goes on with bytes, which are copied; a `\n` follows. */
  spliced(
    text: string,
    bytes: Uint8Array,
    from: number,
    to: number,
    record: { readonly type: string },
  ): Promise<void> | undefined {
    const { length } = text;
    const size = length + to - from + 1;
    if (this.#encoder !== undefined || size > LONG_BYTES) {
      const whole = new Uint8Array(size);
      putAscii(whole, text, 0);
      whole.set(bytes.subarray(from, to), length);
      whole[size - 1] = LF;
      return this.line(whole, record);
    }
    const flushed = this.#used + size > BLOCK_BYTES ? this.#flush() : undefined;
    const block = this.#block;
    const start = this.#used;
    putAscii(block, text, start);
    block.set(bytes.subarray(from, to), start + length);
    block[start + size - 1] = LF;
    this.#used += size;
    this.#size += size;
    return flushed;
  }

  /**
   * Adds a checkpoint. What it ends with is filled in.
   *
   * @param isSealed whether it gets a checksum
   */
  checkpoint(checkpoint: CheckpointRecord, isSealed: boolean = true): Promise<void> | undefined {
    const record = isSealed ? { ...checkpoint, ...this.#sealing.seal } : checkpoint;
    const added = this.line(encoder.encode(recordLine(record)), record);
    if (this.#used > 0) this.#checkpointEnds.push(this.#used);
    return added;
  }

  /** Adds lines as they are to stand on the tape, with their line endings; they are copied. */
  stored(lines: Uint8Array): Promise<void> | undefined {
    this.#size += lines.length;
    if (this.#used + lines.length <= BLOCK_BYTES) {
      this.#block.set(lines, this.#used);
      this.#used += lines.length;
      return undefined;
    }
    if (lines.length > LONG_BYTES) return this.#long(lines);
    const flushed = this.#flush();
    this.#block.set(lines, 0);
    this.#used = lines.length;
    return flushed;
  }

  /** Waits until all has been taken. */
  async finish(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  /** A line that is only lent has to be written before anybody else comes. */
  #long(lines: Uint8Array): Promise<void> {
    void this.#flush();
    return this.#write([lines as Bytes]);
  }

  /** Lets the block go. Settles when the one before it has been taken: so there are two on their way at most. */
  #flush(): Promise<void> {
    const before = this.#writing;
    if (this.#used === 0) return before;
    const block = this.#block;
    this.#write(this.#pieces()).then(() => this.#free.push(block), () => {});
    this.#block = this.#free.pop() ?? new Uint8Array(BLOCK_BYTES);
    this.#used = 0;
    return before;
  }

  /** What the block holds. Checkpoints end their pieces. */
  #pieces(): Bytes[] {
    const ends = this.#checkpointEnds;
    this.#checkpointEnds = [];
    if (ends.at(-1) !== this.#used) ends.push(this.#used);
    return ends.map((end, at) => this.#block.subarray(ends[at - 1] ?? 0, end));
  }

  #write(pieces: readonly Bytes[]): Promise<void> {
    const writing = this.#writing.then(async () => {
      const written = await this.#sealing.sealer.fill(pieces);
      await this.#target.append(pieces);
      written();
    });
    // Whoever comes next is told of a failure.
    writing.catch(() => {});
    return this.#writing = writing;
  }
}
