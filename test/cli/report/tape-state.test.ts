import { hostname } from "node:os";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StreamingTapeWriter } from "tapeline";
import { fileStore } from "tapeline/file";
import { tapeState } from "../../../src/cli/report/tape-state.ts";
import { inScratch } from "../../helpers/scratch.ts";

const recording = { status: "recording", updated_at: "2020-01-01T00:00:00Z" };

/** The state of a tape with that text in its lock file. */
function stateWith(lock: string, metadata: { status: string; updated_at: string } = recording): Promise<string> {
  return inScratch(async (folder) => {
    const path = join(folder, "demo.jsonl");
    await writeFile(`${path}.lock`, lock);
    return await tapeState(metadata, path);
  });
}

test("tapeState() is what the metadata say, where nothing speaks against it", () =>
  inScratch(async (folder) => {
    const path = join(folder, "demo.jsonl");
    assert.is(await tapeState({ status: "finalized" }, path), "finalized");
    assert.is(await tapeState({ status: "paused" }, path), "paused");
    assert.is(await tapeState({ status: { error: "disk full" } }, path), "error");
    assert.is(await tapeState({ status: null }, path), "unknown");
    assert.is(await tapeState(undefined, path), "unknown");
  }));

test("tapeState() tells a live recording from one whose writer is gone", () =>
  inScratch(async (folder) => {
    const writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "demo" });
    const path = join(folder, "demo.jsonl");
    assert.is(await tapeState(recording, path), "recording");
    await writer.close();
    assert.is(await tapeState(recording, path), "interrupted");
    assert.is(await tapeState({ ...recording, updated_at: new Date().toISOString() }, path), "recording?");
  }));

test("tapeState() does not trust a lock whose process is dead, or on another host", async () => {
  assert.is(await stateWith(JSON.stringify({ pid: process.pid, host: hostname() })), "recording");
  assert.is(await stateWith(JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() })), "interrupted");
  assert.is(await stateWith(JSON.stringify({ pid: 2 ** 22 + 1, host: "elsewhere.example" })), "recording?");
});

test("tapeState() takes a lock that it cannot read for a sign of life", async () => {
  for (const lock of ["", "{", "null", "[]", '{"pid":"x"}']) assert.is(await stateWith(lock), "recording?", lock);
});

test.run();
