import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import { isTapeError, memorySink, memoryStore, StreamingTapeWriter, type TapeStore } from "../../../src/mod.ts";
import { packTape, unpackTape } from "../../../src/zstd.ts";
import { loadBlockZstd } from "../../../src/codecs/zstd/engine.ts";
import { seekTable } from "../../../src/stores/packed/layout.ts";
import { reasonOf, rejection } from "../../helpers/within.ts";

const store = memoryStore();
const writer = await StreamingTapeWriter.create(store, { tapeId: "demo", sessionId: "s" });
await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
await writer.finalize();
await store.put("demo.index", new Uint8Array(64));
const plain = (await store.get("demo.jsonl"))!;
const output = memorySink();
await packTape(store, "demo", output);
const packed = output.bytes();
const zstd = await loadBlockZstd();

async function holding(bytes: Uint8Array): Promise<TapeStore> {
  const store = memoryStore();
  await store.put("demo.jsonl.zst", bytes);
  return store;
}

/** What a store says of a packed tape, in words: its bytes, or the error. Anything else but a TapeError is a fault. */
async function told(bytes: Uint8Array, key: string): Promise<string> {
  try {
    const content = await (await holding(bytes)).get(key);
    return content === undefined ? "nothing" : Buffer.from(content).toString("latin1");
  } catch (error) {
    if (!isTapeError(error)) throw error;
    assert.match(error.message, /^Cannot read (block \d+ of )?demo\.jsonl\.zst/);
    return `${error.code}`;
  }
}

const right = Buffer.from(plain).toString("latin1");

test("of a packed tape with any bit flipped the same bytes are read, or an error comes", async () => {
  let errors = 0;
  for (let bit = 0; bit < packed.length * 8; bit++) {
    const bytes = packed.slice();
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const tape = await told(bytes, "demo.jsonl");
    if (tape !== right) errors++;
    assert.ok(tape === right || tape === "io" || tape === "invalid_tape", `bit ${bit}`);
    await told(bytes, "demo.meta.json");
    await told(bytes, "demo.index");
  }
  assert.ok(errors > 100);
});

test("a packed tape that is cut off anywhere is refused", async () => {
  for (let length = 0; length < packed.length; length++) {
    assert.match(await told(packed.subarray(0, length), "demo.jsonl"), /^(invalid_tape|io)$/, `${length} bytes`);
  }
});

test("any bytes with any seek table are read or refused", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff)), { maxLength: 5 }),
      async (blocks, sizes) => {
        await told(Buffer.concat([blocks, seekTable(sizes.flat())]), "demo.jsonl");
      },
    ),
    { numRuns: 500 },
  );
});

const frame = zstd.compress(plain, 3);
const withTable = (sizes: readonly number[], ...parts: Uint8Array[]) => Buffer.concat([...parts, seekTable(sizes)]);
const why = async (bytes: Uint8Array) => (await reasonOf((await holding(bytes)).get("demo.jsonl")) as Error).message;

test("what a seek table says is held against the blocks before memory is taken", async () => {
  assert.is(await told(withTable([frame.length, plain.length], frame), "demo.jsonl"), right);
  assert.match(
    await why(withTable([frame.length, plain.length - 1], frame)),
    /block 1 of demo.*: its content has \d+ bytes, the limit is \d+$/,
  );
  assert.match(
    await why(withTable([frame.length, plain.length + 1], frame)),
    /block 1 of .*: it has another size than the seek table says$/,
  );
  assert.match(
    await why(withTable([frame.length, 0xffffffff], frame)),
    /its block 1 has 4294967295 bytes, the limit is 16777216$/,
  );
  assert.match(await why(withTable([frame.length + 1, plain.length], frame)), /longer than it is$/);
  const bomb = zstd.compress(new Uint8Array(1 << 24), 3);
  assert.match(await why(withTable([bomb.length, 1000], bomb)), /its content has 16777216 bytes, the limit is 1000$/);
});

test("a file without a seek table says what to do", async () => {
  assert.match(
    await why(frame),
    /^Cannot read demo\.jsonl\.zst as a packed tape: it has no seek table at its end; unpack it with "zstd -d", or it is cut off$/,
  );
  assert.match(await why(new Uint8Array(0)), /it is too short$/);
  const table = withTable([frame.length, plain.length], frame);
  table[table.length - 5]! = 0x40;
  assert.match(await why(table), /of a kind that is not known$/);
  table[table.length - 5]! = 0;
  table.writeUInt32LE(0x7fffffff, table.length - 9);
  assert.match(await why(table), /tells of 2147483647 blocks, for which it is too short$/);
});

test("a frame that does not tell its size is refused", async () => {
  // Magic number, a descriptor without a size, a window, and a last raw block of 2 bytes.
  const silent = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 0x11, 0, 0, 0x7b, 0x7d);
  assert.match(await why(withTable([silent.length, 2], silent)), /it does not tell how large its content is$/);
});

test("a list shows a damaged packed tape, and those beside it", async () => {
  const store = await holding(packed.subarray(0, 50));
  await store.put("other.jsonl", plain);
  const keys: unknown[] = [];
  for await (const { key, size } of store.list()) keys.push([key, size]);
  assert.equal(keys, [["other.jsonl", plain.length], ["demo.jsonl", 50]]);
});

test("seek tables with checksums, as others write them, are read", async () => {
  const table = seekTable([frame.length, plain.length]);
  const other = Buffer.concat([frame, table.subarray(0, 16), Uint8Array.of(1, 2, 3, 4), table.subarray(16)]);
  const at = frame.length;
  other.writeUInt32LE(8 + 4 + 9, at + 4);
  other[other.length - 5]! = 0x80;
  assert.is(await told(other, "demo.jsonl"), right);
});

test("a packed tape is not written to, but deleted", async () => {
  const store = await holding(packed);
  const sentence = /the tape is packed in demo\.jsonl\.zst, which is read only; unpack it with "tapeline decompress"$/;
  assert.match((await rejection(store.openSink("demo.jsonl"), "invalid_argument")).message, sentence);
  assert.match((await rejection(store.openSink("demo.jsonl", { mode: "append" }), "tape_not_found")).message, sentence);
  assert.match((await rejection(StreamingTapeWriter.resume(store, "demo"), "tape_not_found")).message, sentence);
  assert.is(await store.delete("demo.jsonl"), true);
  assert.is(await store.size("demo.jsonl"), undefined);
});

test("where both are there the plain tape wins, unpackTape() takes the packed one", async () => {
  const store = await holding(packed);
  await store.put("demo.jsonl", plain.subarray(0, 10));
  assert.is(await store.size("demo.jsonl"), 10);
  assert.is(await store.get("demo.index"), undefined);
  const output = memorySink();
  assert.is(await unpackTape(store, "demo", output), plain.length);
});

test.run();
