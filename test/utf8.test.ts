import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "./helpers/properties.ts";
import { decodeUtf8, putAscii } from "../src/utf8.ts";

test("decodeUtf8() gives what a TextDecoder gives, of any bytes and with a byte order mark", () => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const text = fc.string({ unit: "binary" }).map((value) => new TextEncoder().encode(value));
  const marked = text.map((bytes) => Uint8Array.of(0xef, 0xbb, 0xbf, ...bytes));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), text, marked), fc.nat(9), fc.nat(9), (bytes, skip, leave) => {
      const start = Math.min(skip, bytes.length);
      const end = Math.max(start, bytes.length - leave);
      assert.is(decodeUtf8(bytes, start, end), decoder.decode(bytes.subarray(start, end)));
      assert.is(decodeUtf8(bytes), decoder.decode(bytes));
    }),
    { numRuns: 2000 },
  );
});

test("putAscii() puts every letter where it belongs, and nothing elsewhere", () => {
  const ascii = fc.string({ unit: fc.integer({ min: 0, max: 127 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(ascii, fc.nat(9), fc.nat(9), (text, before, behind) => {
      const bytes = new Uint8Array(before + text.length + behind).fill(255);
      putAscii(bytes, text, before);
      const wanted = [...text].map((letter) => letter.charCodeAt(0));
      assert.equal([...bytes], [...new Array(before).fill(255), ...wanted, ...new Array(behind).fill(255)]);
    }),
  );
});

test.run();
