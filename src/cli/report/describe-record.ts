import { valueSpan } from "../../json/json-span.ts";
import { SEALED } from "../../lines/coded-line.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { TapeStats } from "../../records/metadata.ts";
import type { CorrelationRecord, EndRecord, FrameRecord, GapRecord, TapeRecord } from "../../records/record.ts";
import type { CommandIo } from "../command.ts";
import { type Calls, roundTripUs, type SeenFrame } from "../summary/calls.ts";
import { previewOf } from "./message-preview.ts";
import { causeOf, outcomeOf } from "./session-end.ts";
import { shownText } from "../terminal/message-output.ts";
import { cut, escapeControls, pad, type Style, widthOf } from "../terminal/text.ts";
import { formatBytes, formatDuration, formatLatency, formatOffset, formatTime, plural } from "../terminal/units.ts";

const LABEL_WIDTH = 34;

/** What one line says, before it is laid out. Foreign text in it is escaped and cut only there. */
interface Description {
  /** Milliseconds since the start of the tape; `"?"` where nobody knows. */
  readonly ts?: number | "?" | undefined;
  readonly seq?: number | undefined;
  readonly mark: string;
  /** Of an answer, whether it is a good one. */
  readonly isFailure?: boolean | undefined;
  readonly label: string;
  readonly id?: string | undefined;
  /** In microseconds. */
  readonly latency?: number | null | undefined;
  readonly preview: string;
  readonly tone: keyof Style | undefined;
}

/** How wide a line may be: as wide as the terminal, and without an end where there is none or somebody asks for it. */
export function lineWidth(io: Pick<CommandIo, "isTty" | "columns">, isWide: boolean = false): number {
  return io.isTty && !isWide ? io.columns : Infinity;
}

/** The same for tables, which keep to `$COLUMNS` in a pipe as well. */
export function tableWidth(io: Pick<CommandIo, "isTty" | "columns" | "env">): number {
  return io.env.COLUMNS ? io.columns : lineWidth(io);
}

/**
 * A record as one line for people, cut to `columns` places. Every record of the tape must pass here in order, so that
 * answers are known to their requests.
 */
export function describeRecord(
  line: TapeLine,
  record: TapeRecord,
  calls: Calls,
  style: Style,
  columns: number,
): string {
  const seen = record.type === "frame" ? calls.see(record) : undefined;
  return describeSeen(line, record, seen, calls, style, columns);
}

/** The same for a record that `calls` has seen already. */
export function describeSeen(
  line: TapeLine,
  record: TapeRecord,
  seen: SeenFrame | undefined,
  calls: Calls,
  style: Style,
  columns: number,
): string {
  return layOut(describe(line, record, seen, calls), style, columns);
}

/** Records that are there for programs, or that say nothing without a key. */
const QUIET: ReadonlySet<string> = new Set(["epoch", "dictionary", "correlation"]);

/**
 * Whether a record says something to people that the others do not: the statistics along the way do not, nor does the
 * correlation of an answer, which has its latency.
 */
export function isNoteworthy(record: TapeRecord): boolean {
  switch (record.type) {
    case "checkpoint":
      return record.final === true;
    case "correlation":
      return record.response_seq == null;
    default: {
      const { type, kind } = record as { readonly type: string; readonly kind?: unknown };
      return !QUIET.has(type === SEALED ? String(kind) : type);
    }
  }
}

/** The same for a line; one of a frame is not parsed for it. */
export function isNoteworthyLine(line: TapeLine): boolean {
  switch (line.type) {
    case undefined:
      return false;
    case "checkpoint":
    case "correlation":
    case "sealed":
      try {
        return isNoteworthy(line.parse() as TapeRecord);
      } catch {
        return false;
      }
    default:
      return !QUIET.has(line.type);
  }
}

