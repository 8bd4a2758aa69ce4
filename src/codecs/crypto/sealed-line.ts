import { base64Length, readBase64, writeBase64 } from "../../bytes/base64.ts";
import type { Bytes } from "../../bytes/bytes.ts";
import { decodeUtf8, putAscii } from "../../utf8.ts";
import type { SealedHead } from "./epoch.ts";

/** A sealed line, taken apart. Nothing of it is authentic yet. */
export interface SealedLine extends SealedHead {
  /** 22 characters of base64url. */
  readonly epoch: string;
  /** Ciphertext and tag. */
  readonly data: Bytes;
}

const LF = 0x0a;
const encoder = new TextEncoder();
const END = encoder.encode('"}');
const decoder = new TextDecoder("utf-8", { fatal: true });
const COUNT = "(0|[1-9]\\d{0,15})";
/** All that stands before the data. There is one spelling of it: whatever else could be said of a line would not be authentic. */
const HEAD = new RegExp(
  `^\\{"type":"sealed",(?:"seq":${COUNT},"ts":${COUNT}|"kind":("(?:[^"\\\\]|\\\\.)*")(?:,"ts":${COUNT})?),` +
    `"epoch":"([\\w-]{21}[AQgw])","n":${COUNT}(?:,"codec":"([a-z\\d-]{1,16})")?,"data":"`,
);
/** Most heads have fewer bytes. */
const HEAD_BYTES = 224;

/** A line as it stands on the tape, `\n` included. */
export function sealedLineBytes(head: SealedHead, epoch: string, data: Uint8Array): Bytes {
  const { n, kind, seq, ts, codec } = head;
  const what = kind === "frame" ? `"seq":${seq},"ts":${ts}` : kindText(kind, ts);
  const how = codec === undefined ? "" : `,"codec":"${codec}"`;
  const text = `{"type":"sealed",${what},"epoch":"${epoch}","n":${n}${how},"data":"`;
  // A kind may have other letters than those of ASCII.
  const start = kind === "frame" ? undefined : encoder.encode(text);
  const length = start?.length ?? text.length;
  const line = new Uint8Array(length + base64Length(data.length) + END.length + 1);
  if (start === undefined) putAscii(line, text, 0);
  else line.set(start);
  const end = writeBase64(data, line, length);
  line.set(END, end);
  line[end + END.length] = LF;
  return line;
}

function kindText(kind: string, ts: number | undefined): string {
  return `"kind":${JSON.stringify(kind)}${ts === undefined ? "" : `,"ts":${ts}`}`;
}

/** Takes a sealed line apart, without its line ending. Undefined for one that is not spelled as {@linkcode sealedLineBytes} does. */
export function readSealedLine(stored: Uint8Array): SealedLine | undefined {
  const head = readSealedHead(stored);
  if (head === undefined) return undefined;
  const { length } = stored;
  if (stored[length - 1] !== END[1] || stored[length - 2] !== END[0]) return undefined;
  const data = readBase64(stored, head.start, length - END.length);
  return data === undefined ? undefined : Object.assign(head, { data });
}

/** What stands before the data, and where these start. */
export function readSealedHead(stored: Uint8Array): Omit<SealedLine, "data"> & { readonly start: number } | undefined {
  const text = decodeUtf8(stored, 0, Math.min(stored.length, HEAD_BYTES));
  const match = HEAD.exec(text.includes("\uFFFD") ? wholeText(stored) : text) ?? HEAD.exec(wholeText(stored));
  if (match === null) return undefined;
  const [head, seq, frameTs, spelled, ts, epoch = "", n, codec] = match;
  const kind = spelled === undefined ? "frame" : kindOf(spelled);
  const numbers = { seq: count(seq), ts: count(frameTs ?? ts), n: Number(n) };
  if (kind === undefined || isUnsafe(numbers.seq) || isUnsafe(numbers.ts) || isUnsafe(numbers.n)) return undefined;
  // A kind may have other letters than those of ASCII.
  const start = spelled === undefined ? head.length : encoder.encode(head).length;
  return { kind, seq: numbers.seq, ts: numbers.ts, epoch, n: numbers.n, codec, start };
}

/** A line whose first bytes do not tell, all of it; nothing where it is not UTF-8. */
function wholeText(stored: Uint8Array): string {
  try {
    return decoder.decode(stored);
  } catch {
    return "";
  }
}

function count(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}

function isUnsafe(value: number | undefined): boolean {
  return value !== undefined && value > Number.MAX_SAFE_INTEGER;
}

/** Nothing but a frame has a number, and a kind has one spelling. */
function kindOf(spelled: string): string | undefined {
  try {
    const kind: unknown = JSON.parse(spelled);
    return typeof kind === "string" && kind !== "frame" && JSON.stringify(kind) === spelled ? kind : undefined;
  } catch {
    return undefined;
  }
}
