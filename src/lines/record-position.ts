import { lineOf } from "../records/recorded-text.ts";
import type { TapeRecord } from "../records/record.ts";
import { crc32 } from "../bytes/crc32.ts";

/** Where a record stands on its tape. */
export interface RecordPosition {
  /** Bytes from the start of the tape to the record. */
  readonly offset: number;
  /** Its bytes, without the line ending. */
  readonly length: number;
  /** The number of its line, from 1; undefined where reading began in the middle, so that nobody has counted. */
  readonly line: number | undefined;
  /**
   * Names the place behind the record, for who reads on there later: `from` of `StreamingTapeReader.open`, of `follow` and of
   * `followTape`. A text of letters, digits and `.-_` that may be kept for as long as the tape is. Where the record is not
   * there any more, because the tape was repaired or replaced, going on from there fails instead of going astray.
   */
  readonly resumeToken: string;
}

/**
 * Where a record stands on the tape that it was read from; undefined for one that was not read from any.
 *
 * @example Go on behind the last record that was worked on
 * ```ts
 * import { memoryStore, positionOf, StreamingTapeReader, StreamingTapeWriter } from "tapeline";
 *
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo" });
 * await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
 * await writer.finalize();
 *
 * let from: string | undefined;
 * await using reader = await StreamingTapeReader.open(store, writer.tapeId);
 * for await (const frame of reader.frames({ limit: 1 })) from = positionOf(frame)?.resumeToken;
 *
 * await using later = await StreamingTapeReader.open(store, writer.tapeId, { from });
 * console.log((await later.nextRecord())?.type); // "checkpoint", or what else comes behind that frame
 * ```
 */
export function positionOf(record: TapeRecord): RecordPosition | undefined {
  const recorded = lineOf(record);
  if (recorded === undefined) return undefined;
  const { text, offset, number, tapeId = "", stored } = recorded;
  const bytes = stored ?? new TextEncoder().encode(text);
  const { length } = bytes;
  const line = number > 0 ? number : undefined;
  return { offset, length, line, resumeToken: tokenOf({ tapeId, offset, length, line, checksum: crc32(bytes, 0) }) };
}

/** What a token tells: the record behind which to go on. */
export interface TokenParts {
  /** Empty where it is not known. */
  readonly tapeId: string;
  readonly offset: number;
  readonly length: number;
  readonly line: number | undefined;
  /** The CRC-32 of the record. */
  readonly checksum: number;
}

const TOKEN = /^after\.([A-Za-z0-9_-]{0,128})\.(\d{1,16})\.(\d{1,16})\.(\d{0,16})\.([0-9a-f]{8})$/;

function tokenOf({ tapeId, offset, length, line, checksum }: TokenParts): string {
  return `after.${tapeId}.${offset}.${length}.${line ?? ""}.${checksum.toString(16).padStart(8, "0")}`;
}

/** What a token tells; undefined for a text that is none. */
export function partsOfToken(token: string): TokenParts | undefined {
  const [, tapeId, offset, length, line, checksum] = TOKEN.exec(token) ?? [];
  if (tapeId === undefined) return undefined;
  return {
    tapeId,
    offset: Number(offset),
    length: Number(length),
    line: line === "" ? undefined : Number(line),
    checksum: Number.parseInt(checksum!, 16),
  };
}
