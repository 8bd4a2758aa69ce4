import { OldestFirst } from "../../oldest-first.ts";
import { originScope, transportScope } from "../../records/jsonrpc.ts";
import type { CorrelationRecord, Direction, FrameRecord, GapRecord } from "../../records/record.ts";
import { copyOf } from "../terminal/text.ts";
import type { SeenFrame, SeenMessage } from "./calls.ts";

/** What peers do that they should not, for a program, and in words for people. */
export const STRANGE_KINDS = {
  not_json: "lines that are no JSON",
  blank_line: "blank lines",
  foreign_framing: 'headers between messages ("Content-Length: …"), as in LSP',
  encoding: "lines that are not UTF-8",
  byte_order_mark: "lines that begin with a byte order mark",
  line_end: 'lines that end with "\\r\\n" or the like',
  no_line_end: "a last line without an end",
  stray: 'JSON that does not say "jsonrpc"',
  no_version: 'messages that do not say "jsonrpc"',
  other_version: 'messages of another version than "2.0"',
  no_message: 'JSON that says "jsonrpc" and is no message',
  before_initialize: 'requests before "initialize"',
  null_id: "requests and errors with a null id",
  reused_id: "ids used again before their answer",
  answer_to_nothing: "answers to nothing",
  second_answer: "second answers to one request",
  other_id_type: 'answers with an id of another type ("1" for 1)',
  answer_after_cancellation: "answers to what was cancelled",
  late_answer: "answers that came after the timeout",
  too_long: "messages too long for the tape",
} as const;

/** One of {@linkcode STRANGE_KINDS}. */
export type StrangeKind = keyof typeof STRANGE_KINDS;

/** One thing that is strange about a session. */
export interface Strange {
  readonly kind: StrangeKind;
  /** Who does it. */
  readonly dir: Direction;
  count: number;
  /** The first frame in which it was seen. */
  readonly firstSeq: number;
  /** The JSON-RPC ids that it is about, as JSON: the first few. Foreign text, not escaped. */
  readonly ids: string[];
}

const MAX_IDS = 5;
const MAX_ID_LENGTH = 40;
/** The state of so many of the latest requests is remembered. */
const MAX_REQUESTS = 8192;
const HEADER = /^Content-(Length|Type):/i;

/** Notes what is strange about a session, frame by frame and in bounded memory: what people look for on a tape. */
export class Strangeness {
  readonly #found = new Map<string, Strange>();
  /** Requests by who asked and the id. */
  readonly #requests = new OldestFirst<string, "open" | "answered">();
  /** Requests of the client so far, until the first `initialize`. */
  #early: { count: number; readonly firstSeq: number } | undefined;
  #isInitialized = false;

  /** All of it, in the order in which it was first seen. */
  list(): Strange[] {
    return [...this.#found.values()].sort((a, b) => a.firstSeq - b.firstSeq);
  }

  /** Takes in the next frame. */
  frame(frame: FrameRecord, { messages, answers }: SeenFrame): void {
    const { line_end, message } = frame.env;
    if (line_end != null) this.lineEnd(frame, line_end);
    if (message === undefined) this.#raw(frame);
    else if (frame.flags?.is_stray === true) this.add("stray", frame);
    else for (const seen of messages) this.#message(frame, seen, answers);
    if (answers.some(({ status }) => status === "cancelled")) this.add("answer_after_cancellation", frame);
  }

  /** Takes in how a line on the wire ended that did not end with `\n`. */
  lineEnd(frame: Pick<FrameRecord, "dir" | "seq">, lineEnd: string): void {
    this.add(lineEnd === "" ? "no_line_end" : "line_end", frame);
  }

  /** Takes in what a gap says of a message that is missing. */
  gap({ dir, from_seq, length }: GapRecord): void {
    if (dir != null && from_seq != null && length != null) this.add("too_long", { dir, seq: from_seq });
  }

  /** Takes in what the tape says of a request. */
  correlation({ late, response_seq }: CorrelationRecord, asker: Direction | undefined): void {
    if (late !== true || response_seq == null || asker === undefined) return;
    this.add("late_answer", { dir: other(asker), seq: response_seq });
  }

  #raw(frame: FrameRecord): void {
    const { raw = "", encoding } = frame.env;
    if (encoding != null || raw?.includes("\0")) this.add("encoding", frame);
    else if (raw?.startsWith("\ufeff")) this.add("byte_order_mark", frame);
    else if (raw?.trim() === "") this.add("blank_line", frame);
    else this.add(HEADER.test(raw ?? "") ? "foreign_framing" : "not_json", frame);
  }

