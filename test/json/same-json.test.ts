import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { sameJson } from "../../src/json/same-json.ts";

const same: [unknown, unknown][] = [
  [null, null],
  [1, 1.0],
  ["a", "a"],
  [true, true],
  [[], []],
  [{}, {}],
  [[1, [2, { a: 3 }]], [1, [2, { a: 3 }]]],
  [{ a: 1, b: { c: [null] } }, { a: 1, b: { c: [null] } }],
  [JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
  [JSON.parse('{"2":1,"1":2}'), JSON.parse('{"1":2,"2":1}')], // Such keys are sorted by the language.
];

const different: [unknown, unknown][] = [
  [null, undefined],
  [null, {}],
  [0, -0],
  [1, "1"],
  [1, true],
  [1, [1]],
  [[], {}],
  [[1, 2], [2, 1]],
  [[1], [1, 2]],
  [[undefined], new Array(1)],
  [new Array(1), new Array(2)],
  [{ a: 1 }, { a: 2 }],
  [{ a: 1 }, { b: 1 }],
  [{ a: 1 }, { a: 1, b: undefined }],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }],
  [{ a: { b: { c: 1 } } }, { a: { b: { c: 2 } } }],
  [{ 0: 1 }, [1]],
  [JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":2}}')],
  [JSON.parse('{"__proto__":{}}'), {}],
  [{}, Object.create(null)],
  [{}, new Date(0)],
  [{}, new Map()],
  [{ a: 1 }, Object.create({ a: 1 })],
];

test("sameJson() is true for equal values, and tells any others apart", () => {
  for (const [a, b] of same) {
    assert.ok(sameJson(a, b) && sameJson(b, a), JSON.stringify(a));
  }
  for (const [a, b] of different) {
    assert.not(sameJson(a, b) || sameJson(b, a), `${JSON.stringify(a)} and ${JSON.stringify(b)}`);
  }
});

/** The text of a value, with -0 as such. */
const textOf = (value: unknown) => JSON.stringify(value, (_, part) => Object.is(part, -0) ? "-0 as a number" : part);

test("sameJson() is true where the JSON texts are the same", () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, fc.constantFrom(null, 0, -0, 1, "a", ""), tie("array"), tie("object")),
    array: fc.array(tie("value"), { maxLength: 3 }),
    object: fc.array(fc.tuple(fc.constantFrom("a", "b", "1", "__proto__"), tie("value")), { maxLength: 3 }).map((
      entries,
    ) => Object.fromEntries(entries)),
  }));
  fc.assert(fc.property(value, value, (a, b) => sameJson(a, b) === (textOf(a) === textOf(b))), { numRuns: 2000 });
  fc.assert(fc.property(fc.json(), (text) => sameJson(JSON.parse(text), JSON.parse(text))));
});

test("sameJson() compares any depth, and ends for a value that contains itself", () => {
  const deep = (inner: string) => JSON.parse("[".repeat(1_000_000) + inner + "]".repeat(1_000_000));
  assert.ok(sameJson(deep("1"), deep("1")));
  assert.not(sameJson(deep("1"), deep("2")));
  const circle: Record<string, unknown> = { a: {} };
  circle.a = circle;
  assert.not(sameJson(circle, { a: { a: { a: {} } } }));
  assert.not(sameJson({ a: { a: { a: {} } } }, circle));
});

test.run();
