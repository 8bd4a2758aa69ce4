import { test } from "uvu";
import * as assert from "uvu/assert";
import { pad, paddedLength, unpad } from "../../../src/codecs/crypto/padding.ts";

test("paddedLength() gives what Padmé gives, and 12 % more at most", () => {
  const known = [[1, 1], [2, 2], [9, 10], [100, 104], [1000, 1024], [1025, 1088], [10_000, 10_240], [
    1_000_000,
    1_015_808,
  ]];
  for (const [length, padded] of known) assert.is(paddedLength(length!), padded, `${length}`);
  for (let length = 1; length < 70_000; length += 1 + length / 100 | 0) {
    const padded = paddedLength(length);
    assert.ok(padded >= length && padded <= Math.ceil(length * 1.12), `${length} -> ${padded}`);
    assert.is(paddedLength(padded), padded, `${length} -> ${padded}`);
  }
  assert.ok(paddedLength(2 ** 28 - 1) <= 2 ** 28);
});

test("unpad() gives what pad() got, whatever it ends with", () => {
  for (const content of [[], [0], [0x80], [1, 0x80, 0, 0], Array.from({ length: 300 }, () => 0)]) {
    const bytes = Uint8Array.from(content);
    assert.equal(Array.from(unpad(pad(bytes))!), content);
  }
  for (const padding of [[], [0], [1, 2, 3], [0x80, 1]]) assert.is(unpad(Uint8Array.from(padding)), undefined);
});

test.run();
