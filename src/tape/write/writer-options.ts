import { checkOptions, kindOf, type OptionNames } from "../../arguments.ts";
import { printable, TapeError } from "../../errors.ts";
import type { SealFor } from "../../codecs/crypto/keys/age.ts";
import type { ZstdLineOptions } from "../../codecs/zstd/line-encoder.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import type { TapeRecord } from "../../records/record.ts";
import type { CorrelatorOptions } from "../../transforms/correlator.ts";
import type { Redaction } from "../../redact/redaction.ts";
import { checkSigner, type Signer } from "../../signing/signer.ts";
import type { Durability } from "./commit/group-commit.ts";

/** Options of every {@linkcode StreamingTapeWriter}. */
export interface WriterOptions {
  /**
   * When a write counts as done: `buffered` when it is accepted into a bounded memory; `flushed` when the operating
   * system has it, so that it survives a killed process; `synced` when it survives a power loss. Closing always syncs.
   *
   * @default {"flushed"}
   */
  readonly durability?: Durability | undefined;
  /**
   * How many bytes may wait to be written before {@linkcode StreamingTapeWriter.ready} and `writable` push back.
   *
   * @default {4194304}
   */
  readonly maxPendingBytes?: number | undefined;
  /**
   * The longest line to write, in bytes, 268435456 (256 MiB) at most; a message takes up to 256 bytes less. A tape whose
   * lines may be longer than 10 MiB says so in its init record.
   *
   * @default {10485760, or what the tape says that is gone on with}
   */
  readonly maxLineBytes?: number | undefined;
  /** How requests and answers are matched. */
  readonly correlation?: CorrelatorOptions | undefined;
  /**
   * A checkpoint follows at least every so many frames.
   *
   * @default {1000}
   */
  readonly checkpointEveryFrames?: number | undefined;
  /**
   * A checkpoint follows at least every so many milliseconds, if anything is written.
   *
   * @default {60000}
   */
  readonly checkpointEveryMs?: number | undefined;
  /**
   * How long after a change the metadata is put anew, in milliseconds.
   *
   * @default {10000}
   */
  readonly metadataEveryMs?: number | undefined;
  /**
   * Whether checkpoints carry a checksum of what stands before them, by which `verifyTape` notices a changed byte.
   *
   * @default {true}
   */
  readonly checksums?: boolean | undefined;
  /**
   * Signs every checkpoint, so that `verifyTape` tells a tape as this signer has written it from one that somebody has changed
   * who can work out checksums. `signerOf` of `tapeline/crypto` makes one. On a tape that is gone on with it
   * signs what it finds there as well. A checkpoint that cannot be signed is left out, and finalizing rejects where that is the
   * last one.
   */
  readonly signer?: Signer | undefined;
  /**
   * Takes the secrets out of messages, logs and metadata before anything is written, and tells of that in `redacted` records. `redaction()`
   * of `tapeline/redact` makes one, for one tape.
   */
  readonly redaction?: Redaction | undefined;
  /**
   * Whether an index is written beside the tape, by which readers find a place on it, and pass over what they do not want. A tape
   * of less than 64 KiB gets none.
   *
   * @default {true}
   */
  readonly index?: boolean | undefined;
  /**
   * Microseconds since the tape was created, from a clock that never goes back. Every record gets its time from there when
   * it is given to the writer; a caller that has kept it waiting can answer when it was heard.
   *
   * @default {a clock that starts with the tape, and goes on where it was}
   */
  readonly elapsedUs?: (() => number) | undefined;
  /** Is told of every record that could not be written, for callers that do not wait for each of them. */
  readonly onLoss?: ((record: TapeRecord, error: unknown) => void) | undefined;
}

/** What a caller may say about a new tape. Everything else in its metadata the writer fills in. */
export interface TapeDescription
  extends Pick<TapeMetadata, "name" | "description" | "tags" | "transport" | "environment"> {
  /** Further fields are kept as they are. */
  readonly [field: string]: unknown;
}

