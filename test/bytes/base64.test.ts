import { test } from "uvu";
import * as assert from "uvu/assert";
import { base64Length, readBase64, writeBase64 } from "../../src/bytes/base64.ts";
import { utf8 } from "../helpers/bytes.ts";
import { numbersFrom } from "../helpers/random.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LENGTHS = [...Array.from({ length: 20 }, (_, length) => length), 95, 96, 97, 98, 99, 100, 1000, 4001];

function some(length: number): Uint8Array {
  const random = numbersFrom(length + 1);
  return Uint8Array.from({ length }, () => random(256));
}

test("writeBase64() writes what btoa() gives without its padding, and not a byte more", () => {
  for (const length of LENGTHS) {
    const bytes = some(length);
    const expected = btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
    const room = new Uint8Array(base64Length(length) + 8).fill(0x23);
    assert.is(writeBase64(bytes, room, 3), 3 + expected.length, `${length} bytes`);
    assert.is(new TextDecoder().decode(room), `###${expected}#####`, `${length} bytes`);
    const text = utf8(`x${expected}y`);
    const read = readBase64(text, 1, text.length - 1, 2)!;
    assert.equal(Array.from(read), [0, 0, ...bytes], `${length} bytes`);
  }
});

test("readBase64() takes no other letter at any place, and no bits that say nothing", () => {
  for (const length of [4, 6, 7, 128, 130, 131]) {
    for (let at = 0; at < length; at++) {
      for (let code = 0; code < 256; code++) {
        const text = utf8("A".repeat(length));
        text[at] = code;
        const value = ALPHABET.indexOf(String.fromCharCode(code));
        const spare = at < length - 1 ? 0 : [0, 0, 15, 3][length % 4]!;
        const isBase64 = value >= 0 && (value & spare) === 0;
        assert.is(readBase64(text, 0, length) !== undefined, isBase64, `byte ${code} at ${at} of ${length}`);
      }
    }
  }
  for (const length of [1, 5, 129]) assert.is(readBase64(utf8("A".repeat(length)), 0, length), undefined);
});

test.run();
