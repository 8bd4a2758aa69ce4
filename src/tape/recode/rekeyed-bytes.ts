import type { Bytes } from "../../bytes/bytes.ts";
import { concat } from "../../bytes/bytes.ts";
import { crc32 } from "../../bytes/crc32.ts";
import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { recordOn } from "../../lines/parse-line.ts";
import type { CheckpointRecord, InitRecord } from "../../records/record.ts";
import { lineLimitOf } from "../../stores/line-limit.ts";
import type { TapeStore } from "../../stores/store.ts";
import { recordLine } from "../../transforms/encode-record.ts";
import { SealCheck } from "../verify/verify-seals.ts";
import { tapeLines } from "../verify/verify-lines.ts";
import { checksumText, sealedLength } from "../write/commit/seal.ts";

const encoder = new TextEncoder();
/** So much is handed on at once. */
const BLOCK_BYTES = 64 * 1024;

/** What of a tape to read. */
export interface RekeyedOptions {
  /** Bytes of the tape. */
  readonly size: number;
  readonly signal?: AbortSignal | undefined;
  /** Is told how many bytes of the tape have been read. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * The bytes of an encrypted tape with another `init` record: what {@linkcode resealKey} has made of its own. All lines stay as they are, but for the
 * checksum of the first checkpoint, which covers that record.
 *
 * @param store as it is without a key: nothing is decrypted
 * @throws {TapeError} code `invalid_tape`: it is damaged up to its first checkpoint, or has lines that are too long; `invalid_argument`: it is signed
 */
export async function* rekeyedBytes(
  store: TapeStore,
  key: string,
  init: InitRecord,
  { size, signal, onProgress }: RekeyedOptions,
): AsyncGenerator<Bytes> {
  const seals = new SealCheck();
  const reading = { end: size, maxLineBytes: lineLimitOf(init), signal };
  const start = new TapeStart(key, init, seals);
  let pieces: Bytes[] = [];
  let length = 0;
  for await (const line of tapeLines(store, key, { ...reading, onBlock: (block) => seals.block(block) })) {
    if (line instanceof TapeError) throw refused(key, "it has a line that is too long", line.line, line.offset);
    const bytes = start.take(line);
    pieces.push(bytes);
    length += bytes.length;
    if (length < BLOCK_BYTES) continue;
    yield concat(pieces);
    [pieces, length] = [[], 0];
    onProgress?.(line.nextOffset);
  }
  signal?.throwIfAborted();
  yield concat(pieces);
}

/** What a tape begins with, line by line: its `init` record, and all up to its first checkpoint. */
class TapeStart {
  readonly #key: string;
  readonly #init: InitRecord;
  readonly #seals: SealCheck;
  #hasInit = false;
  #isOver = false;
  #crc = 0;

  constructor(key: string, init: InitRecord, seals: SealCheck) {
    this.#key = key;
    this.#init = init;
    this.#seals = seals;
  }

  /** The bytes of the next line in the new tape. */
  take(line: TapeLine): Bytes {
    const checkpoint = line.type === "checkpoint" ? recordOn(line) : undefined;
    if (checkpoint?.type === "checkpoint") return this.#checkpoint(line, checkpoint);
    const bytes = this.#hasInit ? bytesOf(line) : this.#first(line);
    if (!this.#isOver) this.#crc = crc32(bytes, this.#crc);
    return bytes;
  }

  #first(line: TapeLine): Bytes {
    const record = recordOn(line);
    if (record?.type !== "init") throw refused(this.#key, "its first line is no init record", line.number, line.offset);
    this.#hasInit = true;
    return encoder.encode(recordLine(this.#init));
  }

  #checkpoint(line: TapeLine, record: CheckpointRecord): Bytes {
    if (record.signature != null) {
      const why = "it is signed, and the first signature covers its key; encrypt it anew, and sign it again";
      throw new TapeError("invalid_argument", `Cannot change the key of ${this.#key}: ${why}`);
    }
    const verdict = this.#seals.checkpoint(line, record.crc32);
    const bytes = bytesOf(line);
    if (this.#isOver) return bytes;
    this.#isOver = true;
    // A new checksum must not vouch for what the old one did not.
    if (typeof verdict === "object") throw refused(this.#key, verdict.why, line.number, line.offset);
    if (verdict === "unsealed") return bytes;
    const end = sealedLength(line.length);
    encoder.encodeInto(checksumText(crc32(bytes.subarray(0, end), this.#crc)), bytes.subarray(end));
    return bytes;
  }
}

/** A line as it stands on the tape, with its ending, for who may change it. */
function bytesOf(line: TapeLine): Bytes {
  const bytes = new Uint8Array(line.nextOffset - line.offset);
  bytes.set(line.stored);
  encoder.encodeInto(line.ending, bytes.subarray(line.length));
  return bytes;
}

function refused(key: string, why: string, line?: number, offset?: number): TapeError {
  return new TapeError("invalid_tape", `Cannot change the key of ${key}: ${why}; repair it first`, { line, offset });
}
