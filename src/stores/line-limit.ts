import { DEFAULT_MAX_LINE_BYTES, lineSplit } from "../transforms/line-split.ts";
import { isBlank, readParts } from "../lines/line-parts.ts";
import { pipe } from "../streams/pipe.ts";
import type { InitRecord } from "../records/record.ts";
import type { TapeStore } from "./store.ts";

/** No tape can have longer lines: a JavaScript engine has no longer strings. */
export const MAX_LINE_BYTES: number = 256 * 1024 * 1024;

/** The longest line that a reader of this tape has to take, in bytes: what its init record says, within reason. */
export function lineLimitOf({ max_line_bytes }: InitRecord): number {
  return Math.min(Math.max(max_line_bytes ?? 0, DEFAULT_MAX_LINE_BYTES), MAX_LINE_BYTES);
}

/** The same for a tape of which nothing is read yet; the usual limit where its first line is no init record. */
export async function lineLimit(store: TapeStore, key: string): Promise<number> {
  for await (const line of pipe(store.openSource(key), lineSplit({ onError: () => {} }))) {
    const first = readParts(line).find((part) => part.record !== undefined)?.record;
    if (first?.type === "init") return lineLimitOf(first);
    if (first !== undefined || !isBlank(line)) break;
  }
  return DEFAULT_MAX_LINE_BYTES;
}
