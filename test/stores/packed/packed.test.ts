import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  memorySink,
  memoryStore,
  StreamingTapeReader,
  StreamingTapeWriter,
  TapeManager,
  type TapeStore,
} from "../../../src/mod.ts";
import { packTape, unpackTape } from "../../../src/zstd.ts";

/** A store with the tape `demo`, and its bytes. */
async function recorded(frames: number): Promise<{ store: TapeStore; bytes: Uint8Array }> {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { tapeId: "demo", sessionId: "s" });
  for (let id = 0; id < frames; id++) {
    await writer.writeFrame({
      message: { jsonrpc: "2.0", id, method: "tools/call", params: { text: `${id * 7919} `.repeat(40) } },
      direction: id % 2 === 0 ? "client_to_server" : "server_to_client",
    });
  }
  await writer.finalize();
  return { store, bytes: (await store.get("demo.jsonl"))! };
}

async function packedOnly(frames: number) {
  const { store, bytes } = await recorded(frames);
  const output = memorySink();
  const sizes = await packTape(store, "demo", output);
  const packed = memoryStore();
  await packed.put("demo.jsonl.zst", output.bytes());
  return { store, packed, bytes, sizes, file: output.bytes() };
}

const read = async (store: TapeStore, key: string, start?: number, end?: number) => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.openSource(key, { start, end })) chunks.push(chunk);
  return Buffer.concat(chunks);
};

test("a store that holds a packed tape answers as if it held the plain one", async () => {
  const { store, packed, bytes, sizes } = await packedOnly(6000);
  assert.ok(sizes.blocks > 5);
  assert.is(sizes.tapeBytes, bytes.length);
  for (const key of ["demo.jsonl", "demo.meta.json", "demo.index"]) {
    assert.is(await packed.size(key), await store.size(key), key);
    assert.equal(Buffer.from((await packed.get(key))!), Buffer.from((await store.get(key))!), key);
  }
  const end = bytes.length;
  for (
    const [from, to] of [[0, 10], [262100, 262200], [300000, 900000], [end - 5, end], [end, end + 9], [
      end - 5,
      Infinity,
    ], [7, 7]]
  ) {
    assert.equal(await read(packed, "demo.jsonl", from, to), Buffer.from(bytes.subarray(from, to)), `${from}..${to}`);
  }
  const entries: unknown[] = [];
  for await (const { key, size } of packed.list()) entries.push([key, size]);
  assert.equal(entries, [
    ["demo.jsonl", bytes.length],
    ["demo.meta.json", await store.size("demo.meta.json")],
    ["demo.index", await store.size("demo.index")],
  ]);
  const [listed] = await new TapeManager(packed).list();
  assert.is(listed!.status, "finalized");
  assert.is(listed!.stats?.frame_count, 6000);
});

test("a reader reads, seeks and follows a packed tape", async () => {
  const { packed } = await packedOnly(6000);
  await using reader = await StreamingTapeReader.open(packed, "demo");
  await reader.seekToFrame(5432);
  const record = await reader.nextRecord();
  assert.is(record?.type === "frame" && record.seq, 5432);
  await reader.reset();
  let count = 0;
  for await (const frame of reader.frames()) count += frame.seq >= 0 ? 1 : 0;
  assert.is(count, 6000);
  await using following = await StreamingTapeReader.open(packed, "demo");
  let followed = 0;
  for await (const record of following.follow()) if (record.type === "frame") followed++;
  assert.is(followed, 6000);
});

test("unpackTape() gives the very bytes", async () => {
  const { packed, bytes } = await packedOnly(100);
  const output = memorySink();
  assert.is(await unpackTape(packed, "demo", output), bytes.length);
  assert.equal(Buffer.from(output.bytes()), Buffer.from(bytes));
});

test.run();
