import { printable, TapeError } from "../errors.ts";
import type { TapeLine } from "../lines/line.ts";
import { isBlank, readParts } from "../lines/line-parts.ts";
import { isUtf16 } from "../lines/parse-line.ts";
import type { InitRecord } from "../records/record.ts";
import type { TapeStore } from "../stores/store.ts";
import { pipe } from "../streams/pipe.ts";
import { lineSplit } from "../transforms/line-split.ts";

/**
 * The record with which a tape starts. Blank lines, NUL bytes and byte order marks may stand before it, and on its line
 * a torn record.
 *
 * @throws {TapeError} code `tape_not_found`; `invalid_tape`: something else stands there; `io`
 */
export async function readInit(store: TapeStore, key: string, maxLineBytes?: number): Promise<InitRecord> {
  let tooLong: TapeError | undefined;
  let blank: TapeLine | undefined;
  const lines = pipe(store.openSource(key), lineSplit({ maxLineBytes, onError: (error) => tooLong ??= error }));
  for await (const line of lines) {
    if (tooLong !== undefined && tooLong.offset! < line.offset) break;
    const first = readParts(line).find((part) => part.record !== undefined)?.record;
    if (first?.type === "init") return first;
    if (first !== undefined) {
      throw notInit(key, `it is a record of type ${JSON.stringify(printable(first.type))}`, line);
    }
    if (!isBlank(line)) throw notInit(key, whatStandsOn(line), line);
    blank ??= line;
  }
  if (tooLong !== undefined) throw notInit(key, "it is too long", tooLong);
  throw blank === undefined ? notInit(key, "the tape is empty") : notInit(key, whatStandsOn(blank), blank);
}

function whatStandsOn({ bytes }: TapeLine): string {
  if (isUtf16(bytes)) return "it is UTF-16, not UTF-8";
  return `it reads ${JSON.stringify(printable(new TextDecoder().decode(bytes.subarray(0, 60))))}`;
}

function notInit(key: string, what: string, place?: TapeLine | TapeError): TapeError {
  const line = place === undefined || place instanceof TapeError ? place?.line ?? 1 : place.number;
  const why = `its first line must be an init record, but ${what}`;
  return new TapeError("invalid_tape", `Cannot read ${key}: ${why}`, { line, offset: place?.offset ?? 0 });
}
