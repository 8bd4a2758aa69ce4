import { TapeError } from "../../errors.ts";
import type { LineDecoder } from "../../lines/coded-line.ts";
import type { TapeLine } from "../../lines/line.ts";
import { readParts } from "../../lines/line-parts.ts";
import { checkDecodes, parseLine, recordOn } from "../../lines/parse-line.ts";
import type { TapeStats } from "../../records/metadata.ts";
import type { EndRecord, InitRecord, TapeRecord } from "../../records/record.ts";
import type { Redaction } from "../../redact/redaction.ts";
import { recordLine } from "../../transforms/encode-record.ts";
import { decodeUtf8 } from "../../utf8.ts";
import type { LineOutput } from "../derive/output/line-output.ts";

/** What a tape is made of that has no secrets, and how. */
export interface RedactedOutput {
  readonly to: LineOutput;
  /** What the new tape begins with, without secrets. */
  readonly init: InitRecord;
  /** Whether its lines are coded: a line that is no record is then left out. */
  readonly isCoded: boolean;
  /** Whether somebody signs it. */
  readonly isSigned: boolean;
  /** The longest plain line. */
  readonly maxLineBytes: number;
  /** What decodes the lines of the other tape; undefined where they are plain. */
  readonly decoder: LineDecoder | undefined;
  /** Is told of lines that are no records. */
  readonly onError: (error: TapeError) => void;
}

/** What becomes of a line: a promise where it has to be waited for room. */
type Writing = Promise<void> | undefined;

const CLOSE = 0x7d;
const NEWLINE = 0x0a;
const encoder = new TextEncoder();

/**
 * The lines of a tape without secrets, as they stand on another tape. Nearly all have none: they are copied, and never parsed.
 * Checkpoints tell of the new tape.
 */
export class RedactedLines {
  readonly #redaction: Redaction;
  readonly #output: RedactedOutput;
  readonly #to: LineOutput;
  #ts = 0;
  #hasInit = false;
  /** The statistics of the last checkpoint. */
  stats: TapeStats | undefined;
  sessionEnd: EndRecord | undefined;
  isFinal = false;
  /** How many there are on the tape. */
  checkpoints = 0;
  /** Whether somebody had signed the tape. */
  wasSigned = false;
  /** Whether the last line, which was torn or still being written, was left out. */
  isUnfinished = false;
  /** Frames that the tape lacks, as its gap records say. */
  lostFrames = 0;
  /** What has been taken out so far, by rule. */
  readonly counts: Record<string, number> = {};

  constructor(redaction: Redaction, output: RedactedOutput) {
    this.#redaction = redaction;
    this.#output = output;
    this.#to = output.to;
  }

  /** How many bytes have been written. */
  get size(): number {
    return this.#to.size;
  }

  /** The next line of the other tape. */
  line(line: TapeLine): Writing {
    const { type, ts } = line;
    if (!this.#hasInit) {
      // What stands before it, or on its line, is no record.
      this.#hasInit = type === "init" || readParts(line).some(({ record }) => record?.type === "init");
      return this.#hasInit ? this.#to.stored(encoder.encode(recordLine(this.#output.init))) : undefined;
    }
    // How lines of the other tape were coded; no line needs it here.
    if (type === "dictionary" || type === "epoch" && line.isCoded) return undefined;
    if (type === "sealed" || type === "zstd") {
      throw new TapeError("invalid_tape", "Cannot redact a tape: there is a line that cannot be decoded", {
        line: line.number,
        offset: line.offset,
      });
    }
    if (!this.#decodes(line)) return undefined;
    if (type === "checkpoint") return this.#checkpoint(line);
    if (type === "end") void this.#tell(true);
    if (ts !== undefined) this.#ts = Math.max(this.#ts, ts);
    const written = this.#line(line);
    return this.#tell(false) ?? written;
  }

  /** The end of the tape. */
  async end(): Promise<void> {
    if (!this.isFinal) void this.#tell(true);
    await this.#to.finish();
  }

  /** So much more has been taken out. */
  count(rules: Readonly<Record<string, number>>): void {
    for (const [rule, count] of Object.entries(rules)) this.counts[rule] = (this.counts[rule] ?? 0) + count;
  }

  #line(line: TapeLine): Writing {
    const { bytes, type } = line;
    const isStateful = type === "log" || type === "frame" && this.#redaction.isWaiting || line.terminated === false;
    const isTelling = type === undefined || type === "end" || type === "gap" || bytes[bytes.length - 1] !== CLOSE;
    if (!isStateful && !isTelling && !this.#redaction.maySee(bytes, 0, bytes.length)) return this.#copy(line);
    const record = this.#recordOn(line);
    if (record === undefined) return this.#damaged(line);
    const clean = this.#redaction.record(record);
    if (clean.type === "gap") this.lostFrames += clean.count;
    if (clean.type === "end") this.sessionEnd = clean;
    return clean === record ? this.#copy(line) : this.#put(recordLine(clean), clean);
  }

  /** One that does not decode is left out: nobody can say what is in it. */
  #decodes(line: TapeLine): boolean {
    try {
      checkDecodes(line);
      return true;
    } catch (error) {
      this.#output.onError(error as TapeError);
      return false;
    }
  }

