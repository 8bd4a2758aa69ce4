import fc from "../properties.ts";
import { jsonText } from "../../../src/json/json-text.ts";
import type { MessageEnvelope, TapeRecord } from "../../../src/records/record.ts";
import { Fused } from "../../../src/streams/fuse.ts";
import { specOf } from "../../../src/streams/stage.ts";
import { checkpointInjector } from "../../../src/transforms/checkpoint-injector.ts";
import { correlator } from "../../../src/transforms/correlator.ts";
import { recordLine } from "../../../src/transforms/encode-record.ts";
import { stampFrames } from "../../../src/transforms/stamp-frames.ts";
import { initLine } from "../tapes.ts";

/** What happens next in a random session. */
export interface Step {
  readonly is: "ask" | "answer" | "notify" | "tell" | "raw" | "log" | "note" | "lose";
  readonly text: string;
  readonly count: number;
  readonly waitUs: number;
}

/** Texts that a copy must not spell anew. */
const TEXTS = [
  '""',
  '"tools/call"',
  '"\\u00e9\\"\\\\"',
  "12345678901234567890",
  "1.0",
  '{"a":1,"a":2}',
  '"☃ 你好"',
  "[ ]",
];

/** Random sessions. */
export const sessions: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    is: fc.constantFrom<Step["is"][]>("ask", "ask", "answer", "answer", "notify", "tell", "raw", "log", "note", "lose"),
    text: fc.constantFrom(...TEXTS),
    count: fc.integer({ min: 1, max: 3 }),
    waitUs: fc.constantFrom(0, 300, 1700, 40_000, 70_000_000),
  }),
  { maxLength: 40 },
);

/** The tape that a recorder makes of a session. */
export function tapeOf(id: string, session: readonly Step[], createdAt?: string): string {
  const lines: string[] = [];
  let [seq, us, asked] = [0, 500, 0];
  const open: number[] = [];
  const records = new Fused<MessageEnvelope | TapeRecord, never>([
    specOf(stampFrames({ nextSeq: () => seq++, elapsedUs: () => us })),
    specOf(correlator()),
    specOf(checkpointInjector({ everyFrames: 7, now: () => Date.parse("2026-03-01T10:00:01Z") })),
    { transform: (record: TapeRecord) => void lines.push(recordLine(record)) },
  ]);
  const say = (direction: MessageEnvelope["direction"], text: string) =>
    records.push({ message: jsonText(`{"jsonrpc":"2.0",${text}}`), direction });
  records.push(JSON.parse(initLine(id, createdAt)));
  for (const { is, text, count, waitUs } of session) {
    us += waitUs;
    const ts = Math.floor(us / 1000);
    switch (is) {
      case "ask":
        open.push(++asked);
        say("client_to_server", `"id":${asked},"method":"ask","params":${text}`);
        break;
      case "answer":
        say("server_to_client", `"id": ${open.shift() ?? 999},"result":${text}`);
        break;
      case "notify":
        say("client_to_server", `"method":"notify","params":{"n":${text}}`);
        break;
      case "tell":
        say("server_to_client", `"method":"tell", "params":[${text}]`);
        break;
      case "raw":
        records.push({ raw: text, direction: "server_to_client" });
        break;
      case "log":
        records.push({ type: "log", ts, stream: "stderr", text });
        break;
      case "note":
        records.push({ type: "note", ts, text } as unknown as TapeRecord);
        break;
      case "lose":
        records.push({ type: "gap", ts, from_seq: seq, to_seq: seq + count - 1, count, reason: text });
        seq += count;
    }
  }
  records.end();
  if (records.failure !== undefined) throw records.failure.error;
  return lines.join("");
}
