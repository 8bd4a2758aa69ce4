import { type Bytes, concat } from "../../bytes/bytes.ts";
import { TapeError } from "../../errors.ts";
import type { CodedHead, LineEncoder } from "../../lines/coded-line.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import type { CheckpointRecord, InitRecord, TapeEncryption } from "../../records/record.ts";
import { recordLine } from "../../transforms/encode-record.ts";
import { dictionaryLine, type ZstdLineEncoder } from "../zstd/line-encoder.ts";
import { toBase64 } from "./base64-url.ts";
import type { Epoch, SealedHead } from "./epoch.ts";
import type { TapeKey } from "./keys/tape-key.ts";
import { ALONE, type CheckpointSeal, WITH_DICTIONARY } from "./seal.ts";
import { sealMetadata } from "./sealed-metadata.ts";
import { readSealedHead, sealedLineBytes } from "./sealed-line.ts";

/** An epoch of a tape, and how many numbers of it have been given. */
export interface EpochCount {
  /** 22 characters of base64url. */
  readonly epoch: string;
  /** The numbers from 0 to one less than this are on the tape. */
  readonly lines: number;
}

/** Options of {@linkcode LineSealer}. */
export interface LineSealerOptions {
  /** All epochs that are on the tape already, the oldest first: what {@linkcode SealedOrder.epochs} has found. */
  readonly previous?: readonly EpochCount[] | undefined;
  /** What the `init` record of the tape says, for its metadata. */
  readonly encryption?: TapeEncryption | undefined;
  /** Compresses lines before they are sealed. */
  readonly inner?: ZstdLineEncoder | undefined;
  /**
   * An epoch gets no more lines than these, and a new one begins.
   *
   * @default {4294967296}
   */
  readonly maxLines?: number | undefined;
  /**
   * The same in bytes of content.
   *
   * @default {1099511627776}
   */
  readonly maxBytes?: number | undefined;
}

const encoder = new TextEncoder();

/**
 * Seals the lines of one tape, one by one, in the order of the tape. Each one that is made begins an epoch of its own: whatever became of what
 * another has written, no number of an epoch is given twice.
 */
export class LineSealer implements LineEncoder {
  readonly #key: TapeKey;
  readonly #inner: ZstdLineEncoder | undefined;
  readonly #encryption: TapeEncryption | undefined;
  readonly #maxLines: number;
  readonly #maxBytes: number;
  readonly #past: EpochCount[];
  /** What of {@linkcode epochs} is known to be on the tape. */
  #arrived: readonly EpochCount[];
  #epoch: Epoch | undefined;
  #n = 0;
  #bytes = 0;

  constructor(key: TapeKey, options: LineSealerOptions = {}) {
    const { previous = [], inner, encryption, maxLines = 2 ** 32, maxBytes = 2 ** 40 } = options;
    this.#key = key;
    this.#inner = inner;
    this.#encryption = encryption;
    this.#maxLines = maxLines;
    this.#maxBytes = maxBytes;
    this.#past = [...previous];
    this.#arrived = previous;
  }