function describe(
  line: TapeLine,
  record: TapeRecord,
  seen: SeenFrame | undefined,
  calls: Calls,
): Description {
  switch (record.type) {
    case "init": {
      const preview = `${formatTime(record.created_at)}, session ${record.session_id}`;
      return { mark: "▷", label: "start of the tape", preview, tone: "dim" };
    }
    case "checkpoint": {
      const label = record.final === true ? "end of the tape" : "checkpoint";
      const outcome = record.final === true && calls.sessionEnd ? outcomeOf(calls.sessionEnd) : undefined;
      const parts = [outcome?.text ?? "", describeStats(record.stats)].filter((part) => part !== "");
      const tone = outcome?.isFailure === true ? "bad" : "dim";
      return { seq: record.seq ?? undefined, mark: "□", label, preview: parts.join(", "), tone };
    }
    case "frame":
      if (record.flags?.is_sealed === true) return describeSealed(line, record);
      return describeFrame(line, record, seen ?? { messages: [], answers: [] });
    case "correlation":
      return describeCorrelation(record, calls);
    case "gap":
      calls.lost(record);
      return {
        ts: record.ts,
        seq: record.from_seq ?? undefined,
        mark: "✂",
        label: `${plural(record.count, "frame")} lost`,
        id: record.id == null ? undefined : JSON.stringify(record.id),
        preview: [...describeLost(record), record.reason ?? ""].join(": "),
        tone: "bad",
      };
    case "redacted": {
      const rules = Object.entries(record.rules).map(([rule, count]) => `${count} by ${rule}`);
      return { ts: record.ts, mark: "·", label: "secrets replaced", preview: rules.join(", "), tone: "dim" };
    }
    case "log":
      return {
        ts: record.ts,
        mark: "·",
        label: record.stream,
        preview: record.text.trimEnd(),
        tone: "warn",
      };
    case "end":
      calls.sessionEnd = record;
      return describeEnd(record);
    default: {
      const { type, ...rest } = record;
      if (type as string === SEALED) return describeSealed(line, record);
      const ts = typeof rest.ts === "number" ? rest.ts : undefined;
      return { ts, mark: "?", label: type, preview: restText(line, rest), tone: "dim" };
    }
  }
}

/** What is told in plain of a record that is encrypted, where there is no key. */
function describeSealed({ length }: TapeLine, record: TapeRecord): Description {
  const { ts, seq, kind } = record as { readonly ts?: number; readonly seq?: number; readonly kind?: string };
  const label = kind === undefined ? "encrypted" : `encrypted ${kind}`;
  return { ts, seq, mark: "·", label, preview: `${formatBytes(length)} on the tape`, tone: "dim" };
}

function describeFrame(line: TapeLine, frame: FrameRecord, { messages, answers }: SeenFrame): Description {
  const arrow = frame.dir === "client_to_server" ? "→" : "←";
  const [only] = messages;
  const id = only?.header.idKey;
  const ts = frame.flags?.is_untimed === true ? "?" as const : frame.ts;
  const common = { ts, seq: frame.seq, mark: arrow };
  if (only === undefined || Array.isArray(frame.env.message)) {
    const isError = messages.some(({ failure }) => failure !== undefined);
    const preview = messages.map(({ header, label }) => label ?? header.kind).join(", ");
    return {
      ...common,
      label: `batch of ${messages.length}`,
      preview,
      tone: isError ? "bad" : undefined,
    };
  }
  const { header, label, failure } = only;
  switch (header.kind) {
    case "request":
    case "notification":
      return { ...common, label: label!, id, preview: previewOf(only, (path) => textAt(line, path)), tone: undefined };
    case "response": {
      const latency = answers[0] && roundTripUs(answers[0]);
      const shown = label ?? (failure === undefined ? "result" : "error");
      const answer = { ...common, isFailure: failure !== undefined, label: shown, id, latency };
      if (failure === undefined) {
        return { ...answer, preview: previewOf(only, (path) => textAt(line, path)), tone: undefined };
      }
      const what = failure.kind === "tool_error" ? "tool error" : `error ${failure.code}`;
      return { ...answer, preview: `${what}: ${failure.message}`, tone: "bad" };
    }
    default: {
      const isRaw = frame.env.message === undefined;
      const unread = { ...common, label: isRaw ? "not JSON" : "no message", preview: shownText(frame) };
      if (answers[0] === undefined) return { ...unread, tone: "warn" };
      const isFailure = failure !== undefined;
      const told = { ...unread, latency: roundTripUs(answers[0]) };
      return isFailure ? { ...told, isFailure, tone: "bad" } : { ...told, tone: "warn" };
    }
  }
}

