import type { DerivedFrom, InitRecord } from "../../records/record.ts";
import { DEFAULT_MAX_LINE_BYTES, MAX_LINE_BYTES } from "../../transforms/line-split.ts";
import { plainLineBytes } from "../write/coding.ts";

/** A source, as far as it decides how the tape starts that is made of it. */
export interface InitSource {
  readonly init: InitRecord;
  readonly size: number;
  readonly maxLineBytes: number;
  /** Milliseconds from its start to its last record, where the tapes are put one behind the other. */
  readonly durationMs?: number | undefined;
  /** What was asked for of it. */
  readonly query?: string | undefined;
}

/** How several sources become one: one behind the other, or by time. */
export type SourceOrder = "given" | "time";

/** How a tape starts, and what is added to the times of each of its sources. */
export interface DerivedStart {
  readonly init: InitRecord;
  readonly offsets: readonly number[];
  /** Sources whose times are not as they were: nobody knows when they were started, or they began before others had ended. */
  readonly moved: readonly { readonly tape: number; readonly why: "unknown" | "overlap" }[];
}

/** What a line may grow by: a number, a time, and an origin for each time that it was copied. */
const MAX_GROWTH = 4096;
/** Longer names of sessions are cut. */
const MAX_SESSION_ID = 200;

/**
 * The first record of a tape that is made of others, without what it says of how its lines are coded.
 *
 * The time of a record, in milliseconds since 1970, is the `created_at` of its tape and its `ts`. It stays what it was: a tape
 * that is made of one starts when that did, one that is merged when the earliest of its sources did.
 */
export function startOf(sources: readonly InitSource[], order: SourceOrder, tapeId: string, by: string): DerivedStart {
  const { created_at, offsets, moved } = timesOf(sources, order);
  const [{ init: first }] = sources as [InitSource];
  const { derived_from: _, max_line_bytes: __, compression: ___, encryption: ____, ...kept } = first;
  const init: InitRecord = {
    ...(sources.length === 1 ? kept : { type: "init", version: "2.0", tape_id: tapeId, session_id: "", created_at }),
    type: "init",
    version: "2.0",
    tape_id: tapeId,
    session_id: sessionsOf(sources),
    created_at,
    protocol_version: sharedBy(sources, ({ init }) => init.protocol_version) ?? "unknown",
  };
  const maxLineBytes = longestLine(sources);
  if (maxLineBytes > DEFAULT_MAX_LINE_BYTES) init.max_line_bytes = maxLineBytes;
  init.derived_from = sources.map(({ init, query }, at): DerivedFrom => {
    const { tape_id, session_id, created_at, derived_from } = init;
    return {
      tape_id,
      session_id,
      created_at,
      ...(offsets[at]! > 0 ? { offset_ms: offsets[at] } : {}),
      by,
      ...(query === undefined ? {} : { query }),
      ...(derived_from == null ? {} : { derived_from }),
    };
  });
  return { init, offsets, moved };
}

/** What the `init` record of a tape tells for everybody to read: of one that is encrypted not what was asked for, now or before. */
export function plainInit(init: InitRecord): InitRecord {
  const { derived_from, encryption } = init;
  if (encryption == null || derived_from == null) return init;
  return { ...init, derived_from: derived_from.map(({ query: _query, derived_from: _before, ...told }) => told) };
}

function timesOf(
  sources: readonly InitSource[],
  order: SourceOrder,
): { created_at: string; offsets: number[]; moved: { tape: number; why: "unknown" | "overlap" }[] } {
  const starts = sources.map(({ init }) => Date.parse(init.created_at));
  const known = starts.filter((start) => !Number.isNaN(start));
  const base = order === "time" ? Math.min(...known) : starts[0]!;
  const created_at = sources[Math.max(0, starts.indexOf(base))]!.init.created_at;
  const moved: { tape: number; why: "unknown" | "overlap" }[] = [];
  let end = 0;
  const offsets = sources.map(({ durationMs = 0 }, tape) => {
    const offset = starts[tape]! - base;
    const isUnknown = !Number.isSafeInteger(offset);
    if (sources.length === 1 || isUnknown && order === "time") {
      if (sources.length > 1) moved.push({ tape, why: "unknown" });
      return 0;
    }
    const least = order === "time" ? 0 : end;
    const placed = isUnknown ? least : Math.max(offset, least);
    if (isUnknown) moved.push({ tape, why: "unknown" });
    else if (placed !== offset) moved.push({ tape, why: "overlap" });
    end = Math.min(placed + durationMs, Number.MAX_SAFE_INTEGER);
    return placed;
  });
  return { created_at, offsets, moved };
}

/** A line that could be as long as its tape permits may be longer here. */
function longestLine(sources: readonly InitSource[]): number {
  const longest = Math.max(...sources.map(longestPlainLine));
  return Math.min(longest + MAX_GROWTH, MAX_LINE_BYTES);
}

function longestPlainLine({ init, size, maxLineBytes }: InitSource): number {
  if (init.encryption != null) return plainLineBytes(maxLineBytes);
  return init.compression == null ? Math.min(size, maxLineBytes) : maxLineBytes;
}

function sessionsOf(sources: readonly InitSource[]): string {
  const names = [...new Set(sources.map(({ init }) => init.session_id))];
  const [first = ""] = names;
  if (names.length === 1) return first;
  const text = names.join(" + ");
  return text.length <= MAX_SESSION_ID ? text : `${[...text].slice(0, MAX_SESSION_ID).join("")}…`;
}

function sharedBy<T>(sources: readonly InitSource[], of: (source: InitSource) => T): T | undefined {
  const value = of(sources[0]!);
  return sources.every((source) => of(source) === value) ? value : undefined;
}
