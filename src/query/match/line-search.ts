import { type BlockSearch, blockSearch, type SearchWord, searchWord } from "../../bytes/block-search.ts";
import type { Loan } from "../../lines/line.ts";
import { rarePart } from "./rare-part.ts";

/** How an escape begins that can stand for a character of ASCII. */
const ASCII_ESCAPE = "\\u00";

/** A word, by the part of it that is found soonest, and the bytes before that. */
interface SoughtWord {
  readonly part: SearchWord;
  readonly before: Uint8Array;
}

const encoder = new TextEncoder();

function soughtWord(word: string): SoughtWord {
  const at = rarePart(word);
  return { part: searchWord(word.slice(at)), before: encoder.encode(word.slice(0, at)) };
}

/**
 * Finds the lines of a block on which one of some words stands. The block is searched as a whole, from one place where a word
 * stands to the next, so that for most lines a comparison of two numbers is all it takes.
 */
export class LineSearch {
  readonly #words: readonly SoughtWord[];
  /** Which of them is the beginning of an escape, and counts only where it stands for a character of ASCII; -1 if none is. */
  readonly #escapeAt: number;
  #search: BlockSearch | undefined;
  #block: Uint8Array | undefined;
  #loan: Loan | undefined;
  /** Up to where lines have come, where each word stands next, and the nearest of these places. */
  #at = 0;
  readonly #next: Float64Array;
  #nearest = -1;

  constructor(words: readonly string[]) {
    this.#words = words.map(soughtWord);
    this.#escapeAt = words.indexOf(ASCII_ESCAPE);
    this.#next = new Float64Array(words.length);
  }

  /** Whether one of the words stands on the line from `start` to `end`. */
  isOn(block: Uint8Array, start: number, end: number, loan: Loan | undefined): boolean {
    // Only as long as a block is lent it is known to stay as it is.
    if (loan === undefined) return this.#isIn(block.subarray(start, end));
    if (loan !== this.#loan || block !== this.#block || start < this.#at) this.#open(block, loan);
    this.#at = start;
    if (this.#nearest < start) this.#advance(start);
    return this.#nearest < end;
  }

  #open(block: Uint8Array, loan: Loan): void {
    this.#loan = loan;
    this.#block = block;
    this.#search = blockSearch(block);
    this.#next.fill(-1);
    this.#nearest = -1;
  }

  #advance(from: number): void {
    let nearest = Infinity;
    for (let at = 0; at < this.#words.length; at++) {
      let next = this.#next[at]!;
      if (next < from) next = this.#next[at] = this.#find(this.#search!, this.#block!, at, from);
      if (next < nearest) nearest = next;
    }
    this.#nearest = nearest;
  }

  #isIn(line: Uint8Array): boolean {
    const search = blockSearch(line);
    return this.#words.some((_, at) => this.#find(search, line, at, 0) < Infinity);
  }

  #find(search: BlockSearch, block: Uint8Array, which: number, from: number): number {
    const { part, before } = this.#words[which]!;
    for (;;) {
      const found = search.word(part, from + before.length) - before.length;
      if (found < 0) return Infinity;
      if (!isAt(block, found, before)) {
        from = found + 1;
        continue;
      }
      const digit = block[found + ASCII_ESCAPE.length]!;
      // Up to \u007f.
      if (which !== this.#escapeAt || digit >= 0x30 && digit <= 0x37) return found;
      from = found + 1;
    }
  }
}

function isAt(block: Uint8Array, start: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (block[start + at] !== bytes[at]) return false;
  return true;
}
