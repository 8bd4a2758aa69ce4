import type { Direction } from "../records/record.ts";

/** What the first bytes of a line say about it. Fields that a record of its type does not have are `undefined`. */
export interface LineHeader {
  /** The record's type; undefined for a line that is no record. */
  readonly type: string | undefined;
  /** A frame's sequence number. */
  readonly seq: number | undefined;
  /** Milliseconds since the start of the tape, for records that have a time. */
  readonly ts: number | undefined;
  /** A frame's direction. */
  readonly dir: Direction | undefined;
}

/** That of a line that is no record. */
export const NO_HEADER: LineHeader = { type: undefined, seq: undefined, ts: undefined, dir: undefined };
/** Types of records that have no time. */
const TIMELESS: ReadonlySet<string> = new Set(["correlation", "checkpoint", "init"]);
const encoder = new TextEncoder();
const TYPE_PREFIX = encoder.encode('{"type":"');
const FRAME_PREFIX = encoder.encode('{"type":"frame","seq":');
const TIMELESS_HEADERS: readonly [Uint8Array, LineHeader][] = Array.from(
  TIMELESS,
  (type) => [encoder.encode(`{"type":"${type}"`), { ...NO_HEADER, type }],
);
const TS_KEY = encoder.encode(',"ts":');
const DIR_KEY = encoder.encode(',"dir":"');
const DIRECTIONS: readonly [Direction, Uint8Array][] = [
  ["client_to_server", encoder.encode('client_to_server"')],
  ["server_to_client", encoder.encode('server_to_client"')],
];
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/** The header of a parsed line: the same answer that a canonical line gives from its bytes. */
export function headerOf(value: unknown): LineHeader {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "type")) return NO_HEADER;
  const { type, seq, ts, dir } = value as Record<string, unknown>;
  if (typeof type !== "string") return NO_HEADER;
  if (TIMELESS.has(type)) return { ...NO_HEADER, type };
  if (type !== "frame") return { ...NO_HEADER, type, ts: integer(ts) };
  return {
    type,
    seq: integer(seq),
    ts: integer(ts),
    dir: dir === "client_to_server" || dir === "server_to_client" ? dir : undefined,
  };
}

function integer(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && value as number >= 0 ? value as number : undefined;
}

/** What the first bytes of a line say, where it is spelled canonically. */
export function canonicalHeader(block: Uint8Array, start: number, end: number): LineHeader | undefined {
  if (startsWith(block, start, end, FRAME_PREFIX)) return frameHeader(block, start + FRAME_PREFIX.length, end);
  if (!startsWith(block, start, end, TYPE_PREFIX)) return undefined;
  for (const [spelled, header] of TIMELESS_HEADERS) if (startsWith(block, start, end, spelled)) return header;
  const typeStart = start + TYPE_PREFIX.length;
  let at = typeStart;
  while (at < end && block[at] !== QUOTE) {
    if (block[at] === BACKSLASH || block[at]! < 0x20 || block[at]! > 0x7e) return undefined;
    at++;
  }
  if (at === end) return undefined;
  const type = String.fromCharCode(...block.subarray(typeStart, Math.min(at, typeStart + 64)));
  // A frame is canonical in full or not at all; other records have their time right behind the type.
  if (type === "frame" || at - typeStart > 64 || !startsWith(block, at + 1, end, TS_KEY)) return undefined;
  const ts = readInteger(block, at + 1 + TS_KEY.length, end);
  return ts === undefined ? undefined : { ...NO_HEADER, type, ts: ts.value };
}

function frameHeader(block: Uint8Array, seqStart: number, end: number): LineHeader | undefined {
  let value = 0;
  let at = seqStart;
  for (let digit; at < end && (digit = block[at]! - 0x30) >= 0 && digit <= 9; at++) value = value * 10 + digit;
  if (!isInteger(block, seqStart, at, value) || !startsWith(block, at, end, TS_KEY)) return undefined;
  const seq = value;
  const tsStart = at + TS_KEY.length;
  value = 0;
  at = tsStart;
  for (let digit; at < end && (digit = block[at]! - 0x30) >= 0 && digit <= 9; at++) value = value * 10 + digit;
  if (!isInteger(block, tsStart, at, value) || !startsWith(block, at, end, DIR_KEY)) return undefined;
  at += DIR_KEY.length;
  for (const [dir, spelled] of DIRECTIONS) {
    if (startsWith(block, at, end, spelled)) return { type: "frame", seq, ts: value, dir };
  }
  return undefined;
}

function readInteger(block: Uint8Array, start: number, end: number): { value: number } | undefined {
  let value = 0;
  let at = start;
  for (let digit; at < end && (digit = block[at]! - 0x30) >= 0 && digit <= 9; at++) value = value * 10 + digit;
  return at < end && isInteger(block, start, at, value) && block[at] === COMMA ? { value } : undefined;
}

/** Whether the digits are spelled as JSON spells a safe integer. */
function isInteger(block: Uint8Array, start: number, end: number, value: number): boolean {
  return end > start && (block[start] !== 0x30 || end === start + 1) && value <= Number.MAX_SAFE_INTEGER;
}

function startsWith(block: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (start + prefix.length > end) return false;
  for (let at = 0; at < prefix.length; at++) if (block[start + at] !== prefix[at]) return false;
  return true;
}
