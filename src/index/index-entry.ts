import { crc32 } from "../bytes/crc32.ts";
import type { Direction } from "../records/record.ts";
import type { MessageKind } from "../records/jsonrpc.ts";
import * as kinds from "./kinds.ts";
import { CHECKSUM_AT, ENTRY_BYTES } from "./layout.ts";
import { nameBits } from "./names.ts";

/** Where the fields of an entry stand. All are unsigned and little-endian. */
export const FIELDS = {
  offset: 0,
  line: 6,
  length: 12,
  lines: 16,
  frames: 18,
  nextSeq: 20,
  maxTs: 26,
  seqSpan: 32,
  tsSpan: 36,
  minId: 40,
  idSpan: 44,
  answerSpan: 46,
  kinds: 48,
  names: 50,
} as const;

/** Stand in a field in place of what there is none of, and of what is too large for it. */
export const NONE_32 = 0xffff_ffff, UNKNOWN_32 = 0xffff_fffe;
export const NONE_16 = 0xffff, UNKNOWN_16 = 0xfffe;
export const MAX_48: number = 2 ** 48 - 1;

/**
 * What an index knows of a block of a tape: whole lines, some 64 KiB of them. It is what the first bytes of its lines claim;
 * no record of the block is outside of it.
 */
export class IndexEntry {
  /** Bytes from the start of the tape to the first line of the block. */
  readonly offset: number;
  /** The number of that line, from 1. */
  readonly line: number;
  /** Bytes of the block. */
  readonly length: number;
  /** Lines in the block. */
  readonly lines: number;
  /** Frames in the block. */
  readonly frames: number;
  /** The least sequence number in the block; infinite where there is no frame. */
  readonly minSeq: number;
  /** The greatest sequence number from the start of the tape to the end of the block; -1 where there is no frame. */
  readonly maxSeq: number;
  /** The least time in the block, in milliseconds since the start of the tape; infinite where no record has one. */
  readonly minTs: number;
  /** The greatest time from the start of the tape to the end of the block. */
  readonly maxTs: number;
  /** What stands in the block, a bit each, see `kinds.ts`. */
  readonly kinds: number;
  readonly #minId: number;
  readonly #maxId: number;
  readonly #oldestAnswered: number;
  readonly #low: number;
  readonly #middle: number;
  readonly #high: number;

  /**
   * Reads an entry; `TapeIndex` does.
   *
   * @param at where it starts
   */
  constructor(view: DataView, at: number) {
    this.offset = readUint48(view, at + FIELDS.offset);
    this.line = readUint48(view, at + FIELDS.line);
    this.length = view.getUint32(at + FIELDS.length, true);
    this.lines = view.getUint16(at + FIELDS.lines, true);
    this.frames = view.getUint16(at + FIELDS.frames, true);
    const nextSeq = readUint48(view, at + FIELDS.nextSeq);
    this.maxSeq = nextSeq === MAX_48 ? Infinity : nextSeq - 1;
    const maxTs = readUint48(view, at + FIELDS.maxTs);
    this.maxTs = maxTs === MAX_48 ? Infinity : maxTs;
    this.minSeq = leastOf(this.maxSeq, view.getUint32(at + FIELDS.seqSpan, true), NONE_32);
    this.minTs = leastOf(this.maxTs, view.getUint32(at + FIELDS.tsSpan, true), NONE_32);
    this.kinds = view.getUint16(at + FIELDS.kinds, true);
    this.#minId = view.getUint32(at + FIELDS.minId, true);
    const idSpan = view.getUint16(at + FIELDS.idSpan, true);
    this.#maxId = this.#minId === NONE_32 ? -1 : idSpan >= UNKNOWN_16 ? UNKNOWN_32 : this.#minId + idSpan;
    this.#oldestAnswered = leastOf(this.maxSeq, view.getUint16(at + FIELDS.answerSpan, true), NONE_16);
    this.#low = view.getInt32(at + FIELDS.names, true);
    this.#middle = view.getInt32(at + FIELDS.names + 4, true);
    this.#high = view.getUint16(at + FIELDS.names + 8, true);
  }

  /** Where the block ends, in bytes from the start of the tape. */
  get end(): number {
    return this.offset + this.length;
  }

