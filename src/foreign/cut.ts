import type { TapeError } from "../errors.ts";
import { JsonSplitter } from "../json/split/json-splitter.ts";
import type { TapeLine } from "../lines/line.ts";
import type { Emit } from "../streams/stage-spec.ts";
import { lineSplitting } from "../transforms/line-split.ts";
import type { ForeignFormat, Piece } from "./format.ts";

/** Cuts a file into pieces, as its bytes come. */
export interface Cutter {
  push(bytes: Uint8Array): void;
  end(): void;
}

/** What becomes of the pieces. */
export interface CutterOptions {
  /** The longest piece, in bytes. */
  readonly maxBytes: number;
  readonly onPiece: (piece: Piece) => void;
  readonly onDamage: (place: Pick<Piece, "offset" | "line">, why: string, length: number) => void;
}

/** Cuts a file as its format wants it. Blank lines are no pieces. */
export function cutter(cut: ForeignFormat["cut"], options: CutterOptions): Cutter {
  return cut === "lines" ? lineCutter(options) : documentCutter(cut, options);
}

function documentCutter(open: readonly string[], { maxBytes, onPiece, onDamage }: CutterOptions): Cutter {
  return new JsonSplitter({
    open,
    maxBytes,
    onPiece,
    onDamage: ({ offset, line, length, why }) => onDamage({ offset, line }, why, length),
  });
}

function lineCutter({ maxBytes, onPiece, onDamage }: CutterOptions): Cutter {
  const onError = ({ offset = 0, line = 0, length = 0 }: TapeError) =>
    onDamage({ offset, line }, `it has ${length} bytes, the limit is ${maxBytes}`, length);
  const spec = lineSplitting({ maxLineBytes: maxBytes, onError });
  const take = (line: TapeLine) => {
    const { block, start, end } = line.message();
    const first = skipMark(block, start, line.offset);
    if (!isBlank(block, first, end)) {
      onPiece({ path: "", block, start: first, end, offset: line.offset, line: line.number });
    }
  };
  const emit: Emit<TapeLine> = Object.assign(take, { terminate() {} });
  return { push: (bytes) => spec.transform(bytes, emit), end: () => spec.flush?.(emit) };
}

/** Passes over the byte order mark of a file. */
function skipMark(block: Uint8Array, start: number, offset: number): number {
  const isMark = offset === 0 && block[start] === 0xef && block[start + 1] === 0xbb && block[start + 2] === 0xbf;
  return isMark ? start + 3 : start;
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at]! > 0x20) return false;
  return true;
}
