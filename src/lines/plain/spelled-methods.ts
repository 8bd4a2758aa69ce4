import { decodeUtf8 } from "../../utf8.ts";
import { isNamedCall } from "../../records/jsonrpc.ts";
import type { Direction } from "../../records/record.ts";
import { type ByteCursor, MIN_WORD, type Word, wordOf } from "../../bytes/byte-cursor.ts";

interface Spelling<T> {
  readonly value: T;
  /** From the first letter of the method to the last quote of its name; undefined where that is too short. */
  readonly spelled: Word | undefined;
}

const NAME = wordOf(',"params":{"name":"');
/** So many are known by their spelling: one that comes again costs a comparison, or a look-up. */
const MAX_SPELLINGS = 1000;
/** So many of each direction are tried before one is looked up. */
const MAX_RECENT = 6;

/** What is known of methods, found by their bytes. */
export class SpelledMethods<T> {
  readonly #make: (method: string, name: string | undefined, dir: Direction) => T;
  readonly #known = new Map<string, Spelling<T>>();
  /** The last ones of each direction, the very last one first: good guesses for the next. */
  readonly #asked: Spelling<T>[] = [];
  readonly #answered: Spelling<T>[] = [];

  /** @param make what is known of a method, and of the tool or prompt that is called, if it is such a call */
  constructor(make: (method: string, name: string | undefined, dir: Direction) => T) {
    this.#make = make;
  }

  /**
   * What is known of the message at whose method the cursor stands, on its first letter; the cursor then stands behind it.
   * Undefined where it is not spelled as most are: with escapes, or with the name of a tool elsewhere.
   */
  at(cursor: ByteCursor, dir: Direction): T | undefined {
    const recent = dir === "client_to_server" ? this.#asked : this.#answered;
    for (let at = 0; at < recent.length; at++) {
      const guess = recent[at]!;
      if (!cursor.skip(guess.spelled!)) continue;
      if (at > 0) {
        recent[at] = recent[at - 1]!;
        recent[at - 1] = guess;
      }
      return guess.value;
    }
    const found = this.#find(cursor, dir);
    if (found?.spelled !== undefined) {
      if (recent.length === MAX_RECENT) recent[MAX_RECENT - 1] = found;
      else recent.push(found);
    }
    return found?.value;
  }

  #find(cursor: ByteCursor, dir: Direction): Spelling<T> | undefined {
    const { bytes, at: start } = cursor;
    if (!cursor.skipText()) return undefined;
    const method = decodeUtf8(bytes, start, cursor.at - 1);
    let name: string | undefined;
    if (isNamedCall(method)) {
      if (!cursor.skip(NAME)) return undefined;
      const nameStart = cursor.at;
      if (!cursor.skipText()) return undefined;
      name = decodeUtf8(bytes, nameStart, cursor.at - 1);
    }
    const key = `${dir} ${JSON.stringify([method, name])}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const spelled = cursor.at - start < MIN_WORD ? undefined : wordOf(bytes.slice(start, cursor.at));
    const spelling = { value: this.#make(method, name, dir), spelled };
    if (this.#known.size < MAX_SPELLINGS) this.#known.set(key, spelling);
    return spelling;
  }
}
