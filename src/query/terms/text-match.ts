import { valueSpan } from "../../json/json-span.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { FrameRecord, TapeRecord } from "../../records/record.ts";
import { messageText } from "../../records/recorded-text.ts";
import { valueOf } from "./subject.ts";

/**
 * Whether a text fits in a record: of a frame the text of its message as it stands there, or one of the strings in it (names
 * of members too) as they read without escapes; of a log what was said.
 *
 * @param line the line that the record was just parsed from, if it was
 * @param hasEdges whether it counts for `fits` where a text begins and ends
 */
export function someText(
  record: TapeRecord,
  line: TapeLine | undefined,
  fits: (text: string) => boolean,
  hasEdges: boolean,
): boolean {
  if (record.type === "log") return fits(record.text);
  if (record.type !== "frame") return false;
  const text = textOf(record, line);
  if (fits(text)) return true;
  const { message } = record.env;
  // Without a backslash there is no escape: a string reads as it stands, and was looked at as a part of the whole.
  return message !== undefined && (hasEdges || text.includes("\\")) && someString(valueOf(message), fits);
}

/** How many bytes the message of a record has; undefined for a record that has none. */
export function sizeOf(record: TapeRecord, line: TapeLine | undefined): number | undefined {
  if (record.type !== "frame" && record.type !== "log") return undefined;
  const text = record.type === "log" ? record.text : textOf(record, line);
  return utf8Length(text);
}

/** The text of a frame's message, as it was recorded; empty where it has none. */
function textOf(frame: FrameRecord, line: TapeLine | undefined): string {
  if (line !== undefined && frame.env.message !== undefined) {
    // Nobody can have changed the record yet.
    const text = line.text();
    const span = valueSpan(text, ["env", "message"]);
    if (span !== undefined) return text.slice(...span);
  }
  try {
    return messageText(frame);
  } catch {
    return "";
  }
}

/** Whether a string fits in a JSON value, however deep it is nested. */
function someString(value: unknown, fits: (text: string) => boolean): boolean {
  const todo = [value];
  while (todo.length > 0) {
    const next = todo.pop();
    if (typeof next === "string") {
      if (fits(next)) return true;
    } else if (Array.isArray(next)) {
      for (const element of next) todo.push(element);
    } else if (typeof next === "object" && next !== null) {
      for (const [name, member] of Object.entries(next)) {
        if (fits(name)) return true;
        todo.push(member);
      }
    }
  }
  return false;
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    // A surrogate pair has four bytes, and was counted as two.
    length += code < 0x800 || code >= 0xd800 && code < 0xe000 ? 1 : 2;
  }
  return length;
}
