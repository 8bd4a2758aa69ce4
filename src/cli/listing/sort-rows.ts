import type { TapeRow } from "./tape-row.ts";

/** One of the words that `--sort` takes. */
export type SortKey =
  | "started"
  | "changed"
  | "name"
  | "id"
  | "status"
  | "server"
  | "size"
  | "duration"
  | "frames"
  | "errors";

/** What is sorted by: texts from A to Z, numbers and times from the greatest down; what is unknown comes last. */
const KEYS: { readonly [Key in SortKey]: (row: TapeRow) => string | number | null } = {
  started: ({ startedMs }) => startedMs,
  changed: ({ changedMs }) => changedMs,
  name: ({ name }) => name.toLowerCase() || null,
  id: ({ tapeId }) => tapeId,
  status: ({ state }) => state,
  server: ({ server, command }) => (server || command).toLowerCase() || null,
  size: ({ sizeBytes }) => sizeBytes,
  duration: ({ durationMs }) => durationMs,
  frames: ({ frames }) => frames,
  errors: ({ errors, toolErrors }) => errors === null && toolErrors === null ? null : (errors ?? 0) + (toolErrors ?? 0),
};

/** All of them. */
export const SORT_KEYS: readonly SortKey[] = Object.keys(KEYS) as SortKey[];

/** The rows in order; those that are alike in it with the newest first. */
export function sortRows(rows: readonly TapeRow[], key: SortKey = "started", isReversed = false): TapeRow[] {
  const keyOf = KEYS[key];
  const keyed = rows.map((row) => ({ row, value: keyOf(row) }));
  const sign = isReversed ? -1 : 1;
  keyed.sort((a, b) => byValue(a.value, b.value, sign) || newestFirst(a.row, b.row) * sign);
  return keyed.map(({ row }) => row);
}

function byValue(a: string | number | null, b: string | number | null, sign: 1 | -1): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  // All values are of one type.
  const isBefore = typeof a === "string" ? a < b : a > (b as number);
  return isBefore ? -sign : sign;
}

function newestFirst(a: TapeRow, b: TapeRow): number {
  const [atA, atB] = [a.startedMs ?? -Infinity, b.startedMs ?? -Infinity];
  return atA !== atB ? (atA > atB ? -1 : 1) : a.tapeId > b.tapeId ? -1 : a.tapeId < b.tapeId ? 1 : 0;
}
