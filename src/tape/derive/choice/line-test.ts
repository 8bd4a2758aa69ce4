import type { TapeLine } from "../../../lines/line.ts";
import { decoderOf } from "../../../stores/decoding.ts";
import { parseQuery, type Query } from "../../../query/query.ts";
import type { SelectOptions } from "../../../query/match/plan.ts";
import { select } from "../../../query/select.ts";
import type { InitRecord, TapeRecord } from "../../../records/record.ts";
import type { TapeStore } from "../../../stores/store.ts";
import { pipe } from "../../../streams/pipe.ts";
import { specOf } from "../../../streams/stage.ts";
import { lineSplit } from "../../../transforms/line-split.ts";

/** Says of a line whether it is wanted. It must be shown all lines of a tape, in their order. */
export type LineTest = (line: TapeLine) => boolean;

/**
 * Whether a line is one that `select` lets through: what a query or a function asks for, and what the tape needs for that.
 * A query that asks what becomes of requests later on cannot say so of a line at once: {@linkcode testOfTape} can.
 *
 * @param options what is known of the tape
 * @throws {TapeError} code `invalid_argument`: it is no query
 */
function lineTest(
  what: Query | string | ((record: TapeRecord) => boolean),
  options: SelectOptions = {},
): LineTest {
  const spec = specOf(select(what, options));
  let isSelected = false;
  const emit = Object.assign(() => void (isSelected = true), { terminate() {} });
  return (line) => {
    isSelected = false;
    spec.transform(line, emit);
    return isSelected;
  };
}

/** A tape that a query is put to. */
export interface AskedTape {
  readonly store: TapeStore;
  readonly key: string;
  /** The byte to stop before. */
  readonly size: number;
  readonly maxLineBytes: number;
  readonly init: InitRecord;
}

/** How a tape is read that a query is put to. */
export interface AskOptions {
  /** Ends the reading early. Nothing else of the tape should be read then. */
  readonly signal?: AbortSignal | undefined;
  /** Is told now and then how many bytes have been read. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * The same for the lines of this tape, which is read once before, where a query asks what becomes of requests later on.
 *
 * @throws {TapeError} code `invalid_argument`: it is no query; `io`
 */
export async function testOfTape(
  what: Query | string | ((record: TapeRecord) => boolean),
  { store, key, size, maxLineBytes, init }: AskedTape,
  { signal, onProgress }: AskOptions = {},
): Promise<LineTest> {
  const query = typeof what === "string" ? parseQuery(what) : what;
  const ms = Date.parse(init.created_at);
  const startedAt = Number.isNaN(ms) ? undefined : ms;
  const survey = typeof query === "function" ? undefined : query.survey({ startedAt });
  if (survey !== undefined) {
    const bytes = store.openSource(key, { end: size });
    for await (const line of pipe(bytes, lineSplit({ maxLineBytes, onError: () => {}, decoder: decoderOf(store) }))) {
      if (signal?.aborted) break;
      survey.add(line);
      onProgress?.(line.offset);
    }
    survey.end();
  }
  return lineTest(query, { startedAt, survey });
}
