import type { Bytes } from "../bytes/bytes.ts";
import type { TapeMetadata } from "../records/metadata.ts";
import type { CheckpointRecord, TapeEncryption } from "../records/record.ts";

/**
 * What a reader needs to read lines that are compressed or encrypted: made once for a tape, of its `init` record, the keys at hand, and
 * what stands in its first bytes. All that it does is synchronous.
 */
export interface LineDecoder {
  /**
   * The line that was compressed or encrypted, without a line ending.
   *
   * @param stored a line of the type `zstd` or `sealed`, without its line ending
   * @throws {TapeError} code `corrupted_record`: it does not decode
   */
  decode(stored: Uint8Array): Bytes;
  /** Takes note of a line of the type `dictionary`, or of that kind; what stands behind it may need it. */
  learn?(stored: Uint8Array): void;
  /** Whether a dictionary may yet come, or stand before the place where reading began. */
  readonly lacksDictionary?: boolean;
  /** Tells whether all lines of the tape are there, and in their order, of each line from the first one on. */
  orderCheck?(onFinding: (finding: OrderFinding) => void): OrderCheck;
  /**
   * A checkpoint as it was before it was coded, where not all of it is told in plain; its checksum and its signature are as they are, or left out.
   *
   * @throws {TapeError} code `corrupted_record`: it does not decode
   */
  openCheckpoint?(record: CheckpointRecord): CheckpointRecord;
  /** What encodes the lines of a writer that goes on with the tape, of which all lines have been decoded and which has so many bytes. */
  goOn?(size: number): LineEncoder;
  /** What encodes all lines of the tape anew, as a repair has to where the lines themselves tell which of them are missing. */
  anew?(): LineEncoder;
  /**
   * What encodes the lines of another tape under the same key.
   *
   * @param inner compresses them before they are sealed
   */
  another?(tapeId: string, inner: LineEncoder | undefined): SealedLines;
  /** Takes note of a line, each in its turn, for who goes on with the tape. */
  see?(stored: Uint8Array): void;
  /** Whether every line has to be coded but those of the types `init` and `checkpoint`: {@linkcode decode} is given those that are not, to refuse them. */
  readonly codesAll?: boolean;
  /** Whether there is no key, so that records are read as what their lines tell in plain. */
  readonly isLocked?: boolean;
}

/** Something that is wrong with the order of coded lines. */
export interface OrderFinding {
  /** What it is, for a program. */
  readonly code: string;
  /** What it is, for a person. */
  readonly message: string;
}

/** Looks at the lines of a tape, from the first one on. */
export interface OrderCheck {
  /** The next line, as it is stored, without its line ending. */
  next(stored: Uint8Array): unknown;
  /** The tape is over. */
  end(): void;
}

/** Makes coded lines of plain ones, in the order of the tape. */
export interface LineEncoder {
  /**
   * What stands on the tape for a line: one line, or several where others have to stand before it.
   *
   * @param plain the line, without its line ending
   * @param head what is to be told of it in plain
   * @returns lines, each with its line ending
   */
  encode(plain: Uint8Array, head: CodedHead): Bytes;
  /** The lines that stand on the tape for a checkpoint, where not all of it is told in plain. The last of them is the checkpoint. */
  checkpointLines?(record: CheckpointRecord): Bytes;
  /** Metadata as they are kept beside the tape, where not all of them are told in plain. */
  sealMetadata?(metadata: TapeMetadata): TapeMetadata;
  /** All lines that were encoded have arrived on the tape. */
  written?(): void;
  /**
   * Not all lines that were encoded since the last call of {@linkcode written} have arrived on the tape.
   *
   * @param last the last one that has, without its line ending; undefined where none has
   */
  failed?(last: Uint8Array | undefined): void;
}

/** How the lines of an encrypted tape are made. */
export interface SealedLines {
  /** What its `init` record says of it. */
  readonly encryption: TapeEncryption;
  /** What makes them. */
  readonly encoder: LineEncoder;
  /**
   * What decodes them, with the same key.
   *
   * @param inner decodes what was compressed before it was sealed
   */
  decoderWith(inner: LineDecoder | undefined): LineDecoder;
}

/** What a line tells in plain of the record that is compressed or encrypted in it. */
export interface CodedHead {
  /** The type of the record. */
  readonly kind: string;
  /** The number of a frame. */
  readonly seq: number | undefined;
  /** Milliseconds since the start of the tape, where the record has a time. */
  readonly ts: number | undefined;
}

