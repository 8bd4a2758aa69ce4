import { TapeError } from "../../errors.ts";
import { type CodedHead, isCoded, type LineDecoder, type LineEncoder } from "../../lines/coded-line.ts";
import { placeOf, type TapeLine } from "../../lines/line.ts";
import { isBlank, mayHoldMore, readParts } from "../../lines/line-parts.ts";
import { recordOn } from "../../lines/parse-line.ts";
import type { CheckpointRecord, InitRecord } from "../../records/record.ts";
import { recordLine } from "../../transforms/encode-record.ts";
import type { LineOutput } from "../derive/output/line-output.ts";
import { SealCheck } from "../verify/verify-seals.ts";

/** How lines were coded, and how they are to be. */
export interface Recoding {
  /** Names the tape, in errors. */
  readonly name: string;
  /** What the lines were coded with; undefined where they are plain. */
  readonly decoder: LineDecoder | undefined;
  /** What the new tape begins with. */
  readonly init: InitRecord;
  /** What codes the lines of the new tape; undefined where they are to be plain. */
  readonly encoder: LineEncoder | undefined;
  /** Whether the new tape is encrypted: then nothing but its first line is plain. */
  readonly isSealed: boolean;
  /** Whether somebody signs the new tape. */
  readonly isSigned: boolean;
  /** The longest plain line. */
  readonly maxLineBytes: number;
}

/** What is told of a line that is no record. */
const DAMAGED = "damaged";
const CR = 0x0d;
const LF = 0x0a;
const encoder = new TextEncoder();

/** Copies the lines of a tape to one that is coded in another way. What is damaged on it, and was not when it was written, it refuses. */
export class LineRecoder {
  readonly #to: LineOutput;
  readonly #how: Recoding;
  readonly #seals = new SealCheck();
  readonly #order: ReturnType<NonNullable<LineDecoder["orderCheck"]>> | undefined;
  #line: TapeLine | undefined;
  #hasInit = false;
  /** Checkpoints of which nobody has signed what stands there now. */
  unsignedCheckpoints = 0;
  /** The last line, where it has no end and is no record yet: it is left out. */
  unfinished: TapeLine | undefined;

