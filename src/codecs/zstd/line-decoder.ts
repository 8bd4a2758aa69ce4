import { readBase64 } from "../../bytes/base64.ts";
import type { Bytes } from "../../bytes/bytes.ts";
import { crc32 } from "../../bytes/crc32.ts";
import { TapeError } from "../../errors.ts";
import type { LineDecoder } from "../../lines/coded-line.ts";
import { MAX_LINE_BYTES } from "../../transforms/line-split.ts";
import { loadZstd, type ZstdEngine } from "./engine.ts";
import { MAGIC } from "./frame-header.ts";
import { MAX_DICTIONARY_BYTES, ZstdLineEncoder } from "./line-encoder.ts";

const encoder = new TextEncoder();
/** What stands before the content of a line: of one that needs the dictionary, and of one that does not. */
const WITH_DICTIONARY = encoder.encode(',"d":"');
const ALONE = encoder.encode(',"z":"');
/** In a line that this library has written the content begins within so many bytes. */
const HEAD_BYTES = 160;
const QUOTE = 0x22;
const CLOSE = 0x7d;
const COMMA = 0x2c;

/** As {@linkcode ZstdLineDecoder}, with the zstd of this process. */
export async function loadLineDecoder(): Promise<ZstdLineDecoder> {
  return new ZstdLineDecoder(await loadZstd());
}

/** Decodes the lines of one tape that were compressed one by one. */
export class ZstdLineDecoder implements LineDecoder {
  readonly #zstd: ZstdEngine;
  #dictionary: Bytes | undefined;

  constructor(zstd: ZstdEngine) {
    this.#zstd = zstd;
  }

  /** The dictionary of the tape, where its line has been seen. */
  get dictionary(): Bytes | undefined {
    return this.#dictionary;
  }

  get lacksDictionary(): boolean {
    return this.#dictionary === undefined;
  }

  decode(stored: Uint8Array): Bytes {
    const end = Math.min(stored.length, HEAD_BYTES);
    if (stored.at(-1) === CLOSE && stored.at(-2) === QUOTE) {
      for (let at = stored.indexOf(COMMA); at >= 0 && at < end; at = stored.indexOf(COMMA, at + 1)) {
        const needsDictionary = standsAt(stored, at, WITH_DICTIONARY);
        if (!needsDictionary && !standsAt(stored, at, ALONE)) continue;
        const from = at + ALONE.length;
        return this.#content(readBase64(stored, from, stored.length - 2, MAGIC.length), needsDictionary);
      }
    }
    return this.#decodeParsed(stored);
  }

  /** What encodes lines of a tape that has none yet. */
  fresh(): ZstdLineEncoder {
    return new ZstdLineEncoder(this.#zstd);
  }

  goOn(size: number): ZstdLineEncoder {
    return new ZstdLineEncoder(this.#zstd, {}, { dictionary: this.#dictionary, size });
  }

  learn(stored: Uint8Array): void {
    // The first one counts: what was decoded with it stays as it is.
    if (this.#dictionary !== undefined) return;
    try {
      const { crc32: checksum, data } = JSON.parse(new TextDecoder().decode(stored));
      const frame = framed(readBase64(encoder.encode(String(data)), 0, String(data).length, MAGIC.length));
      const content = this.#zstd.decompress(frame, MAX_DICTIONARY_BYTES);
      if (crc32(content, 0).toString(16).padStart(8, "0") === checksum) this.#dictionary = content;
    } catch {
      // Lines that need it say that it is missing.
    }
  }

  /** The content of a frame without its magic number, for who has found it elsewhere than on a line. */
  decompress(bytes: Uint8Array, needsDictionary: boolean): Bytes {
    const frame = new Uint8Array(MAGIC.length + bytes.length);
    frame.set(bytes, MAGIC.length);
    return this.#content(frame, needsDictionary);
  }

  #decodeParsed(stored: Uint8Array): Bytes {
    let value: { readonly d?: unknown; readonly z?: unknown };
    try {
      value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(stored));
    } catch {
      throw new TapeError("corrupted_record", "it is not JSON");
    }
    const content = value.d ?? value.z;
    if (typeof content !== "string") throw new TapeError("corrupted_record", "it is compressed, and holds nothing");
    const text = encoder.encode(content);
    return this.#content(readBase64(text, 0, text.length, MAGIC.length), value.d !== undefined);
  }

  #content(frame: Bytes | undefined, needsDictionary: boolean): Bytes {
    if (needsDictionary && this.#dictionary === undefined) {
      throw new TapeError("corrupted_record", "it is compressed with a dictionary that is not on the tape before it");
    }
    return this.#zstd.decompress(framed(frame), MAX_LINE_BYTES, needsDictionary ? this.#dictionary : undefined);
  }
}

/** A frame with its magic number, for which there is room. */
function framed(frame: Bytes | undefined): Bytes {
  if (frame === undefined) throw new TapeError("corrupted_record", "it is compressed, and its content is no base64");
  frame.set(MAGIC);
  return frame;
}

function standsAt(bytes: Uint8Array, start: number, word: Uint8Array): boolean {
  for (let at = 0; at < word.length; at++) if (bytes[start + at] !== word[at]) return false;
  return true;
}
