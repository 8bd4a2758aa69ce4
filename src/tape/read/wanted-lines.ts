import type { TapeError } from "../../errors.ts";
import type { IndexEntry } from "../../index/index-entry.ts";
import type { TapeLine } from "../../lines/line.ts";
import { blocksFrom, readBytes } from "../seek/blocks.ts";
import { LineCollector, linesOf } from "../seek/lines-backwards.ts";
import type { ReadTape } from "./forward-records.ts";

/** Lines that stand one behind the other; in the place of one that is too long the report of it. */
export type Lines = readonly (TapeLine | TapeError)[];

/** A tape, for who needs no more of it than lines. */
export type LinesTape = Pick<ReadTape, "store" | "key" | "maxLineBytes" | "search">;

/**
 * The lines from a place on, without blocks of which the index tells that they are not wanted. `isWanted` is asked in the order of
 * the tape, when the lines before the block have been taken.
 */
export async function* wantedLines(
  { store, key, maxLineBytes, search }: LinesTape,
  start: number,
  isWanted: (entry: IndexEntry) => boolean,
  signal?: AbortSignal,
): AsyncGenerator<Lines, void, undefined> {
  let at = start;
  const index = await search.index();
  for await (const entries of index?.entries({ from: start }) ?? []) {
    for (const entry of entries) {
      if (entry.end <= at || entry.offset > at) continue;
      if (isWanted(entry)) {
        const bytes = await readBytes(store, key, at, entry.end, signal);
        yield linesOf(bytes, at, maxLineBytes, at === entry.offset ? entry.line : 0);
      }
      at = entry.end;
    }
    signal?.throwIfAborted();
  }
  const split = new LineCollector(at, maxLineBytes, at === 0 ? 1 : 0);
  for await (const bytes of blocksFrom(store, key, at, { maxLineBytes, letsGo: true, signal })) yield split.push(bytes);
  yield split.end();
}
