import { batchMessages, isNamedCall, isToolError, type MessageHeader, messageHeader } from "../records/jsonrpc.ts";
import { VerbatimJson } from "../json/verbatim-json.ts";
import type { FrameRecord, GapRecord, TapeRecord } from "../records/record.ts";
import { exactMessage } from "../records/recorded-text.ts";
import { CODED_TYPES } from "../lines/coded-line.ts";
import type { BlockFacts } from "./block-facts.ts";
import * as kinds from "./kinds.ts";
import { methodHash, nameBits, nameHash } from "./names.ts";

/** Adds what a record that was parsed says. */
export function addRecord(block: BlockFacts, record: TapeRecord): void {
  switch (record.type) {
    case "frame":
      return addFrame(block, record);
    case "gap":
      return addGap(block, record);
    case "log":
      block.addKinds(kinds.LOG);
      return block.addTime(record.ts);
    case "correlation":
      if (record.status !== "success") block.addKinds(kinds.FAILED_CALL);
      block.addAnswer(record.request_seq);
      return;
    case "checkpoint":
      return;
    default:
      if (CODED_TYPES.has(record.type)) return addCoded(block, record);
      block.addKinds(kinds.OTHER_RECORD);
      addTime(block, record);
  }
}

/** Of a line that is compressed or encrypted the index tells no more than the line does in plain: anything may be in it. */
function addCoded(block: BlockFacts, record: TapeRecord): void {
  const { kind, seq, ts } = record as Readonly<Record<string, unknown>>;
  block.addKinds(kinds.ANYTHING);
  if (kind === undefined && isCount(seq) && isCount(ts)) {
    block.addFrame(seq, ts);
    block.addAnswer(0);
  } else addTime(block, record);
}

function addFrame(block: BlockFacts, frame: FrameRecord): void {
  block.addFrame(frame.seq, frame.ts);
  const { is_error, is_tool_error, is_stray, is_invalid } = frame.flags ?? {};
  if (is_error === true) block.addKinds(kinds.ERROR);
  if (is_tool_error === true) block.addKinds(kinds.TOOL_ERROR);
  if (is_stray === true || is_invalid === true) block.addKinds(kinds.OTHER_FRAME);
  const message = exactMessage(frame);
  const header = messageHeader(message);
  if (header.kind === "batch") {
    for (const [each, own] of batchMessages(message)) addMessage(block, frame, each, own);
    block.addKinds(kinds.OTHER_FRAME);
  } else addMessage(block, frame, message, header);
}

function addMessage(block: BlockFacts, frame: FrameRecord, message: unknown, header: MessageHeader): void {
  const { kind, idKey, method, isError } = header;
  if (kind === "invalid" || kind === "batch") return block.addKinds(kinds.OTHER_FRAME);
  const side = frame.dir === "client_to_server" ? kinds.CLIENT_KINDS : kinds.SERVER_KINDS;
  if (kind === "response") {
    block.addKinds(side << kinds.RESPONSE);
    if (isError) block.addKinds(kinds.ERROR);
    else if (isToolError(message, header)) block.addKinds(kinds.TOOL_ERROR);
    block.addAnswer(requestOf(frame));
  } else block.addKinds(side << (kind === "request" ? kinds.REQUEST : kinds.NOTIFICATION));
  if (idKey !== undefined) block.addId(/^\d{1,10}$/.test(idKey) ? Number(idKey) : -1);
  if (method !== undefined) addMethod(block, method, isNamedCall(method) ? calledName(message) : undefined);
}

/** A message that is missing was sent all the same. */
function addGap(block: BlockFacts, { ts, id, method, flags }: GapRecord): void {
  block.addKinds(kinds.GAP);
  block.addTime(ts);
  if (flags?.is_error === true) block.addKinds(kinds.ERROR);
  if (flags?.is_tool_error === true) block.addKinds(kinds.TOOL_ERROR);
  if (id !== undefined) block.addId(typeof id === "number" && Number.isInteger(id) ? id : -1);
  if (method != null) addMethod(block, method, undefined);
}

function addMethod(block: BlockFacts, method: string, name: string | undefined): void {
  block.addNames(nameBits(methodHash(method), ...(name === undefined ? [] : [nameHash(name)])));
}

/** The number of the request that a response answers, by its correlation; 0 where that does not tell. */
function requestOf({ correlation_id }: FrameRecord): number {
  const digits = /^corr-(\d{1,15})$/.exec(correlation_id ?? "")?.[1];
  return digits === undefined ? 0 : Number(digits);
}

function calledName(message: unknown): string | undefined {
  const value = message instanceof VerbatimJson ? message.value() : message;
  const name = (value as { readonly params?: { readonly name?: unknown } | null }).params?.name;
  return typeof name === "string" ? name : undefined;
}

function addTime(block: BlockFacts, record: TapeRecord): void {
  const { ts } = record as { readonly ts?: unknown };
  if (isCount(ts)) block.addTime(ts);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && value as number >= 0;
}
