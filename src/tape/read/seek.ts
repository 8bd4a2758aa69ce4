import { pipe } from "../../streams/pipe.ts";
import type { TapeLine } from "../../lines/line.ts";
import { type LinePart, mayHoldMore, readParts } from "../../lines/line-parts.ts";
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
 * and looking at the first frame behind the middle; no index is needed, and next to no frame is parsed.
 *
 * @param maxLineBytes the longest line of the tape; a frame on a longer one is not found
 */
export async function findFrame(
  store: TapeStore,
  key: string,
  field: "seq" | "ts",
  target: number,
  maxLineBytes: number,
): Promise<Found> {
  const size = await store.size(key) ?? 0;
  // All frames that start before `low` are below the target; one at or above it starts before `high`, or none does.
  let low = 0;
  let high = size;
  while (high - low > READ_THROUGH_BYTES) {
    const middle = Math.floor((low + high) / 2);
    const { found } = await firstOf(store, key, middle, maxLineBytes, claimedFrame);
    if (found === undefined || found[field]! >= target || found.offset >= high) high = middle;
    else low = found.offset;
  }
  const frameFrom = (line: TapeLine) => provenFrame(line, field, target);
  const { found, end } = await firstOf(store, key, low, maxLineBytes, frameFrom);
  if (found === undefined) return { offset: end, number: 0, exists: false };
  return { offset: found.offset, number: low === 0 ? found.number : 0, exists: true };
}

/** A line that says it is a frame: enough to find the way by. */
function claimedFrame(line: TapeLine): TapeLine | undefined {
  const isFrame = line.type === "frame" && line.seq !== undefined && line.ts !== undefined;
  return isFrame && line.terminated ? line : undefined;
}

/**
 * The line, or the part of a damaged line, with a frame that is at the target or above it. Only lines that may have one
 * are parsed: their first bytes say so, or tell nothing, or may be those of a torn record with another one behind it.
 */
function provenFrame(line: TapeLine, field: "seq" | "ts", target: number): TapeLine | undefined {
  if (!line.terminated) return undefined;
  const { type } = line;
  const isBelow = type === "frame" ? (line[field] ?? target) < target : type !== undefined;
  if (isBelow && !mayHoldMore(line)) return undefined;
  const isFound = ({ record }: LinePart) => record?.type === "frame" && record[field] >= target;
  return readParts(line).find(isFound)?.line;
}

/**
 * What `find` finds first on the lines that start behind `start`; a line that is cut at `start` does not count. Where that
 * is nothing, `end` is where the next line will start: what has no end yet may still be cut off.
 */
async function firstOf(
  store: TapeStore,
  key: string,
  start: number,
  maxLineBytes: number,
  find: (line: TapeLine) => TapeLine | undefined,
): Promise<{ readonly found?: TapeLine; readonly end: number }> {
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
    const found = isCut ? undefined : find(line);
    if (found !== undefined) return { found, end };
    isCut = false;
  }
  return { end };
}
