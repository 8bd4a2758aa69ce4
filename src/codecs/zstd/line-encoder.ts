import { base64Length, writeBase64 } from "../../bytes/base64.ts";
import { type Bytes, concat } from "../../bytes/bytes.ts";
import { crc32 } from "../../bytes/crc32.ts";
import type { CodedHead, LineEncoder } from "../../lines/coded-line.ts";
import { TapeError } from "../../errors.ts";
import { loadZstd, type ZstdEngine } from "./engine.ts";
import { MAGIC } from "./frame-header.ts";

/** How lines are compressed. */
export interface ZstdLineOptions {
  /**
   * 1 (fast) to 19 (small).
   *
   * @default {1}
   */
  readonly level?: number | undefined;
  /**
   * How large the dictionary may become that is made of the beginning of the session, in bytes, 1 MiB at most; 0 for none.
   *
   * @default {8192}
   */
  readonly dictionaryBytes?: number | undefined;
}

/** A dictionary is no larger than this. */
export const MAX_DICTIONARY_BYTES: number = 1024 * 1024;

/**
 * Refuses options that lines cannot be compressed with.
 *
 * @param what what cannot be done with them, as in "Cannot <what>"
 * @throws {TapeError} code `invalid_argument`
 */
export function checkZstdOptions(what: string, { level = 1, dictionaryBytes = 0 }: ZstdLineOptions): void {
  const check = (name: string, value: unknown, least: number, most: number) => {
    if (Number.isInteger(value) && value as number >= least && value as number <= most) return;
    const why = `${name} must be an integer from ${least} to ${most}, not ${String(value)}`;
    throw new TapeError("invalid_argument", `Cannot ${what}: ${why}`);
  };
  check("level", level, 1, 19);
  check("dictionaryBytes", dictionaryBytes, 0, MAX_DICTIONARY_BYTES);
}

/** What of a tape is there already, for who goes on with it. */
export interface ZstdLineState {
  /** The dictionary on the tape. */
  readonly dictionary?: Bytes | undefined;
  /** Bytes of the tape. */
  readonly size: number;
}

/** A frame of a line, without its magic number, and whether it needs the dictionary. */
export interface CompressedLine {
  readonly content: Bytes;
  readonly needsDictionary: boolean;
}

/** The dictionary of a tape begins within its first bytes, so many at most, with room for itself. */
const MAX_DICTIONARY_AT = 3 * 1024 * 1024;
/** Of one line no more goes into a dictionary, so that there is room for several. */
const MAX_SAMPLE_BYTES = 4096;
/** Lines that are told of in plain, for everybody. */
const PLAIN: ReadonlySet<string> = new Set(["init", "checkpoint", "dictionary"]);
const DICTIONARY_LEVEL = 19;
const LF = 0x0a;

const encoder = new TextEncoder();
const END = encoder.encode('"}\n');

/** As {@linkcode ZstdLineEncoder}, with the zstd of this process. */
export async function loadLineEncoder(options?: ZstdLineOptions, state?: ZstdLineState): Promise<ZstdLineEncoder> {
  return new ZstdLineEncoder(await loadZstd(), options, state);
}

/**
 * Compresses lines one by one. What the first lines say becomes a dictionary, which stands once on the tape: short lines have little to
 * repeat in themselves, but much of what was said before.
 */
export class ZstdLineEncoder implements LineEncoder {
  readonly #zstd: ZstdEngine;
  readonly #level: number;
  readonly #dictionaryBytes: number;
  #dictionary: Bytes | undefined;
  /** Whether the dictionary may not be on the tape. */
  #isDictionaryDue = false;
  #samples: Bytes[] = [];
  #sampled = 0;
  /** How large the tape is. */
  #size: number;

  constructor(
    zstd: ZstdEngine,
    { level = 1, dictionaryBytes = 8192 }: ZstdLineOptions = {},
    { dictionary, size }: ZstdLineState = { size: 0 },
  ) {
    this.#zstd = zstd;
    this.#level = level;
    this.#dictionaryBytes = dictionaryBytes;
    this.#dictionary = dictionary;
    this.#size = size;
  }

