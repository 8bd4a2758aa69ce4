import { JsonMembers } from "../json/json-members.ts";
import { headerOfShape, type MessageHeader, messageHeader } from "../records/jsonrpc.ts";
import type { Direction, FrameRecord, GapRecord, LostMessage } from "../records/record.ts";
import { messageBytes } from "../records/recorded-text.ts";

// What can be told of a message that cannot be read from the tape: because it stands there as raw text, or because it
// is missing.

/**
 * The header of what stands in a frame as raw text. What is no JSON to the letter, because a byte of it is no UTF-8 or
 * a value is NaN, is still a request or an answer if all of the object is there.
 */
export function rawHeader(frame: FrameRecord): MessageHeader {
  let bytes: Uint8Array;
  try {
    bytes = messageBytes(frame);
  } catch {
    return messageHeader(undefined); // Raw text of a foreign tape, which is not what it says it is.
  }
  const members = new JsonMembers();
  members.push(bytes);
  return lenientHeader(members);
}

/** The header of the message of which `members` has seen the text. */
export function lenientHeader(members: JsonMembers): MessageHeader {
  const shape = members.shape();
  return shape === undefined ? messageHeader(undefined) : headerOfShape(shape);
}

/** What a gap record should say of a message with this header. */
export function lostMessage(dir: Direction, length: number, header: MessageHeader): LostMessage {
  const { kind, idKey, method, isError, version } = header;
  if (kind === "invalid" || kind === "batch") return { dir, length };
  const lost: LostMessage = { dir, length };
  if (idKey !== undefined) lost.id = idOf(idKey);
  if (method !== undefined) lost.method = method;
  if (isError) lost.flags = { is_error: true };
  // Whether it is one is for the correlator to say.
  if (version === undefined) lost.flags = { ...lost.flags, is_stray: true };
  return lost;
}

/**
 * A frame in the place of the message that a gap record says is missing, with what is known of it; undefined where that
 * is nothing.
 */
export function standInOf(gap: GapRecord): FrameRecord | undefined {
  const { from_seq, count, dir, id, method, flags, ts } = gap;
  if (from_seq == null || count !== 1 || dir == null || id == null && method == null) return undefined;
  const isStray = flags?.is_stray === true;
  const message: Record<string, unknown> = isStray ? {} : { jsonrpc: "2.0" };
  if (id != null) message.id = id;
  if (method != null) message.method = method;
  else if (flags?.is_error === true) message.error = {};
  else message.result = {};
  return { type: "frame", seq: from_seq, ts, dir, env: { message } };
}

/** An id by its key. A number that JavaScript does not have becomes the text of its digits. */
function idOf(idKey: string): GapRecord["id"] {
  if (idKey.startsWith('"')) return idKey.slice(1, -1);
  return idKey === "null" || String(Number(idKey)) === idKey ? JSON.parse(idKey) as number | null : idKey;
}
