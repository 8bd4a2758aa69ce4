import { member } from "../../json/member.ts";
import type { TapeLine } from "../../lines/line.ts";
import {
  batchMessages,
  isToolError,
  type MessageHeader,
  messageHeader,
  type MessageKind,
  TOOL_CALL,
} from "../../records/jsonrpc.ts";
import type { Direction, FrameRecord, TapeRecord } from "../../records/record.ts";
import { exactMessage } from "../../records/recorded-text.ts";
import { rawHeader } from "../../transforms/unread.ts";
import { VerbatimJson } from "../../json/verbatim-json.ts";

/** How much of a record has been looked at: its header, the first bytes of its message too, or all of it. */
export type Level = 0 | 1 | 2;
export const HEADER = 0;
export const FIRST_BYTES = 1;
export const ALL = 2;

/** A request, as far as its answer needs to know it. */
export interface Asked {
  readonly seq: number;
  readonly ts: number;
  /** In microseconds, where they were measured. */
  readonly us: number | undefined;
  readonly dir: Direction;
  readonly method: string | undefined;
  readonly tool: string | undefined;
  /** Whether its sender has said that it wants no answer any more. */
  isCancelled: boolean;
}

/** What is known of a tape before it is all read. */
export interface Foresight {
  /** Whether a frame belongs to an operation that fits the `op:(…)` of that number. */
  holds(at: number, seq: number): boolean;
  /** What becomes of a request that gets no answer: `pending`, or what the tape says; undefined of one that gets one. */
  outcomeOf(requestSeq: number): string | undefined;
}

/** What a query looks at: a record, as far as it is known so far. Used again for the next one. */
export class Subject {
  level: Level = HEADER;
  type: string | undefined;
  seq: number | undefined;
  ts: number | undefined;
  dir: Direction | undefined;
  /** Bytes of the line; undefined where there is only a record. */
  length: number | undefined;
  us: number | undefined;
  kind: MessageKind | undefined;
  method: string | undefined;
  tool: string | undefined;
  /** Whether `tool` is what it is; at the first bytes, the name of the tool may be further behind. */
  isToolKnown = true;
  idKey: string | undefined;
  isIdKnown = true;
  /** Whether an answer reports a JSON-RPC error. */
  isError = false;
  isToolError = false;
  /** What is known of the rest of the tape; undefined where a record is looked at alone. */
  foresight: Foresight | undefined;
  /** Of a request that gets no answer: what became of it. */
  #outcome: string | undefined;
  /** When the tape began, in milliseconds since 1970; undefined where nobody knows. */
  startedAt: number | undefined;
  /** Of an answer: its request, where that is known. */
  request: Asked | undefined;
  record: TapeRecord | undefined;
  line: TapeLine | undefined;
  /** The message that is looked at: of a batch one after the other. */
  message: unknown;

  /** Begins with what the first bytes of a line say. */
  ofLine(line: TapeLine): void {
    this.level = HEADER;
    this.type = line.type;
    this.seq = line.seq;
    this.ts = line.ts;
    this.dir = line.dir;
    this.length = line.length;
    this.kind = undefined;
    this.request = undefined;
    this.record = undefined;
    this.line = line;
  }

  /** Begins with a record. All of it is known, but for the message of a frame: see {@linkcode ofMessage}. */
  ofRecord(record: TapeRecord): void {
    this.level = ALL;
    this.type = record.type;
    this.length = undefined;
    this.request = undefined;
    this.line = undefined;
    this.setRecord(record);
  }

  /** Begins with a request that gets no answer, of which only that is asked. */
  ofUnanswered({ seq, ts, dir, method, tool }: Asked, outcome: string): void {
    this.level = ALL;
    this.type = "frame";
    this.kind = "request";
    this.seq = seq;
    this.ts = ts;
    this.dir = dir;
    this.method = method;
    this.tool = tool;
    this.record =
      this.line =
      this.request =
      this.message =
        undefined;
    this.#outcome = outcome;
  }

  /** Of a request that gets no answer: what becomes of it, where that is known. */
  get outcome(): string | undefined {
    return this.#outcome ?? (this.seq === undefined ? undefined : this.foresight?.outcomeOf(this.seq));
  }

  /** The line has been parsed. */
  setRecord(record: TapeRecord): void {
    this.level = ALL;
    this.record = record;
    this.#outcome = undefined;
    const isFrame = record.type === "frame";
    const { ts } = record as { readonly ts?: unknown };
    this.seq = isFrame ? record.seq : undefined;
    this.ts = typeof ts === "number" ? ts : undefined;
    this.us = isFrame ? record.ts_us ?? undefined : undefined;
    this.dir = isFrame ? record.dir : undefined;
    this.kind = undefined;
    this.message = undefined;
  }

  /** Goes to the message of the frame, or to one of its batch. */
  ofMessage(message: unknown, { kind, method, idKey, isError }: MessageHeader): void {
    this.message = message;
    this.kind = kind;
    this.method = method;
    this.idKey = idKey;
    this.isIdKnown = this.isToolKnown = true;
    this.isError = isError;
    this.isToolError = kind === "response" && !isError && isToolError(message);
    this.tool = kind === "request" && method === TOOL_CALL ? toolOf(message) : undefined;
    this.request = undefined;
  }
}

/** A message with its header. */
export type ReadMessage = readonly [message: unknown, header: MessageHeader];

const INVALID = messageHeader(undefined);

/** The messages of a frame: mostly one, those of a batch, or what stands there and is none. */
export function messagesOf(frame: FrameRecord): readonly ReadMessage[] {
  const { message } = frame.env;
  if (frame.flags?.is_stray === true) return [[message, INVALID]];
  if (message === undefined) return [[undefined, rawHeader(frame)]];
  const exact = exactMessage(frame);
  const header = messageHeader(exact);
  if (header.kind !== "batch") return [[message, header]];
  const parts = batchMessages(exact);
  return parts.length === 0 ? [[message, header]] : [[message, header], ...parts];
}

function toolOf(message: unknown): string | undefined {
  const name = member(member(valueOf(message), "params"), "name");
  return typeof name === "string" ? name : undefined;
}

/** A message as a value. */
export function valueOf(message: unknown): unknown {
  if (!(message instanceof VerbatimJson)) return message;
  try {
    return message.value();
  } catch {
    return undefined;
  }
}
