import { checkOptions, type OptionNames } from "../../arguments.ts";
import { type Bytes, concat } from "../../bytes/bytes.ts";
import { crc32 } from "../../bytes/crc32.ts";
import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { isTapeRecord } from "../../records/record-guard.ts";
import type { CheckpointRecord, InitRecord, TapeRecord } from "../../records/record.ts";
import { recordLine } from "../../transforms/encode-record.ts";
import { lineSplitting, MAX_LINE_BYTES } from "../../transforms/line-split.ts";
import { checkZstdOptions, loadLineEncoder, type ZstdLineEncoder, type ZstdLineOptions } from "./line-encoder.ts";

const OPTIONS: OptionNames<ZstdLineOptions> = { level: true, dictionaryBytes: true };
const CHECKSUM_LENGTH = 8;
const END_LENGTH = '"}\n'.length;
/** Lines that are coded already. */
const CODED: ReadonlySet<string | undefined> = new Set(["zstd", "dictionary", "sealed"]);
const encoder = new TextEncoder();

/**
 * Compresses the lines of a tape, each by itself: what comes out is a tape too, which can be followed, sought, cut and gone on with. Its
 * `init` record says `"compression":"zstd"`, its first lines become a dictionary, and its checkpoints tell of it as it is now, without
 * signatures. Every reader reads such a tape as if it were plain; in a pipeline {@linkcode unzstdLines} does.
 *
 * It takes the package `@bokuweb/zstd-wasm`, or a runtime with a zstd that takes dictionaries (Node from 22.15, Bun).
 *
 * @throws {TapeError} code `invalid_argument`: wrong options; in the stream, `invalid_argument`: there is no zstd, and `invalid_tape`: the
 *   tape is compressed or encrypted already
 *
 * @example
 * ```ts
 * import { encodeRecord, memorySink, pipe, type TapeRecord } from "tapeline";
 * import { zstdLines } from "tapeline/zstd";
 *
 * const log: TapeRecord = { type: "log", ts: 0, stream: "stderr", text: "the same again and again ".repeat(20) };
 * const sink = memorySink();
 * await pipe([log], encodeRecord(), zstdLines({ level: 3 }), sink);
 * console.log(sink.text()); // {"type":"zstd","kind":"log","ts":0,"z":"…"}
 * ```
 */
export function zstdLines(options: ZstdLineOptions = {}): TransformStream<Uint8Array, Bytes> {
  checkOptions("compress lines", options, OPTIONS);
  checkZstdOptions("compress lines", options);
  const split = lineSplitting({ maxLineBytes: MAX_LINE_BYTES });
  let tape: CompressedTape;
  const emitTo = (controller: TransformStreamDefaultController<Bytes>) =>
    Object.assign((line: TapeLine) => controller.enqueue(tape.line(line)), { terminate() {} });
  return new TransformStream({
    async start() {
      tape = new CompressedTape(await loadLineEncoder(options));
    },
    transform: (chunk, controller) => split.transform(chunk, emitTo(controller)),
    flush: (controller) => split.flush?.(emitTo(controller)),
  });
}

/** The tape that is written. */
class CompressedTape {
  readonly #encoder: ZstdLineEncoder;
  #size = 0;
  /** Of what stands behind the last checkpoint, as it came and as it is written. */
  #crcBefore = 0;
  #crc = 0;

  constructor(encoder: ZstdLineEncoder) {
    this.#encoder = encoder;
  }

  line(line: TapeLine): Bytes {
    const came = concat([line.stored as Bytes, encoder.encode(line.ending)]);
    const { type, seq, ts } = line;
    if (CODED.has(type)) throw refused();
    if (type === "init" || type === "checkpoint") {
      const record = recordOf(line);
      if (record?.type === "init") return this.#put(this.#init(record as InitRecord), came);
      if (record?.type === "checkpoint") return this.#checkpoint(record as CheckpointRecord, came);
    }
    // A line that is damaged, or not whole yet, stays as it is: who reads it is told.
    const isWhole = line.terminated && type !== undefined && type !== "init" && type !== "checkpoint" &&
      !(type === "frame" && (seq === undefined || ts === undefined));
    return this.#put(isWhole ? this.#encoder.encode(line.stored, { kind: type, seq, ts }) : came, came);
  }

  #init(init: InitRecord): Bytes {
    if (init.compression != null || init.encryption != null) throw refused();
    return encoder.encode(recordLine({ ...init, compression: "zstd" } as TapeRecord));
  }

  #checkpoint(record: CheckpointRecord, came: Bytes): Bytes {
    // Nobody but the signer could sign what stands here now. The checksum goes last.
    const { signature: _signature, crc32: checksum, ...rest } = record;
    const stats = { ...record.stats, file_size_bytes: this.#size };
    const last = checksum === undefined ? {} : { crc32: checksum };
    const line = encoder.encode(recordLine({ ...rest, stats, ...last } as TapeRecord));
    if (checksum !== undefined && checksum === endChecksum(came, this.#crcBefore)) {
      // One that did not fit stays: new ones must not vouch for what is damaged.
      const end = line.length - END_LENGTH;
      encoder.encodeInto(endChecksum(line, this.#crc), line.subarray(end - CHECKSUM_LENGTH, end));
    }
    this.#put(line, came);
    this.#crcBefore = this.#crc = 0;
    return line;
  }

  #put(line: Bytes, came: Bytes): Bytes {
    this.#size += line.length;
    this.#crc = crc32(line, this.#crc);
    this.#crcBefore = crc32(came, this.#crcBefore);
    return line;
  }
}

/** The checksum that a checkpoint should have, of all up to its own digits. */
function endChecksum(line: Bytes, crc: number): string {
  return crc32(line.subarray(0, line.length - END_LENGTH - CHECKSUM_LENGTH), crc).toString(16).padStart(8, "0");
}

function refused(): TapeError {
  return new TapeError("invalid_tape", "Cannot compress lines: the tape is compressed or encrypted already");
}

function recordOf(line: TapeLine): { readonly type: string } | undefined {
  try {
    const record = line.parse();
    return isTapeRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}
