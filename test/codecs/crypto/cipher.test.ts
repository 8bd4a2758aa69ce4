import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadPrimitives, noblePrimitives, nodePrimitives, type Primitives } from "../../../src/codecs/crypto/cipher.ts";

/** Made by OpenSSL, see gcm-vectors.py. Project Wycheproof's are in no package of npm or Debian, so these go through what its groups are about. */
const VECTORS: readonly Readonly<Record<"what" | "key" | "nonce" | "aad" | "plain" | "sealed", string>>[] = [
  ...JSON.parse(readFileSync(new URL("gcm-vectors.json", import.meta.url), "utf8")),
  // Test cases 13 to 16 of McGrew and Viega, "The Galois/Counter Mode of Operation".
  ...[
    ["", "", "", "530f8afbc74536b9a963b4f1c4cb738b"],
    ["00".repeat(16), "", "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"],
  ].map(([plain, aad, text, tag], at) => (
    { what: `GCM ${13 + at}`, key: "00".repeat(32), nonce: "00".repeat(12), aad, plain, sealed: `${text}${tag}` }
  )),
  ...[["", 64, "b094dac5d93471bdec1a502270e3cc6c"], [
    "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    60,
    "76fc6ece0f4e1768cddf8853bb2d551b",
  ]].map(([aad, length, tag], at) => ({
    what: `GCM ${15 + at}`,
    key: "feffe9928665731c6d6a8f9467308308".repeat(2),
    nonce: "cafebabefacedbaddecaf888",
    aad: aad as string,
    plain: ("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255").slice(0, 2 * (length as number)),
    sealed: ("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad").slice(0, 2 * (length as number)) + tag,
  })),
] as never;

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? undefined : Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const all: [string, Primitives | undefined][] = [["node:crypto", nodePrimitives()], [
  "@noble",
  await noblePrimitives(),
]];

test("loadPrimitives() gives those of node:crypto on each of these runtimes", async () => {
  assert.ok(nodePrimitives() !== undefined);
  assert.is((await loadPrimitives()).cipher.toString(), nodePrimitives()!.cipher.toString());
});

for (const [name, primitives] of all) {
  if (primitives === undefined) continue;
  const { cipher, hkdf } = primitives;

  test(`${name} seals and opens as OpenSSL does`, () => {
    for (const { what, key, nonce, aad, plain, sealed } of VECTORS) {
      const line = cipher(bytes(key));
      assert.is(hex(line.seal(bytes(nonce), bytes(aad), bytes(plain))), sealed, what);
      assert.is(hex(line.open(bytes(nonce), bytes(aad), bytes(sealed))), plain, what);
    }
  });

  test(`${name} opens nothing of which a bit is another one`, () => {
    for (const { what, key, nonce, aad, sealed } of VECTORS.filter((_, at) => at % 5 === 0)) {
      const line = cipher(bytes(key));
      for (const [part, whole] of [["nonce", nonce], ["aad", aad], ["sealed", sealed]] as const) {
        const length = whole.length / 2;
        for (let bit = 0; bit < 8 * length; bit += part === "sealed" && bit < 8 * (length - 16) ? 37 : 1) {
          const flipped = bytes(whole);
          flipped[bit >> 3]! ^= 1 << (bit & 7);
          const parts = { nonce: bytes(nonce), aad: bytes(aad), sealed: bytes(sealed), [part]: flipped };
          assert.is(line.open(parts.nonce, parts.aad, parts.sealed), undefined, `${what}: bit ${bit} of ${part}`);
        }
      }
    }
  });

  test(`${name} opens nothing whose tag is zeros, ones, short, long, or missing`, () => {
    const { key, nonce, aad, sealed } = VECTORS[40]!;
    const line = cipher(bytes(key));
    const text = sealed.slice(0, -32);
    const tag = sealed.slice(-32);
    const others = ["00".repeat(16), "ff".repeat(16), tag.slice(0, 24), tag.slice(0, -2), `${tag}00`, "", tag.slice(2)];
    for (const other of others) assert.is(line.open(bytes(nonce), bytes(aad), bytes(text + other)), undefined, other);
    for (let length = 0; length < 17; length++) {
      assert.is(line.open(bytes(nonce), bytes(aad), new Uint8Array(length)), undefined);
    }
  });

  test(`${name} derives keys as RFC 5869 does, test cases 1 and 3`, () => {
    const ikm = new Uint8Array(22).fill(0x0b);
    assert.is(
      hex(hkdf(ikm, bytes("000102030405060708090a0b0c"), bytes("f0f1f2f3f4f5f6f7f8f9"), 42)),
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    );
    assert.is(
      hex(hkdf(ikm, new Uint8Array(0), new Uint8Array(0), 42)),
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    );
  });
}

test.run();
