import type { TapePerformance } from "../../records/metadata.ts";
import type { Direction } from "../../records/record.ts";
import { type Strange, STRANGE_KINDS } from "../summary/strange.ts";
import { tableLines } from "../terminal/table.ts";
import type { MethodFacts } from "../summary/tape-facts.ts";
import type { ErrorSummary, OpenCall, TimedCall } from "../summary/tape-summary.ts";
import { escapeControls, type Style } from "../terminal/text.ts";
import { formatCount, formatLatency, formatOffset } from "../terminal/units.ts";

const arrowOf = (dir: string) => dir === "client_to_server" ? "→" : "←";

/** A line of the table of methods; that of all methods together has no direction. */
type MethodRow = Omit<MethodFacts, "dir" | "answers"> & { readonly dir: Direction | undefined };

/**
 * The methods: how often, how well, how fast. The last line is all of them together: what the report says of latencies
 * stands in this one table.
 */
export function methodsTable(
  methods: readonly MethodFacts[],
  all: TapePerformance,
  style: Style,
  columns: number,
): string[] {
  if (methods.length === 0) return [];
  const time = (us: number | null) => us === null ? "" : formatLatency(us);
  const shown = methods.slice(0, 30);
  const answered = methods.filter(({ answers }) => answers > 0).length;
  const lines = tableLines(
    [...shown, ...(answered > 1 ? [rowOfAll(methods, all)] : [])],
    [
      {
        title: "METHOD",
        cell: ({ label, dir }) => dir === undefined ? label : `${arrowOf(dir)} ${escapeControls(label)}`,
        minWidth: 16,
        paint: (text, { dir }) =>
          dir === undefined
            ? style.bold(text)
            : `${(dir === "client_to_server" ? style.out : style.good)(text[0]!)}${text.slice(1)}`,
      },
      { title: "COUNT", cell: ({ count }) => formatCount(count), align: "right" },
      {
        title: "ERRORS",
        cell: ({ errors }) => errors === 0 ? "" : formatCount(errors),
        align: "right",
        paint: style.bad,
        dropOrder: 3,
      },
      { title: "P50", cell: ({ p50 }) => time(p50), align: "right", dropOrder: 1 },
      { title: "P95", cell: ({ p95 }) => time(p95), align: "right", dropOrder: 2 },
      { title: "MAX", cell: ({ max }) => time(max), align: "right", dropOrder: 0 },
    ],
    style,
    columns,
  );
  return [...lines, ...more(methods.length - shown.length, "method", style)];
}

function rowOfAll(methods: readonly MethodFacts[], all: TapePerformance): MethodRow {
  const us = (ms: number | null | undefined) => ms == null ? null : ms * 1000;
  return {
    label: "all",
    dir: undefined,
    count: methods.reduce((sum, { count }) => sum + count, 0),
    errors: methods.reduce((sum, { errors }) => sum + errors, 0),
    p50: us(all.p50_rtt_ms),
    p95: us(all.p95_rtt_ms),
    max: us(all.max_rtt_ms),
  };
}

/** The calls that took longest. */
export function slowestTable(calls: readonly TimedCall[], style: Style, columns: number): string[] {
  if (calls.length === 0) return [];
  return tableLines(
    calls,
    [
      { title: "SLOWEST CALLS", cell: ({ label }) => escapeControls(label), minWidth: 16 },
      { title: "TOOK", cell: ({ us }) => formatLatency(us), align: "right", paint: style.bold },
      { title: "AT", cell: ({ ts }) => ts === undefined ? "" : formatOffset(ts), align: "right", dropOrder: 1 },
      {
        title: "FRAMES",
        cell: ({ requestSeq, responseSeq }) => `${requestSeq} – ${responseSeq}`,
        align: "right",
        paint: style.dim,
        dropOrder: 2,
      },
    ],
    style,
    columns,
  );
}

/** What failed, the same failures together. */
export function errorsTable(errors: readonly ErrorSummary[], top: number, style: Style, columns: number): string[] {
  if (errors.length === 0 || top === 0) return [];
  const shown = errors.slice(0, top);
  const lines = tableLines(
    shown,
    [
      { title: "ERRORS OF", cell: ({ label }) => escapeControls(label), minWidth: 16 },
      { title: "COUNT", cell: ({ count }) => formatCount(count), align: "right" },
      {
        title: "CODE",
        cell: ({ code }) => escapeControls(String(code)),
        align: "right",
        paint: style.bad,
        minWidth: 6,
      },
      { title: "FIRST AT", cell: ({ firstSeq }) => `${firstSeq}`, align: "right", paint: style.dim, dropOrder: 1 },
      { title: "MESSAGE", cell: ({ message }) => escapeControls(message), minWidth: 16 },
    ],
    style,
    columns,
  );
  return [...lines, ...more(errors.length - shown.length, "kind", style)];
}

/** Requests without an answer. */
export function openTable(calls: readonly OpenCall[], top: number, style: Style, columns: number): string[] {
  if (calls.length === 0 || top === 0) return [];
  const shown = calls.slice(0, top);
  const lines = tableLines(
    shown,
    [
      { title: "WITHOUT AN ANSWER", cell: ({ label }) => escapeControls(label), minWidth: 17 },
      { title: "FRAME", cell: ({ seq }) => String(seq), align: "right" },
      { title: "AT", cell: ({ ts }) => ts === undefined ? "" : formatOffset(ts), align: "right", dropOrder: 1 },
      { title: "STATUS", cell: ({ status }) => OUTCOMES[status] ?? escapeControls(status), paint: style.warn },
    ],
    style,
    columns,
  );
  return [...lines, ...more(calls.length - shown.length, "request", style)];
}

/** What became of a request without an answer, in words for people. */
const OUTCOMES: Readonly<Record<string, string>> = {
  open: "still open",
  orphan: "none came",
  timeout: "timed out",
};

/** What is strange about a session, for people. */
export function strangeTable(found: readonly Strange[], top: number, style: Style, columns: number): string[] {
  if (found.length === 0 || top === 0) return [];
  const shown = found.slice(0, Math.max(top, 10));
  const lines = tableLines(
    shown,
    [
      {
        title: "STRANGE",
        cell: ({ kind, dir }) => `${arrowOf(dir)} ${STRANGE_KINDS[kind]}`,
        minWidth: 16,
        paint: style.warn,
      },
      { title: "COUNT", cell: ({ count }) => formatCount(count), align: "right" },
      { title: "FIRST AT", cell: ({ firstSeq }) => String(firstSeq), align: "right" },
      { title: "IDS", cell: ({ ids }) => escapeControls(ids.join(" ")), minWidth: 4, dropOrder: 1 },
    ],
    style,
    columns,
  );
  return [...lines, ...more(found.length - shown.length, "kind", style)];
}

/** That there is more than was listed. */
export function more(count: number, noun: string, style: Style): string[] {
  return count > 0 ? [style.dim(`and ${formatCount(count)} more ${noun}${count === 1 ? "" : "s"}`)] : [];
}
