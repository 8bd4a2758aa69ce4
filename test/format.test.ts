import { readFile } from "node:fs/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lineSplit } from "../src/transforms/line-split.ts";
import { memorySource } from "../src/sources/memory.ts";
import { parseRecord } from "../src/transforms/parse-record.ts";
import { pipe } from "../src/pipe.ts";
import type { TapeLine } from "../src/line.ts";
import type { TapeRecord } from "../src/record.ts";

const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
const format = await readFile(new URL("../docs/format.md", import.meta.url), "utf8");
const tape = /```jsonl\n([^]*?)```/.exec(readme)![1]!;

async function collect<T>(stream: ReadableStream<T>): Promise<T[]> {
  const chunks: T[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

test("the README's tape is a tape", async () => {
  const records: TapeRecord[] = await collect(pipe(memorySource(tape), lineSplit(), parseRecord()));
  assert.equal(records.map((record) => record.type), ["init", "frame", "frame", "correlation", "checkpoint"]);
});

test("docs/format.md tells the truth about where its lines are", async () => {
  const lines: TapeLine[] = await collect(pipe(memorySource(tape), lineSplit()));
  const offsets = lines.map((line) => line.offset);
  const stated = /has 5 lines and (\d+) bytes\. Its lines start at bytes ([\d, ]+) and (\d+)\./.exec(
    format.replace(/\n/g, " "),
  )!;
  assert.is(Number(stated[1]), new TextEncoder().encode(tape).length);
  assert.equal([...stated[2]!.split(", "), stated[3]].map(Number), offsets);
  assert.is(JSON.parse(lines[4]!.text()).stats.file_size_bytes, offsets[4]);
});

test.run();
