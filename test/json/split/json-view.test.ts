import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import { JsonView } from "../../../src/json/split/json-view.ts";
import { utf8 } from "../../helpers/bytes.ts";

const viewOf = (text: string) => JsonView.of(utf8(text));

test("JsonView gives the members of an object as they are spelled", () => {
  const view = viewOf(
    ' {"a": 1.0,"b":"x\\n\\u00e9","c":{"d":[1 , 2]},"e":null,"f":true,"\\u0067":-2e3,"a":12345678901234567890}\n',
  )!;
  assert.equal(view.names(), ["a", "b", "c", "e", "f", "g", "a"]);
  assert.is(view.json("a")!.text, "12345678901234567890");
  assert.is(view.json("c")!.text, '{"d":[1 , 2]}');
  assert.is(view.json("z"), undefined);
  assert.is(view.string("b"), "x\né");
  assert.is(view.string("a"), undefined);
  assert.is(view.number("g"), -2000);
  assert.is(view.number("b"), undefined);
  assert.is(view.isTrue("f"), true);
  assert.is(view.isTrue("e"), false);
  assert.is(view.has("e"), true);
  assert.is(view.has("d"), false);
  assert.equal(view.object("c")!.value("d"), [1, 2]);
  assert.is(view.object("a"), undefined);
  assert.is(view.value("b"), undefined);
  assert.equal(viewOf("{ }")!.names(), []);
});

test("JsonView.of() sees an object where JSON.parse does, and only there", () => {
  const isObject = (text: string) => {
    try {
      const value: unknown = JSON.parse(text);
      return typeof value === "object" && value !== null && !Array.isArray(value);
    } catch {
      return false;
    }
  };
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.nat(),
      fc.constantFrom("", "}", '"', ",", "\n", " ", "1", "\\"),
      (value, at, more) => {
        for (const whole of [JSON.stringify(value), JSON.stringify({ a: value, b: [value] }, null, 1)]) {
          const cut = at % (whole.length + 1);
          for (const text of [whole, whole.slice(0, cut) + more + whole.slice(cut), whole.slice(0, cut)]) {
            if (text.isWellFormed()) assert.is(viewOf(text) !== undefined, isObject(text), JSON.stringify(text));
          }
        }
      },
    ),
  );
});

test("JsonView.of() looks no further than it may", () => {
  const lines = utf8('{"a":\n1}\n{"b":2}}');
  assert.is(JsonView.of(lines, 0, 5), undefined);
  assert.is(JsonView.of(lines, 0, 8)!.number("a"), 1);
  assert.is(JsonView.of(lines, 9, 16)!.number("b"), 2);
  assert.is(JsonView.of(lines, 9, 15), undefined);
  assert.is(JsonView.of(Uint8Array.of(...utf8('{"a":"'), 0xff, ...utf8('"}'))), undefined);
});

test("JsonView.without() takes a member out, and its comma, and leaves all else as it is spelled", () => {
  const without = (text: string) => viewOf(text)!.without("x")?.text;
  assert.is(without('{"a": 1.0 , "x": {"y":2}}'), '{"a": 1.0}');
  assert.is(without('{"a": 1.0 , "x": {"y":2} }'), '{"a": 1.0 }');
  assert.is(without('{"x":1, "a": 1.0}'), '{"a": 1.0}');
  assert.is(without('{"a":1,"x":[],"b" :2}'), '{"a":1,"b" :2}');
  assert.is(without(' { "x" :1 } '), "{  }");
  assert.is(without('{"a":1}'), undefined);
  const room = new Uint8Array(64);
  const json = viewOf('{"a":"é","x":1}')!.without("x", room)!;
  assert.is(json.block, room);
  assert.is(json.shape!.type, "object");
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), fc.nat(), (members, value, at) => {
    const entries = Object.entries(members).filter(([name]) => name !== "x" && name.isWellFormed());
    entries.splice(at % (entries.length + 1), 0, ["x", value]);
    const object = Object.fromEntries(entries);
    const text = JSON.stringify(object, null, 1);
    if (!text.isWellFormed()) return;
    const { x: _, ...rest } = JSON.parse(text);
    assert.equal(JSON.parse(without(text)!), rest);
  }));
});

test.run();
