import { test } from "uvu";
import * as assert from "uvu/assert";
import { jsonText, memoryStore, StreamingTapeWriter, type TapeStore } from "../../../../src/mod.ts";
import { crc32 } from "node:zlib";
import { Buffer } from "node:buffer";

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
    const [, digest] = /"crc32":"([0-9a-f]{8})"\}\n$/.exec(line) ?? [];
    if (digest !== undefined) {
      assert.is(digest, crc32(tape.subarray(from, end - 11)).toString(16).padStart(8, "0"), `line ${number}`);
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

test("a range of several MiB, is sealed", async () => {
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
  const zeros = "0".repeat(8);
  const text = `{"type":"checkpoint","crc32":"${zeros}"}`;
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
  assert.not.match(Buffer.from(await store.get("t.jsonl") ?? []).toString(), "crc32");
});

test.run();
