import type { Bytes } from "../../bytes/bytes.ts";
import { TapeError } from "../../errors.ts";
import type { LineDecoder } from "../../lines/coded-line.ts";
import type { CheckpointRecord } from "../../records/record.ts";
import type { ZstdLineDecoder } from "../zstd/line-decoder.ts";
import { fromBase64 } from "./base64-url.ts";
import type { EpochCount } from "./line-sealer.ts";
import { ALONE, sealOf, WITH_DICTIONARY } from "./seal.ts";
import type { TapeKey } from "./keys/tape-key.ts";
import { readSealedLine } from "./sealed-line.ts";

/** What is sealed in a checkpoint. */
export interface SealedCheckpoint {
  /** How many numbers of its epoch were given before it. */
  readonly lines: number;
  /** Whether the tape ends with it. */
  readonly is_final: boolean;
  /** The checkpoint as it was before it was sealed, without its checksum. */
  readonly record: CheckpointRecord;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Opens the lines of one tape, each by itself and in any order. Whether all are there, {@linkcode SealedOrder} tells. */
export class LineOpener implements LineDecoder {
  readonly #key: TapeKey;
  readonly #inner: ZstdLineDecoder | undefined;

  /** @param inner decompresses what was compressed before it was sealed */
  constructor(key: TapeKey, inner?: ZstdLineDecoder) {
    this.#key = key;
    this.#inner = inner;
  }

  /** Whether a dictionary may yet come, or stand before the place where reading began. */
  get lacksDictionary(): boolean {
    return this.#inner?.lacksDictionary === true;
  }

  /**
   * The line that was sealed, without a line ending. What is authentic is decompressed, and nothing else.
   *
   * @throws {TapeError} code `corrupted_record`: it is no sealed line, or not as it was sealed, or of another tape
   */
  decode(stored: Uint8Array): Bytes {
    const line = readSealedLine(stored);
    if (line === undefined) throw refused("it is damaged");
    if (line.kind === "checkpoint") throw refused("checkpoints are no sealed lines");
    const content = this.#key.epoch(line.epoch).open(line.data, line);
    if (content === undefined) throw refused("it was changed, moved, or is of another tape");
    if (line.codec === undefined) return content;
    if (line.codec !== ALONE && line.codec !== WITH_DICTIONARY) {
      throw refused("it was compressed in a way not known here");
    }
    if (this.#inner === undefined) throw refused("it was compressed, and the init record does not say so");
    return this.#inner.decompress(content, line.codec === WITH_DICTIONARY);
  }

  /** Takes note of a sealed line of the kind `dictionary`. */
  learn(stored: Uint8Array): void {
    if (this.#inner === undefined) return;
    try {
      this.#inner.learn(this.decode(stored));
    } catch {
      // Whoever reads the line is told; lines that need the dictionary say that it is missing.
    }
  }

  /**
   * What a checkpoint says, in all.
   *
   * @throws {TapeError} code `corrupted_record`: it has no seal, or what it says in plain is not what is in it
   */
  checkpoint(record: CheckpointRecord): SealedCheckpoint {
    const { seal, signature: _signature, crc32: _crc32, stats: told, final, ...others } = record as CheckpointRecord & {
      seal?: unknown;
    };
    const box = sealOf(seal);
    const sealed = box === undefined ? undefined : fromBase64(box.data);
    if (box === undefined || sealed === undefined) throw refusedCheckpoint("it has no seal");
    const content = this.#key.epoch(box.epoch).open(sealed, { n: box.n, kind: "checkpoint" });
    if (content === undefined) throw refusedCheckpoint("its seal was changed, or is of another tape");
    const { lines, is_final, checkpoint_at, seq, stats } = JSON.parse(decoder.decode(content));
    if (
      checkpoint_at !== others.checkpoint_at || seq !== others.seq || is_final !== (final === true) ||
      stats.frame_count !== told?.frame_count
    ) throw refusedCheckpoint("what it tells in plain is not what is in its seal");
    return { lines, is_final, record: { ...others, stats, ...(final === undefined ? {} : { final }) } };
  }
}

/** What the first line of an epoch says of the epochs before it; undefined where it says nothing. */
export function epochsBefore(content: Uint8Array): EpochCount[] | undefined {
  const { previous } = JSON.parse(decoder.decode(content)) as { readonly previous?: EpochCount[] };
  return Array.isArray(previous) ? previous : undefined;
}

function refused(why: string): TapeError {
  return new TapeError("corrupted_record", `Cannot open a sealed line: ${why}`);
}

function refusedCheckpoint(why: string): TapeError {
  return new TapeError("corrupted_record", `Cannot open a sealed checkpoint: ${why}`);
}
