import { checkOptions, type OptionNames } from "../../../arguments.ts";
import type { Bytes } from "../../../bytes/bytes.ts";
import { crc32 } from "../../../bytes/crc32.ts";
import { TapeError } from "../../../errors.ts";
import type { TapeLine } from "../../../lines/line.ts";
import { isTapeRecord } from "../../../records/record-guard.ts";
import type { CheckpointRecord, InitRecord } from "../../../records/record.ts";
import type { StageSpec } from "../../../streams/stage-spec.ts";
import { recordLine } from "../../../transforms/encode-record.ts";
import { DEFAULT_MAX_LINE_BYTES, lineSplitting, MAX_LINE_BYTES } from "../../../transforms/line-split.ts";
import { loadLineEncoder } from "../../zstd/line-encoder.ts";
import type { SealFor } from "../keys/age.ts";
import { createEncryption } from "../keys/encryption.ts";
import { LineSealer } from "../line-sealer.ts";

/** Options of {@linkcode sealLines}. */
export interface SealLinesOptions extends SealFor {
  /**
   * Compresses each line before it is sealed, as `zstdLines()` does.
   *
   * @default {false}
   */
  readonly compress?: boolean | undefined;
}

const OPTIONS: OptionNames<SealLinesOptions> = { recipients: true, passphrase: true, workFactor: true, compress: true };
const encoder = new TextEncoder();
const UNSEALED = "0".repeat(8);
const END_LENGTH = '"}\n'.length;

/**
 * Encrypts a tape line by line, for those alone who have an identity of one of the recipients, or who know the passphrase. What comes in
 * are the bytes of a tape, from its `init` record on; what goes out is a tape too, which can be followed, sought, and verified.
 *
 * @throws {TapeError} code `invalid_argument`: wrong options, a recipient that is none, or a package that is not installed; in the stream,
 *   `invalid_tape`: what comes is no tape, or it is compressed or encrypted already
 *
 * @example
 * ```ts
 * import { lineSplit, memorySink, memorySource, pipe } from "tapeline";
 * import { openLines, sealLines } from "tapeline/crypto";
 *
 * const tape = '{"type":"init","version":"2.0","tape_id":"demo","session_id":"s","created_at":"2026-11-26T00:00:00Z"}\n' +
 *   '{"type":"log","ts":0,"stream":"stderr","text":"the password is swordfish"}\n';
 * const sealed = memorySink();
 * await pipe(memorySource(tape), sealLines({ passphrase: "correct horse", workFactor: 10 }), sealed);
 * console.log(sealed.text().includes("swordfish")); // false
 * const opened = openLines({ passphrase: "correct horse", onFinding: (finding) => console.log(finding.code) }); // unfinished
 * for await (const line of pipe(memorySource(sealed.text()), lineSplit(), opened)) console.log(line.text());
 * ```
 */
export function sealLines(options: SealLinesOptions): TransformStream<Uint8Array, Bytes> {
  checkOptions("seal lines", options, OPTIONS);
  if ((options.recipients === undefined) === (options.passphrase === undefined)) {
    throw new TapeError("invalid_argument", "Cannot seal lines: it takes either recipients or a passphrase");
  }
  const lines: StageSpec<Uint8Array, TapeLine> = lineSplitting({ maxLineBytes: MAX_LINE_BYTES });
  const tape = new SealedTape(options);
  // What is lent to the stage is over when it returns: all that wait for the key are made lines of their own first.
  const through = async (
    run: (emit: (line: TapeLine) => void) => void,
    controller: TransformStreamDefaultController<Bytes>,
  ): Promise<void> => {
    const found: TapeLine[] = [];
    run((line) => void found.push(line));
    for (const line of found) {
      const bytes = tape.isOpen ? tape.line(line) : await tape.open(line);
      controller.enqueue(bytes);
    }
  };
  const emitting = (emit: (line: TapeLine) => void) => Object.assign(emit, { terminate() {} });
  return new TransformStream({
    transform: (chunk, controller) => through((emit) => lines.transform(chunk, emitting(emit)), controller),
    flush: (controller) => through((emit) => lines.flush?.(emitting(emit)), controller),
  });
}