  encode(plain: Uint8Array, head: CodedHead): Bytes {
    const dictionary = this.dictionaryBefore(plain, head);
    const line = this.#line(plain, head);
    if (dictionary === undefined) {
      this.wrote(line.length);
      return line;
    }
    // Twice, so that no damage to one line costs those that need it.
    const dictionaries = dictionaryLine(dictionary, head.ts);
    const stored = concat([dictionaries, dictionaries, line]);
    this.wrote(stored.length);
    return stored;
  }

  /** So many bytes were written. */
  wrote(bytes: number): void {
    this.#size += bytes;
  }

  /** Not all lines that were encoded have arrived on the tape: the dictionary may have been among them, and stands there again. */
  failed(): void {
    if (this.#dictionary === undefined) return;
    if (this.#size > MAX_DICTIONARY_AT) this.#dictionary = undefined;
    else this.#isDictionaryDue = true;
  }

  /** Takes note of a line, and gives the dictionary where it has to stand before it: once on a tape, where nothing fails. */
  dictionaryBefore(plain: Uint8Array, { kind }: CodedHead): CompressedDictionary | undefined {
    if (PLAIN.has(kind) || this.#dictionaryBytes === 0) return undefined;
    if (this.#isDictionaryDue) return this.#told(this.#dictionary!);
    if (this.#dictionary !== undefined) return undefined;
    if (this.#sampled < this.#dictionaryBytes) {
      const sample = plain.slice(0, Math.min(plain.length, MAX_SAMPLE_BYTES, this.#dictionaryBytes - this.#sampled));
      this.#samples.push(sample);
      this.#sampled += sample.length;
      return undefined;
    }
    if (this.#size > MAX_DICTIONARY_AT) return undefined;
    const content = concat(this.#samples);
    this.#samples = [];
    this.#dictionary = content;
    return this.#told(content);
  }

  #told(content: Bytes): CompressedDictionary {
    this.#isDictionaryDue = false;
    const data = this.#zstd.compress(content, DICTIONARY_LEVEL).subarray(MAGIC.length);
    return { data, crc32: crc32(content, 0).toString(16).padStart(8, "0") };
  }

  /** A line compressed; undefined where that would not make it smaller. */
  compress(plain: Uint8Array): CompressedLine | undefined {
    const dictionary = this.#dictionary;
    const content = this.#zstd.compress(plain, this.#level, dictionary).subarray(MAGIC.length);
    return content.length < plain.length ? { content, needsDictionary: dictionary !== undefined } : undefined;
  }

  #line(plain: Uint8Array, head: CodedHead): Bytes {
    const compressed = PLAIN.has(head.kind) ? undefined : this.compress(plain);
    if (compressed !== undefined) {
      const start = encoder.encode(headText(head, compressed.needsDictionary));
      const length = start.length + base64Length(compressed.content.length) + END.length;
      if (length < plain.length + 1) {
        const line = new Uint8Array(length);
        line.set(start);
        line.set(END, writeBase64(compressed.content, line, start.length));
        return line;
      }
    }
    const line = new Uint8Array(plain.length + 1);
    line.set(plain);
    line[plain.length] = LF;
    return line;
  }
}

/** A dictionary, as it stands on a tape. */
export interface CompressedDictionary {
  /** The zstd frame of its content, without its magic number. */
  readonly data: Bytes;
  /** The CRC-32 of its content, 8 hexadecimal digits. */
  readonly crc32: string;
}

/** The line of a dictionary, with its line ending. */
export function dictionaryLine({ data, crc32 }: CompressedDictionary, ts: number | undefined): Bytes {
  const start = `{"type":"dictionary",${ts === undefined ? "" : `"ts":${ts},`}"crc32":"${crc32}","data":"`;
  const line = new Uint8Array(start.length + base64Length(data.length) + END.length);
  line.set(encoder.encode(start));
  line.set(END, writeBase64(data, line, start.length));
  return line;
}

function headText({ kind, seq, ts }: CodedHead, needsDictionary: boolean): string {
  const what = kind === "frame" ? `"seq":${seq},` : `"kind":${JSON.stringify(kind)},`;
  return `{"type":"zstd",${what}${ts === undefined ? "" : `"ts":${ts},`}${needsDictionary ? '"d":"' : '"z":"'}`;
}
