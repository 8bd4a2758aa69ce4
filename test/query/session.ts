import { correlator } from "../../src/transforms/correlator.ts";
import { encodeRecord } from "../../src/transforms/encode-record.ts";
import { pipe } from "../../src/streams/pipe.ts";
import type { Direction, FrameRecord, TapeRecord } from "../../src/records/record.ts";
import { collect } from "../helpers/streams.ts";
import { initLine } from "../helpers/tapes.ts";

/** A session with one of everything: which message at which millisecond, and which way. */
const SESSION: readonly (readonly [ts: number, dir: "c2s" | "s2c", message: unknown, more?: Partial<FrameRecord>])[] = [
  /* 0 */ [0, "c2s", { id: 0, method: "initialize", params: { clientInfo: { name: "c", version: "1" } } }],
  /* 1 */ [40, "s2c", { id: 0, result: { serverInfo: { name: "s", version: "2" } } }],
  /* 2 */ [41, "c2s", { method: "notifications/initialized" }],
  /* 3 */ [1000, "c2s", {
    id: 1,
    method: "tools/call",
    params: { name: "search", arguments: { city: "Paris", limit: 5 }, _meta: { progressToken: 1 } },
  }],
  /* 4 */ [1001, "c2s", {
    id: 2,
    method: "tools/call",
    params: { arguments: { path: "C:\\tapes" }, name: "read_file" },
  }],
  /* 5 */ [1002, "s2c", { method: "notifications/progress", params: { progressToken: 1, progress: 0.5 } }],
  /* 6 */ [1250, "s2c", { id: 1, result: { content: [{ type: "text", text: 'It says "café"\n' }] } }],
  /* 7 */ [1300, "s2c", { id: 2, result: { isError: true, content: [{ type: "text", text: "no such file" }] } }],
  /* 8 */ [2000, "c2s", { id: "7", method: "resources/read", params: { uri: "file:///a" } }],
  /* 9 */ [2000, "s2c", { id: "7", error: { code: -32601, message: "Method not found" } }],
  /* 10 */ [3000, "s2c", { id: 1, method: "sampling/createMessage", params: { messages: [] } }],
  /* 11 */ [3500, "c2s", { id: 1, result: { role: "assistant", content: { text: "x".repeat(2000) } } }],
  /* 12 */ [4000, "c2s", {
    id: 7,
    method: "tools/call",
    params: { name: "search", arguments: { city: "Rome", tags: ["a", "b"] } },
  }],
  /* 13 */ [4100, "c2s", { method: "notifications/cancelled", params: { requestId: 7 } }],
  /* 14 */ [4200, "s2c", { id: 7, result: { content: [] } }],
  /* 15 */ [5000, "s2c", undefined],
  /* 16 */ [5001, "c2s", [{ id: 8, method: "ping" }, { id: 9, method: "tools/list" }]],
  /* 17 */ [5002, "s2c", { id: 9, result: { tools: [{ name: "search" }] } }],
  /* 18 */ [9000, "c2s", { id: 10, method: "tools/call", params: { name: "slow" } }],
];

/** Records that are no frames, and before which frame they stand. */
const OTHERS: ReadonlyMap<number, TapeRecord> = new Map<number, TapeRecord>([
  [5, { type: "log", ts: 1001, stream: "stderr", text: "searching café" }],
  [15, { type: "gap", ts: 4900, from_seq: null, to_seq: null, count: 0, reason: "a log was lost" }],
]);

/** The bytes of a tape of that session, as this library writes it. */
export async function sessionTape(): Promise<string> {
  const records: TapeRecord[] = [];
  for (const [seq, [ts, way, message, more]] of SESSION.entries()) {
    const other = OTHERS.get(seq);
    if (other !== undefined) records.push(structuredClone(other));
    const dir: Direction = way === "c2s" ? "client_to_server" : "server_to_client";
    const env = message === undefined ? { raw: "Listening on port 3" } : {
      message: Array.isArray(message)
        ? message.map((each) => ({ jsonrpc: "2.0", ...each }))
        : { jsonrpc: "2.0", ...message as object },
    };
    records.push({ type: "frame", seq, ts, ts_us: ts * 1000 + 7, dir, env, ...more });
  }
  records.push({ type: "end", ts: 9500, exit_code: 0, signal: null });
  const end = {
    type: "checkpoint",
    checkpoint_at: "2026-03-01T10:00:10.000Z",
    seq: 18,
    stats: { frame_count: 19 },
    final: true,
  };
  const lines = await collect(pipe(records, correlator(), encodeRecord()));
  return initLine("session") + Buffer.concat(lines).toString() + `${JSON.stringify(end)}\n`;
}

/** The same session as another program may write it: with spaces, in another order, and without a word about what belongs together. */
export function foreignTape(tape: string): string {
  const lines = tape.trimEnd().split("\n").flatMap((line) => {
    const { type, ...rest } = JSON.parse(line);
    if (type === "correlation") return [];
    const { correlation_id: _, flags: __, ...fields } = rest;
    return [JSON.stringify({ ...fields, type }, null, 1).replace(/\n\s*/g, " ")];
  });
  return `${lines.join("\r\n")}\r\n`;
}
