import {
  batchMessages,
  isSetupMethod,
  type MessageHeader,
  messageHeader,
  originScope,
  transportScope,
} from "../../records/jsonrpc.ts";
import type { CorrelationRecord, FrameRecord, TapeRecord } from "../../records/record.ts";
import { exactMessage } from "../../records/recorded-text.ts";
import { member } from "../../json/member.ts";
import type { Candidate } from "./choice/choice.ts";

/** So many kinds of requests of so many connections are remembered; of more, those that were asked first are forgotten. */
const MAX_GROUPS = 256;
/** So many records of one kind: a list of tools may come in pages. */
const MAX_RECORDS = 256;

/** What was said for one purpose: a request, its pages, its answers. */
interface Group {
  readonly records: TapeRecord[];
  /** The requests that wait for their answers. */
  readonly waiting: Set<string>;
}

/**
 * The frames that have set a session up, as far as it has gone: the handshake and the latest list of tools of MCP, with their
 * correlations. For a tape that begins in the middle of a session. Memory is bounded.
 */
export class SessionSetup {
  readonly #groups = new Map<string, Group>();
  /** The group of each frame that is remembered. */
  readonly #bySeq = new Map<number, Group>();

  /** Takes in the next record of the tape. */
  add(candidate: Candidate): void {
    if (candidate.type === "correlation") return this.#addCorrelation(candidate.record() as CorrelationRecord);
    if (candidate.type !== "frame") return;
    const isAsked = candidate.dir === "client_to_server";
    // What servers say is looked at only as long as a client waits for it.
    if (!isAsked && ![...this.#groups.values()].some(({ waiting }) => waiting.size > 0)) return;
    const frame = candidate.record() as FrameRecord;
    const message = exactMessage(frame);
    const header = messageHeader(message);
    const messages: readonly (readonly [unknown, MessageHeader])[] = header.kind === "batch"
      ? batchMessages(message)
      : [[message, header]];
    for (const [each, said] of messages) {
      const group = isAsked ? this.#asked(frame, each, said) : this.#answered(frame, said);
      if (group === undefined || group.records.length >= MAX_RECORDS) continue;
      if (!group.records.includes(frame)) group.records.push(frame);
      this.#bySeq.set(frame.seq, group);
    }
  }

  /** What a tape that goes on from here begins with, in the order in which it was said. */
  records(): TapeRecord[] {
    const records = new Set([...this.#groups.values()].flatMap(({ records }) => records));
    return [...records].sort((a, b) => placeOf(a) - placeOf(b));
  }

  #asked(frame: FrameRecord, message: unknown, { kind, method, idKey }: MessageHeader): Group | undefined {
    if (method === undefined || !isSetupMethod(method)) return undefined;
    const name = `${scopeOf(frame)} ${method}`;
    let group = this.#groups.get(name);
    // What is asked again takes the place of what was said before, unless it is the next page.
    if (group === undefined || member(member(message, "params"), "cursor") === undefined) {
      if (group !== undefined) this.#forget(name, group);
      group = { records: [], waiting: new Set() };
      this.#groups.set(name, group);
      const [oldest] = this.#groups;
      if (this.#groups.size > MAX_GROUPS) this.#forget(...oldest!);
    }
    if (kind === "request" && idKey !== undefined) group.waiting.add(`${scopeOf(frame)} ${idKey}`);
    return group;
  }

  #answered(frame: FrameRecord, { kind, idKey }: MessageHeader): Group | undefined {
    if (kind !== "response") return undefined;
    const name = `${scopeOf(frame)} ${idKey}`;
    for (const group of this.#groups.values()) if (group.waiting.delete(name)) return group;
    return undefined;
  }

  #addCorrelation(correlation: CorrelationRecord): void {
    const { request_seq, response_seq } = correlation;
    const group = this.#bySeq.get(request_seq);
    const isWhole = response_seq != null && group !== undefined && this.#bySeq.get(response_seq) === group;
    if (isWhole && group.records.length < 2 * MAX_RECORDS) group.records.push(correlation);
  }

  #forget(name: string, group: Group): void {
    this.#groups.delete(name);
    for (const record of group.records) if (record.type === "frame") this.#bySeq.delete(record.seq);
  }
}

/** Frames stand in the order of their numbers, correlations behind their answers. */
function placeOf(record: TapeRecord): number {
  return record.type === "correlation" ? record.response_seq! + 0.5 : (record as FrameRecord).seq;
}

function scopeOf({ transport, origin }: FrameRecord): string {
  const { connection, exchange } = transportScope(transport);
  return `${originScope(origin)} ${JSON.stringify([connection, exchange])}`;
}
