import { test } from "uvu";
import * as assert from "uvu/assert";
import { jsonText, memoryStore, StreamingTapeWriter, type TapeStore } from "../../src/mod.ts";
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/** The digest of a range, as docs/format.md has it. */
function digestOf(range: Buffer): string {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < range.length; at += 1 << 20) blocks.push(sha256(range.subarray(at, at + (1 << 20))));
  return sha256(Buffer.concat(blocks)).toString("hex");
}

/** Checks every seal of a tape, and gives the number of each line that bears one. */
async function sealedLines(store: TapeStore, id: string): Promise<number[]> {
  const tape = Buffer.from(await store.get(`${id}.jsonl`) ?? []);
  const sealed: number[] = [];
  let from = 0;
  for (let at = 0, number = 1; at < tape.length; number++) {
    const end = tape.indexOf(0x0a, at) + 1;
    const line = tape.toString("utf8", at, end);
    at = end;
    if (!line.startsWith('{"type":"checkpoint"')) continue;
    const [, digest] = /"sha256":"([0-9a-f]{64})"\}\n$/.exec(line) ?? [];
    if (digest !== undefined) {
      assert.is(digest, digestOf(tape.subarray(from, end - 67)), `line ${number}`);
      sealed.push(number);
    }
    from = end;
  }
  return sealed;
}

const message = (text: string) => ({ message: { method: text }, direction: "client_to_server" as const });

test("every checkpoint seals what stands before it", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "t", checkpointEveryFrames: 3 });
  // Some of them in one write, some alone.
  for (let n = 0; n < 10; n++) await Promise.all(Array.from({ length: n }, () => writer.writeFrame(message(`${n}`))));
  await writer.finalize();
  const sealed = await sealedLines(store, "t");
  assert.is(sealed.length, 16);
});

test("a range of several MiB, in messages smaller and larger than a block, is sealed", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "t" });
  for (const size of [10, 3_000_000, 100_000, 1_048_576, 7, 950_000]) {
    await writer.writeFrame({ message: jsonText(JSON.stringify("x".repeat(size))), direction: "client_to_server" });
  }
  await writer.finalize();
  assert.equal(await sealedLines(store, "t"), [8]);
});

test("a resumed tape is sealed from its last checkpoint on, the tail of the crash included", async () => {
  const store = memoryStore();
  const first = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "t", checkpointEveryFrames: 2 });
  for (let n = 0; n < 5; n++) await first.writeFrame(message(`${n}`));
  const bytes = await store.get("t.jsonl") ?? new Uint8Array();
  for (const cut of [0, 1, 10, 200]) {
    const crashed = memoryStore();
    await crashed.put("t.jsonl", bytes.subarray(0, bytes.length - cut));
    const resumed = await StreamingTapeWriter.resume(crashed, "t");
    await resumed.writeFrame(message("after"));
    await resumed.finalize();
    const lines = Buffer.from(await crashed.get("t.jsonl") ?? []).toString().trimEnd().split("\n").length;
    assert.is((await sealedLines(crashed, "t")).at(-1), lines, `${cut} bytes cut off`);
  }
  await first.close();
});

test("frames that look like checkpoints that wait for their digest are left alone", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "t" });
  const zeros = "0".repeat(64);
  const text = `{"type":"checkpoint","sha256":"${zeros}"}`;
  await writer.writeLog("stderr", text);
  await writer.writeFrame({ message: jsonText(text), direction: "client_to_server" });
  await writer.writeFrame({ message: jsonText(JSON.stringify(text)), direction: "client_to_server" });
  await writer.finalize();
  assert.is(Buffer.from(await store.get("t.jsonl") ?? []).toString().split(zeros).length, 4);
  assert.is((await sealedLines(store, "t")).length, 1);
});

test("without checksums a checkpoint carries none", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "t", checksums: false });
  await writer.finalize();
  assert.not.match(Buffer.from(await store.get("t.jsonl") ?? []).toString(), "sha256");
});

test.run();
