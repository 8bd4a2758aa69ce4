import { existsSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { noblePrimitives, nodePrimitives, type Primitives } from "../../../src/codecs/crypto/cipher.ts";

/** The known answers of NIST's Cryptographic Algorithm Validation Program, as Debian's python3-cryptography-vectors has them. */
const FOLDER = "/usr/lib/python3/dist-packages/cryptography_vectors/ciphers/AES/GCM/";
const FILES = ["gcmDecrypt256.rsp", "gcmEncryptExtIV256.rsp"];

interface KnownAnswer {
  readonly what: string;
  readonly key: string;
  readonly nonce: string;
  readonly aad: string;
  /** Undefined where the tag is wrong. */
  readonly plain: string | undefined;
  readonly sealed: string;
}

/** Those with a nonce of 96 bits and a tag of 128, as sealed lines have them. */
function* answersIn(name: string): Generator<KnownAnswer, void, undefined> {
  const groups = readFileSync(FOLDER + name, "latin1").split(/\r?\n\r?\n(?=\[Keylen)/).slice(1);
  for (const group of groups) {
    if (!/\[IVlen = 96\]/.test(group) || !/\[Taglen = 128\]/.test(group)) continue;
    for (const text of group.split(/\r?\n\r?\n/).filter((part) => part.startsWith("Count"))) {
      const field = (label: string) => new RegExp(`^${label} = ?([0-9a-f]*)\\s*$`, "m").exec(text)?.[1];
      yield {
        what: `${name} ${/PTlen = \d+/.exec(group)![0]} ${/AADlen = \d+/.exec(group)![0]} ${text.split(/\r?\n/, 1)[0]}`,
        key: field("Key")!,
        nonce: field("IV")!,
        aad: field("AAD")!,
        plain: /^FAIL/m.test(text) ? undefined : field("PT")!,
        sealed: field("CT")! + field("Tag")!,
      };
    }
  }
}

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? undefined : Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const all: [name: string, primitives: Primitives | undefined][] = [
  ["node:crypto", nodePrimitives()],
  ["@noble", await noblePrimitives()],
];

for (const [name, primitives] of all) {
  test(`${name} gives the known answers of NIST for AES-256-GCM, and refuses what NIST's tags refuse`, () => {
    if (!existsSync(FOLDER)) return console.log("skip: python3-cryptography-vectors of Debian is not installed");
    let [sealed, refused] = [0, 0];
    for (const answer of FILES.flatMap((file) => [...answersIn(file)])) {
      const line = primitives!.cipher(bytes(answer.key));
      const [nonce, aad] = [bytes(answer.nonce), bytes(answer.aad)];
      assert.is(hex(line.open(nonce, aad, bytes(answer.sealed))), answer.plain, answer.what);
      if (answer.plain === undefined) refused++;
      else {
        assert.is(hex(line.seal(nonce, aad, bytes(answer.plain))), answer.sealed, answer.what);
        sealed++;
      }
    }
    assert.ok(sealed > 500 && refused > 100, `${sealed} ${refused}`);
  });
}

test.run();
