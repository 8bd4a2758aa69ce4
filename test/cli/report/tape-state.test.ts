import { hostname } from "node:os";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StreamingTapeWriter } from "../../../src/mod.ts";
import { fileStore } from "../../../src/file.ts";
import { tapeState } from "../../../src/tape/read/tape-state.ts";
import { inScratch } from "../../helpers/scratch.ts";

const recording = { status: "recording", updated_at: "2020-01-01T00:00:00Z" };

/** The state of a tape with that text in its lock file. */
function stateWith(lock: string, metadata: { status: string; updated_at: string } = recording): Promise<string> {
  return inScratch(async (folder) => {
    const path = join(folder, "demo.jsonl");
    await writeFile(`${path}.lock`, lock);
    return await tapeState(fileStore(folder), "demo", metadata);
  });
}

test("tapeState() is what the metadata say, where nothing speaks against it", () =>
  inScratch(async (folder) => {
    const store = fileStore(folder);
    assert.is(await tapeState(store, "demo", { status: "finalized" }), "finalized");
    assert.is(await tapeState(store, "demo", { status: "paused" }), "paused");
    assert.is(await tapeState(store, "demo", { status: { error: "disk full" } }), "error");
    assert.is(await tapeState(store, "demo", { status: null }), "unknown");
    assert.is(await tapeState(store, "demo", undefined), "unknown");
  }));

test("tapeState() tells a live recording from one whose writer is gone", () =>
  inScratch(async (folder) => {
    const store = fileStore(folder);
    const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
    assert.is(await tapeState(store, "demo", recording), "recording");
    await writer.close();
    assert.is(await tapeState(store, "demo", recording), "interrupted");
    assert.is(await tapeState(store, "demo", { ...recording, updated_at: new Date().toISOString() }), "recording?");
  }));

test("tapeState() does not trust a lock whose process is dead, or on another host", async () => {
  const nonce = crypto.randomUUID();
  assert.is(await stateWith(JSON.stringify({ pid: process.pid, host: hostname(), nonce })), "recording");
  assert.is(await stateWith(JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), nonce })), "interrupted");
  assert.is(await stateWith(JSON.stringify({ pid: 2 ** 22 + 1, host: "elsewhere.example", nonce })), "recording?");
});

test("tapeState() takes a lock that it cannot read for a sign of life", async () => {
  for (const lock of ["", "{", "null", "[]", '{"pid":"x"}']) assert.is(await stateWith(lock), "recording?", lock);
});

test.run();
