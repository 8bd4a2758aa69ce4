import type { OpenedTape } from "../arguments/tape-argument.ts";
import type { TapeReading } from "../arguments/tape-reading.ts";
import { decoderOf } from "../../stores/decoding.ts";
import { describeLost } from "./describe-record.ts";
import type { TapeFacts } from "../summary/tape-facts.ts";
import { errorsTable, methodsTable, more, openTable, slowestTable, strangeTable } from "./info-tables.ts";
import { causeOf, outcomeOf } from "./session-end.ts";
import type { TapeState } from "../../tape/read/tape-state.ts";
import { paintState } from "./tape-state.ts";
import { cut, escapeControls, pad, type Style, widthOf } from "../terminal/text.ts";
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatOffset,
  formatTime,
  plural,
} from "../terminal/units.ts";

/** Everything that is known of a tape, for the report and for `--json`. */
export interface TapeInfo {
  readonly tape: OpenedTape;
  readonly state: TapeState;
  readonly sizeBytes: number;
  readonly facts: TapeFacts;
  readonly reading: TapeReading;
  /** The query that selects what is counted; undefined where all is. */
  readonly where: string | undefined;
}

/** All that `info` has to say, in lines for people. */
export function infoReport(info: TapeInfo, top: number, style: Style, columns: number, nowMs: number): string[] {
  const { facts } = info;
  const sections = [
    head(info, style, columns, nowMs),
    methodsTable(facts.methods, facts.performance, style, columns),
    slowestTable(facts.slowest, style, columns),
    errorsTable(facts.errors, top, style, columns),
    openTable(facts.open, top, style, columns),
    strangeTable(facts.strange, top, style, columns),
    faults(info, top, style, columns),
  ];
  return sections.filter((lines) => lines.length > 0).flatMap((lines, at) => at === 0 ? lines : ["", ...lines]);
}

/** Whether a tape is encrypted, and was read without a key. */
export function isLocked({ store }: Pick<OpenedTape, "store">): boolean {
  return decoderOf(store)?.isLocked === true;
}

/** A piece of a line, and its colour. */
type Part = readonly [text: string, paint?: (text: string) => string];

/** What the tape is, and its numbers at a glance. */
function head(info: TapeInfo, style: Style, columns: number, nowMs: number): string[] {
  const { tape, state, sizeBytes, facts: known } = info;
  const { metadata, init } = tape;
  const title = metadata?.name || init.tape_id;
  const facts: Record<string, string | readonly Part[]> = {
    tape: init.tape_id,
    file: `${tape.path}, ${formatBytes(sizeBytes)}`,
    about: metadata?.description ?? "",
    tags: (metadata?.tags ?? []).map((tag) => `#${tag}`).join(" "),
    started: [formatTime(init.created_at), formatAgo(init.created_at, nowMs)].filter((part) => part !== "").join(", "),
    session: init.session_id,
    server: known.server ?? "",
    command: commandOf(info),
    client: known.client ?? "",
    protocol: known.protocolVersion ?? init.protocol_version ?? "",
    recorded: recordedBy(info),
    coded: [init.compression == null ? "" : "compressed", init.encryption == null ? "" : "encrypted"].filter(Boolean)
      .join(", "),
    counted: info.where === undefined ? "" : `only what fits ${info.where}`,
    frames: framesLine(info, style),
    answers: known.stats.correlation_count ? formatCount(known.stats.correlation_count) : "",
    errors: errorsLine(info, style),
    ended: endedLine(info, style),
  };
  const lines = Object.entries(facts).filter(([, value]) => value.length > 0).map(([name, value]) => {
    const parts = typeof value === "string" ? [[escapeControls(value)] as const] : value;
    return `  ${style.dim(pad(name, 9))} ${joinParts(parts, columns - 12)}`;
  });
  return [
    `${style.bold(cut(escapeControls(title), columns - 16))}  ${paintState(escapeControls(state), state, style)}`,
    ...lines,
  ];
}

/** The parts with commas between them, as many as fit. */
function joinParts(parts: readonly Part[], width: number): string {
  let line = "";
  let left = width;
  for (const [text, paint = (text: string) => text] of parts) {
    const separator = line === "" ? "" : ", ";
    if (left <= separator.length) break;
    const shown = cut(text, left - separator.length);
    line += separator + paint(shown);
    left -= separator.length + widthOf(shown);
  }
  return line;
}

