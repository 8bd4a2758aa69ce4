import { readdir, readFile } from "node:fs/promises";
import { type Conversion, type ConvertOptions, convertTape } from "../../src/foreign/convert.ts";
import { messageText } from "../../src/records/recorded-text.ts";
import type { FrameRecord, TapeRecord } from "../../src/records/record.ts";
import { StreamingTapeReader } from "../../src/tape/read/reader.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import { type VerifyResult, verifyTape } from "../../src/tape/verify/verify.ts";
import { utf8 } from "../helpers/bytes.ts";

const folder = new URL("samples/", import.meta.url);

/** The samples, by their names; a format has one or more. */
export const samples: ReadonlyMap<string, Uint8Array> = new Map(
  await Promise.all(
    (await readdir(folder)).sort().map(async (name) =>
      [name, new Uint8Array(await readFile(new URL(name, folder)))] as const
    ),
  ),
);

/** The format of a sample, which its name begins with. */
export function formatOf(name: string): string {
  return /^(monolithic|mcpsnoop|mcporter|mcp-recorder|har|jsonrpc)\b/.exec(name)![1]!;
}

/** The bytes of a sample. */
export function sample(name: string): Uint8Array {
  return samples.get(name)!;
}

/** The text of a sample. */
export function sampleText(name: string): string {
  return new TextDecoder().decode(sample(name));
}

/** What became of a recording. */
export interface Converted extends Conversion {
  readonly store: TapeStore;
  readonly records: readonly TapeRecord[];
  readonly frames: readonly FrameRecord[];
  /** The very texts of the messages. */
  readonly texts: readonly string[];
  readonly damage: readonly string[];
  readonly verified: VerifyResult;
}

/** Converts a recording that comes in these chunks, and reads the tape. */
export async function converted(
  source: Uint8Array | string | readonly Uint8Array[],
  options: ConvertOptions = {},
): Promise<Converted> {
  const chunks = typeof source === "string" ? [utf8(source)] : source instanceof Uint8Array ? [source] : source;
  const store = memoryStore();
  const damage: string[] = [];
  const onDamage = (error: Error) => damage.push(error.message);
  const conversion = await convertTape(streamOf(chunks), store, { tapeId: "tape", onDamage, ...options });
  await using reader = await StreamingTapeReader.open(store, "tape");
  const records: TapeRecord[] = [];
  for await (const record of reader.records()) records.push(record);
  const frames = records.filter((record) => record.type === "frame");
  const texts = frames.map((frame) => messageText(frame));
  return { ...conversion, store, records, frames, texts, damage, verified: await verifyTape(store, "tape") };
}

/** A stream of chunks, each a copy. */
export function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const rest = chunks.map((chunk) => chunk.slice());
  return new ReadableStream({
    pull(controller) {
      const chunk = rest.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
}

/** A frame in short: its direction, its time in microseconds, and what is said of it. */
export function brief({ dir, ts, ts_us, flags }: FrameRecord): string {
  const { is_untimed, is_undirected, is_invalid } = flags ?? {};
  const marks = `${is_untimed ? " untimed" : ""}${is_undirected ? " undirected" : ""}${is_invalid ? " raw" : ""}`;
  return `${dir === "client_to_server" ? "→" : "←"} ${ts_us ?? ts * 1000}${marks}`;
}
