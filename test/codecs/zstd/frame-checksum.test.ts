import { test } from "uvu";
import * as assert from "uvu/assert";
import { xxh64 } from "../../../src/codecs/zstd/frame-checksum.ts";
import { loadBlockZstd, wasmEngine, withChecksums } from "../../../src/codecs/zstd/engine.ts";
import { rejection } from "../../helpers/within.ts";

test("xxh64() is that of its specification", () => {
  const of = (text: string) => xxh64(new TextEncoder().encode(text)).toString(16);
  assert.is(of(""), "ef46db3751d8e999");
  assert.is(of("a"), "d24ec4f1a98c6e5b");
  assert.is(of("abc"), "44bc2cf5ad770999");
});

test("frames of the package and of the runtime have the same checksum, and a wrong one is found", async () => {
  const made = withChecksums(await wasmEngine());
  const own = await loadBlockZstd();
  for (const length of [0, 1, 3, 4, 7, 8, 31, 32, 33, 1000, 300_000]) {
    const bytes = Uint8Array.from({ length }, (_, at) => at * at % 251);
    const frames = [made.compress(bytes, 3), own.compress(bytes, 3)];
    assert.equal(frames[0]!.slice(-4), frames[1]!.slice(-4), String(length));
    for (const frame of frames) {
      for (const zstd of [made, own]) {
        assert.is(Buffer.compare(zstd.decompress(frame, length), bytes), 0);
        const damaged = frame.slice();
        damaged[damaged.length - 1]! ^= 1;
        await rejection((async () => await Promise.resolve(zstd.decompress(damaged, length)))(), "corrupted_record");
      }
    }
  }
});

test.run();
