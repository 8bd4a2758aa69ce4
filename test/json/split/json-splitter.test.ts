import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import type { JsonDamage } from "../../../src/json/split/json-piece.ts";
import { JsonSplitter } from "../../../src/json/split/json-splitter.ts";
import { chunkings, utf8 } from "../../helpers/bytes.ts";
import { numbersFrom } from "../../helpers/random.ts";

const OPEN = ["log", "log.entries"];

interface Cut {
  readonly pieces: { readonly path: string; readonly text: string; readonly offset: number; readonly line: number }[];
  readonly damage: JsonDamage[];
}

/** What comes out of a document in these chunks. */
function cut(chunks: readonly Uint8Array[], maxBytes = 1 << 20, open: readonly string[] = OPEN): Cut {
  const result: Cut = { pieces: [], damage: [] };
  const splitter = new JsonSplitter({
    open,
    maxBytes,
    onPiece({ path, block, start, end, offset, line }) {
      assert.is(block[end], 0, "a NUL stands behind it");
      result.pieces.push({ path, text: new TextDecoder().decode(block.subarray(start, end)), offset, line });
    },
    onDamage: (damage) => result.damage.push(damage),
  });
  for (const chunk of chunks) splitter.push(chunk.slice());
  splitter.end();
  return result;
}

const cutText = (text: string, maxBytes?: number) => cut([utf8(text)], maxBytes);
const DOCUMENT = `\uFEFF{
  "log": {
    "version": "1.2", "creator": {"name": "é\\"}", "n": [1, {"a": "]"}]},
    "entries": [ {"n": 1.0}, {"n": "two \\\\"}
      , [3], 4e0, "five", null, true, {} ],
    "empty": [], "comment" : -5
  }, "more": {"log": {}}
}
`;

test("JsonSplitter cuts the values of what is opened, as they are spelled, however the bytes come", () => {
  const whole = cutText(DOCUMENT);
  assert.equal(whole.damage, []);
  assert.equal(whole.pieces.map(({ path, text }) => `${path} ${text}`), [
    'log.version "1.2"',
    'log.creator {"name": "é\\"}", "n": [1, {"a": "]"}]}',
    ...['{"n": 1.0}', '{"n": "two \\\\"}', "[3]", "4e0", '"five"', "null", "true", "{}"].map((text) =>
      `log.entries[] ${text}`
    ),
    "log.empty []",
    "log.comment -5",
    'more {"log": {}}',
  ]);
  const bytes = utf8(DOCUMENT);
  for (const { text, offset, line } of whole.pieces) {
    assert.equal(bytes.subarray(offset, offset + utf8(text).length), utf8(text));
    assert.is(line, new TextDecoder().decode(bytes.subarray(0, offset)).split("\n").length);
  }
  for (const { how, chunks } of chunkings(bytes)) assert.equal(cut(chunks), whole, how);
});

test("JsonSplitter hands out what JSON.parse sees in any document", () => {
  const documents = fc.record({
    log: fc.record({ a: fc.jsonValue(), entries: fc.array(fc.jsonValue()), b: fc.jsonValue() }),
    last: fc.jsonValue(),
  });
  fc.assert(fc.property(documents, fc.constantFrom("", " ", "\n"), fc.nat(), (document, indent, at) => {
    const bytes = utf8(JSON.stringify(document, null, indent));
    const middle = at % (bytes.length + 1);
    const { pieces, damage } = cut([bytes.subarray(0, middle), bytes.subarray(middle)]);
    assert.equal(damage, []);
    const values = (path: string) => pieces.filter((piece) => piece.path === path).map(({ text }) => JSON.parse(text));
    assert.equal(values("log.entries[]"), JSON.parse(JSON.stringify(document.log.entries)));
    assert.equal(values("log.a"), [JSON.parse(JSON.stringify(document.log.a))]);
    assert.equal(values("last"), [JSON.parse(JSON.stringify(document.last))]);
  }));
});

const ELEMENTS = Array.from({ length: 12 }, (_, n) => `{"n": ${n}, "text": "a [{ b", "deep": [{"n": ${n}}, {}]}`);
const LIST = `{"log": {"entries": [${ELEMENTS.join(",\n")}]}}`;

