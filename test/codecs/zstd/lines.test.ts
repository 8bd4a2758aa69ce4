import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import type { Bytes } from "../../../src/bytes/bytes.ts";
import { loadZstd, nativeEngine, wasmEngine, type ZstdEngine } from "../../../src/codecs/zstd/engine.ts";
import { contentSizeOf } from "../../../src/codecs/zstd/frame-header.ts";
import { ZstdLineDecoder } from "../../../src/codecs/zstd/line-decoder.ts";
import { ZstdLineEncoder, type ZstdLineOptions } from "../../../src/codecs/zstd/line-encoder.ts";
import { isTapeError } from "../../../src/errors.ts";
import { headerOf } from "../../../src/lines/line-header.ts";
import { lineSplit, memorySource, pipe, type TapeLine, type TapeRecord } from "../../../src/mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function headOf(record: TapeRecord) {
  const { type, seq, ts } = headerOf(record);
  return { kind: type!, seq, ts };
}

function frame(seq: number, message: unknown): TapeRecord {
  return { type: "frame", seq, ts: 3 * seq, dir: "client_to_server", ts_us: 3000 * seq, env: { message } };
}

function call(seq: number): TapeRecord {
  const args = { path: `/home/user/project/src/file-${seq}.ts`, encoding: "utf8", limit: 100 };
  return frame(seq, { jsonrpc: "2.0", id: seq, method: "tools/call", params: { name: "read_file", arguments: args } });
}

