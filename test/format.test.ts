import { readFile } from "node:fs/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lineSplit } from "../src/transforms/line-split.ts";
import { memorySource } from "../src/sources/memory.ts";
import { crc32 } from "../src/bytes/crc32.ts";
import { memoryStore } from "../src/stores/memory.ts";
import { verifyTape } from "../src/tape/verify/verify.ts";
import type { Finding } from "../src/tape/verify/verify-finding.ts";
import { parseRecord } from "../src/transforms/parse-record.ts";
import { pipe } from "../src/streams/pipe.ts";
import type { TapeLine } from "../src/lines/line.ts";
import type { TapeRecord } from "../src/records/record.ts";

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

test("docs/format.md tells the truth about the checksum", async () => {
  const text = format.replace(/\n */g, " ");
  const bytes = new TextEncoder().encode(tape);
  const [, start, before, sum] = /digits start at byte (\d+)\. The CRC-32 of the (\d+) bytes before them is `(\w+)`/
    .exec(text)!;
  const at = tape.indexOf('"crc32":"') + '"crc32":"'.length;
  const checksum = (content: Uint8Array) => crc32(content, 0).toString(16).padStart(8, "0");
  assert.equal([start, before].map(Number), [at, at]);
  assert.is(checksum(bytes.subarray(0, at)), sum);
  assert.is(tape.slice(at), `${sum}"}\n`);

  const store = memoryStore();
  const id = "01K9Z3V8Q4T6W0X2Y5A7B9C1DE";
  await store.put(`${id}.jsonl`, bytes);
  const { isIntact, sealedToLine } = await verifyTape(store, id);
  assert.equal([isIntact, sealedToLine], [true, 5]);

  const changed = new TextEncoder().encode(tape.replace('"id":1,"method"', '"id":3,"method"'));
  assert.is(checksum(changed.subarray(0, at)), /before the digits is `(\w+)` now/.exec(text)![1]);
  await store.put(`${id}.jsonl`, changed);
  const findings: Finding[] = [];
  await verifyTape(store, id, { onFinding: (finding) => findings.push(finding) });
  assert.equal(findings.map(({ code, line, offset, length }) => [code, line, offset, length]), [
    ["seal_broken", 1, 0, bytes.length],
  ]);
});

test.run();