  #message(frame: FrameRecord, { header }: SeenMessage, answers: SeenFrame["answers"]): void {
    const { kind, version, idKey, method, isError } = header;
    if (kind === "invalid") return this.add("no_message", frame);
    if (version !== "2.0") this.add(version === undefined ? "no_version" : "other_version", frame);
    if (idKey === "null" && (kind === "request" || isError)) this.add("null_id", frame);
    if (kind === "request") {
      this.#request(frame, idKey!);
      this.asked(frame, method!);
    } else if (kind === "response") this.#response(frame, idKey, answers.length > 0);
  }

  #request(frame: FrameRecord, idKey: string): void {
    const key = keyOf(frame, frame.dir, idKey);
    if (this.#requests.get(key) === "open") this.add("reused_id", frame, idKey);
    this.#requests.set(key, "open");
    if (this.#requests.size > MAX_REQUESTS) this.#requests.delete(this.#requests.oldest()![0]);
  }

  #response(frame: FrameRecord, idKey: string | undefined, isMatched: boolean): void {
    const asker = other(frame.dir);
    const key = keyOf(frame, asker, idKey ?? "");
    const state = this.#requests.get(key);
    if (state === "open") return this.#requests.set(key, "answered");
    // An error with a null id, or none, is about what could not be read.
    if (isMatched || idKey === undefined || idKey === "null") return;
    if (state === "answered") return this.add("second_answer", frame, idKey);
    const otherType = keyOf(frame, asker, idKey.startsWith('"') ? idKey.slice(1, -1) : `"${idKey}"`);
    const isOpen = this.#requests.get(otherType) === "open";
    this.add(isOpen ? "other_id_type" : "answer_to_nothing", frame, idKey);
  }

  /** Takes in a request, but for its id. */
  asked({ dir, seq }: Pick<FrameRecord, "dir" | "seq">, method: string): void {
    if (this.#isInitialized || dir === "server_to_client" || method === "ping") return;
    if (method !== "initialize") {
      this.#early ??= { count: 0, firstSeq: seq };
      this.#early.count++;
      return;
    }
    this.#isInitialized = true;
    if (this.#early === undefined) return;
    const { count, firstSeq } = this.#early;
    this.add("before_initialize", { dir: "client_to_server", seq: firstSeq }, undefined, count);
  }

  /** Notes one thing. */
  add(kind: StrangeKind, { dir, seq }: Pick<FrameRecord, "dir" | "seq">, id?: string, count = 1): void {
    const key = `${kind} ${dir}`;
    let found = this.#found.get(key);
    if (found === undefined) this.#found.set(key, found = { kind, dir, count: 0, firstSeq: seq, ids: [] });
    found.count += count;
    if (id === undefined || found.ids.length >= MAX_IDS) return;
    const shown = copyOf(id, MAX_ID_LENGTH);
    if (!found.ids.includes(shown)) found.ids.push(shown);
  }
}

function other(dir: Direction): Direction {
  return dir === "client_to_server" ? "server_to_client" : "client_to_server";
}

/** Ids are unique per sender within a connection; over HTTP within one exchange. */
function keyOf({ transport, origin }: FrameRecord, sender: Direction, idKey: string): string {
  const { connection, exchange } = transportScope(transport);
  return `${sender} ${originScope(origin)}${JSON.stringify([connection, exchange])} ${idKey}`;
}