  #recordOn(line: TapeLine): TapeRecord | undefined {
    try {
      return parseLine(line);
    } catch (error) {
      if (line.terminated) this.#output.onError(error as TapeError);
      return undefined;
    }
  }

  /** A damaged line as the text that it is, without secrets; a torn one at the end is left out. */
  #damaged(line: TapeLine): Writing {
    const { bytes, ending, terminated } = line;
    // A last line that is torn, or still being written.
    if (!terminated) this.isUnfinished = true;
    if (!terminated || this.#output.isCoded) return undefined;
    const clean = this.#redaction.text(decodeUtf8(bytes, 0, bytes.length));
    const text = encoder.encode(clean + ending);
    this.#checkLength(text);
    return this.#to.stored(text);
  }

  #checkpoint(line: TapeLine): Writing {
    const record = recordOn(line);
    if (record?.type !== "checkpoint") return this.#line(line);
    if (record.final === true) {
      void this.#tell(true);
      this.isFinal = true;
    }
    // Nobody but the signer could sign what stands here now.
    const { signature, crc32: checksum } = record;
    const { signature: _signature, crc32: _crc32, ...rest } = this.#output.decoder?.openCheckpoint?.(record) ?? record;
    if (signature != null) this.wasSigned = true;
    this.checkpoints++;
    this.stats = { ...rest.stats, file_size_bytes: this.size };
    return this.#to.checkpoint({ ...rest, stats: this.stats }, this.#output.isSigned || checksum != null);
  }

  #tell(isEnd: boolean): Writing {
    const news = this.#redaction.news(isEnd);
    if (news === undefined) return undefined;
    this.count(news.rules);
    const record: TapeRecord = { type: "redacted", ts: this.#ts, ...news };
    return this.#put(recordLine(record), record);
  }

  #put(text: string, record: TapeRecord): Writing {
    const bytes = encoder.encode(text);
    this.#checkLength(bytes);
    return this.#to.line(bytes, record);
  }

  #checkLength(bytes: Uint8Array): void {
    const length = bytes.at(-1) === NEWLINE ? bytes.length - 1 : bytes.length;
    const { maxLineBytes } = this.#output;
    if (length <= maxLineBytes) return;
    throw new TapeError(
      "line_too_long",
      `Cannot redact a tape: a line would have ${length} bytes, the limit is ${maxLineBytes}`,
      { length },
    );
  }

  #copy(line: TapeLine): Writing {
    const { bytes, seq, ts } = line;
    const record = { type: line.type!, seq, ts };
    // A carriage return is no part of the line's bytes.
    if (line.ending === "\r\n") return this.#to.line(encoder.encode(`${line.text()}\r\n`), record);
    return this.#to.spliced("", bytes, 0, bytes.length, record);
  }
}