/** Options of {@linkcode StreamingTapeWriter.create}. */
export interface CreateWriterOptions extends WriterOptions {
  /** Names the session that is recorded; any text. */
  readonly sessionId: string;
  /** What lists and people should know of the tape. */
  readonly metadata?: TapeDescription | undefined;
  /**
   * The MCP revision, where it is known.
   *
   * @default {"unknown"}
   */
  readonly protocolVersion?: string | undefined;
  /**
   * When the session has started, where the tape is made later.
   *
   * @default {now}
   */
  readonly createdAt?: Date | undefined;
  /** The id of the new tape; by default a new ULID. */
  readonly tapeId?: string | undefined;
  /**
   * Compresses every line by itself, with zstd and a dictionary of the session's beginning. It takes the package
   * `@bokuweb/zstd-wasm`, or a runtime with zstd of its own. A tape that is gone on with is written as it was.
   *
   * @default {false}
   */
  readonly compress?: boolean | ZstdLineOptions | undefined;
  /**
   * Encrypts every line, for recipients of age or with a passphrase: only those who can open it can read the tape, follow it, and go on with
   * it, each with the store that `unlock` of `tapeline/crypto` gives. It takes the package `age-encryption`.
   *
   * @default {the lines are plain}
   */
  readonly encryptTo?: SealFor | undefined;
}

const WRITER_OPTIONS: OptionNames<WriterOptions> = {
  durability: true,
  maxPendingBytes: true,
  maxLineBytes: true,
  correlation: true,
  checkpointEveryFrames: true,
  checkpointEveryMs: true,
  metadataEveryMs: true,
  checksums: true,
  signer: true,
  redaction: true,
  index: true,
  elapsedUs: true,
  onLoss: true,
};

const CREATE_OPTIONS: OptionNames<CreateWriterOptions> = {
  ...WRITER_OPTIONS,
  sessionId: true,
  metadata: true,
  protocolVersion: true,
  createdAt: true,
  tapeId: true,
  compress: true,
  encryptTo: true,
};

const DURABILITIES: readonly Durability[] = ["buffered", "flushed", "synced"];

/**
 * Refuses options that a new tape cannot be written with.
 *
 * @throws {TapeError} code `invalid_argument`
 */
export function checkCreateOptions(options: CreateWriterOptions): void {
  checkOptions("write a tape", options, CREATE_OPTIONS);
  checkDurability(options.durability);
  checkSigning(options);
  if (typeof options.sessionId !== "string") {
    const got = kindOf(options.sessionId);
    throw new TapeError("invalid_argument", `Cannot write a tape: sessionId must be a text, not ${got}`);
  }
  const { createdAt } = options;
  if (createdAt !== undefined && !(createdAt instanceof Date && Number.isFinite(createdAt.getTime()))) {
    throw new TapeError("invalid_argument", "Cannot write a tape: createdAt must be a Date with a time");
  }
}

/**
 * Refuses options that a tape cannot be gone on with.
 *
 * @throws {TapeError} code `invalid_argument`
 */
export function checkResumeOptions(options: WriterOptions): void {
  checkOptions("go on with a tape", options, WRITER_OPTIONS);
  checkDurability(options.durability);
  checkSigning(options);
}

function checkSigning({ signer, checksums }: WriterOptions): void {
  if (signer === undefined) return;
  checkSigner("write a tape", signer);
  if (checksums !== false) return;
  throw new TapeError("invalid_argument", "Cannot write a tape: a signer needs checksums");
}

/**
 * Refuses a durability that there is none of: what was written would be less safe than was meant.
 *
 * @throws {TapeError} code `invalid_argument`
 */
export function checkDurability(durability: Durability | undefined): void {
  if (durability === undefined || DURABILITIES.includes(durability)) return;
  const got = typeof durability === "string" ? JSON.stringify(printable(durability)) : kindOf(durability);
  throw new TapeError(
    "invalid_argument",
    `Cannot write a tape: its durability must be one of ${DURABILITIES.join(", ")}, not ${got}`,
  );
}
