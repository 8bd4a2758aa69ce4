import { Buffer } from "node:buffer";
import { fileStore } from "../../../src/file.ts";
import { messageBytes, type TapeMetadata, type TapeRecord, wireBytes } from "../../../src/mod.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import type { Direction, FrameRecord } from "../../../src/records/record.ts";

/** What stands on a tape. */
export interface RecordedTape {
  readonly records: readonly TapeRecord[];
  readonly frames: readonly FrameRecord[];
  readonly metadata: TapeMetadata | undefined;
  readonly tapeId: string;
  /** What one side has said, line by line; a character stands for a byte. */
  said(direction: Direction): string[];
  /** All bytes that one side has sent, as the tape tells them. */
  wire(direction: Direction): Buffer;
  /** What the server said on stderr. */
  readonly log: readonly string[];
}

/** Every tape of a folder, oldest first. Any damage is an error. */
export async function tapesIn(folder: string): Promise<RecordedTape[]> {
  const store = fileStore(folder);
  const ids: string[] = [];
  for await (const { key } of store.list()) if (key.endsWith(".jsonl")) ids.push(key.slice(0, -".jsonl".length));
  const tapes: RecordedTape[] = [];
  for (const tapeId of ids.sort()) {
    await using reader = await StreamingTapeReader.open(store, tapeId);
    const records: TapeRecord[] = [];
    for await (const record of reader.records()) records.push(record);
    const frames = records.filter((record): record is FrameRecord => record.type === "frame");
    tapes.push({
      tapeId,
      records,
      frames,
      metadata: await reader.metadata(),
      said: (direction) =>
        frames.filter(({ dir }) => dir === direction).map((frame) =>
          Buffer.from(messageBytes(frame)).toString("latin1")
        ),
      wire: (direction) => Buffer.concat(frames.filter(({ dir }) => dir === direction).map(wireBytes)),
      log: records.flatMap((record) => record.type === "log" && record.stream === "stderr" ? [record.text] : []),
    });
  }
  return tapes;
}

/** The one tape of a folder. */
export async function onlyTapeIn(folder: string): Promise<RecordedTape> {
  const tapes = await tapesIn(folder);
  if (tapes.length !== 1) throw new Error(`expected one tape in ${folder}, not ${tapes.length}`);
  return tapes[0]!;
}

/** The lines of what crossed the wire, the last one with or without its line feed; a character stands for a byte. */
export function linesOf(bytes: Uint8Array): string[] {
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line, at) => at < lines.length - 1 || bytes.at(-1) === 10 ? line.replace(/\r$/, "") : line);
}
