import { asciiJson } from "../terminal/text.ts";
import type { TapeRow } from "./tape-row.ts";

/** Fields that are numbers, or null where nobody knows. */
const NUMBERS = ["startedMs", "changedMs", "sizeBytes", "durationMs", "frames", "errors", "toolErrors"] as const;
const TEXTS = ["state", "fault", "name", "started", "failure", "server", "client", "command"] as const;
const LISTS = ["tags", "methods", "tools"] as const;

/** How many numbers a packed row has. */
export const ROW_NUMBERS: number = NUMBERS.length + TEXTS.length + LISTS.length;

/** Many rows in a form that is read quickly: numbers, ids, and each text and list of texts once. */
export interface PackedRows {
  /** {@linkcode ROW_NUMBERS} for each row; where it has a text or a list, the place of that among the words. */
  readonly numbers: Float64Array;
  /** Ids and words as JSON in ASCII. */
  readonly words: string;
}

/** Packs rows. */
export function packRows(rows: readonly TapeRow[]): PackedRows {
  const numbers = new Float64Array(rows.length * ROW_NUMBERS);
  const texts = new Words<string>((text) => text);
  const lists = new Words<readonly string[]>((list) => JSON.stringify(list));
  let at = 0;
  for (const row of rows) {
    for (const field of NUMBERS) numbers[at++] = row[field] ?? NaN;
    for (const field of TEXTS) numbers[at++] = texts.placeOf(row[field]);
    for (const field of LISTS) numbers[at++] = lists.placeOf(row[field]);
  }
  return { numbers, words: asciiJson([rows.map(({ tapeId }) => tapeId), texts.all, lists.all]) };
}

/** The rows that were packed. Who hands in something else gets an error, or rows that make no sense. */
export function unpackRows({ numbers, words }: PackedRows): TapeRow[] {
  const [ids, texts, lists] = JSON.parse(words) as [string[], string[], string[][]];
  return ids.map((tapeId, row) => {
    const at = row * ROW_NUMBERS;
    // Not in a loop over the fields, which takes three times as long.
    return {
      tapeId,
      startedMs: known(numbers[at]!),
      changedMs: numbers[at + 1]!,
      sizeBytes: numbers[at + 2]!,
      durationMs: known(numbers[at + 3]!),
      frames: known(numbers[at + 4]!),
      errors: known(numbers[at + 5]!),
      toolErrors: known(numbers[at + 6]!),
      state: texts[numbers[at + 7]!]!,
      fault: texts[numbers[at + 8]!]!,
      // What is encrypted is not kept.
      isLocked: false,
      name: texts[numbers[at + 9]!]!,
      started: texts[numbers[at + 10]!]!,
      failure: texts[numbers[at + 11]!]!,
      server: texts[numbers[at + 12]!]!,
      client: texts[numbers[at + 13]!]!,
      command: texts[numbers[at + 14]!]!,
      tags: lists[numbers[at + 15]!]!,
      methods: lists[numbers[at + 16]!]!,
      tools: lists[numbers[at + 17]!]!,
    };
  });
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** Values, each of them once. */
class Words<T> {
  readonly all: T[] = [];
  readonly #places = new Map<string, number>();
  readonly #keyOf: (value: T) => string;

  constructor(keyOf: (value: T) => string) {
    this.#keyOf = keyOf;
  }

  placeOf(value: T): number {
    const key = this.#keyOf(value);
    let place = this.#places.get(key);
    if (place === undefined) this.#places.set(key, place = this.all.push(value) - 1);
    return place;
  }
}