function encoded(zstd: ZstdEngine, records: readonly TapeRecord[], options?: ZstdLineOptions): Bytes {
  const lines = new ZstdLineEncoder(zstd, options);
  const pieces = records.map((record) => lines.encode(encoder.encode(JSON.stringify(record)), headOf(record)));
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

async function linesOf(bytes: Bytes, zstd: ZstdEngine): Promise<TapeLine[]> {
  const lines: TapeLine[] = [];
  for await (const line of pipe(memorySource(bytes), lineSplit({ decoder: new ZstdLineDecoder(zstd) }))) {
    lines.push(line);
  }
  return lines;
}

const long = frame(5, "the same again and again ".repeat(20));
const calls = Array.from({ length: 100 }, (_, seq) => call(seq));
const engines: [name: string, engine: ZstdEngine][] = [["wasm", await wasmEngine()]];
const native = nativeEngine();
if (native !== undefined) engines.push(["native", native]);
else console.log("skip: this runtime has no zstd of its own that takes dictionaries");

test("loadZstd() gives the same engine to all who ask", async () => {
  assert.is(await loadZstd(), await loadZstd());
});

for (const [name, zstd] of engines) {
  for (const [other, reader] of engines) {
    test(`lines that ${name} has compressed, ${other} decompresses to the letter`, async () => {
      const bytes = encoded(zstd, calls, { dictionaryBytes: 2048 });
      const lines = await linesOf(bytes, reader);
      assert.equal(lines.map(({ type }) => type).filter((type) => type === "dictionary"), ["dictionary", "dictionary"]);
      const frames = lines.filter(({ type }) => type === "frame");
      assert.equal(frames.map((line) => line.text()), calls.map((record) => JSON.stringify(record)));
      assert.equal(
        frames.map(({ seq, ts, dir }) => ({ seq, ts, dir })),
        calls.map((each) => {
          const { seq, ts, dir } = headerOf(each);
          return { seq, ts, dir };
        }),
      );
      assert.ok(
        frames.every(({ offset, nextOffset }) => decoder.decode(bytes.subarray(offset, nextOffset)).endsWith("}\n")),
      );
    });
  }

  test(`${name} checks what a frame claims before it takes memory for it`, () => {
    const small = zstd.compress(encoder.encode("a".repeat(5000)), 1);
    assert.is(contentSizeOf(small, 5000), 5000);
    assert.throws(() => zstd.decompress(small, 4999), /its content has 5000 bytes, the limit is 4999/);
    const bomb = small.slice();
    const at = bomb.findIndex((_, at) => bomb[at]! + 256 * bomb[at + 1]! === 5000 - 256);
    bomb[at] = 0xff;
    bomb[at + 1] = 0xff;
    assert.throws(() => zstd.decompress(bomb, 1e6), (error: unknown) => isTapeError(error, "corrupted_record"));
  });

  test(`${name} gives the same bytes or a TapeError for whatever becomes of a frame`, () => {
    const content = encoder.encode(JSON.stringify(call(7)));
    const whole = zstd.compress(content, 3);
    fc.assert(fc.property(fc.nat(whole.length * 8 - 1), fc.nat(whole.length), (bit, length) => {
      const flipped = whole.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      for (const damaged of [flipped, whole.subarray(0, length), flipped.subarray(0, length)]) {
        try {
          zstd.decompress(damaged, 1e6);
        } catch (error) {
          if (!isTapeError(error, "corrupted_record")) throw error;
        }
      }
    }));
    assert.equal(zstd.decompress(whole, 1e6), content);
  });
}

const [[, zstd]] = engines as [[string, ZstdEngine]];

test("ZstdLineEncoder leaves init, checkpoints and what would not shrink as they are", () => {
  const plain: TapeRecord[] = [
    { type: "init", version: "2.0", tape_id: "demo", session_id: "s", created_at: "2026-01-01T00:00:00.000Z" },
    { type: "log", ts: 1, stream: "stderr", text: "x" },
    { type: "checkpoint", checkpoint_at: "2026-01-01T00:00:00.000Z", stats: {}, final: true },
  ];
  const bytes = encoded(zstd, plain);
  assert.is(decoder.decode(bytes), plain.map((record) => `${JSON.stringify(record)}\n`).join(""));
});

test("ZstdLineEncoder makes lines smaller with a dictionary than without, and writes it once", () => {
  const [without, withOne] = [0, 2048].map((dictionaryBytes) => encoded(zstd, calls, { dictionaryBytes }).length);
  assert.ok(withOne! < without! * 0.9, `${withOne} against ${without}`);
});

test("a line tells type, number and time of records of every kind in plain", async () => {
  const text = "the same again and again ".repeat(20);
  const records: TapeRecord[] = [
    { type: "log", ts: 9_007_199_254_740_991, stream: "stderr", text },
    { type: "correlation", id: `corr-0-1-${text}`, request_seq: 0, response_seq: 1, status: "success" },
    { type: 'a "strange" kind 记', ts: 4, text } as unknown as TapeRecord,
    frame(0, text),
  ];
  const lines = await linesOf(encoded(zstd, records), zstd);
  assert.ok(lines.every(({ isCoded }) => isCoded));
  assert.equal(
    lines.map(({ type, seq, ts }) => ({ type, seq, ts })),
    records.map((record) => {
      const { type, seq, ts } = headerOf(record);
      return { type, seq, ts };
    }),
  );
  assert.equal(lines.map((line) => line.parse()), records);
});

test("a line that tells other things in plain than are in it is damaged", async () => {
  const bytes = decoder.decode(encoded(zstd, [long]));
  for (const [from, to] of [['"seq":5', '"seq":6'], ['"ts":15', '"ts":16'], ['"seq":5', '"kind":"log"']] as const) {
    const [line] = await linesOf(encoder.encode(bytes.replace(from, to)), zstd);
    assert.throws(() => line!.text(), /what it tells in plain is not what is in it/);
  }
});

test("ZstdLineDecoder says that a dictionary is missing, or is damaged", async () => {
  const bytes = encoded(zstd, calls, { dictionaryBytes: 1024 });
  const text = decoder.decode(bytes);
  const withoutIt = text.replace(/^\{"type":"dictionary".*\n/gm, "");
  const damaged = text.replace(/("type":"dictionary","ts":\d+,"crc32":")./g, "$1x");
  for (const each of [withoutIt, damaged]) {
    const lines = await linesOf(encoder.encode(each), zstd);
    assert.throws(() => lines.at(-1)!.text(), /with a dictionary that is not on the tape before it/);
  }
});

test("a line is read whatever the order and spelling of its members is", async () => {
  const { z, ...rest } = JSON.parse(decoder.decode(encoded(zstd, [long])));
  const { type, ...others } = rest;
  for (
    const text of [JSON.stringify({ type, z, ...others }), JSON.stringify({ ...rest, z, more: [1] }, undefined, 1)]
  ) {
    const flat = text.replaceAll("\n", "").replace(/^\{ *"type": "/, '{"type":"');
    const [line] = await linesOf(encoder.encode(`${flat}\n`), zstd);
    assert.is(line!.text(), JSON.stringify(long));
    assert.equal([line!.type, line!.seq, line!.ts], ["frame", 5, 15]);
  }
});

test("a coded line gives its record or a TapeError, whatever becomes of its bytes", async () => {
  const bytes = encoded(zstd, calls.slice(0, 3));
  await fc.assert(fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async (bit) => {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    for (const line of await linesOf(flipped, zstd)) {
      try {
        line.text();
      } catch (error) {
        if (!isTapeError(error, "corrupted_record") && !(error instanceof TypeError)) throw error;
      }
    }
  }));
});

test.run();
