import { DEFAULT_MAX_LINE_BYTES, MAX_LINE_BYTES } from "../transforms/line-split.ts";
import type { InitRecord } from "../records/record.ts";
import { decoding } from "./decoding.ts";
import { codingOfMetadata, findCoding, type FoundCoding } from "./tape-coding.ts";
import type { TapeStore } from "./store.ts";

/** The longest line that a reader of this tape has to take, in bytes: what its init record says, within reason. */
export function lineLimitOf({ max_line_bytes }: Pick<InitRecord, "max_line_bytes">): number {
  return Math.min(Math.max(max_line_bytes ?? 0, DEFAULT_MAX_LINE_BYTES), MAX_LINE_BYTES);
}

/** How the lines of a tape are read. */
export interface LineReading extends FoundCoding {
  /** The longest line that a reader has to take, in bytes. */
  readonly maxLineBytes: number;
  /** The store, as {@linkcode decoding} gives it. */
  readonly store: TapeStore;
}

/**
 * How to read a tape of which nothing is read yet, damaged as it may be.
 *
 * @throws {TapeError} as {@linkcode decoding}
 */
export async function lineReading(store: TapeStore, key: string): Promise<LineReading> {
  const found = await findCoding(store, key);
  const maxLineBytes = lineLimitOf(found.coding);
  try {
    return { ...found, maxLineBytes, store: await decoding(store, key, found.coding) };
  } catch (error) {
    const coding = await codingOfMetadata(store, key, found.coding);
    if (coding === undefined) throw error;
    return { maxLineBytes, store: await decoding(store, key, coding), coding, isLost: true, isKeyLost: false };
  }
}
