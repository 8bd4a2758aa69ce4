import type { TapeLine } from "../../lines/line.ts";
import { parseLine } from "../../lines/parse-line.ts";
import type { TapeRecord } from "../../records/record.ts";
import { Marked } from "../../records/recorded-text.ts";

/** The record that was parsed from a line, kept on the line. */
class ParsedLine extends Marked {
  #record: TapeRecord;

  constructor(line: TapeLine, record: TapeRecord) {
    super(line);
    this.#record = record;
  }

  static of(line: TapeLine): TapeRecord | undefined {
    return #record in line ? (line as unknown as ParsedLine).#record : undefined;
  }
}

/**
 * The record on a line that many may be handed: it is parsed once, and frozen, so that none can change what the others see.
 *
 * @throws {TapeError} code `corrupted_record`: the line is no record
 */
export function readShared(line: TapeLine, tapeId: string, number: number): TapeRecord {
  const known = ParsedLine.of(line);
  if (known !== undefined) return known;
  const record = parseLine(line, tapeId, number);
  freeze(record);
  new ParsedLine(line, record);
  return record;
}

/** Freezes a JSON value and all in it, however deep. */
function freeze(value: object): void {
  const all = [value] as Record<string, unknown>[];
  for (let at = 0; at < all.length; at++) {
    const next = all[at]!;
    for (const key in next) {
      const inner = next[key];
      if (typeof inner === "object" && inner !== null) all.push(inner as Record<string, unknown>);
    }
    Object.freeze(next);
  }
}
