import { briefIds } from "../arguments/tape-names.ts";
import { paintState } from "../report/tape-state.ts";
import type { Column } from "../terminal/table.ts";
import { escapeControls, type Style } from "../terminal/text.ts";
import { formatAgo, formatBytes, formatCount, formatDuration, formatTime } from "../terminal/units.ts";
import type { TapeRow } from "./tape-row.ts";

/**
 * The columns of a table of tapes.
 *
 * @param allIds those of all tapes of the folder: an id that is shortened must still name its tape
 */
export function tapeColumns(allIds: () => Iterable<string>, style: Style, nowMs: number): readonly Column<TapeRow>[] {
  let brief: ReadonlyMap<string, string> | undefined;
  const briefOf = (id: string) => (brief ??= briefIds(allIds())).get(id) ?? id;
  return [
    { title: "TAPE", cell: ({ tapeId }) => tapeId, brief: ({ tapeId }) => briefOf(tapeId) },
    { title: "NAME", cell: ({ name }) => escapeControls(name), minWidth: 10, dropOrder: 3 },
    {
      title: "SERVER",
      cell: ({ server, command }) => escapeControls(server || command),
      paint: (text, { server }) => server === "" ? style.dim(text) : text,
      minWidth: 10,
      dropOrder: 6,
    },
    {
      title: "STATUS",
      cell: ({ state, failure }) => escapeControls(failure || state),
      paint: (text, { state, failure }) => failure === "" ? paintState(text, state, style) : style.bad(text),
    },
    { title: "STARTED", cell: ({ started }) => started === "" ? "–" : formatAgo(started, nowMs) || "–" },
    { title: "AT", cell: ({ started }) => escapeControls(formatTime(started)), paint: style.dim, dropOrder: 8 },
    { title: "DURATION", cell: ({ durationMs }) => known(durationMs, formatDuration), align: "right", dropOrder: 5 },
    { title: "FRAMES", cell: ({ frames }) => known(frames, formatCount), align: "right", dropOrder: 4 },
    {
      title: "ERRORS",
      cell: errorsOf,
      align: "right",
      paint: (text, { errors, toolErrors }) => errors || toolErrors ? style.bad(text) : style.dim(text),
      dropOrder: 1,
    },
    { title: "SIZE", cell: ({ sizeBytes }) => formatBytes(sizeBytes), align: "right", dropOrder: 2 },
    { title: "NOTES", cell: notesOf, paint: style.dim, minWidth: 10, dropOrder: 7 },
  ];
}

function known(value: number | null, format: (value: number) => string): string {
  return value === null ? "–" : format(value);
}

/** JSON-RPC errors, and the results of tools that say `isError`: `2`, `2 + 1 tool`. */
function errorsOf({ errors, toolErrors }: TapeRow): string {
  const shown = known(errors, formatCount);
  return toolErrors ? `${shown} + ${formatCount(toolErrors)} tool` : shown;
}

/** The tags, what went wrong, and whether it is encrypted. */
function notesOf({ tags, fault, isLocked }: TapeRow): string {
  const locked = isLocked ? "encrypted" : "";
  return tags.length === 0 && fault === ""
    ? locked
    : escapeControls([locked, fault, ...tags.map((tag) => `#${tag}`)].join(" ").trim());
}
