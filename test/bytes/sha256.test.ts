import { test } from "uvu";
import * as assert from "uvu/assert";
import { hex, hmacSha256, sha256 } from "../../src/bytes/sha256.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("sha256() gives what WebCrypto does, whatever the length", async () => {
  for (let length = 0; length < 200; length++) {
    const input = Uint8Array.from({ length }, (_, n) => n * 7 + length);
    assert.is(hex(sha256(input)), hex(new Uint8Array(await crypto.subtle.digest("SHA-256", input))), `${length} bytes`);
  }
});

test("hmacSha256() gives what RFC 4231 says", () => {
  const cases: [key: Uint8Array, text: string, mac: string][] = [
    [new Uint8Array(20).fill(0x0b), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
    [bytes("Jefe"), "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"],
    [
      new Uint8Array(131).fill(0xaa),
      "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ],
  ];
  for (const [key, text, mac] of cases) assert.is(hex(hmacSha256(key, bytes(text))), mac);
});

test.run();