  constructor(to: LineOutput, how: Recoding) {
    this.#to = to;
    this.#how = how;
    this.#order = how.decoder?.orderCheck?.(({ code, message }) => {
      // Of a tape that was not ended nobody knows whether its end is missing.
      if (code !== "unfinished") throw this.#refused(message);
    });
  }

  /** The next bytes of the tape. All lines that ended before them have been dealt with. */
  block(bytes: Uint8Array): void {
    this.#seals.block(bytes);
  }

  /** Copies the next line. A promise where it has to be waited for room. */
  line(line: TapeLine): Promise<void> | undefined {
    this.#line = line;
    if (isTorn(line)) {
      this.unfinished = line;
      return undefined;
    }
    this.#order?.next(line.stored);
    if (!this.#hasInit) return this.#init(line);
    if (isOfCoding(line, this.#how.decoder)) return undefined;
    if (line.type === "checkpoint") {
      const record = recordOn(line);
      if (record?.type === "checkpoint") return this.#checkpoint(line, record);
    }
    return this.#copy(line);
  }

  /** The tape is over. */
  end(): void {
    this.#order?.end();
  }

  /** What stands before the init record, or on its line, is no record. */
  #init(line: TapeLine): Promise<void> | undefined {
    if (isBlank(line)) return undefined;
    this.#hasInit = true;
    if (readParts(line).filter(({ record }) => record !== undefined).length > 1) {
      throw this.#refused("several records stand on the line of the init record");
    }
    const { init } = this.#how;
    return this.#to.stored(encoder.encode(recordLine(init)));
  }

  #checkpoint(line: TapeLine, stored: CheckpointRecord): Promise<void> | undefined {
    const verdict = this.#seals.checkpoint(line, stored.crc32);
    if (typeof verdict === "object") throw this.#refused(verdict.why);
    const { decoder, isSigned } = this.#how;
    if (stored.signature != null && !isSigned) this.unsignedCheckpoints++;
    // What it ends with is made anew.
    const { crc32: _crc32, signature: _signature, ...record } = decoder?.openCheckpoint?.(stored) ?? stored;
    const { stats } = record;
    const size = stats.file_size_bytes == null ? {} : { file_size_bytes: this.#to.size };
    return this.#to.checkpoint({ ...record, stats: { ...stats, ...size } }, isSigned || stored.crc32 != null);
  }

  #copy(line: TapeLine): Promise<void> | undefined {
    if (mayHoldMore(line) && readParts(line).some(({ record }) => record?.type === "checkpoint")) {
      throw this.#refused("a checkpoint stands on the line of something else");
    }
    const { encoder, maxLineBytes } = this.#how;
    const plain = this.#plain(line);
    if (plain.length > maxLineBytes + 2) throw this.#refused(`its line would have ${plain.length} bytes`);
    if (encoder === undefined) return this.#to.stored(plain);
    return this.#to.stored(encoder.encode(plain.subarray(0, -1), this.#headOf(line)));
  }

  /** What is told of a line in plain. */
  #headOf({ type: kind, seq, ts }: TapeLine): CodedHead {
    const isRecord = kind !== undefined && !(kind === "frame" && (seq === undefined || ts === undefined));
    const isPlain = kind === "init" || kind === "checkpoint";
    if (isRecord && !(isPlain && this.#how.isSealed)) return { kind, seq, ts };
    // What is no record is sealed too: who opens the tape is told of it as of any damaged line. On a compressed tape it stays as the init record does.
    return { kind: this.#how.isSealed ? DAMAGED : "init", seq: undefined, ts: undefined };
  }

  /** The line as it was before it was coded, with its line ending. */
  #plain(line: TapeLine): Uint8Array {
    const bytes = this.#decoded(line);
    // A carriage return is no part of the line's bytes.
    const ending = line.ending === "\r\n" ? [CR, LF] : [LF];
    const whole = new Uint8Array(bytes.length + ending.length);
    whole.set(bytes);
    whole.set(ending, bytes.length);
    return whole;
  }

  #decoded(line: TapeLine): Uint8Array {
    let bytes: Uint8Array;
    try {
      bytes = decodedLine(line, this.#how.decoder);
    } catch (error) {
      throw this.#refused(error instanceof Error ? error.message : String(error), error);
    }
    if (line.isCoded && isCoded(bytes, 0, bytes.length)) throw this.#refused("a coded line stands in a coded line");
    return bytes;
  }

  #refused(why: string, cause?: unknown): TapeError {
    const line = this.#line;
    const where = line === undefined ? "" : `${placeOf(line)}: `;
    const place = line === undefined ? {} : { line: line.number, offset: line.offset };
    return new TapeError("invalid_tape", `Cannot recode ${this.#how.name}: ${where}${why}; repair it first`, {
      ...place,
      cause,
    });
  }
}

/** Whether a line has no end and is no record yet. */
export function isTorn(line: TapeLine): boolean {
  return !line.terminated && recordOn(line) === undefined;
}

/** Whether a line only tells how others are coded. */
export function isOfCoding({ type, isCoded }: TapeLine, decoder: LineDecoder | undefined): boolean {
  return type === "dictionary" && decoder !== undefined || type === "epoch" && isCoded;
}

/**
 * The bytes of a line as they were before it was coded.
 *
 * @throws {TapeError} code `corrupted_record`: it does not decode
 */
export function decodedLine(line: TapeLine, decoder: LineDecoder | undefined): Uint8Array {
  // What was no record when it was sealed is told of as something else than it is.
  return line.isCoded && line.type === DAMAGED ? decoder!.decode(line.stored) : line.bytes;
}
