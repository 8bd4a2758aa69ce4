import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { JsonBytes, jsonBytes } from "../../src/json/json-bytes.ts";
import { type JsonText, jsonText } from "../../src/json/json-text.ts";
import { isTapeError } from "../../src/errors.ts";
import { concat } from "../../src/bytes/bytes.ts";

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a text says that these bytes are; of what is no UTF-8 there is none. */
function asText(bytes: Uint8Array): JsonText | undefined {
  try {
    return jsonText(strict.decode(bytes));
  } catch {
    return undefined;
  }
}

/** The bytes in several places: in a copy, at the end of a block, before a line ending, before other bytes. */
function places(bytes: Uint8Array): JsonBytes[] {
  const around = (before: string, behind: string) => {
    const block = concat([utf8.encode(before), Uint8Array.from(bytes), utf8.encode(behind)]);
    return new JsonBytes(block, before.length, before.length + bytes.length);
  };
  return [
    jsonBytes(bytes),
    around("", ""),
    around("[1,", "\n"),
    around('"', '\r\n{"id":1}'),
    around("{", "}"),
    around("1", "1"),
  ];
}

function assertAsText(bytes: Uint8Array, name = JSON.stringify(new TextDecoder().decode(bytes).slice(0, 200))): void {
  const text = asText(bytes);
  for (const given of places(bytes)) {
    assert.equal(given.shape, text?.shape, name);
    assert.is(given.line, text?.line, name);
    const isLine = text?.shape !== undefined && !/[\r\n]/.test(text.text);
    assert.is(given.isLine, isLine, name);
    if (isLine) assert.equal(given.bytes, bytes);
  }
}

/** Messages and other JSON, with white space of several kinds between the tokens. */
const someJson = fc.tuple(
  fc.oneof(
    fc.jsonValue({ stringUnit: "binary" }),
    fc.record({
      jsonrpc: fc.constantFrom("2.0", "1.0", 2),
      id: fc.oneof(fc.integer(), fc.double(), fc.string({ unit: "binary" }), fc.constantFrom(null, true, [])),
      method: fc.oneof(fc.string({ unit: "binary" }), fc.constant(1)),
      result: fc.oneof(
        fc.jsonValue(),
        fc.record({ isError: fc.constantFrom(true, false, 1), resultType: fc.string() }),
      ),
      error: fc.jsonValue(),
    }, { requiredKeys: [] }),
  ),
  fc.constantFrom("", "", " ", "\t", "\r\n", "\n"),
).map(([value, indent]) => utf8.encode(JSON.stringify(value, null, indent)));

const someByte = fc.oneof(
  fc.nat(255),
  fc.constantFrom(
    ...utf8.encode('{}[],:"\\ 0-1.eEtrufalsn/b\n\r\t\0'),
    0x80,
    0xbf,
    0xc0,
    0xc2,
    0xe0,
    0xed,
    0xf0,
    0xf4,
    0xff,
  ),
);

/** Bytes of which some are changed, left out or doubled. */
const someDamaged = fc.tuple(
  someJson,
  fc.array(
    fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom(0, 1, 1, 2),
      fc.array(someByte, { maxLength: 4 }),
    ),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
).map(([json, edits]) =>
  edits.reduce((bytes, [place, length, filling]) => {
    const at = Math.floor(place * bytes.length);
    return Uint8Array.of(...bytes.subarray(0, at), ...filling, ...bytes.subarray(at + length));
  }, json)
);

test("JsonBytes says of JSON what JsonText says, wherever the bytes lie", () => {
  fc.assert(fc.property(someJson, (bytes) => assertAsText(bytes)), { numRuns: 1000 });
});

test("JsonBytes says of damaged JSON and of any bytes what JsonText says", () => {
  fc.assert(fc.property(someDamaged, (bytes) => assertAsText(bytes)), { numRuns: 2000 });
  fc.assert(
    fc.property(fc.array(someByte, { maxLength: 8 }), (bytes) => {
      assertAsText(Uint8Array.of(...bytes));
      assertAsText(Uint8Array.of(0x22, ...bytes, 0x22));
    }),
    { numRuns: 2000 },
  );
});

test("JsonBytes takes for UTF-8 what a TextDecoder takes, in every place of a character", () => {
  const edges = [
    0x22,
    0x41,
    0x7f,
    0x80,
    0x8f,
    0x90,
    0x9f,
    0xa0,
    0xbf,
    0xc0,
    0xc1,
    0xc2,
    0xdf,
    0xe0,
    0xe1,
    0xec,
    0xed,
    0xee,
  ];
  edges.push(0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff);
  for (const a of edges.filter((byte) => byte >= 0x80)) {
    for (const b of edges) {
      for (const c of edges) {
        for (const rest of [[], [0x80], [0x41], [0xc2]]) {
          const bytes = Uint8Array.of(0x22, a, b, c, ...rest, 0x22);
          assert.is(
            new JsonBytes(bytes, 0, bytes.length).shape !== undefined,
            asText(bytes)?.shape !== undefined,
            String(bytes),
          );
        }
      }
    }
  }
});

test("JsonBytes gives the verdict of JsonText on every file of JSONTestSuite", () => {
  const directory = new URL("../../../shared/data/json-test-suite/test_parsing/", import.meta.url);
  if (!existsSync(directory)) return console.log(`skip: no ${directory.pathname}`);
  for (const name of readdirSync(directory)) {
    assertAsText(Uint8Array.from(readFileSync(new URL(encodeURIComponent(name), directory))), name);
  }
});

test("JsonBytes takes long and deep messages", () => {
  for (const letter of ["x", "é", "日", "🎉"]) {
    const text = JSON.stringify({ params: letter.repeat(300_000), id: letter, method: letter + letter });
    assertAsText(utf8.encode(text), letter);
    assertAsText(utf8.encode(text.slice(0, -1)), letter);
  }
  assert.ok(jsonBytes(utf8.encode("[".repeat(100_000) + "]".repeat(100_000))).isLine);
});

test("jsonBytes() copies the bytes at once", () => {
  const memory = utf8.encode('{"id":1}');
  const message = jsonBytes(memory);
  memory.fill(0x20);
  assert.is(message.text, '{"id":1}');
  assert.equal(message.value(), { id: 1 });
  assert.is(JSON.stringify([message]), '[{"id":1}]');
  assert.is(message.origin, undefined);
  assert.is(message.length, 8);
});

test("jsonBytes() takes a Buffer, and nothing that is no bytes", () => {
  assert.is(jsonBytes(Buffer.from("{}")).text, "{}");
  for (const wrong of ["{}", new ArrayBuffer(2), new Uint16Array(2), [123, 125], null, undefined]) {
    assert.throws(() => jsonBytes(wrong as never), (error: unknown) => {
      assert.ok(isTapeError(error, "invalid_argument"));
      assert.match(error.message, /^Cannot take a message as bytes: it must be a Uint8Array, not /);
      return true;
    });
  }
});

test("JsonBytes leaves the bytes as they are, and is scanned once", () => {
  const block = utf8.encode('1{"id":"a"}2');
  const before = block.slice();
  const message = new JsonBytes(block, 1, 11);
  assert.is(message.shape?.idText, '"a"');
  assert.is(message.shape, message.shape);
  assert.equal(block, before);
});

test.run();
