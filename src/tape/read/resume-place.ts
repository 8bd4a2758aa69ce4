import { kindOf } from "../../arguments.ts";
import { printable, TapeError } from "../../errors.ts";
import { crc32 } from "../../bytes/crc32.ts";
import { TapeLine } from "../../lines/line.ts";
import { partsOfToken, type TokenParts } from "../../lines/record-position.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { TapeStore } from "../../stores/store.ts";
import { readBytes } from "../seek/blocks.ts";

/** Where to go on reading behind a record. */
export interface ResumePlace {
  readonly offset: number;
  /** Number of the line there, from 1; 0 where it is not known. */
  readonly number: number;
  /** The record itself, where it is on a last line that has no end yet: it stands there, and was read. */
  readonly read: TapeLine | undefined;
}

const CR = 0x0d;
const LF = 0x0a;

/**
 * The place behind the record with this token.
 *
 * @throws {TapeError} code `invalid_argument`: it is no token, or that of another tape; `invalid_tape`: the record is not there
 * any more, because the tape was repaired, replaced or cut back; `tape_not_found`, `io`
 */
export async function placeBehind(store: TapeStore, tapeId: string, token: string): Promise<ResumePlace> {
  const { offset, length, line, checksum } = checkToken(tapeId, token);
  const key = tapeKeys(tapeId).tape;
  // With what ends the line.
  const bytes = await readBytes(store, key, offset, offset + length + 2);
  const record = bytes.subarray(0, length);
  if (record.length < length || crc32(record, 0) !== checksum) {
    const why = await whyGone(store, tapeId, offset + length);
    throw new TapeError("invalid_tape", `Cannot go on with tape ${tapeId} behind byte ${offset + length}: ${why}`, {
      offset,
    });
  }
  const number = line ?? 0;
  const [first, second] = bytes.subarray(length);
  if (first === undefined || first === CR && second === undefined) {
    return { offset, number, read: new TapeLine(record, 0, length, offset, number, false) };
  }
  const end = first === LF ? 1 : first === CR && second === LF ? 2 : 0;
  // Where its line does not end there, something else stands behind it on that line.
  return { offset: offset + length + end, number: number > 0 && end > 0 ? number + 1 : number, read: undefined };
}

async function whyGone(store: TapeStore, tapeId: string, end: number): Promise<string> {
  const size = await store.size(tapeKeys(tapeId).tape) ?? 0;
  if (size < end) return `it has ${size} bytes only, as it was cut back or replaced by another`;
  const isRepaired = await store.size(tapeKeys(tapeId).backup) !== undefined;
  const what = isRepaired ? "the tape was repaired" : "the tape was repaired, or replaced by another";
  return `the record that was read last does not stand there any more, as ${what}`;
}

function checkToken(tapeId: string, token: string): TokenParts {
  const refuse = (why: string) => new TapeError("invalid_argument", `Cannot go on with tape ${tapeId}: ${why}`);
  const parts = typeof token === "string" ? partsOfToken(token) : undefined;
  if (parts === undefined) {
    const got = typeof token === "string" ? JSON.stringify(printable(token)) : kindOf(token);
    throw refuse(`from must be the resumeToken of a record, as positionOf() gives it, not ${got}`);
  }
  if (parts.tapeId !== "" && parts.tapeId !== tapeId) throw refuse(`the resumeToken is one of tape ${parts.tapeId}`);
  return parts;
}