test("JsonSplitter loses nothing before the damage, reports it, and finds what is whole behind it", () => {
  const random = numbersFrom(7);
  const bytes = utf8(LIST);
  const spans = ELEMENTS.map((text) => [LIST.indexOf(text), LIST.indexOf(text) + text.length] as const);
  for (let round = 0; round < 3000; round++) {
    const at = random(bytes.length);
    const damaged = round % 3 === 0
      ? new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random(20))])
      : bytes.with(at, round % 3 === 1 ? random(256) : utf8('{}[]",:\\\n')[random(9)]!);
    const { pieces, damage } = cut([damaged.subarray(0, at), damaged.subarray(at)]);
    const found = pieces.map(({ text }) => text);
    const where = `round ${round}, byte ${at}`;
    const before = ELEMENTS.filter((_, n) => spans[n]![1] <= at);
    assert.equal(found.slice(0, before.length), before, where);
    for (const text of found) assert.not.throws(() => JSON.parse(text), undefined, where);
    // What does not stand right at the damage is found again, be it in what the damage has made of its neighbours.
    const behind = ELEMENTS.filter((_, n) => n > 0 && spans[n - 1]![0] > at + 20);
    const isLost = (text: string) => !found.some((other) => other.includes(text));
    if (at > LIST.indexOf("[")) assert.equal(behind.filter(isLost), [], where);
    const isWhole = ELEMENTS.every((text) => found.includes(text));
    assert.ok(isWhole || damage.length > 0 || found.some((text) => !ELEMENTS.includes(text)), where);
  }
});

test("JsonSplitter says where a torn document breaks off", () => {
  const whole = cutText(LIST).pieces;
  for (let length = 0; length < utf8(LIST).length; length++) {
    const { pieces, damage } = cut([utf8(LIST).subarray(0, length)]);
    assert.equal(pieces, whole.slice(0, pieces.length));
    if (length > 0) assert.is(damage.at(-1)!.why, "the document ends too early");
    if (length > 0) assert.is(damage.at(-1)!.offset, length);
  }
});

test("JsonSplitter passes over a value that is too long, in bounded memory", () => {
  const long = `{"x": "${"y".repeat(5000)}", "z": [{"n": 1}, {"n": 2}]}`;
  const text = `{"log": {"entries": [{"n": 1}, ${long}, {"n": 2}]}}`;
  for (const chunks of [[utf8(text)], chunkings(utf8(text))[1]!.chunks]) {
    const { pieces, damage } = cut(chunks, 1000);
    assert.equal(pieces.map(({ text }) => text), ['{"n": 1}', '{"n": 2}']);
    assert.equal(damage, [{ offset: 31, line: 1, length: long.length, why: "it is too long" }]);
  }
});

test("JsonSplitter takes any depth, and what is no JSON at all", () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  assert.equal(cutText(`{"log":{"entries":[${deep},1]}}`).pieces.map(({ text }) => text), [deep, "1"]);
  assert.equal(cutText("[".repeat(3_000_000)).pieces, []);
  for (const text of ["", " ", "\n", "nothing", "}", "{]", "[[", '"', '{"log":', '{"log":[', "\u0000\u0001", "1 2"]) {
    const { damage } = cutText(text);
    assert.is(damage.length > 0, text.trim() !== "", text);
  }
  const random = numbersFrom(3);
  for (let round = 0; round < 300; round++) {
    const junk = Uint8Array.from(
      { length: random(300) },
      () => random(3) === 0 ? random(256) : utf8('{}[]",: 1n')[random(10)]!,
    );
    assert.equal(cut([junk]), cut(Array.from(junk, (byte) => Uint8Array.of(byte))));
  }
});

test("JsonSplitter looks at damage in linear time", () => {
  for (const unit of ["{", '{"', '{"a":', '{"a":[{', ",{", '{"a":1,,', "[{]", '"\n']) {
    const { damage } = cutText(`{"log":{"entries":[${unit.repeat(300_000)}`, 200_000);
    assert.ok(damage.length > 0, unit);
  }
});

test.run();