  /** The sequence number of the first frame in the block; undefined where there is none, or that is not known. */
  get firstSeq(): number | undefined {
    if (this.frames === 0 || (this.kinds & kinds.UNORDERED) !== 0) return undefined;
    // So far below the greatest one nobody has noted it.
    return this.minSeq === 0 && this.maxSeq >= UNKNOWN_32 ? undefined : this.minSeq;
  }

  /** Whether something in the block is no record, or hard to tell apart. */
  get isDamaged(): boolean {
    return (this.kinds & kinds.DAMAGED) !== 0;
  }

  /** Whether any of these bits, see `kinds.ts`, is set. */
  hasKind(bits: number): boolean {
    return (this.kinds & bits) !== 0;
  }

  /** Whether a frame in the block may be a message of this kind and direction; of any direction, or any kind, where none is given. */
  mayHold(kind: MessageKind | undefined, dir?: Direction): boolean {
    if ((this.kinds & kinds.OTHER_FRAME) !== 0) return true;
    const shift = kind === undefined ? undefined : KIND_SHIFTS[kind];
    if (kind !== undefined && shift === undefined) return false;
    const ofSide = shift === undefined ? 0b111 : 1 << shift;
    const client = dir === "server_to_client" ? 0 : ofSide * kinds.CLIENT_KINDS;
    const server = dir === "client_to_server" ? 0 : ofSide * kinds.SERVER_KINDS;
    return (this.kinds & (client | server)) !== 0;
  }

  /** Whether a message in the block may say that something has failed: a JSON-RPC error, or a tool's result. */
  mayHoldError(): boolean {
    return (this.kinds & (kinds.ERROR | kinds.TOOL_ERROR | kinds.OTHER_FRAME)) !== 0;
  }

  /**
   * Whether a message in the block may have the method, or call the tool, that has this hash. A response has neither; see
   * {@linkcode mayAnswer}.
   *
   * @param hash of `methodHash` or `nameHash`
   */
  mayHave(hash: number): boolean {
    if ((this.kinds & kinds.OTHER_FRAME) !== 0) return true;
    const { low, middle, high } = nameBits(hash);
    return (this.#low & low) === low && (this.#middle & middle) === middle && (this.#high & high) === high;
  }

  /** Whether a message in the block may have this id. */
  mayHaveId(id: string | number | null): boolean {
    if ((this.kinds & kinds.OTHER_FRAME) !== 0) return true;
    const isShort = typeof id === "number" && Number.isInteger(id) && id >= 0 && id < UNKNOWN_32;
    return isShort ? id >= this.#minId && id <= this.#maxId : (this.kinds & kinds.OTHER_ID) !== 0;
  }

  /** Whether a frame in the block may be the answer to the request with this sequence number. */
  mayAnswer(requestSeq: number): boolean {
    return (this.kinds & kinds.OTHER_FRAME) !== 0 || requestSeq >= this.#oldestAnswered && requestSeq <= this.maxSeq;
  }
}

const KIND_SHIFTS: { readonly [Kind in MessageKind]?: number } = {
  request: kinds.REQUEST,
  notification: kinds.NOTIFICATION,
  response: kinds.RESPONSE,
};

/** The entry at this place; undefined where its checksum does not fit. `crc` is that of the header. */
export function entryAt(bytes: Uint8Array, view: DataView, at: number, crc: number): IndexEntry | undefined {
  if (at + ENTRY_BYTES > bytes.length) return undefined;
  const isWhole = view.getUint32(at + CHECKSUM_AT, true) === crc32(bytes.subarray(at, at + CHECKSUM_AT), crc);
  return isWhole ? new IndexEntry(view, at) : undefined;
}

export function readUint48(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;
}

export function writeUint48(view: DataView, at: number, value: number): void {
  const most = Math.min(value, MAX_48);
  view.setUint32(at, most % 2 ** 32, true);
  view.setUint16(at + 4, Math.floor(most / 2 ** 32), true);
}

/** The value that is `span` below the greatest; infinite where there is none, 0 where it is too far below. */
function leastOf(greatest: number, span: number, none: number): number {
  if (span === none) return Infinity;
  return span === none - 1 || greatest === Infinity ? 0 : Math.max(0, greatest - span);
}
