// What docs/format.md says of compressed lines, followed by the zstd command and by a program that shares nothing with this library.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lineSplit, memorySink, memorySource, pipe } from "../../../src/mod.ts";
import { unzstdLines, zstdLines } from "../../../src/zstd.ts";

const page = readFileSync(new URL("../../../docs/format.md", import.meta.url), "utf8");
const section = page.slice(page.indexOf("## Compressed lines"), page.indexOf("## Sealed lines"));
const example = /```jsonl\n([^]*?)```/.exec(section)![1]!;

test("the example of docs/format.md", async () => {
  const texts: string[] = [];
  for await (const line of pipe(memorySource(example), lineSplit(), unzstdLines())) texts.push(line.text());
  const [first, second] = texts;
  assert.is(second, first!.replace('"seq":0,"ts":0', '"seq":1,"ts":5').replace('"id":0', '"id":1').replace("-0", "-1"));
  assert.is(second!.length, 188);
});

const frames = Array.from(
  { length: 20 },
  (_, seq) =>
    `{"type":"frame","seq":${seq},"ts":${seq},"dir":"client_to_server","env":{"message":"said in session ${seq}, ü"}}`,
);
const log = `{"type":"log","ts":0,"stream":"stderr","text":"${"again and ".repeat(30)}"}`;
const tape = [
  '{"type":"init","version":"2.0","tape_id":"demo","session_id":"s","created_at":"x","compression":"zstd"}',
  '{"type":"log","ts":0,"stream":"stderr","text":"x"}',
  log,
  ...frames,
  "",
].join("\n");

const hasZstd = spawnSync("zstd", ["--version"]).status === 0;
const hasPython = spawnSync("python3", ["--version"]).status === 0;
if (!hasZstd) console.log("skip: there is no zstd command");
else if (!hasPython) console.log("skip: there is no python3");

(hasZstd && hasPython ? test : test.skip)("a program in Python reads a compressed tape", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tapeline-zstd-"));
  try {
    const sink = memorySink();
    await pipe(memorySource(tape.replace(',"compression":"zstd"', "")), zstdLines({ dictionaryBytes: 500 }), sink);
    for (const word of ['"z":', '"d":', '"type":"dictionary"']) assert.ok(sink.text().includes(word), word);
    const path = join(folder, "demo.jsonl");
    writeFileSync(path, sink.text());
    const program = fileURLToPath(new URL("read-compressed.py", import.meta.url));
    const { status, stdout, stderr } = spawnSync("python3", [program, path], { encoding: "utf8" });
    assert.is(stderr, "");
    assert.is(status, 0);
    assert.is(stdout, tape);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