/** What is known of a message that is missing: whose it was, and its method. */
export function describeLost({ dir, id, method }: GapRecord): string[] {
  if (dir == null) return [];
  const side = dir === "client_to_server" ? "client" : "server";
  return [`${method ?? (id == null ? "a message" : "an answer")} of the ${side}`];
}

function describeCorrelation(record: CorrelationRecord, calls: Calls): Description {
  const { request_seq, response_seq, status } = record;
  const call = calls.get(request_seq);
  const label = call === undefined ? `request ${request_seq}` : call.label;
  if (response_seq != null) {
    const preview = `frame ${response_seq} answers frame ${request_seq}: ${status ?? ""}`;
    return { mark: "↔", label, latency: roundTripUs(record), preview, tone: "dim" };
  }
  const why = status === "timeout"
    ? "no answer in time"
    : status === "cancelled"
    ? "cancelled, no answer"
    : "no answer";
  const since = call === undefined ? "" : `, sent at ${formatOffset(call.ts)}`;
  return { mark: "∅", label, preview: `${why} to frame ${request_seq}${since}`, tone: "warn" };
}

function describeEnd(record: EndRecord): Description {
  const outcome = outcomeOf(record);
  const label = outcome?.text ?? "end of the session";
  const tone = outcome?.isFailure === true ? "bad" : "dim";
  return { ts: record.ts, mark: "■", label, preview: causeOf(record), tone };
}

function describeStats({ frame_count, duration_ms, error_count, tool_error_count }: TapeStats): string {
  const parts = [
    frame_count == null ? "" : plural(frame_count, "frame"),
    duration_ms == null ? "" : formatDuration(duration_ms),
    error_count ? plural(error_count, "JSON-RPC error") : "",
    tool_error_count ? plural(tool_error_count, "tool error") : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** A record without its type, as JSON. */
function restText(line: TapeLine, rest: object): string {
  try {
    return JSON.stringify(rest);
  } catch {
    // It is nested too deeply to be written anew.
    return line.text();
  }
}

/** The very text of a part of the message. */
function textAt(line: TapeLine, path: readonly string[]): string {
  const text = line.text();
  const span = valueSpan(text, ["env", "message", ...path]);
  return span === undefined ? "" : text.slice(...span);
}

function layOut(description: Description, style: Style, columns: number): string {
  const { ts, seq, mark, isFailure, label, id, latency, preview, tone } = description;
  const time = pad(ts === undefined ? "" : ts === "?" ? ts : formatOffset(ts), 9, "right");
  const number = pad(seq === undefined ? "" : String(seq), 6, "right");
  const isEndless = columns === Infinity;
  const widest = isEndless ? LABEL_WIDTH : Math.max(LABEL_WIDTH, Math.floor(columns / 4));
  const labelWidth = Math.min(widest, Math.max(12, columns - 55));
  const tag = id === undefined ? "" : ` #${fit(id, isEndless ? Infinity : 9)}`;
  const name = fit(label, isEndless ? Infinity : labelWidth - widthOf(tag));
  const fill = " ".repeat(Math.max(0, labelWidth - widthOf(name) - widthOf(tag)));
  const took = pad(latency == null ? "" : formatLatency(latency), 8, "right");
  const rest = fit(preview, columns - 9 - 6 - labelWidth - 8 - 9);
  const paint = tone === undefined ? (text: string) => text : style[tone];
  const arrow = mark === "→" ? style.out(mark) : mark === "←" ? style.good(mark) : paint(mark);
  const outcome = isFailure === undefined ? " " : isFailure ? style.bad("✗") : style.good("✓");
  const quiet = tone === undefined ? style.dim(rest) : paint(rest);
  const start = `${style.dim(time)} ${style.dim(number)} ${arrow}${outcome} `;
  return `${start}${paint(name)}${style.dim(tag)}${fill} ${took}  ${quiet}`.trimEnd();
}

/** Foreign text, escaped, and cut to `width` places. */
function fit(text: string, width: number): string {
  if (width === Infinity) return escapeControls(text);
  // What is cut off need not be escaped; letters without width could go on forever.
  return cut(escapeControls(text.slice(0, Math.max(0, width) * 8 + 1)), width);
}
