import { indexOfNewline } from "./newline.ts";

/** What runtimes with a `Buffer` can do with bytes beside what the standard says. */
interface BufferPrototype {
  indexOf(this: Uint8Array, word: string | Uint8Array, from: number): number;
  latin1Slice(this: Uint8Array, start: number, end: number): string;
}

const { Buffer, Deno } = globalThis as { Buffer?: { prototype: BufferPrototype }; Deno?: unknown };
/** Whether this runtime searches bytes about as fast as memory can be read. */
export const searchesBytes: boolean = Buffer !== undefined && Deno === undefined;
const decoder = new TextDecoder("latin1");
const encoder = new TextEncoder();

/** A text to be found in bytes, ready for the search of this runtime. */
export type SearchWord = string | Uint8Array;

/** Makes a word of a text, of which the UTF-8 is looked for. */
export function searchWord(text: string): SearchWord {
  const bytes = encoder.encode(text);
  return searchesBytes ? bytes : bytesAsText(bytes);
}

/** Finds line ends and words in a block of bytes. */
export interface BlockSearch {
  /** Where the next `\n` stands, from `from` on; -1 if there is none. */
  newline(from: number): number;
  /** The same of a word: of a text of ASCII, or of what {@linkcode searchWord} has made. */
  word(word: SearchWord, from: number): number;
}

/**
 * The quickest search that there is. Node and Bun search bytes as fast as memory can be read. On Deno each call takes
 * half a microsecond and words are looked for one byte at a time, so that it is quicker to make a text of the block first.
 */
export function blockSearch(block: Uint8Array): BlockSearch {
  if (searchesBytes) {
    return {
      newline: (from) => indexOfNewline(block, from),
      word: (word, from) => Buffer!.prototype.indexOf.call(block, word, from),
    };
  }
  const text = bytesAsText(block);
  return { newline: (from) => text.indexOf("\n", from), word: (word, from) => text.indexOf(word as string, from) };
}

/** A character for each byte. */
function bytesAsText(bytes: Uint8Array): string {
  return Buffer?.prototype.latin1Slice.call(bytes, 0, bytes.length) ?? decoder.decode(bytes);
}
