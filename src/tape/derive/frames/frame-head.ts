import type { FrameFlags } from "../../../records/record.ts";
import { isTapeRecord } from "../../../records/record-guard.ts";

const encoder = new TextEncoder();
const FRAME = encoder.encode('{"type":"frame","seq":');
const TS = encoder.encode(',"ts":');
const CLIENT = encoder.encode(',"dir":"client_to_server"');
const SERVER = encoder.encode(',"dir":"server_to_client"');
const TS_US = encoder.encode(',"ts_us":');
const CORRELATION_ID = encoder.encode(',"correlation_id":"corr-');
const FLAGS = encoder.encode(',"flags":{');
const ORIGIN = encoder.encode(',"origin":{');
const ORIGIN_SEQ = encoder.encode('"seq":');
const ORIGIN_TAPE = encoder.encode('"tape":');
const ORIGIN_TS = encoder.encode('"ts":');
const ORIGIN_ORIGIN = encoder.encode('"origin":{');
const ENV = encoder.encode(',"env":{"message":');
/** Where the direction begins, and with what that of the client does. */
const SENDER_AT = ',"dir":"'.length;
const SENDER_CLIENT = 0x63;
const LF = 0x0a;
const CR = 0x0d;
const ZERO = 0x30;
const QUOTE = 0x22;
const COMMA = 0x2c;
const CLOSE = 0x7d;
/** Longer integers may not be exact. */
const MAX_DIGITS = 15;
/** So many different spellings of flags are known by heart. */
const MAX_FLAGS = 64;
const MAX_FLAGS_BYTES = 256;
const MAX_ORIGINS = 16;

/** A spelling of flags that was checked. */
interface KnownFlags {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly flags: FrameFlags;
}

/**
 * What stands before the message of a frame that is spelled as this library does: its fields in their order, and `env` with
 * nothing but the message. It is read from the bytes, and the message is not looked at.
 */
export class FrameHead {
  seq = 0;
  ts = 0;
  /** -1 where there is none. */
  tsUs = -1;
  isFromClient = true;
  /** The number in its `correlation_id`; -1 where there is none. */
  correlation = -1;
  flags: FrameFlags | undefined;
  /** The field `flags` as it is spelled, with the comma before it; empty where there is none. */
  flagsText = "";
  /** Where the value of `origin` stands; both 0 where there is none. */
  originStart = 0;
  originEnd = 0;
  /** Where `,"env":{"message":` starts. */
  envStart = 0;
  /** Where the message starts. It ends two bytes before the line does. */
  messageStart = 0;
  /** What holds the line: all places are counted from its start. */
  bytes: Uint8Array = FRAME;
  /** Where the line ends. */
  end = 0;
  #at = 0;
  readonly #knownFlags: KnownFlags[] = [];

  /**
   * Reads the head of a line; false if it is spelled in another way, or where no line ending, nor a NUL, stands behind the line:
   * whoever looks at the message stops there.
   */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const behind = bytes[end];
    if (behind !== LF && behind !== CR && behind !== 0) return false;
    this.bytes = bytes;
    this.end = end;
    this.#at = start;
    if (!this.#skip(FRAME) || (this.seq = this.#count()) < 0) return false;
    if (!this.#skip(TS) || (this.ts = this.#count()) < 0) return false;
    this.isFromClient = bytes[this.#at + SENDER_AT] === SENDER_CLIENT;
    if (!this.#skip(this.isFromClient ? CLIENT : SERVER)) return false;
    this.tsUs = -1;
    if (this.#skip(TS_US) && (this.tsUs = this.#count()) < 0) return false;
    this.correlation = -1;
    if (this.#skip(CORRELATION_ID) && ((this.correlation = this.#count()) < 0 || bytes[this.#at++] !== QUOTE)) {
      return false;
    }
    this.flags = undefined;
    this.flagsText = "";
    this.originStart = this.originEnd = 0;
    if (this.#skip(FLAGS) && !this.#readFlags()) return false;
    if (this.#skip(ORIGIN) && !this.#readOrigin()) return false;
    this.envStart = this.#at;
    if (!this.#skip(ENV)) return false;
    this.messageStart = this.#at;
    return bytes[end - 1] === CLOSE && bytes[end - 2] === CLOSE && this.messageStart < end - 2;
  }

  #skip(word: Uint8Array): boolean {
    const { bytes } = this;
    const start = this.#at;
    for (let i = word.length - 1; i >= 0; i--) if (bytes[start + i] !== word[i]) return false;
    this.#at = start + word.length;
    return true;
  }

  /** Goes behind an integer and gives it; -1 if none stands here that is spelled as JSON spells it and surely exact. */
  #count(): number {
    const { bytes } = this;
    const start = this.#at;
    let at = start;
    let value = 0;
    for (let digit; (digit = bytes[at]! - ZERO) >= 0 && digit <= 9; at++) value = value * 10 + digit;
    if (at === start || at - start > MAX_DIGITS || bytes[start] === ZERO && at > start + 1) return -1;
    this.#at = at;
    return value;
  }

  /** Flags are few words, in few spellings: each is checked once. */
  #readFlags(): boolean {
    const { bytes } = this;
    const start = this.#at - 1;
    let known: KnownFlags | undefined;
    for (const each of this.#knownFlags) {
      if (!standsAt(bytes, start, each.bytes)) continue;
      known = each;
      break;
    }
    if (known === undefined) {
      const end = bytes.indexOf(CLOSE, start) + 1;
      if (end === 0 || end - start > MAX_FLAGS_BYTES) return false;
      known = checkedFlags(bytes.slice(start, end));
      if (known === undefined) return false;
      if (this.#knownFlags.length < MAX_FLAGS) this.#knownFlags.push(known);
    }
    this.flags = known.flags;
    this.flagsText = known.text;
    this.#at = start + known.bytes.length;
    return true;
  }

  /** An origin as it is written here: its fields are numbers, and the last one may be another origin. */
  #readOrigin(): boolean {
    const { bytes } = this;
    const start = this.#at - 1;
    for (let depth = 1; depth <= MAX_ORIGINS; depth++) {
      if (this.#skip(ORIGIN_TAPE) && (this.#count() < 0 || bytes[this.#at++] !== COMMA)) return false;
      if (!this.#skip(ORIGIN_SEQ) || this.#count() < 0) return false;
      if (bytes[this.#at] === COMMA && standsAt(bytes, this.#at + 1, ORIGIN_TS)) {
        this.#at += 1 + ORIGIN_TS.length;
        if (this.#count() < 0) return false;
      }
      if (bytes[this.#at] === COMMA && standsAt(bytes, this.#at + 1, ORIGIN_ORIGIN)) {
        this.#at += 1 + ORIGIN_ORIGIN.length;
        continue;
      }
      for (let open = depth; open > 0; open--) if (bytes[this.#at++] !== CLOSE) return false;
      this.originStart = start;
      this.originEnd = this.#at;
      return true;
    }
    return false;
  }
}

function checkedFlags(bytes: Uint8Array): KnownFlags | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const flags = JSON.parse(text);
    const frame = { type: "frame", seq: 0, ts: 0, dir: "client_to_server", env: { raw: "" }, flags };
    // The rest of the line is written anew letter by letter, and a letter takes a byte.
    return isTapeRecord(frame) && bytes.length === text.length ? { bytes, text: `,"flags":${text}`, flags } : undefined;
  } catch {
    // A brace within them, or no JSON at all.
    return undefined;
  }
}

function standsAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = wanted.length - 1; i >= 0; i--) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}