function commandOf({ tape }: TapeInfo): string {
  const { command, args, url } = tape.metadata?.transport ?? {};
  return command == null ? url ?? "" : [command, ...(args ?? [])].map(quoted).join(" ");
}

/** A word as a shell would want it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function recordedBy({ tape }: TapeInfo): string {
  const { tapeline_version, runtime, runtime_version, platform, hostname, user } = tape.metadata?.environment ?? {};
  const parts = [
    tapeline_version == null ? "" : `by tapeline ${tapeline_version}`,
    runtime == null
      ? ""
      : `on ${[runtime, runtime_version].filter(Boolean).join(" ")}${platform == null ? "" : `, ${platform}`}`,
    hostname == null ? "" : `at ${user == null ? "" : `${user}@`}${hostname}`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}

function framesLine({ tape, facts: { stats, performance, logs } }: TapeInfo, style: Style): Part[] {
  const isKnown = !isLocked(tape);
  const { client_to_server, server_to_client } = stats.message_counts ?? {};
  const perSecond = performance.messages_per_second;
  const parts: Part[] = [
    [`${formatCount(stats.frame_count ?? 0)} in ${formatDuration(stats.duration_ms ?? 0)}`, style.bold],
    [
      perSecond == null
        ? ""
        : `${perSecond < 9.95 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond))} per second`,
    ],
    [isKnown ? `${formatCount(client_to_server ?? 0)} →` : "", style.out],
    [isKnown ? `${formatCount(server_to_client ?? 0)} ←` : "", style.good],
    [logs > 0 ? plural(logs, "log line") : ""],
  ];
  return parts.filter(([text]) => text !== "");
}

function errorsLine({ tape, facts: { stats, invalid } }: TapeInfo, style: Style): Part[] {
  if (isLocked(tape)) return [["unknown: the tape is encrypted", style.dim]];
  const { error_count, tool_error_count } = stats;
  const parts: Part[] = [
    [error_count ? plural(error_count, "JSON-RPC error") : "", style.bad],
    [tool_error_count ? plural(tool_error_count, "tool error") : "", style.bad],
    [invalid > 0 ? `${plural(invalid, "message")} that ${invalid === 1 ? "is" : "are"} no JSON-RPC` : "", style.warn],
  ];
  const found = parts.filter(([text]) => text !== "");
  return found.length > 0 ? found : [["none", style.good]];
}

function endedLine({ facts, tape }: TapeInfo, style: Style): Part[] {
  const end = facts.sessionEnd ?? tape.metadata?.end;
  if (end == null) return [];
  const outcome = outcomeOf(end);
  const parts: Part[] = [
    [escapeControls(outcome?.text ?? ""), outcome?.isFailure === true ? style.bad : style.good],
    [escapeControls(causeOf(end))],
  ];
  return parts.filter(([text]) => text !== "");
}

/** What is missing from the tape, and what cannot be read of it. */
function faults({ facts, reading, tape }: TapeInfo, top: number, style: Style, columns: number): string[] {
  const { metadata } = tape;
  const status = metadata?.status;
  const gaps = facts.gaps.slice(0, top).map((gap) => {
    const { ts, count, from_seq, to_seq, reason, id } = gap;
    const what = describeLost(gap).map((text) => `, ${text}${id == null ? "" : ` #${JSON.stringify(id)}`}`).join("");
    const which = from_seq == null ? "" : ` (${from_seq} – ${to_seq ?? "?"})`;
    return style.bad(
      cut(
        `✂ ${plural(count, "frame")} lost${which} at ${formatOffset(ts)}${escapeControls(what)}: ${
          escapeControls(reason ?? "")
        }`,
        columns,
      ),
    );
  });
  const damaged = reading.damaged.slice(0, top).map(({ message }) =>
    style.bad(cut(`✗ ${escapeControls(message)}`, columns))
  );
  const { unfinished } = reading;
  return [
    ...(typeof status === "object" && status !== null
      ? [style.bad(cut(`✗ the recorder failed: ${escapeControls(status.error)}`, columns))]
      : []),
    ...gaps,
    ...more(facts.gaps.length - gaps.length, "gap", style),
    ...damaged,
    ...more(reading.damagedCount - damaged.length, "damaged line", style),
    ...(unfinished === undefined
      ? []
      : [style.warn(`… the last line, at byte ${unfinished.offset}, has no end: it is torn, or still being written`)]),
  ];
}
