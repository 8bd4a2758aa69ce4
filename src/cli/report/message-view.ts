import { type JsonLine, type JsonPart, layOutJson } from "../../json/json-layout.ts";
import type { FrameRecord } from "../../records/record.ts";
import { shownText } from "../terminal/message-output.ts";
import { cut, escapeControls, harmlessJson, type Style, widthOf } from "../terminal/text.ts";
import { formatCount } from "../terminal/units.ts";

/** How much of a message is shown. */
export interface ViewLimits {
  readonly lines: number;
  /** Places in a line; it may be wider than the terminal, which then wraps it. */
  readonly width: number;
}

/** Nothing is left out. */
export const NO_LIMITS: ViewLimits = { lines: Infinity, width: Infinity };

/** Deeper levels are not indented any further. */
const MAX_INDENT = 30;

/** A message laid out for people: JSON as it stands, anything else as text. What steers a terminal is escaped. */
export function* messageView(frame: FrameRecord, style: Style, limits: ViewLimits): Generator<string, void, undefined> {
  const text = shownText(frame);
  const isJson = frame.env.message !== undefined;
  const lines: Iterable<JsonLine> = isJson ? layOutJson(text) : rawLines(text);
  let left = 0;
  let count = 0;
  let isCut = false;
  for (const line of lines) {
    if (count++ >= limits.lines) {
      left++;
      continue;
    }
    const shown = paintLine(line, style, limits.width, isJson ? harmlessJson : escapeControls);
    isCut ||= shown.isCut;
    yield shown.text;
  }
  const more = left > 0 ? `${formatCount(left)} more line${left === 1 ? "" : "s"}` : "lines were cut";
  if (left > 0 || isCut) yield style.dim(`… ${more}; --full shows all`);
}

function* rawLines(text: string): Generator<JsonLine, void, undefined> {
  for (const line of text.split("\n")) yield { depth: 0, parts: [{ kind: "string", text: line }] };
}

function paintLine(
  { depth, parts }: JsonLine,
  style: Style,
  width: number,
  escape: (text: string) => string,
): { readonly text: string; readonly isCut: boolean } {
  let text = "  ".repeat(Math.min(depth, MAX_INDENT));
  let left = width - text.length;
  let isCut = false;
  for (const { kind, text: part } of parts) {
    // What is cut off need not be escaped; letters without width could go on forever.
    const start = left === Infinity ? part : part.slice(0, Math.max(0, left) * 8 + 1);
    const whole = escape(start);
    const shown = left === Infinity ? whole : cut(whole, left);
    isCut ||= shown !== whole || start !== part;
    text += paintPart(kind, shown, style);
    if (left !== Infinity) left -= widthOf(shown);
    if (isCut) break;
  }
  return { text, isCut };
}

function paintPart(kind: JsonPart["kind"], text: string, style: Style): string {
  switch (kind) {
    case "key":
      return style.out(text);
    case "string":
      return style.good(text);
    case "number":
    case "word":
      return style.warn(text);
    default:
      return style.dim(text);
  }
}
