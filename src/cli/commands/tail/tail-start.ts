import type { TapeLine } from "../../../lines/line.ts";

/** How much of the end of a tape is looked at first; four times as much when that is not enough. */
const FIRST_BYTES = 64 * 1024;

/**
 * The offset at which the last `count` lines begin that `accepts` takes; if there are no more than that, the start of the
 * tape, as what is damaged before them is to be told of too; with a count of 0, the end of the last line. Only so much of the end of the tape is read as it takes to find them, a block at a time.
 *
 * @param linesBetween reads the lines between two offsets
 * @param size bytes of the tape to look at
 */
export async function tailStart(
  linesBetween: (start: number, end: number) => AsyncIterable<TapeLine>,
  size: number,
  count: number,
  accepts: (line: TapeLine) => boolean,
): Promise<number> {
  for (let reach = FIRST_BYTES;; reach *= 4) {
    const start = Math.max(0, size - reach);
    let lastEnd = start === 0 ? 0 : undefined;
    let found: number[] = [];
    // What the window starts with is the rest of a line.
    let isCut = start > 0;
    for await (const line of linesBetween(start, size)) {
      if (!isCut && count > 0 && accepts(line)) found.push(line.offset);
      if (found.length > 2 * count + 1000) found = found.slice(-count);
      if (line.terminated) lastEnd = line.nextOffset;
      isCut = false;
    }
    if (lastEnd === undefined || (found.length < count && start > 0)) continue;
    if (count === 0) return lastEnd;
    return start === 0 && found.length <= count ? 0 : found.at(-count)!;
  }
}
