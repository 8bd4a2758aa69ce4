import { jsonText } from "../../../src/json/json-text.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import type { MessageEnvelope } from "../../../src/records/record.ts";

import { spansOf, splice } from "./damage.ts";
import { utf8 } from "../bytes.ts";

type Random = (below: number) => number;

const TOOLS = ["search", "read_file", "écrire", "rare", "a\\b", "run"];
const METHODS = ["ping", "tools/list", "resources/read", "x", "notifications/progress", "a b"];

/** A message of any kind, spelled in one of several ways. */
export function anyMessage(random: Random, n: number): MessageEnvelope {
  const filler = "x".repeat(random(3) === 0 ? random(4000) : random(200));
  const id = [n, `id-${n}`, n * 5000, "7", 4294967295 + n][random(12)] ?? n;
  const client = "client_to_server" as const;
  const server = "server_to_client" as const;
  const tool = TOOLS[random(TOOLS.length)];
  const method = METHODS[random(METHODS.length)];
  const ended = (text: string) => jsonText(text.replace(/^\{"jsonrpc":"2.0",(.*)\}$/, '{$1,"jsonrpc":"2.0"}'));
  const spelled = (message: object) => random(3) === 0 ? ended(JSON.stringify(message)) : message;
  switch (random(14)) {
    case 0:
    case 1:
    case 2: {
      const params = random(4) === 0 ? { arguments: { filler }, name: tool } : { name: tool, arguments: { filler } };
      return { direction: client, message: spelled({ jsonrpc: "2.0", id, method: "tools/call", params }) };
    }
    case 3:
    case 4:
    case 5:
      return { direction: server, message: spelled({ jsonrpc: "2.0", id: n - 1 - random(3), result: { filler } }) };
    case 6:
      return { direction: random(2) === 0 ? client : server, message: spelled({ jsonrpc: "2.0", id, method }) };
    case 7:
      return { direction: server, message: spelled({ jsonrpc: "2.0", method, params: { filler } }) };
    case 8:
      return { direction: server, message: { jsonrpc: "2.0", id: n - 1, error: { code: -1, message: "no }{ yes" } } };
    case 9:
      return {
        direction: server,
        message: { jsonrpc: "2.0", id: n - 1, result: { isError: true, content: [{ type: "text", filler }] } },
      };
    case 10:
      return { direction: client, message: [{ jsonrpc: "2.0", id, method }, { jsonrpc: "2.0", method: "b" }] };
    case 11:
      return { direction: server, message: { level: 30, nested: [{ type: "frame" }, { "type": "log", ts: 1 }] } };
    case 12:
      return { direction: server, raw: `{"id":${n},"method":"x" NaN` };
    default:
      return { direction: client, message: { jsonrpc: "2.0", id, method: "prompts/get", params: { name: tool } } };
  }
}

/** A tape with so many messages, as a writer writes it: the last checkpoint may be missing. */
export async function writtenTape(random: Random, count: number): Promise<Uint8Array> {
  const store = memoryStore();
  let us = 0;
  const options = { sessionId: "s", tapeId: "demo", checkpointEveryFrames: 50, elapsedUs: () => us += random(40_000) };
  const writer = await StreamingTapeWriter.create(store, options);
  for (let n = 0; n < count; n++) {
    if (random(40) === 0) {
      void writer.writeGap(1 + random(3), "dropped", random(2) === 0 ? { id: n, method: "lost" } : {});
    }
    if (random(25) === 0) void writer.writeLog("stderr", "ready");
    writer.acceptFrame(anyMessage(random, n));
  }
  if (random(2) === 0) await writer.finalize({ exit_code: 0 });
  else await writer.close();
  return (await store.get("demo.jsonl"))!;
}

/** The tape with so many things done to it that damage it, or that another writer does otherwise. */
export function damagedTape(random: Random, tape: Uint8Array, count: number): Uint8Array {
  let bytes = tape;
  for (let n = 0; n < count; n++) {
    const spans = spansOf(bytes);
    // What begins a tape must be there.
    if (spans.length < 4) break;
    const { start, end } = spans[1 + random(spans.length - 1)]!;
    const at = start + random(end - start);
    const line = bytes.slice(start, end);
    switch (random(12)) {
      case 0:
        bytes = splice(bytes, end - 1, end);
        break;
      case 1:
        bytes = splice(bytes, at, Math.min(bytes.length, at + 1 + random(600)));
        break;
      case 2:
        bytes = splice(bytes, at, at + 1, Uint8Array.of(random(256)));
        break;
      case 3:
        bytes = splice(bytes, start, start, utf8("\n  \n"));
        break;
      case 4:
        bytes = splice(bytes, start, start, line.slice(0, random(line.length)));
        break;
      case 5:
        bytes = splice(bytes, start, end, utf8(foreign(new TextDecoder().decode(line), random)));
        break;
      case 6:
        bytes = splice(bytes, end, end, bytes.slice(spans[1]!.start, spans[Math.min(5, spans.length - 1)]!.end));
        break;
      case 7:
        bytes = splice(bytes, start, start, new Uint8Array(random(40)));
        break;
      case 8:
        bytes = splice(bytes, start, end);
        break;
      case 9:
        bytes = splice(bytes, end - 1, end - 1, utf8("\r"));
        break;
      case 10:
        bytes = splice(
          bytes,
          end,
          end,
          utf8(`{"type":"note","ts":${random(100_000)},"text":"${"y".repeat(random(90))}"}\n`),
        );
        break;
      default:
        bytes = splice(
          bytes,
          end,
          end,
          utf8(
            `{"type":"frame","seq":${random(9)},"ts":${
              random(9)
            },"dir":"client_to_server","env":{"message":{"method":"foreign","id":3}}}\n`,
          ),
        );
    }
  }
  return bytes;
}

/** A line with spaces, or its fields in another order; it may lack its line ending then. */
function foreign(line: string, random: Random): string {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line);
  } catch {
    return line;
  }
  const entries = Object.entries(value);
  const turned = Object.fromEntries(random(2) === 0 ? entries.toReversed() : entries);
  return JSON.stringify(turned).replace("{", "{ ") + (random(4) === 0 ? "" : "\n");
}
