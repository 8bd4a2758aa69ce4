import type { GroupName, Row } from "./plan.ts";

/** What the ratios of a group compare. */
export const ratios: Readonly<Record<GroupName, string>> = {
  read: "speed as a multiple of the hand loop's",
  write: "speed as a multiple of the first one's",
  follow: "",
  proxy: "speed as a multiple of that without recorder",
  memory: "multiple of the small one's, or the empty process's",
  start: "time as a multiple of the empty program's",
  info: "speed as a multiple of the hand loop's",
  list: "time as a multiple of the empty program's",
  derive: "speed as a multiple of the hand loop's",
  convert: "speed as a multiple of the hand loop's",
  query: "speed as a multiple of the parse loop's",
  seek: "speed as a multiple of @mcap/core's, or of info's",
  index: "speed as a multiple of the parse loop's, or of that without index",
  sign: "speed as a multiple of that without signatures",
  packed: "speed as a multiple of that of the plain tape",
  zstd: "speed as a multiple of that of the plain tape",
  crypto: "speed as a multiple of that of the plain tape, or of the first one's",
  redact: "speed as a multiple of that without redaction, or of the parse loop's",
};

/** What one runtime reached. */
export interface Column {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** A table in Markdown, aligned so that it reads as well in a terminal: a line for each candidate, a column for each runtime. */
export function table(columns: readonly Column[], isQuick: boolean): string {
  const keyOf = ({ workload, candidate }: Row) => `${workload}: ${candidate}`;
  const lines = new Map(columns.flatMap(({ rows }) => rows).map((row) => [keyOf(row), row]));
  const targetOf = (key: string) => {
    const goals = columns.flatMap(({ rows }) => rows.find((row) => keyOf(row) === key)?.goal?.text ?? []);
    return goals[0] ?? "";
  };
  const cells = [
    ["", ...Array.from(lines.values(), ({ target }) => target)],
    ["work", ...Array.from(lines.values(), ({ workload }) => workload)],
    ["candidate", ...Array.from(lines.values(), ({ candidate }) => candidate)],
    ["target", ...Array.from(lines.keys(), targetOf)],
    ...columns.map(({ title, rows }) => [
      title,
      ...Array.from(lines.keys(), (key) => {
        const row = rows.find((row) => keyOf(row) === key);
        return row === undefined ? "" : cellOf(row, isQuick);
      }),
    ]),
  ].map((texts) => {
    const width = Math.max(1, ...texts.map(({ length }) => length));
    const [title = "", ...rest] = texts.map((text) => text.padEnd(width));
    return [title, "-".repeat(width), ...rest];
  });
  return cells[0]!.map((_, line) => `| ${cells.map((column) => column[line]).join(" | ")} |`).join("\n");
}

/** As in `381 k/s, 0.93, met`. */
function cellOf({ figure, ratio, goal }: Row, isQuick: boolean): string {
  const parts = [figure];
  if (ratio !== undefined && Number.isFinite(ratio)) parts.push(ratio.toFixed(2));
  if (goal !== undefined && !isQuick) parts.push(goal.met ? "met" : "NOT MET");
  return parts.join(", ");
}
