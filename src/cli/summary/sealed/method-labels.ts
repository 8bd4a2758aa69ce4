import { decodeUtf8 } from "../../../utf8.ts";
import type { Direction } from "../../../records/record.ts";
import { copyOf } from "../../terminal/text.ts";
import { type ByteCursor, MIN_WORD, type Word, wordOf } from "../../../lines/byte-cursor.ts";
import { isNamedCall, MAX_LABEL } from "../calls.ts";
import type { MethodSummary } from "../tape-summary.ts";

/** A method as messages spell it. */
export interface MethodLabel {
  readonly method: string;
  readonly label: string;
  /** Where it is counted. */
  readonly counted: MethodSummary;
}

interface Spelling extends MethodLabel {
  /** From the first letter of the method to the last quote of the label; undefined where that is too short. */
  readonly spelled: Word | undefined;
}

const NAME = wordOf(',"params":{"name":"');
/** So many labels are known by their spelling: one that comes again costs a comparison, or a look-up. */
const MAX_SPELLINGS = 1000;

/** The labels of methods, found by their bytes. */
export class MethodLabels {
  readonly #count: (label: string, dir: Direction) => MethodSummary;
  readonly #known = new Map<string, Spelling>();
  /** The last one of each direction: a good guess for the next. */
  #lastAsked: Spelling | undefined;
  #lastAnswered: Spelling | undefined;

  /** @param count where a label is counted */
  constructor(count: (label: string, dir: Direction) => MethodSummary) {
    this.#count = count;
  }

  /**
   * The label of the message at whose method the cursor stands, on its first letter; the cursor then stands behind it.
   * Undefined where it is not spelled as most are: with escapes, or with the name of a tool elsewhere.
   */
  at(cursor: ByteCursor, dir: Direction): MethodLabel | undefined {
    const isClient = dir === "client_to_server";
    const last = isClient ? this.#lastAsked : this.#lastAnswered;
    if (last?.spelled !== undefined && cursor.skip(last.spelled)) return last;
    const found = this.#find(cursor, dir);
    if (isClient) this.#lastAsked = found;
    else this.#lastAnswered = found;
    return found;
  }

  #find(cursor: ByteCursor, dir: Direction): Spelling | undefined {
    const { bytes, at: start } = cursor;
    if (!cursor.skipText()) return undefined;
    const method = decodeUtf8(bytes, start, cursor.at - 1);
    let label = method;
    if (isNamedCall(method)) {
      if (!cursor.skip(NAME)) return undefined;
      const nameStart = cursor.at;
      if (!cursor.skipText()) return undefined;
      label = `${method} ${decodeUtf8(bytes, nameStart, cursor.at - 1)}`;
    }
    const key = `${dir} ${label}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const cutLabel = copyOf(label, MAX_LABEL);
    const counted = this.#count(cutLabel, dir);
    const spelled = cursor.at - start < MIN_WORD ? undefined : wordOf(bytes.slice(start, cursor.at));
    const spelling = { method, label: cutLabel, counted, spelled };
    if (this.#known.size < MAX_SPELLINGS) this.#known.set(key, spelling);
    return spelling;
  }
}