  /**
   * The key of the tape, for who goes on with it.
   *
   * @param init what its `init` record says now
   * @throws {TapeError} code `invalid_tape`: it is another tape
   */
  keyOf({ tape_id, encryption }: Pick<InitRecord, "tape_id" | "encryption">): TapeKey {
    if (tape_id === this.#key.tapeId && encryption?.key === this.#encryption?.key) return this.#key;
    throw new TapeError("invalid_tape", `Cannot go on with tape ${this.#key.tapeId}: another tape has taken its place`);
  }

  /** All epochs of the tape, and how many numbers of each have been given. */
  get epochs(): readonly EpochCount[] {
    return this.#epoch === undefined ? [...this.#past] : [...this.#past, { epoch: this.#epoch.id, lines: this.#n }];
  }

  /** All lines that were sealed have arrived on the tape. */
  written(): void {
    this.#arrived = this.epochs;
  }

  /**
   * Some lines have not arrived. The numbers that they had are not given again: another epoch begins, which tells how far this one came.
   *
   * @param last the last line that has arrived since {@linkcode written}
   */
  failed(last: Uint8Array | undefined): void {
    const place = last === undefined ? undefined : placeOf(last);
    const known = this.#arrived.filter(({ epoch }) => epoch !== place?.epoch);
    this.#arrived = place === undefined ? known : [...known, place];
    this.#past.splice(0, Infinity, ...this.#arrived);
    this.#epoch = undefined;
    this.#inner?.failed();
  }

  /** The line with which an epoch begins, `\n` included, where one is due. Who does not ask gets it in front of the next line. */
  begin(ts?: number): Bytes | undefined {
    if (this.#epoch !== undefined && this.#n < this.#maxLines && this.#bytes < this.#maxBytes) return undefined;
    const previous = this.epochs;
    this.#past.splice(0, Infinity, ...previous);
    this.#epoch = this.#key.newEpoch();
    this.#n = 0;
    this.#bytes = 0;
    return this.#line(encoder.encode(JSON.stringify({ type: "epoch", version: 1, previous })), { kind: "epoch", ts });
  }

  /** The lines that stand on the tape for one, `\n` included: most often one. */
  encode(plain: Uint8Array, { kind, seq, ts }: CodedHead): Bytes {
    if (kind === "checkpoint" || kind === "frame" && (seq === undefined || ts === undefined)) {
      throw new TapeError("internal", `Cannot seal a ${kind}: it is no line that can be sealed as it is`);
    }
    const start = this.begin(ts);
    if (this.#inner === undefined) {
      const line = this.#line(plain, { kind, seq, ts, codec: undefined });
      return start === undefined ? line : concat([start, line]);
    }
    const lines: Bytes[] = start === undefined ? [] : [start];
    const dictionary = this.#inner.dictionaryBefore(plain, { kind, seq, ts });
    if (dictionary !== undefined) {
      const line = dictionaryLine(dictionary, ts);
      // Twice, so that no damage to one line costs those that need it.
      for (let n = 0; n < 2; n++) lines.push(this.#line(line.subarray(0, -1), { kind: "dictionary", ts }));
    }
    const compressed = kind === "dictionary" ? undefined : this.#inner.compress(plain);
    if (compressed === undefined) lines.push(this.#line(plain, { kind, seq, ts }));
    else {
      const codec = compressed.needsDictionary ? WITH_DICTIONARY : ALONE;
      lines.push(this.#line(compressed.content, { kind, seq, ts, codec }));
    }
    const stored = concat(lines);
    this.#inner.wrote(stored.length);
    return stored;
  }

  /**
   * A checkpoint as it stands on a sealed tape: of its statistics only how many frames there are is told in plain.
   *
   * @throws {TapeError} code `internal`: no epoch has begun
   */
  checkpoint(record: CheckpointRecord): CheckpointRecord {
    const epoch = this.#epoch;
    if (epoch === undefined) throw new TapeError("internal", "Cannot seal a checkpoint: no epoch has begun");
    const { stats, final, signature, crc32, ...told } = record;
    const n = this.#n++;
    const content = encoder.encode(JSON.stringify({ lines: n, is_final: final === true, ...inSeal(told), stats }));
    this.#bytes += content.length;
    const data = toBase64(epoch.seal(content, { n, kind: "checkpoint" }));
    const seal: CheckpointSeal = { epoch: epoch.id, n, data };
    const count = stats.frame_count === undefined ? {} : { frame_count: stats.frame_count };
    const ends = final === undefined ? {} : { final };
    // What vouches for all that stands before it comes last.
    const signed = signature === undefined ? {} : { signature };
    const sum = crc32 === undefined ? {} : { crc32 };
    return Object.assign({ ...told, stats: count }, ends, { seal }, signed, sum);
  }

  checkpointLines(record: CheckpointRecord): Bytes {
    const start = this.begin();
    const line = encoder.encode(recordLine(this.checkpoint(record)));
    return start === undefined ? line : concat([start, line]);
  }

  sealMetadata(metadata: TapeMetadata): TapeMetadata {
    return this.#encryption === undefined ? metadata : sealMetadata(this.#key, metadata, this.#encryption);
  }

  #line(content: Uint8Array, { kind, seq, ts, codec }: Omit<SealedHead, "n">): Bytes {
    const epoch = this.#epoch!;
    const whole: SealedHead = { n: this.#n++, kind, seq, ts, codec };
    this.#bytes += content.length;
    return sealedLineBytes(whole, epoch.id, epoch.seal(content, whole));
  }
}

/** How many numbers of its epoch have been given when this line was sealed. */
function placeOf(line: Uint8Array): EpochCount | undefined {
  const head = readSealedHead(line);
  if (head !== undefined) return { epoch: head.epoch, lines: head.n + 1 };
  try {
    const { seal } = JSON.parse(new TextDecoder().decode(line)) as { readonly seal?: CheckpointSeal };
    return seal === undefined ? undefined : { epoch: seal.epoch, lines: seal.n + 1 };
  } catch {
    return undefined;
  }
}

/** What is told of a checkpoint in plain, and sealed as well. */
function inSeal({ checkpoint_at, seq }: Omit<CheckpointRecord, "stats">): object {
  return { checkpoint_at, ...(seq === undefined ? {} : { seq }) };
}
