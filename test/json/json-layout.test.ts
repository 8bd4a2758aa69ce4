import { test } from "uvu";
import * as assert from "uvu/assert";
import { layOutJson } from "../../src/json/json-layout.ts";

/** The lines of a JSON text, indented by their depth. */
const lines = (json: string) =>
  [...layOutJson(json)].map(({ depth, parts }) => " ".repeat(depth) + parts.map(({ text }) => text).join(""));

test("layOutJson() puts each member and element on a line", () => {
  assert.equal(lines(' {"a":[1,{"b":null}],"c":{},"d":[ ],"e":{ "f" : true } } '), [
    ...["{", ' "a": [', "  1,", "  {", '   "b": null', "  }", " ],", ' "c": {},', ' "d": [],', ' "e": {'],
    ...['  "f": true', " }", "}"],
  ]);
  for (const scalar of ["1", '"x"', "null", "{}", "[]"]) assert.equal(lines(scalar), [scalar]);
});

test("layOutJson() shows numbers, duplicate keys and escapes as they stand", () => {
  const parts = ["12345678901234567890", "1.0", "-0", "1e+400", '"\\u00e9\\/\\ud800"', '"a\\\\nb"', '"\\"]}"'];
  assert.equal(lines(`[${parts.join(",")}]`).slice(1, -1).map((line) => line.replace(/^ |,$/g, "")), parts);
  assert.equal(lines('{"a":1,"a":2}'), ["{", ' "a": 1,', ' "a": 2', "}"]);
});

test("layOutJson() shows a string that holds JSON as that, whatever is in it", () => {
  const inner = { sum: 5, note: JSON.stringify([true]) };
  assert.equal(lines(JSON.stringify({ text: JSON.stringify(inner), next: 1 })), [
    ...["{", ' "text": (JSON in a string) {', '  "sum": 5,', '  "note": (JSON in a string) [', "   true", "  ]"],
    ...[" },", ' "next": 1', "}"],
  ]);
  assert.equal(lines(JSON.stringify(['\n [12345678901234567890,"x"]'])).at(2), "  12345678901234567890,");
  for (const text of ["[INFO] started", "{", "{}", "5", '"x"', "[1] see below", "{a:1}"]) {
    assert.equal(lines(JSON.stringify([text])), ["[", ` ${JSON.stringify(text)}`, "]"], text);
  }
});

test("layOutJson() goes on on a new line behind a line end that is spelled in a string", () => {
  assert.equal(lines(JSON.stringify({ text: "one\ntwo\r\n\nthree\n", path: "C:\\new" })), [
    ...["{", ' "text": "one\\n', "  two\\r\\n", "  \\n", '   three\\n",', ' "path": "C:\\\\new"', "}"],
  ]);
});

test("layOutJson() takes any depth, in objects and in strings", () => {
  const depth = 100_000;
  assert.is([...layOutJson("[".repeat(depth) + "]".repeat(depth))].length, 2 * depth - 1);
  let nested = "[1]";
  for (let level = 0; level < 12; level++) nested = JSON.stringify([nested]);
  assert.is([...layOutJson(nested)].filter(({ parts }) => parts.some(({ kind }) => kind === "note")).length, 12);
});

test.run();