/** The type of a line that is encrypted. Without a key it is also that of the record that is read of it, unless it is a frame. */
export const SEALED = "sealed";
const CODED_PREFIXES = prefixes("zstd", SEALED);
const PLAIN_PREFIXES = prefixes("init", "checkpoint");
const ALL_PREFIXES = [...CODED_PREFIXES, ...prefixes("dictionary")];
/** The types of lines that are compressed or encrypted. */
export const CODED_TYPES: ReadonlySet<string> = new Set(["zstd", SEALED]);

const SEQ = new TextEncoder().encode('"seq":');
const KIND = new TextEncoder().encode('"kind":"');
const TS = new TextEncoder().encode('"ts":');
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** A longer kind is read with the whole line. */
const MAX_KIND = 64;

/** Whether a line is compressed or encrypted, going by its first bytes. */
export function isCoded(block: Uint8Array, start: number, end: number): boolean {
  return CODED_PREFIXES.some((prefix) => standsAt(block, start, end, prefix));
}

/** Whether a line is of a type that is plain on every tape, going by its first bytes. */
export function isPlain(block: Uint8Array, start: number, end: number): boolean {
  return PLAIN_PREFIXES.some((prefix) => standsAt(block, start, end, prefix));
}

/** The same, or whether it is a line that coded lines need. */
export function mayConcernDecoder(block: Uint8Array, start: number, end: number): boolean {
  return ALL_PREFIXES.some((prefix) => standsAt(block, start, end, prefix));
}

function prefixes(...types: readonly string[]): readonly Uint8Array[] {
  return types.map((type) => new TextEncoder().encode(`{"type":"${type}",`));
}

function standsAt(block: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (start + prefix.length > end) return false;
  for (let at = 0; at < prefix.length; at++) if (block[start + at] !== prefix[at]) return false;
  return true;
}

/** What a coded line tells in plain; undefined where it is damaged. */
export function codedHead(block: Uint8Array, start: number, end: number): CodedHead | undefined {
  return canonicalHead(block, start, end) ?? parsedHead(block, start, end);
}

/** The head of a line whose members stand in the order in which this library writes them. */
function canonicalHead(block: Uint8Array, start: number, end: number): CodedHead | undefined {
  const prefix = CODED_PREFIXES.find((each) => standsAt(block, start, end, each));
  if (prefix === undefined) return undefined;
  let at = start + prefix.length;
  let kind = "frame";
  let seq: number | undefined;
  if (standsAt(block, at, end, SEQ)) {
    at += SEQ.length;
    const stop = digitsEnd(block, at, end);
    seq = integer(block, at, stop);
    at = stop;
  } else if (standsAt(block, at, end, KIND)) {
    const from = at + KIND.length;
    for (at = from; at < end && block[at] !== QUOTE; at++) {
      if (block[at] === BACKSLASH || block[at]! > 0x7e || at - from === MAX_KIND) return undefined;
    }
    kind = String.fromCharCode(...block.subarray(from, at));
    at++;
    if (kind === "frame") return undefined;
  } else return undefined;
  if (block[at++] !== COMMA || at >= end || kind === "frame" && seq === undefined) return undefined;
  if (!standsAt(block, at, end, TS)) return kind === "frame" ? undefined : { kind, seq, ts: undefined };
  at += TS.length;
  const stop = digitsEnd(block, at, end);
  const ts = integer(block, at, stop);
  return ts === undefined || block[stop] !== COMMA || stop >= end ? undefined : { kind, seq, ts };
}

function digitsEnd(block: Uint8Array, at: number, end: number): number {
  while (at < end && block[at]! >= 0x30 && block[at]! <= 0x39) at++;
  return at;
}

/** A safe integer, as JSON spells it. */
function integer(block: Uint8Array, start: number, end: number): number | undefined {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + block[at]! - 0x30;
  const isSpelled = end > start && (block[start] !== 0x30 || end === start + 1);
  return isSpelled && value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}

function parsedHead(block: Uint8Array, start: number, end: number): CodedHead | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(block.subarray(start, end)));
    if (typeof value !== "object" || value === null) return undefined;
    const { type, kind, seq, ts } = value as Record<string, unknown>;
    if (typeof type !== "string" || !CODED_TYPES.has(type) || kind !== undefined && typeof kind !== "string") {
      return undefined;
    }
    return checked(kind ?? "frame", numberOf(seq), numberOf(ts));
  } catch {
    return undefined;
  }
}

function checked(kind: string, seq: number | undefined, ts: number | undefined): CodedHead | undefined {
  const isWrong = (value: number | undefined) => value !== undefined && !(Number.isSafeInteger(value) && value >= 0);
  return isWrong(seq) || isWrong(ts) || (kind === "frame") !== (seq !== undefined) ? undefined : { kind, seq, ts };
}

function numberOf(value: unknown): number | undefined {
  return value === undefined || value === null ? undefined : typeof value === "number" ? value : Number.NaN;
}
