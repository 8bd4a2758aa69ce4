import { blockBehind } from "../../index/block-facts.ts";
import type { IndexEntry } from "../../index/index-entry.ts";
import { ENTRY_BYTES } from "../../index/layout.ts";
import { TapeIndexer } from "../../index/tape-indexer.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { TapeStore } from "../../stores/store.ts";
import { IndexRecorder } from "./index-recorder.ts";
import { openCut } from "./open-empty.ts";
import { openIndex, TapeIndex } from "./tape-index.ts";

/** Where an index can be gone on with. */
interface Place {
  readonly indexer: TapeIndexer;
  /** How much of the index stays, in bytes. */
  readonly kept: number;
}

/**
 * Goes on with the index of a tape. What of it does not fit the tape as it is now is made anew; so is all of it where there is
 * none that can be used.
 *
 * @param tapeBytes the size of the tape, which ends with a line ending
 * @throws {TapeError} code `locked`, `io`
 */
export async function resumeIndex(
  store: TapeStore,
  tapeId: string,
  tapeBytes: number,
  maxLineBytes: number,
): Promise<IndexRecorder> {
  const keys = tapeKeys(tapeId);
  const { indexer, kept } = await placeIn(store, tapeId, tapeBytes, maxLineBytes);
  return new IndexRecorder(store, tapeId, tapeBytes, indexer, await openCut(store, keys.index, kept));
}

async function placeIn(store: TapeStore, tapeId: string, tapeBytes: number, maxLineBytes: number): Promise<Place> {
  const index = await TapeIndex.open(store, tapeId);
  const opened = await openIndex(store, tapeId);
  if (index !== undefined && "crc" in opened) {
    // The last block may have ended with the tape as it was then, in the middle of what will be one.
    const last = await lastKept(store, tapeId, index, tapeBytes);
    if (last !== undefined) {
      const from = { block: blockBehind(last.entry), crc: opened.crc, maxLineBytes };
      return { indexer: new TapeIndexer(tapeId, from), kept: ENTRY_BYTES * (last.number + 2) };
    }
  }
  return { indexer: new TapeIndexer(tapeId), kept: 0 };
}

/** The last entry but one, if the tape has a line ending where its block ends. */
async function lastKept(
  store: TapeStore,
  tapeId: string,
  index: TapeIndex,
  tapeBytes: number,
): Promise<{ readonly entry: IndexEntry; readonly number: number } | undefined> {
  let left = 2;
  for await (const entries of index.entries({ reverse: true })) {
    for (const entry of entries) {
      if (--left > 0) continue;
      return entry.end <= tapeBytes && await endsLine(store, tapeId, entry.end)
        ? { entry, number: index.size - 2 }
        : undefined;
    }
  }
  return undefined;
}

async function endsLine(store: TapeStore, tapeId: string, end: number): Promise<boolean> {
  for await (const bytes of store.openSource(tapeKeys(tapeId).tape, { start: end - 1, end })) return bytes[0] === LF;
  return false;
}

const LF = 0x0a;
