import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { JsonMembers } from "../../src/json/json-members.ts";
import { scanJson } from "../../src/json/json-scan.ts";
import type { JsonShape } from "../../src/json/json-shape.ts";

const utf8 = new TextEncoder();

/** What comes out of these bytes, cut wherever `cuts` says. */
function shapeOf(bytes: Uint8Array, cuts: readonly number[] = []): JsonShape | undefined {
  const members = new JsonMembers();
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    members.push(bytes.subarray(start, end));
    start = end;
  }
  return members.shape();
}

const ofText = (text: string) => shapeOf(utf8.encode(text));

/** Objects with the members of messages, some of them odd. */
const someObject = fc.dictionary(
  fc.constantFrom("id", "method", "params", "result", "error", "jsonrpc", "other", "é"),
  fc.oneof(fc.jsonValue(), fc.constantFrom("2.0", 1, 12345678901234567000, null, "ping", 'é\n"\\')),
);

test("JsonMembers sees in a whole object what scanJson() sees, however it is cut", () => {
  fc.assert(
    fc.property(someObject, fc.array(fc.nat()), fc.constantFrom("", " ", "\t"), (object, cuts, indent) => {
      const text = JSON.stringify(object, null, indent);
      const { idText, ...shape } = scanJson(text)!;
      const { idText: seenId, ...seen } = shapeOf(utf8.encode(text), cuts)!;
      assert.equal(seen, shape);
      assert.equal(
        seenId === undefined ? undefined : JSON.parse(seenId),
        idText === undefined ? undefined : JSON.parse(idText),
      );
    }),
    { numRuns: 1000 },
  );
});

test("JsonMembers keeps the text of a number, wherever it stands", () => {
  for (const text of ['{"id":12345678901234567890,"result":[1]}', '{"result":{"id":1},"id" : 12345678901234567890 }']) {
    assert.is(ofText(text)?.idText, "12345678901234567890");
  }
});

test("JsonMembers reads past bytes that are no UTF-8, and words that are no JSON", () => {
  const broken = Uint8Array.of(...utf8.encode('{"jsonrpc":"2.0","id":3,"result":"'), 0xff, 0xc0, ...utf8.encode('"}'));
  assert.equal([shapeOf(broken)?.idText, shapeOf(broken)?.result, shapeOf(broken)?.jsonrpc], ["3", "string", "2.0"]);
  const nan = ofText('{"id":3,"result":{"x":NaN},"jsonrpc":"2.0"}');
  assert.equal([nan?.idText, nan?.result, nan?.jsonrpc], ["3", "object", "2.0"]);
});

test("JsonMembers finds nothing in what is no whole object", () => {
  const texts = [
    "",
    " ",
    "ready",
    "5",
    '"{"',
    "[1]",
    '{"id":1',
    '{"id":1,"result":{"a":"',
    '{"id":1}{"id":2}',
    '{"id":1} x',
    '{"id":1]',
    "}",
  ];
  for (const text of texts) assert.is(ofText(text), undefined, text);
});

test("JsonMembers gives an id that cannot be read for one that no answer carries", () => {
  for (const id of ["NaN", "01", "-", '"\\x"', "true", `"${"x".repeat(2000)}"`]) {
    const shape = ofText(`{"id":${id},"method":"m"}`)!;
    assert.is(shape.id, "boolean", id);
  }
});

test("JsonMembers keeps nothing of a long text, whatever is in it", () => {
  const members = new JsonMembers();
  members.push(utf8.encode('{"a":"'));
  for (let at = 0; at < 100; at++) members.push(utf8.encode('\\"{[x,:'.repeat(1000)));
  members.push(
    utf8.encode(`","${"k".repeat(5000)}":1,"b":${"[".repeat(100_000)}${"]".repeat(100_000)},"id":7,"method":"m"}`),
  );
  assert.equal([members.shape()?.idText, members.shape()?.method], ["7", "m"]);
});

test.run();
