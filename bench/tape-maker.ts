import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MessageEnvelope } from "../src/mod.ts";
import { tapeline, tapelineFile } from "./built.ts";

/** What messages to make. Equal options make equal messages, everywhere. */
export interface MessageOptions {
  /** About how long their lines become on average. */
  readonly lineBytes: number;
  /** Whether their text is mostly ASCII, or anything but. */
  readonly isAscii?: boolean | undefined;
  /** Whether they are notifications only, which nobody answers. */
  readonly notificationsOnly?: boolean | undefined;
  /** The text of every so many results has 1 MB. */
  readonly hugeEvery?: number | undefined;
  /** Every so many calls are of another tool, `rare`, with the word `needle` in its arguments. */
  readonly rareEvery?: number | undefined;
}

/** A tape that lies in a file. */
export interface MadeTape {
  readonly folder: string;
  readonly id: string;
  readonly path: string;
  readonly frames: number;
  readonly lines: number;
  readonly bytes: number;
}

const ASCII = [
  ...["the", "server", "returns", "resource", "index.ts", "src/tape/writer.ts", "42", "3.14159", "and", "a", "tool"],
  ...["call", "that", "asks", "for", '"quoted"', "lines\n", "C:\\tapes", "https://example.com/a?b=c", "of", "JSON"],
];
const OTHER = [
  ...[
    "記録",
    "する",
    "テープ",
    "会議",
    "сообщение",
    "запись",
    "лента",
    "Übergröße",
    "naïve",
    "façade",
    "한국어",
    "메시지",
  ],
  ...["🎞️", "🚀", "שלום", "مرحبا", "ελληνικά", "中文", "消息", "और", "संदेश", "tape"],
];
const HUGE_BYTES = 1024 * 1024;

/** Messages of an MCP session without end: of five, two are requests, two results, and one a notification. */
export function* messages(options: MessageOptions): Generator<MessageEnvelope, never, undefined> {
  const { lineBytes, isAscii = true, notificationsOnly = false, hugeEvery = Infinity, rareEvery = Infinity } = options;
  const random = mulberry32(0x7a9e);
  const words = isAscii ? ASCII : OTHER;
  const bytesPerWord = words.reduce((sum, word) => sum + Buffer.byteLength(JSON.stringify(word)) - 1, 0) / words.length;
  const textOf = (bytes: number): string => {
    const text: string[] = [];
    for (let count = bytes / bytesPerWord; count > 0; count--) text.push(words[Math.floor(random() * words.length)]!);
    return text.join(" ");
  };
  // What a line has beside the text; and texts differ in length.
  const text = (least = 60) => textOf(Math.max(least, lineBytes - 340) * (0.4 + 1.2 * random()));

  const request = (id: number): MessageEnvelope => ({
    direction: "client_to_server",
    message: {
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: {
        name: id % rareEvery === 0 ? "rare" : "search",
        arguments: {
          query: id % rareEvery === 0 ? `${text()} needle` : text(),
          limit: Math.floor(random() * 100),
          ratio: random(),
          tags: ["a", "b"],
          deep: true,
        },
        _meta: { progressToken: id },
      },
    },
  });
  const result = (id: number): MessageEnvelope => ({
    direction: "server_to_client",
    message: {
      jsonrpc: "2.0",
      id,
      result: {
        content: [{ type: "text", text: id % hugeEvery === 0 ? textOf(HUGE_BYTES) : text() }],
        structuredContent: { total: id * 7, next: null, items: [{ id, score: random() }] },
        isError: false,
      },
    },
  });
  const notification = (id: number): MessageEnvelope => ({
    direction: "server_to_client",
    message: {
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken: id, progress: random(), total: 1, message: text(120) },
    },
  });

  for (let id = 1;; id += 2) {
    if (notificationsOnly) yield notification(id);
    else {
      yield* [request(id), result(id), request(id + 1), notification(id + 1), result(id + 1)];
    }
  }
}

/** The first `count` messages; a multiple of 5, so that every request is answered. */
export function messagePool(count: number, options: MessageOptions): MessageEnvelope[] {
  const source = messages(options);
  return Array.from({ length: count }, () => source.next().value);
}

/** A tape of so many frames as the writer writes it, made when it is asked for first. */
export async function makeTape(folder: string, id: string, frames: number, options: MessageOptions): Promise<MadeTape> {
  const path = join(folder, `${id}.jsonl`);
  const factsPath = join(folder, `${id}.facts.json`);
  try {
    return JSON.parse(readFileSync(factsPath, "utf8"));
  } catch {
    // It is not made yet.
  }
  const { StreamingTapeWriter } = tapeline;
  const writer = await StreamingTapeWriter.create(tapelineFile.fileStore(folder), { tapeId: id, sessionId: "bench" });
  const source = messages(options);
  for (let count = 0; count < frames; count++) {
    await writer.ready;
    // A frame that cannot be written fails finalize() too.
    writer.writeFrame(source.next().value).catch(() => {});
  }
  const { stats } = await writer.finalize();
  const { frame_count = 0, correlation_count = 0, checkpoint_count = 0, file_size_bytes: bytes = 0 } = stats ?? {};
  // Beside these there is the init record.
  const lines = 1 + (frame_count ?? 0) + (correlation_count ?? 0) + (checkpoint_count ?? 0);
  const made: MadeTape = { folder, id, path, frames, lines, bytes: bytes ?? 0 };
  writeFileSync(factsPath, JSON.stringify(made));
  return made;
}

/** As in `450 B: 200000 frames on 280202 lines, 97.1 MB`. */
export function describeTape({ id, frames, lines, bytes }: MadeTape): string {
  return `${id}: ${frames} frames on ${lines} lines, ${(bytes / 1e6).toPrecision(3)} MB`;
}

/** Random numbers that are the same each time, from 0 to 1. */
function mulberry32(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
