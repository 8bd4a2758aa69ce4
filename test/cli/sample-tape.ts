import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  checkpointInjector,
  correlator,
  type Direction,
  encodeRecord,
  type FrameEnv,
  memorySink,
  pipe,
  type TapeMetadata,
  type TapeRecord,
} from "../../src/mod.ts";

/** The first record of a tape. */
export function init(tapeId: string, more: object = {}): TapeRecord {
  return {
    type: "init",
    version: "2.0",
    tape_id: tapeId,
    session_id: "session-1",
    created_at: "2026-11-23T07:30:12.000Z",
    protocol_version: "2025-06-18",
    ...more,
  } as TapeRecord;
}

/** Makes frames of messages, each `stepMs` after the one before it unless it says when. */
export class Session {
  readonly records: TapeRecord[] = [];
  #seq = 0;

  constructor(tapeId: string) {
    this.records.push(init(tapeId));
  }

  /** What the client sends. */
  client(ts: number, message: unknown): this {
    return this.#frame("client_to_server", ts, { message });
  }

  /** What the server sends. */
  server(ts: number, message: unknown): this {
    return this.#frame("server_to_client", ts, { message });
  }

  /** What the server sends that is no JSON. */
  raw(ts: number, raw: string): this {
    return this.#frame("server_to_client", ts, { raw });
  }

  /** A record that is no frame. */
  record(record: object): this {
    this.records.push(record as TapeRecord);
    return this;
  }

  /** Frames that were lost. */
  gap(ts: number, count: number, reason: string): this {
    const from_seq = this.#seq;
    this.#seq += count;
    return this.record({ type: "gap", ts, from_seq, to_seq: this.#seq - 1, count, reason });
  }

  /** The tape as `StreamingTapeWriter` would write it, with correlations and a final checkpoint. */
  async text(): Promise<string> {
    const sink = memorySink();
    const stages = [correlator(), checkpointInjector({ now: () => Date.parse("2026-11-23T08:00:00Z") })] as const;
    await pipe(this.records, ...stages, encodeRecord(), sink);
    return sink.text();
  }

  /** The same without what this library adds to records: as a simple recorder would write it. */
  plainText(): string {
    return this.records.map((record) => `${JSON.stringify(record)}\n`).join("");
  }

  #frame(dir: Direction, ts: number, env: FrameEnv): this {
    const flags = env.message === undefined ? { flags: { is_invalid: true } } : {};
    this.records.push({ type: "frame", seq: this.#seq++, ts, dir, ts_us: ts * 1000, ...flags, env } as TapeRecord);
    return this;
  }
}

/** Puts a tape into a folder, with metadata if there are any. */
export async function putTape(
  folder: string,
  id: string,
  text: string | Uint8Array,
  metadata?: object,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${id}.jsonl`);
  await writeFile(path, text);
  if (metadata !== undefined) {
    await writeFile(
      join(folder, `${id}.meta.json`),
      JSON.stringify({ tape_id: id, ...metadata } satisfies TapeMetadata),
    );
  }
  return path;
}

/** A session with a bit of everything. */
export function sampleSession(tapeId: string = "sample"): Session {
  const call = (id: number, name: string, args: object) => ({
    ...{ jsonrpc: "2.0", id, method: "tools/call" },
    params: { name, arguments: args },
  });
  const answer = (id: number, text: string, more: object = {}) => ({
    ...{ jsonrpc: "2.0", id },
    result: { content: [{ type: "text", text }], ...more },
  });
  const session = new Session(tapeId)
    .client(3, {
      ...{ jsonrpc: "2.0", id: 0, method: "initialize" },
      params: {
        protocolVersion: "2025-06-18",
        capabilities: {},
        clientInfo: { name: "sample-client", version: "1.2.0" },
      },
    })
    .record({ type: "log", ts: 35, stream: "stderr", text: "Starting default (STDIO) server...\n" })
    .server(48, {
      ...{ jsonrpc: "2.0", id: 0 },
      result: {
        protocolVersion: "2025-06-18",
        capabilities: { tools: {}, prompts: {} },
        serverInfo: { name: "everything", version: "1.0.0" },
      },
    })
    .client(50, { jsonrpc: "2.0", method: "notifications/initialized" })
    .client(52, { jsonrpc: "2.0", id: 1, method: "tools/list" })
    .server(57, { jsonrpc: "2.0", id: 1, result: { tools: [{ name: "echo" }, { name: "add" }] } })
    .raw(60, "Server is listening on port 3001");
  for (let at = 0; at < 12; at++) {
    const ts = 100 + at * 40;
    session.client(ts, call(at + 2, "echo", { message: `hello ${at}` }));
    session.server(ts + 3 + at % 5, answer(at + 2, `Echo: hello ${at}`));
  }
  return session
    .client(700, call(20, "add", { a: 1 }))
    .server(702, {
      jsonrpc: "2.0",
      id: 20,
      error: { code: -32602, message: "Invalid arguments for tool add: b is required" },
    })
    .client(800, call(21, "longRunningOperation", { duration: 2, steps: 4 }))
    .server(1300, { jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1, total: 4 } })
    .server(2850, answer(21, "Long running operation completed"))
    .client(2900, call(22, "getTinyImage", {}))
    .server(2911, answer(22, "The disk is \u001b[31mfull\u001b[0m", { isError: true }))
    .server(3000, { jsonrpc: "2.0", id: 0, method: "sampling/createMessage", params: { maxTokens: 100 } })
    .client(3400, {
      jsonrpc: "2.0",
      id: 0,
      result: { role: "assistant", content: { type: "text", text: "你好, 世界 👋" } },
    })
    .gap(3500, 7, "Cannot write sample.jsonl at byte 8123: ENOSPC: no space left on device, write")
    .client(3600, call(23, "echo", { message: "anybody there?" }));
}
