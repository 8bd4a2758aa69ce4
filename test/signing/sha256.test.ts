import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type NewSha256, nobleSha256, nodeSha256 } from "../../src/signing/sha256.ts";

const engines: readonly (readonly [name: string, newHash: NewSha256])[] = [
  ["node:crypto", nodeSha256()!],
  ["@noble/hashes", await nobleSha256()],
];

for (const [name, newHash] of engines) {
  test(`the SHA-256 of ${name} takes bytes in any pieces, and goes on in two ways`, () => {
    const bytes = Uint8Array.from({ length: 200 }, (_, at) => at * 7);
    const expected = (end: number) => new Uint8Array(createHash("sha256").update(bytes.subarray(0, end)).digest());
    for (let cut = 0; cut <= bytes.length; cut += 9) {
      const hash = newHash();
      hash.update(bytes.subarray(0, cut));
      const copy = hash.copy();
      hash.update(bytes.subarray(cut));
      assert.equal(hash.digest(), expected(bytes.length));
      assert.equal(copy.digest(), expected(cut));
    }
  });
}

test.run();
