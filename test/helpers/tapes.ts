import type { TapeMetadata, TapeStats } from "../../src/records/metadata.ts";
import { RunningStats } from "../../src/records/running-stats.ts";
import type { FrameRecord, MessageEnvelope, TapeRecord } from "../../src/records/record.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import { parseMetadata } from "../../src/records/metadata.ts";

/** A line that begins a tape. */
export function initLine(id: string, createdAt = "2026-03-01T10:00:00.000Z"): string {
  const init = { type: "init", version: "2.0", tape_id: id, session_id: "s", created_at: createdAt };
  return `${JSON.stringify({ ...init, protocol_version: "2025-06-18" })}\n`;
}

/** A line with a frame, its message as text. */
export function frameLine(seq: number, ts: number, message = `{"jsonrpc":"2.0","method":"n${seq}"}`): string {
  return `{"type":"frame","seq":${seq},"ts":${ts},"dir":"client_to_server","env":{"message":${message}}}\n`;
}

/** A request of a client. */
export function request(id: unknown, method = "ping"): MessageEnvelope {
  return { message: { jsonrpc: "2.0", id, method }, direction: "client_to_server" };
}

/** A server's answer. */
export function answer(id: unknown, result: unknown = {}): MessageEnvelope {
  return { message: { jsonrpc: "2.0", id, result }, direction: "server_to_client" };
}

/** A message that is about as long as this. */
export function messageOf(length: number, n = 0): MessageEnvelope {
  return {
    message: { jsonrpc: "2.0", method: "m", params: { n, text: "x".repeat(length) } },
    direction: "client_to_server",
  };
}

/** Puts a tape into a store as it is. */
export async function putTape(store: TapeStore, id: string, content: string | Uint8Array): Promise<void> {
  await store.put(`${id}.jsonl`, typeof content === "string" ? new TextEncoder().encode(content) : content);
}

/** What a key of a store holds, as text. */
export async function textOf(store: TapeStore, key: string): Promise<string> {
  const bytes = await store.get(key);
  if (bytes === undefined) throw new Error(`${key} is not there`);
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/** The lines of a tape, each with its `\n`; all must have one. */
export async function linesOf(store: TapeStore, id: string): Promise<string[]> {
  const lines = (await textOf(store, `${id}.jsonl`)).split(/(?<=\n)/);
  if (!lines.at(-1)?.endsWith("\n")) throw new Error(`the last line is torn: ${lines.at(-1)}`);
  return lines;
}

/** The records of a tape, each line parsed by itself. */
export async function recordsOf(store: TapeStore, id: string): Promise<TapeRecord[]> {
  return (await linesOf(store, id)).map((line) => JSON.parse(line));
}

/** The frames of a tape. */
export async function framesOf(store: TapeStore, id: string): Promise<FrameRecord[]> {
  return (await recordsOf(store, id)).filter((record) => record.type === "frame");
}

/** The metadata beside a tape. */
export async function metadataOf(store: TapeStore, id: string): Promise<TapeMetadata> {
  return parseMetadata(await textOf(store, `${id}.meta.json`), id);
}

/** The statistics that a tape's lines add up to. */
export function recount(lines: readonly string[]): TapeStats {
  const stats = new RunningStats();
  for (const line of lines) stats.add(JSON.parse(line));
  return stats.snapshot(lines.reduce((sum, line) => sum + new TextEncoder().encode(line).length, 0));
}

/** What a tape's checkpoints claim, and what the lines before each of them add up to. */
export function checkpoints(lines: readonly string[]): { claimed: TapeStats; counted: TapeStats }[] {
  return lines.flatMap((line, at) => {
    const record: TapeRecord = JSON.parse(line);
    return record.type === "checkpoint" ? [claim(record.stats, lines.slice(0, at))] : [];
  });
}

/**
 * Statistics beside what the lines add up to. Behind the last frame a gap may have used up numbers: whether the writer
 * counts those as the last sequence is left open.
 */
export function claim(claimed: TapeStats, lines: readonly string[]): { claimed: TapeStats; counted: TapeStats } {
  const counted = recount(lines);
  const last = lines.map((line): TapeRecord => JSON.parse(line)).findLast(({ type }) =>
    type === "frame" || type === "gap"
  );
  if (last?.type === "gap" && claimed.last_sequence! <= (last.to_seq ?? 0)) {
    counted.last_sequence = claimed.last_sequence;
  }
  return { claimed, counted };
}
