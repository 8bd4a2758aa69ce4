import { checkOptions, type OptionNames } from "../../arguments.ts";
import { printable, TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { CheckpointRecord, InitRecord, TapeRecord } from "../../records/record.ts";
import { RunningStats } from "../../records/running-stats.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { checkTapeId, tapeKeys } from "../../records/tape-id.ts";
import { isBlank, readParts, type StrayPart } from "../../lines/line-parts.ts";
import { decoderOf } from "../../stores/decoding.ts";
import { lineReading } from "../../stores/line-limit.ts";
import { loadSha256 } from "../../signing/sha256.ts";
import { checkVerifier, type Verifier } from "../../signing/signer.ts";
import { readInit } from "../first-record.ts";
import { SignatureCheck } from "./verify-signatures.ts";
import { CountCheck } from "./verify-counts.ts";
import { type Finding, placeOfLine, type Report } from "./verify-finding.ts";
import { tapeLines } from "./verify-lines.ts";
import { checkMetadata, readMetadata } from "./verify-metadata.ts";
import { OrderCheck } from "./verify-order.ts";
import { isSealed, SealCheck } from "./verify-seals.ts";
import { indexFault } from "../index/index-fault.ts";

/** Options of {@linkcode verifyTape}. */
export interface VerifyOptions {
  /** Is told of everything that is found, in the order of the tape; what is about the tape as a whole comes last. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  /** Is told after each line how many bytes have been read. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /**
   * The longest line that counts as a record, in bytes.
   *
   * @default {what the init record says, or 10485760}
   */
  readonly maxLineBytes?: number | undefined;
  /**
   * Who is to have signed the tape, as `verifierOf` of `tapeline/crypto` makes them of public keys: what else is on it is
   * damage, but for what stands behind the last signature while the tape is written.
   *
   * @default {signatures are not looked at}
   */
  readonly signers?: readonly Verifier[] | undefined;
  /** Ends the verifying; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Lines of a tape by the type of their record. */
export interface RecordCounts {
  /** Of type `init`. */
  init: number;
  /** Of type `frame`. */
  frame: number;
  /** Of type `correlation`. */
  correlation: number;
  /** Of type `checkpoint`. */
  checkpoint: number;
  /** Of type `gap`. */
  gap: number;
  /** Of type `log`. */
  log: number;
  /** Of type `end`. */
  end: number;
  /** Of types that are not known here. */
  other: number;
}

/** What {@linkcode verifyTape} comes to. */
export interface VerifyResult {
  /** Id of the tape. */
  readonly tapeId: string;
  /** Whether there is no damage. */
  readonly isIntact: boolean;
  /** Findings of severity `damage`. */
  readonly damageCount: number;
  /** Findings of severity `notice`. */
  readonly noticeCount: number;
  /** Lines, those that are no records included. */
  readonly lineCount: number;
  /** Size of the tape. What was appended meanwhile is not counted, and was not looked at. */
  readonly byteCount: number;
  /** Lines that are records. */
  readonly records: Readonly<RecordCounts>;
  /** Frames that the tape itself says are missing. */
  readonly lostFrameCount: number;
  /** Whether the tape ends with a final checkpoint. */
  readonly isFinalized: boolean;
  /** Bytes that were proven, by the checksum of a checkpoint, to be those that were written. */
  readonly sealedBytes: number;
  /** Number of the last checkpoint that has proven something; 0 if none has. */
  readonly sealedToLine: number;
  /** Where the line behind that checkpoint starts. */
  readonly sealedToOffset: number;
  /**
   * Number of the last checkpoint up to which the tape is, from its first byte on, as one of the
   * {@linkcode VerifyOptions.signers} has signed it; 0 if there is none, undefined where none were named.
   */
  readonly signedToLine?: number | undefined;
  /** Where the line behind that checkpoint starts. */
  readonly signedToOffset?: number | undefined;
}

const OPTIONS: OptionNames<VerifyOptions> = {
  onFinding: true,
  onProgress: true,
  maxLineBytes: true,
  signers: true,
  signal: true,
};

/**
 * Checks a tape from its first line to its last, in one pass and in bounded memory: that every line is a record, that
 * frames follow each other in number and time but for what gap records tell, that correlations fit their frames and
 * checkpoints count right, that the checksums fit, and whether the metadata and the index beside it say the same. Nothing is
 * changed.
 *
 * Lines behind the last checkpoint are not sealed yet, and tapes of other writers have no checksums: that is no fault.
 * Correlations are checked against the latest 65,536 frames before them.
 *
 * @throws {TapeError} code `tape_not_found`, `invalid_argument`, `io`
 *
 * @example
 * ```ts
 * import { memoryStore, StreamingTapeWriter, verifyTape } from "tapeline";
 *
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo" });
 * await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
 * await writer.finalize();
 *
 * const result = await verifyTape(store, writer.tapeId, {
 *   onFinding: ({ line, offset, message }) => console.log(`line ${line} at byte ${offset}: ${message}`),
 * });
 * console.log(result.isIntact, result.sealedToLine); // true 4
 * ```
 */
export async function verifyTape(
  store: TapeStore,
  tapeId: string,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  checkStore("verify a tape", store);
  checkOptions("verify a tape", options, OPTIONS);
  for (const signer of options.signers ?? []) checkVerifier("verify a tape", signer);
  return await verifyKey(store, tapeKeys(checkTapeId(tapeId)).tape, tapeId, options);
}

/** Checks the tape that stands under `key`; what stands beside it only if that is the key of a tape. */
export async function verifyKey(
  store: TapeStore,
  key: string,
  tapeId: string,
  options: VerifyOptions,
): Promise<VerifyResult> {
  const { onFinding, onProgress, signal } = options;
  const keys = tapeKeys(tapeId);
  const size = await store.size(key);
  if (size === undefined) throw new TapeError("tape_not_found", `Cannot verify ${key}: there is no such tape`);
  const reading = await lineReading(store, key);
  const { maxLineBytes = reading.maxLineBytes } = options;
  const found = { damage: 0, notice: 0 };
  const report = (finding: Finding) => {
    found[finding.severity]++;
    onFinding?.(finding);
  };
  const seals = new SealCheck();
  const checks = new TapeChecks(tapeId, seals, report);
  const signatures = await signatureCheck(store, key, tapeId, maxLineBytes, options, report);
  const order = orderOf(reading.store, report);
  const onBlock = (bytes: Uint8Array) => {
    seals.block(bytes);
    signatures?.block(bytes);
  };
  for await (const line of tapeLines(reading.store, key, { end: size, maxLineBytes, signal, onBlock })) {
    if (line instanceof TapeError) checks.tooLong(line);
    else {
      checks.line(line);
      order?.line(line);
      const checked = signatures?.line(line);
      if (checked !== undefined) await checked;
    }
    onProgress?.(line instanceof TapeError ? line.offset! + line.length! : line.nextOffset);
  }
  order?.end();
  const result = { ...checks.end(size), ...signatures?.end(size) };
  if (key === keys.tape) {
    const metadata = await readMetadata(store, tapeId, report);
    if (metadata !== undefined) {
      checkMetadata(metadata, tapeId, checks.stats.snapshot(size), result.isFinalized, report);
    }
    const fault = await indexFault(store, tapeId, signal);
    if (fault !== undefined) {
      const message = `the index, ${keys.index}, is not that of the tape as it is: ${fault}`;
      report({ code: "index_wrong", severity: "notice", message });
    }
  }
  return { ...result, isIntact: found.damage === 0, damageCount: found.damage, noticeCount: found.notice };
}

/** What checks the signatures; undefined where nobody is named who should have signed. */
async function signatureCheck(
  store: TapeStore,
  key: string,
  tapeId: string,
  maxLineBytes: number,
  { signers }: VerifyOptions,
  report: Report,
): Promise<SignatureCheck | undefined> {
  if (signers === undefined) return undefined;
  const init = await readInit(store, key, maxLineBytes).catch(() => undefined);
  return new SignatureCheck(signers, await loadSha256(), init?.tape_id ?? tapeId, report);
}

/** Whether the lines of an encrypted tape are all there and in their order; undefined for another tape, and without its key. */
function orderOf(store: TapeStore, report: Report): { line(line: TapeLine): void; end(): void } | undefined {
  let current: TapeLine | undefined;
  const order = decoderOf(store)?.orderCheck?.(({ code, message }) => {
    // Of a line that is not authentic all is said where it is read.
    if ((code === "unauthentic" || code === "plain") && current?.type !== "checkpoint") return;
    const severity = code === "unfinished" ? "notice" : "damage";
    report({ code: "sealing_broken", severity, message, ...(current === undefined ? {} : placeOfLine(current)) });
  });
  return order && {
    line(line) {
      current = line;
      order.next(line.stored);
    },
    end() {
      current = undefined;
      order.end();
    },
  };
}

/** All checks of one tape, line by line. */
class TapeChecks {
  readonly stats: RunningStats = new RunningStats();
  readonly #tapeId: string;
  readonly #seals: SealCheck;
  readonly #report: Report;
  readonly #order: OrderCheck;
  readonly #counts: CountCheck;
  readonly #records: RecordCounts = {
    init: 0,
    frame: 0,
    correlation: 0,
    checkpoint: 0,
    gap: 0,
    log: 0,
    end: 0,
    other: 0,
  };
  #lines = 0;
  /** Whether there was a line on which anything stands. */
  #isStarted = false;
  #isFinalized = false;
  #sealedBytes = 0;
  #sealedToLine = 0;
  #sealedToOffset = 0;

  constructor(tapeId: string, seals: SealCheck, report: Report) {
    this.#tapeId = tapeId;
    this.#seals = seals;
    this.#report = report;
    this.#order = new OrderCheck(report);
    this.#counts = new CountCheck(this.stats, report);
  }

  line(line: TapeLine): void {
    this.#lines++;
    const parts = readParts(line);
    const records = parts.filter((part) => part.record !== undefined);
    this.#first(line, records[0]?.record);
    if (records.length > 1) {
      const message = `${records.length} records stand on this line: the line endings between them are missing`;
      this.#find("shared_line", line, message);
    }
    for (const part of parts) {
      if (part.record !== undefined) this.#record(part.line, part.record);
      else this.#stray(part, parts.length === 1 ? "the line" : "a part of the line");
    }
  }

  /** Whether a tape starts here, with its first line on which anything stands. */
  #first(line: TapeLine, record: TapeRecord | undefined): void {
    if (this.#isStarted || (record === undefined && isBlank(line))) return;
    this.#isStarted = true;
    if (record === undefined) this.#noInit(line, "no record");
    else if (record.type !== "init") this.#noInit(line, `a record of type "${printable(record.type)}"`);
  }

  #record(line: TapeLine, record: TapeRecord): void {
    this.#isFinalized = false;
    if (record.type !== "checkpoint" && isSealed(line)) {
      this.#find("seal_broken", line, "it ends like a checkpoint with a checksum, but says that it is something else");
    }
    switch (record.type) {
      case "init":
        this.#init(line, record);
        break;
      case "frame":
        this.#order.frame(line, record);
        break;
      case "gap":
        this.#order.gap(line, record);
        break;
      case "correlation":
        this.#order.correlation(line, record);
        break;
      case "checkpoint":
        this.#isFinalized = record.final === true;
        this.#counts.checkpoint(line, record, this.#order.highest);
        this.#checkSeal(line, record);
        break;
    }
    this.#records[Object.hasOwn(this.#records, record.type) ? record.type as keyof RecordCounts : "other"]++;
    this.stats.add(record);
  }

  tooLong(error: TapeError): void {
    this.#lines++;
    this.#isFinalized = false;
    const { line, offset, length } = error;
    if (!this.#isStarted) {
      this.#noInit({ number: line ?? 0, offset: offset ?? 0, length: length ?? 0 }, "a line that is too long");
    }
    this.#isStarted = true;
    const message = `the line is too long: it has ${length} bytes`;
    this.#report({ code: "line_too_long", severity: "damage", message, line, offset, length });
  }

  end(size: number): Omit<VerifyResult, "isIntact" | "damageCount" | "noticeCount"> {
    this.#order.end();
    if (!this.#isStarted) this.#noInit({ number: 1, offset: 0, length: 0 }, "nothing: the tape is empty");
    return {
      tapeId: this.#tapeId,
      lineCount: this.#lines,
      byteCount: size,
      records: this.#records,
      lostFrameCount: this.stats.snapshot().lost_frame_count ?? 0,
      isFinalized: this.#isFinalized,
      sealedBytes: this.#sealedBytes,
      sealedToLine: this.#sealedToLine,
      sealedToOffset: this.#sealedToOffset,
    };
  }

  #init(line: TapeLine, record: InitRecord): void {
    if (Object.values(this.#records).some((count) => count > 0)) {
      this.#find("second_init", line, "an init record stands behind the first record");
    } else if (record.tape_id !== this.#tapeId) {
      const message = `the init record is that of tape "${printable(record.tape_id, 128)}"`;
      this.#report({ code: "id_differs", severity: "notice", message, ...placeOfLine(line) });
    }
  }

  #checkSeal(line: TapeLine, record: CheckpointRecord): void {
    const { offset, line: firstLine } = this.#seals;
    const verdict = this.#seals.checkpoint(line, record.crc32);
    if (verdict === "unsealed") return;
    if (verdict !== "fits") {
      const message = firstLine < line.number
        ? `lines ${firstLine} to ${line.number} are not as they were written: of line ${line.number}, ${verdict.why}`
        : `the line is not as it was written: ${verdict.why}`;
      const length = line.nextOffset - offset;
      this.#report({ code: "seal_broken", severity: "damage", message, line: firstLine, offset, length });
      return;
    }
    this.#sealedBytes += line.nextOffset - offset;
    this.#sealedToLine = line.number;
    this.#sealedToOffset = line.nextOffset;
  }

  #stray({ line, error }: StrayPart, what: string): void {
    this.#isFinalized = false;
    const [, why = error.message] = /: (.*)$/s.exec(error.message) ?? [];
    if (line.terminated) this.#find("bad_line", line, `${what} is no record: ${why}`);
    else this.#find("torn_end", line, "the last line has no end: it is torn, or still being written");
  }

  #noInit(line: { readonly number: number; readonly offset: number; readonly length: number }, what: string): void {
    const message = `the first line must be an init record, but is ${what}`;
    this.#report({ code: "no_init", severity: "damage", message, ...placeOfLine(line) });
  }

  #find(code: Finding["code"], line: TapeLine, message: string): void {
    this.#report({ code, severity: "damage", message, ...placeOfLine(line) });
  }
}
