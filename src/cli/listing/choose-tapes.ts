import type { TapeRow } from "./tape-row.ts";

/** Which tapes are to go. */
export interface PruneRules {
  /** So many of the newest stay, whatever else is said; where nothing else is said, all others go. */
  readonly keep?: number | undefined;
  /** Those go to which nothing has happened for longer than this. */
  readonly olderThanMs?: number | undefined;
  /** The oldest go until all that stays is no larger than this, in bytes. */
  readonly maxBytes?: number | undefined;
}

/** Tapes that have just changed may be written by somebody who takes no lock. */
const FRESH_MS = 60_000;

/**
 * Whether a tape is being written, or may be: by a writer who says so, or by one of whom nobody can tell, who has just
 * written.
 */
export function mayBeWritten({ state, changedMs }: Pick<TapeRow, "state" | "changedMs">, nowMs: number): boolean {
  if (state === "recording" || state === "recording?") return true;
  return (state === "unknown" || state === "empty") && nowMs - changedMs < FRESH_MS;
}

/** Whether a file is known to be a tape: what is none, or cannot be read, is not ours to delete. */
export function isTape({ state }: Pick<TapeRow, "state">): boolean {
  return state !== "invalid" && state !== "unreadable";
}

/**
 * The tapes that are to go, the oldest first. New and old are told by their last change of any kind.
 *
 * @param rows all tapes that are meant, those among them that are being written
 * @param bytesOf how many bytes a tape takes, with all that belongs to it
 */
export function chooseTapes(
  rows: readonly TapeRow[],
  bytesOf: (row: TapeRow) => number,
  { keep, olderThanMs, maxBytes }: PruneRules,
  nowMs: number,
): TapeRow[] {
  const tapes = rows.filter(isTape);
  const free = tapes.filter((row) => !mayBeWritten(row, nowMs));
  const newestFirst = free.toSorted((a, b) => b.changedMs - a.changedMs || (a.tapeId > b.tapeId ? -1 : 1));
  const rest = newestFirst.slice(keep ?? 0).reverse();
  if (olderThanMs === undefined && maxBytes === undefined) return keep === undefined ? [] : rest;
  let left = tapes.reduce((sum, row) => sum + bytesOf(row), 0);
  return rest.filter((row) => {
    const isOld = olderThanMs !== undefined && nowMs - row.changedMs > olderThanMs;
    const goes = isOld || maxBytes !== undefined && left > maxBytes;
    if (goes) left -= bytesOf(row);
    return goes;
  });
}
