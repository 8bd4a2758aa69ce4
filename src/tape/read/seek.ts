import { pipe } from "../../streams/pipe.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { TapeStore } from "../../stores/store.ts";
import { lineSplit } from "../../transforms/line-split.ts";

/** A place to go on reading from. */
export interface Found {
  readonly offset: number;
  /** Number of the line there, from 1; 0 where it is not known. */
  readonly number: number;
  /** Whether a frame stands there; if not it is the end of the tape. */
  readonly exists: boolean;
}

/** Below this many bytes it is quicker to read than to halve. */
const READ_THROUGH_BYTES = 256 * 1024;

/**
 * The first frame whose `seq` or `ts` is `target` or more. Both rise along a tape, so it is found by halving the tape
 * and looking at the first frame behind the middle; no index is needed, and no frame is parsed.
 */
export async function findFrame(
  store: TapeStore,
  key: string,
  field: "seq" | "ts",
  target: number,
  maxLineBytes?: number,
): Promise<Found> {
  const size = await store.size(key) ?? 0;
  // All frames that start before `low` are below the target; one at or above it starts before `high`, or none does.
  let low = 0;
  let high = size;
  while (high - low > READ_THROUGH_BYTES) {
    const middle = Math.floor((low + high) / 2);
    const { frame } = await firstFrame(store, key, middle, maxLineBytes, () => true);
    if (frame === undefined || frame[field]! >= target || frame.offset >= high) high = middle;
    else low = frame.offset;
  }
  const { frame, end } = await firstFrame(store, key, low, maxLineBytes, (line) => line[field]! >= target);
  if (frame === undefined) return { offset: end, number: 0, exists: false };
  return { offset: frame.offset, number: low === 0 ? frame.number : 0, exists: true };
}

/**
 * The first frame that starts behind `start` and fits; a line that is cut at `start` does not count. Where there is none,
 * `end` is where the next line will start: what has no end yet may still be cut off.
 */
async function firstFrame(
  store: TapeStore,
  key: string,
  start: number,
  maxLineBytes: number | undefined,
  fits: (line: TapeLine) => boolean,
): Promise<{ readonly frame?: TapeLine; readonly end: number }> {
  // One byte earlier, so that a line that starts exactly at `start` is seen to do so.
  const from = Math.max(0, start - 1);
  const lines = pipe(
    store.openSource(key, { start: from }),
    lineSplit({ maxLineBytes, offset: from, onError: () => {} }),
  );
  let isCut = start > 0;
  let end = start;
  for await (const line of lines) {
    if (line.terminated) end = line.nextOffset;
    if (isCut) isCut = false;
    else if (
      line.terminated && line.type === "frame" && line.seq !== undefined && line.ts !== undefined && fits(line)
    ) {
      return { frame: line, end };
    }
  }
  return { end };
}
