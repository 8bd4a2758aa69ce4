import type { Bytes } from "../bytes/bytes.ts";
import { crc32 } from "../bytes/crc32.ts";

/** The header of an index, and each of its entries, in bytes. */
export const ENTRY_BYTES = 64;
/** Where the checksum of the header, or of an entry, stands; it covers what is before it. */
export const CHECKSUM_AT = 60;
/** No more of the first bytes of a tape tells which tape an index is of. */
export const MAX_START_BYTES = 4096;

const VERSION = 1;
const MAGIC = Uint8Array.of(0x89, 0x54, 0x4c, 0x49, 0x58, 0x0d, 0x0a, 0x1a);
const VERSION_AT = 8;
const ENTRY_BYTES_AT = 10;
const START_LENGTH_AT = 12;
const START_CRC_AT = 16;
const ID_LENGTH_AT = 20;
const ID_AT = 21;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What the header of an index says. */
export interface IndexHeader {
  /** The id that the tape had when the index was made. */
  readonly tapeId: string;
  /** So many of the first bytes of the tape, up to the end of its init record, are those of its own tape. */
  readonly startLength: number;
  /** Their CRC-32. */
  readonly startCrc: number;
  /** The checksum of the header, which the checksums of all entries go on from. */
  readonly crc: number;
}

/** The header of the index of a tape with this id that starts with these bytes. */
export function encodeHeader(tapeId: string, start: Uint8Array): Bytes {
  const bytes = new Uint8Array(ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(VERSION_AT, VERSION, true);
  view.setUint16(ENTRY_BYTES_AT, ENTRY_BYTES, true);
  view.setUint32(START_LENGTH_AT, start.length, true);
  view.setUint32(START_CRC_AT, crc32(start, 0), true);
  const id = encoder.encode(tapeId).subarray(0, CHECKSUM_AT - ID_AT);
  bytes[ID_LENGTH_AT] = id.length;
  bytes.set(id, ID_AT);
  view.setUint32(CHECKSUM_AT, headerCrc(bytes, tapeId), true);
  return bytes;
}

/** What the header of the index of a tape says, and why it is not one. */
export function decodeHeader(bytes: Uint8Array, tapeId: string): IndexHeader | { readonly why: string } {
  if (bytes.length < ENTRY_BYTES) return { why: "its header is cut off" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) return { why: "it does not begin as an index does" };
  const version = view.getUint16(VERSION_AT, true);
  if (version !== VERSION || view.getUint16(ENTRY_BYTES_AT, true) !== ENTRY_BYTES) {
    return { why: `it is of version ${version}, which is not known here` };
  }
  const crc = view.getUint32(CHECKSUM_AT, true);
  const room = CHECKSUM_AT - ID_AT;
  const said = decoder.decode(bytes.subarray(ID_AT, ID_AT + Math.min(bytes[ID_LENGTH_AT]!, room)));
  // A tape may be called by another id than when its index was made, as a file that was renamed is: its first bytes tell whose it is.
  const id = bytes[ID_LENGTH_AT]! < room ? said : tapeId;
  if (crc !== headerCrc(bytes, id)) return { why: "its header is damaged, or it is the index of another tape" };
  return {
    tapeId: id,
    startLength: Math.min(view.getUint32(START_LENGTH_AT, true), MAX_START_BYTES),
    startCrc: view.getUint32(START_CRC_AT, true),
    crc,
  };
}

/** All of the id counts, the part of it too that has no room. */
function headerCrc(bytes: Uint8Array, tapeId: string): number {
  return crc32(bytes.subarray(0, CHECKSUM_AT), crc32(encoder.encode(tapeId), 0));
}
