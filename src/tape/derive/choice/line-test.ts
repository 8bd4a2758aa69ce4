import type { TapeLine } from "../../../lines/line.ts";
import type { Query } from "../../../query/query.ts";
import { select } from "../../../query/select.ts";
import type { TapeRecord } from "../../../records/record.ts";
import { specOf } from "../../../streams/stage.ts";

/** Says of a line whether it is wanted. It must be shown all lines of a tape, in their order. */
export type LineTest = (line: TapeLine) => boolean;

/**
 * Whether a line is one that `select` lets through: what a query or a function asks for, and what the tape needs for that.
 *
 * @throws {TapeError} code `invalid_argument`: it is no query
 */
export function lineTest(what: Query | string | ((record: TapeRecord) => boolean)): LineTest {
  const spec = specOf(select(what));
  let isSelected = false;
  const emit = Object.assign(() => void (isSelected = true), { terminate() {} });
  return (line) => {
    isSelected = false;
    spec.transform(line, emit);
    return isSelected;
  };
}