/** The tape that is written. */
class SealedTape {
  readonly #options: SealLinesOptions;
  #sealer: LineSealer | undefined;
  #size = 0;
  /** Of what stands behind the last checkpoint. */
  #crc = 0;

  constructor(options: SealLinesOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#sealer !== undefined;
  }

  /** The line with which it begins. */
  async open(line: TapeLine): Promise<Bytes> {
    const init = initOf(line);
    const { key, encryption } = await createEncryption(init.tape_id, this.#options);
    const inner = this.#options.compress === true ? await loadLineEncoder() : undefined;
    this.#sealer = new LineSealer(key, { inner });
    return this.#put(encoder.encode(recordLine({
      ...init,
      max_line_bytes: sealedLimit(init.max_line_bytes ?? DEFAULT_MAX_LINE_BYTES),
      ...(inner === undefined ? {} : { compression: "zstd" }),
      encryption,
    })));
  }

  line(line: TapeLine): Bytes {
    const sealer = this.#sealer!;
    const { type: kind, seq, ts } = line;
    if (kind === "checkpoint") {
      const record = recordOf(line);
      if (record?.type === "checkpoint") return this.#checkpoint(record as CheckpointRecord);
    }
    const isWhole = kind !== undefined && kind !== "checkpoint" &&
      !(kind === "frame" && (seq === undefined || ts === undefined));
    // What is no record is sealed too: who opens the tape is told of it as of any damaged line.
    const head = isWhole ? { kind, seq, ts } : { kind: "damaged", seq: undefined, ts: undefined };
    return this.#put(sealer.encode(line.stored, head));
  }

  #checkpoint(record: CheckpointRecord): Bytes {
    const sealer = this.#sealer!;
    const start = sealer.begin();
    if (start !== undefined) this.#put(start);
    const stats = { ...record.stats, file_size_bytes: this.#size };
    // Nobody but the signer could sign what stands here now.
    const { signature: _signature, ...unsigned } = record;
    const line = encoder.encode(recordLine(sealer.checkpoint({ ...unsigned, stats, crc32: UNSEALED })));
    const end = line.length - END_LENGTH;
    const crc = crc32(line.subarray(0, end - UNSEALED.length), this.#crc);
    encoder.encodeInto(crc.toString(16).padStart(UNSEALED.length, "0"), line.subarray(end - UNSEALED.length, end));
    this.#size += line.length;
    this.#crc = 0;
    if (start === undefined) return line;
    const both = new Uint8Array(start.length + line.length);
    both.set(start);
    both.set(line, start.length);
    return both;
  }

  #put(line: Bytes): Bytes {
    this.#size += line.length;
    this.#crc = crc32(line, this.#crc);
    return line;
  }
}

/** The longest line that a line of so many bytes becomes when it is sealed. */
export function sealedLimit(maxLineBytes: number): number {
  return Math.min(Math.ceil(maxLineBytes * 1.5) + 512, MAX_LINE_BYTES);
}

function initOf(line: TapeLine): InitRecord {
  const record = recordOf(line);
  if (record?.type !== "init") {
    throw new TapeError("invalid_tape", "Cannot seal lines: a tape begins with its init record");
  }
  const init = record as InitRecord;
  if (init.compression != null) {
    const why =
      "the tape is compressed, and its dictionary would be lost; sealLines({ compress: true }) takes plain lines";
    throw new TapeError("invalid_tape", `Cannot seal lines: ${why}`);
  }
  if (init.encryption != null) throw new TapeError("invalid_tape", "Cannot seal lines: the tape is encrypted already");
  return init;
}

function recordOf(line: TapeLine): { readonly type: string } | undefined {
  try {
    const record = line.parse();
    return isTapeRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}
