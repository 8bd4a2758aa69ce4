import { valueSpan } from "../../json/json-text.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { TapeStats } from "../../records/metadata.ts";
import type { CorrelationRecord, FrameRecord, TapeRecord } from "../../records/record.ts";
import { messageText } from "../../records/recorded-text.ts";
import { type Calls, roundTripUs, type SeenFrame } from "./calls.ts";
import { failureOf } from "../failure.ts";
import { cut, escapeControls, pad, type Style, widthOf } from "../terminal/text.ts";
import { formatDuration, formatLatency, formatOffset, formatTime, plural } from "../terminal/units.ts";

/** Longer text is cut before anything else is done with it. */
const MAX_PREVIEW = 500;
const LABEL_WIDTH = 34;

/** What one line says, before it is laid out. All of it escaped. */
interface Description {
  readonly ts?: number | undefined;
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

/**
 * A record as one line for people. Every record of the tape must pass here in order, so that answers are known to their
 * requests.
 */
export function describeRecord(
  line: TapeLine,
  record: TapeRecord,
  calls: Calls,
  style: Style,
  columns: number,
): string {
  return layOut(describe(line, record, calls), style, columns);
}

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
    default:
      return true;
  }
}

/** The same for a line; one of a frame is not parsed for it. */
export function isNoteworthyLine(line: TapeLine): boolean {
  switch (line.type) {
    case undefined:
      return false;
    case "checkpoint":
    case "correlation":
      try {
        return isNoteworthy(line.parse() as TapeRecord);
      } catch {
        return false;
      }
    default:
      return true;
  }
}

function describe(line: TapeLine, record: TapeRecord, calls: Calls): Description {
  switch (record.type) {
    case "init": {
      const preview = `${formatTime(record.created_at)}, session ${record.session_id}`;
      return { mark: "▷", label: "start of the tape", preview: short(preview), tone: "dim" };
    }
    case "checkpoint": {
      const label = record.final === true ? "end of the tape" : "checkpoint";
      return { seq: record.seq ?? undefined, mark: "□", label, preview: describeStats(record.stats), tone: "dim" };
    }
    case "frame":
      return describeFrame(line, record, calls.see(record));
    case "correlation":
      return describeCorrelation(record, calls);
    case "gap":
      return {
        ts: record.ts,
        seq: record.from_seq ?? undefined,
        mark: "✂",
        label: `${plural(record.count, "frame")} lost`,
        preview: short(record.reason ?? ""),
        tone: "bad",
      };
    case "log":
      return {
        ts: record.ts,
        mark: "·",
        label: short(record.stream),
        preview: short(record.text.trimEnd()),
        tone: "warn",
      };
    default: {
      const { type, ...rest } = record;
      const ts = typeof rest.ts === "number" ? rest.ts : undefined;
      return { ts, mark: "?", label: short(type), preview: short(JSON.stringify(rest)), tone: "dim" };
    }
  }
}

function describeFrame(line: TapeLine, frame: FrameRecord, { messages, answers }: SeenFrame): Description {
  const arrow = frame.dir === "client_to_server" ? "→" : "←";
  const [only] = messages;
  const id = only?.header.idKey === undefined ? undefined : short(only.header.idKey);
  const common = { ts: frame.ts, seq: frame.seq, mark: arrow };
  if (only === undefined || Array.isArray(frame.env.message)) {
    const isError = messages.some(({ header }) => header.isError);
    const preview = messages.map(({ header, label }) => label ?? header.kind).join(", ");
    return {
      ...common,
      label: `batch of ${messages.length}`,
      preview: short(preview),
      tone: isError ? "bad" : undefined,
    };
  }
  const { header, label } = only;
  const failure = header.kind === "response" ? failureOf(only.message) : undefined;
  switch (header.kind) {
    case "request":
    case "notification": {
      const preview = label === header.method ? textAt(line, ["params"]) : textAt(line, ["params", "arguments"]);
      return { ...common, label: short(label!), id, preview, tone: undefined };
    }
    case "response": {
      const latency = answers[0] && roundTripUs(answers[0]);
      const shown = short(label ?? (failure === undefined ? "result" : "error"));
      const answer = { ...common, isFailure: failure !== undefined, label: shown, id, latency };
      if (failure === undefined) return { ...answer, preview: textAt(line, ["result"]), tone: undefined };
      const what = failure.code === "tool" ? "tool error" : `error ${failure.code}`;
      return { ...answer, preview: short(`${what}: ${failure.message}`), tone: "bad" };
    }
    default: {
      const isRaw = frame.env.message === undefined;
      return { ...common, label: isRaw ? "not JSON" : "no message", preview: short(messageText(frame)), tone: "warn" };
    }
  }
}

function describeCorrelation(record: CorrelationRecord, calls: Calls): Description {
  const { request_seq, response_seq, status } = record;
  const call = calls.get(request_seq);
  const label = call === undefined ? `request ${request_seq}` : short(call.label);
  if (response_seq != null) {
    const preview = `frame ${response_seq} answers frame ${request_seq}: ${short(status ?? "")}`;
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

function describeStats({ frame_count, duration_ms, error_count }: TapeStats): string {
  const parts = [
    frame_count == null ? "" : plural(frame_count, "frame"),
    duration_ms == null ? "" : formatDuration(duration_ms),
    error_count ? plural(error_count, "error") : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** The very text of a part of the message. */
function textAt(line: TapeLine, path: readonly string[]): string {
  const text = line.text();
  const span = valueSpan(text, ["env", "message", ...path]);
  return span === undefined ? "" : short(text.slice(span[0], Math.min(span[1], span[0] + MAX_PREVIEW)));
}

function short(text: string): string {
  return escapeControls(text.length > MAX_PREVIEW ? text.slice(0, MAX_PREVIEW) : text);
}

function layOut(description: Description, style: Style, columns: number): string {
  const { ts, seq, mark, isFailure, label, id, latency, preview, tone } = description;
  const time = pad(ts === undefined ? "" : formatOffset(ts), 9, "right");
  const number = pad(seq === undefined ? "" : String(seq), 6, "right");
  const labelWidth = Math.min(LABEL_WIDTH, Math.max(12, columns - 55));
  const tag = id === undefined ? "" : ` #${cut(id, 9)}`;
  const name = cut(label, labelWidth - widthOf(tag));
  const fill = " ".repeat(labelWidth - widthOf(name) - widthOf(tag));
  const took = pad(latency == null ? "" : formatLatency(latency), 8, "right");
  const rest = cut(preview, columns - 9 - 6 - labelWidth - 8 - 9);
  const paint = tone === undefined ? (text: string) => text : style[tone];
  const arrow = mark === "→" ? style.out(mark) : mark === "←" ? style.good(mark) : paint(mark);
  const outcome = isFailure === undefined ? " " : isFailure ? style.bad("✗") : style.good("✓");
  const quiet = tone === undefined ? style.dim(rest) : paint(rest);
  const start = `${style.dim(time)} ${style.dim(number)} ${arrow}${outcome} `;
  return `${start}${paint(name)}${style.dim(tag)}${fill} ${took}  ${quiet}`.trimEnd();
}
