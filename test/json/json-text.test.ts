import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { scanJson } from "../../src/json/json-scan.ts";
import type { JsonShape, JsonType } from "../../src/json/json-shape.ts";
import { elementSpans, valueSpan } from "../../src/json/json-span.ts";
import { JsonText, jsonText } from "../../src/json/json-text.ts";
import { flattenJson } from "../../src/json/verbatim-json.ts";

/** What JSON.parse makes of a text; undefined where it throws. */
function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function assertSameVerdict(text: string, name = JSON.stringify(text.slice(0, 200))): void {
  const isJson = parsed(text) !== undefined;
  assert.is(scanJson(text) !== undefined, isJson, `JSON.parse ${isJson ? "takes" : "refuses"} ${name}`);
}

function typeOf(value: unknown): JsonType {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value as JsonType;
}

/** What scanJson should say of an object's text, told from its parsed value. */
function assertShapeOf(text: string, value: Record<string, unknown>): void {
  const shape = scanJson(text)!;
  const typeOfMember = (name: string) => Object.hasOwn(value, name) ? typeOf(value[name]) : undefined;
  assert.is(shape.type, "object");
  for (const name of ["id", "params", "result", "error"] as const) assert.is(shape[name], typeOfMember(name), name);
  const isVersion = value.jsonrpc === "2.0";
  assert.is(shape.jsonrpc, typeOfMember("jsonrpc") === undefined ? undefined : isVersion ? "2.0" : "other");
  assert.is(shape.method, typeOfMember("method") === "string" ? value.method : undefined);
  const hasIdText = shape.id !== undefined && shape.id !== "object" && shape.id !== "array";
  assert.is(shape.idText !== undefined, hasIdText);
  if (hasIdText) assert.equal(JSON.parse(shape.idText!), value.id);
}

/** Characters that mean something in JSON, or almost. */
const someCharacter: fc.Arbitrary<string> = fc.constantFrom(
  ...'{}[],:"\\ 0123456789-+.eEtrufalsn/bxA',
  ..."\n\t\r\v\f\0\x1f\x7fé\u00a0\u2028\ufeff\ud800\udc00",
  "日",
  "🎉",
);

/** Any JSON text of a value, with white space of several kinds between the tokens. */
const someJson: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(fc.jsonValue(), fc.jsonValue({ stringUnit: someCharacter }), fc.jsonValue({ stringUnit: "binary" })),
    fc.constantFrom("", "", " ", "\t", "\r\n", "\n  "),
  )
  .map(([value, indent]) => JSON.stringify(value, null, indent));

/** A text with the cut from `at` of `length` characters filled by `filling`. */
interface Edit {
  readonly at: number;
  readonly length: number;
  readonly filling: string;
}

const someEdits: fc.Arbitrary<Edit[]> = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.oneof(fc.constantFrom(0, 1, 1), fc.nat(20)),
    filling: fc.oneof(fc.constant(""), someCharacter),
  }),
  { minLength: 1, maxLength: 3 },
);

function edited(text: string, edits: readonly Edit[]): string {
  for (const { at, length, filling } of edits) {
    const start = Math.floor(at * text.length);
    text = text.slice(0, start) + filling + text.slice(start + length);
  }
  return text;
}

const someTokens: fc.Arbitrary<string> = fc.array(
  fc.constantFrom(..."{}[],:", '"a"', '"id"', "0", "-1.5e+3", "true", "null", " ", '"k":', '{"k":', "[]", "{}", "],"),
  { maxLength: 12 },
).map((tokens) => tokens.join(""));

test("scanJson() tells what JSON-RPC needs to know of an object", () => {
  const none: JsonShape = {
    type: "object",
    jsonrpc: undefined,
    id: undefined,
    idText: undefined,
    method: undefined,
    params: undefined,
    result: undefined,
    error: undefined,
    resultIsError: false,
    resultType: undefined,
  };
  const table: [text: string, shape: Partial<JsonShape>][] = [
    ["{}", {}],
    [' { "id" : 7 , "method" : "ping" } ', { id: "number", idText: "7", method: "ping" }],
    ['{"id":12345678901234567890}', { id: "number", idText: "12345678901234567890" }],
    ['{"id":-1.0e+2}', { id: "number", idText: "-1.0e+2" }],
    ['{"id":"a\\n\\u0062"}', { id: "string", idText: '"a\\n\\u0062"' }],
    ['{"id":null,"error":{"code":1},"result":[]}', { id: "null", idText: "null", error: "object", result: "array" }],
    ['{"id":false,"params":{}}', { id: "boolean", idText: "false", params: "object" }],
    ['{"id":{"id":1},"params":[{"method":"no"}]}', { id: "object", params: "array" }],
    ['{"method":"a\\u002fb"}', { method: "a/b" }],
    ['{"method":5,"result":null}', { result: "null" }],
    ['{"id":1,"id":"2"}', { id: "string", idText: '"2"' }],
    ['{"method":"x","method":1}', {}],
    ['{"\\u0069d":1,"metho\\u0064":"x","\\u0070\\u0061\\u0072\\u0061\\u006D\\u0073":3}', {
      id: "number",
      idText: "1",
      method: "x",
      params: "number",
    }],
    ['{"ID":1,"idx":1,"i":1,"":1,"result ":1,"\\\\id":1,"erro\\r":1,"\\u0069":1}', {}],
    ['{"jsonrpc":"2.0","id":0}', { jsonrpc: "2.0", id: "number", idText: "0" }],
    ['{"json\\u0072pc":"2\\u002e0"}', { jsonrpc: "2.0" }],
    ['{"jsonrpc":"2.0","jsonrpc":"1.0"}', { jsonrpc: "other" }],
    ['{"jsonrpc":2.0}', { jsonrpc: "other" }],
    ['{"jsonrpc":"2.0 ","é":1}', { jsonrpc: "other" }],
    ['{"jsonrpc":null}', { jsonrpc: "other" }],
    ['{"a":{"id":1},"b":[{"id":2}],"result":true}', { result: "boolean" }],
    ['{"result":{"isError":true,"resultType":"a\\u0062"}}', {
      result: "object",
      resultIsError: true,
      resultType: "ab",
    }],
    ['{"result":{"\\u0069sError":true,"result\\u0054ype":"é"}}', {
      result: "object",
      resultIsError: true,
      resultType: "é",
    }],
    ['{"result":{"isError":true,"isError":false,"resultType":"a","resultType":1}}', { result: "object" }],
    ['{"result":{"isError":true,"resultType":"a"},"result":{}}', { result: "object" }],
    ['{"result":{"isError":true,"resultType":"a"},"result":[]}', { result: "array" }],
    ['{"result":{"a":{"isError":true,"resultType":"a"}}}', { result: "object" }],
    ['{"result":[{"isError":true,"resultType":"a"}]}', { result: "array" }],
    ['{"params":{"isError":true,"resultType":"a"},"isError":true}', { params: "object" }],
    ['{"result":{},"params":{"isError":true,"resultType":"a"}}', { result: "object", params: "object" }],
    ['{"é日🎉\ud800":"é","id":"ü🎉\ud800","method":"日"}', { id: "string", idText: '"ü🎉\ud800"', method: "日" }],
  ];
  for (const [text, shape] of table) assert.equal(scanJson(text), { ...none, ...shape }, text);
});

test("scanJson() tells the type of what is no object, and looks for members nowhere in it", () => {
  const table: [text: string, type: JsonType][] = [
    ['[{"id":1,"method":"x"}]', "array"],
    ["[]", "array"],
    ['"id"', "string"],
    [" -0 ", "number"],
    ["true", "boolean"],
    ["\n\tfalse\r", "boolean"],
    ["null", "null"],
  ];
  for (const [text, type] of table) {
    const shape = scanJson(text);
    assert.is(shape?.type, type, text);
    assert.is(shape?.id, undefined);
    assert.is(shape?.method, undefined);
  }
});

test("scanJson() gives the verdict of JSON.parse on near misses", () => {
  const texts = [
    ...["", " ", "\0", "1\0", "{}\0", '"\0"', "nul", "nulll", "truefalse", "True", "undefined", "NaN", "Infinity"],
    ...["-", "+1", "01", "-01", "00", "0", "-0", "1.", ".5", "1.e3", "1e", "1e+", "1E-7", "1e5.0", "0x1", "1_0", "１"],
    ...["{", "}", "[", "]", "{]", "[}", "[1,]", "[,1]", "[,]", "[1 2]", "[[]", "[]]", "[][]", "{}{}", "{} x", "[1}]"],
    ...['{"a"}', '{"a":}', '{"a":1,}', '{,"a":1}', "{1:1}", "{a:1}", '{"a":1 "b":2}', '{"a":1:2}', '["a":1]', "{[]:1}"],
    ...['"', '"a', '"\\"', '"\\', '"\\x"', '"\\u12"', '"\\u123g"', '"\\u12', '"\\ud800"', '"\\U0041"', '"\t"', '"\n"'],
    ...["'a'", "\ufeff{}", "\u00a0{}", "{}\u2028", "\v1", "\f1", '"\u2028"', '"\x7f"', '"\ud800"', "\ud800", "/**/1"],
    ...['"' + "x".repeat(9) + '\x1f"', '{"a":[1,{"b":[]}]}', '{"a":[1,{"b":[}]}', '{"a":[1,{"b":[]]}}'],
  ];
  for (const text of texts) assertSameVerdict(text);
});

test("scanJson() gives the verdict of JSON.parse on every character in every place", () => {
  const places = [
    "#",
    "1#",
    "-#",
    "1#1",
    "1.#",
    "1e#",
    '"#"',
    '"\\#"',
    '"\\u000#"',
    '"\\u#000"',
    "[#]",
    "{#}",
    "[1#2]",
  ];
  for (const place of [...places, '{"a"#1}', '{"a":1#"b":2}', '{"a":#}', "[1#", '{"a":1#', "tru#", "#rue"]) {
    for (let code = 0; code < 0x300; code++) assertSameVerdict(place.replace("#", () => String.fromCharCode(code)));
  }
});

test("scanJson() gives the verdict of JSON.parse on every file of JSONTestSuite", () => {
  const directory = new URL("../../../shared/data/json-test-suite/test_parsing/", import.meta.url);
  if (!existsSync(directory)) return console.log(`skip: no ${directory.pathname}`);
  const names = readdirSync(directory);
  assert.ok(names.length > 300);
  for (const name of names) {
    const bytes = readFileSync(new URL(encodeURIComponent(name), directory));
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    assertSameVerdict(text, name);
    if (name.startsWith("y_")) assert.ok(scanJson(text), name);
    if (name.startsWith("n_")) assert.not(scanJson(text), name);
  }
});

test("scanJson() accepts the text of every value", () => {
  fc.assert(fc.property(someJson, (text) => {
    assert.is(scanJson(text)?.type, typeOf(JSON.parse(text)));
  }));
});

test("scanJson() gives the verdict of JSON.parse on damaged texts", () => {
  fc.assert(
    fc.property(someJson, someEdits, (text, edits) => assertSameVerdict(edited(text, edits))),
    { numRuns: 3000 },
  );
  fc.assert(fc.property(someTokens, (text) => assertSameVerdict(text)), { numRuns: 3000 });
  fc.assert(
    fc.property(fc.array(someCharacter, { maxLength: 8 }), (characters) => {
      assertSameVerdict(characters.join(""));
      assertSameVerdict(`"${characters.join("")}"`);
    }),
    { numRuns: 3000 },
  );
});

/** An object's text with keys spelled in several ways, duplicate keys, and white space. */
const someObjectText: fc.Arbitrary<string> = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom("id", "method", "params", "result", "error", "jsonrpc", "__proto__", "ids", "é").map((key) =>
        JSON.stringify(key)
      ),
      fc.constantFrom(
        '"\\u0069d"',
        '"i\\u0064"',
        '"\\u006d\\u0065\\u0074\\u0068\\u006f\\u0064"',
        '"err\\u006Fr"',
        '"\\n"',
      ),
    ),
    fc.oneof(someJson, fc.constantFrom('"\\u0061/\\t"', "1.0", "12345678901234567890", '"日\ud800"', '{"id":1}')),
    fc.constantFrom("", " ", "\n"),
  ),
).map((members) => `{${members.map(([key, value, space]) => space + key + space + ":" + value + space).join(",")}}`);

test("scanJson() agrees with the parsed value about the members of an object", () => {
  fc.assert(
    fc.property(someObjectText, (text) => assertShapeOf(text, JSON.parse(text))),
    { numRuns: 1000 },
  );
});

test("scanJson() takes texts longer than its scratch, in ASCII and beyond", () => {
  for (const letter of ["x", "é", "日", "🎉"]) {
    const text = JSON.stringify({ params: letter.repeat(100_000), id: letter, method: letter + letter });
    assertShapeOf(text, JSON.parse(text));
    assert.is(scanJson(text.slice(0, -1)), undefined);
    assert.is(scanJson(text + " x"), undefined);
    assert.is(scanJson("1")?.type, "number");
  }
});

test("scanJson() tells objects from arrays at every depth", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 150 }), fc.nat(), (kinds, place) => {
      const open = kinds.map((isObject) => isObject ? '{"a":' : "[").join("");
      const closers = kinds.map((isObject) => isObject ? "}" : "]").reverse();
      assert.ok(scanJson(open + "1" + closers.join("")));
      if (kinds.length === 0) return;
      const wrong = place % kinds.length;
      closers[wrong] = closers[wrong] === "}" ? "]" : "}";
      assert.not(scanJson(open + "1" + closers.join("")));
    }),
    { numRuns: 300 },
  );
});

/** Fails where the time is not linear in the length: a million steps of quadratic work would take hours. */
function assertQuick(action: () => void): void {
  const start = performance.now();
  action();
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds < 5, `took ${seconds} s`);
}

test("scanJson() and valueSpan() take a million levels in linear time", () => {
  const levels = 1_000_000;
  const arrays = "[".repeat(levels) + "]".repeat(levels);
  const objects = '{"a":'.repeat(levels) + "0" + "}".repeat(levels);
  const mixed = '[{"a":'.repeat(levels / 2) + "0" + "}]".repeat(levels / 2);
  assertQuick(() => {
    for (const text of [arrays, objects, mixed]) {
      assert.ok(scanJson(text));
      assert.not(scanJson(text.slice(0, -1)));
      assert.not(scanJson(text + "]"));
      assert.equal(valueSpan(`{"x":${text},"y":1}`, ["x"]), [5, 5 + text.length]);
    }
  });
});

test("scanJson() and valueSpan() take hostile texts in linear time", () => {
  const times = 200_000;
  const texts = [
    `{${'"\\u0069d":0,'.repeat(times)}"a":0}`, // escaped keys
    `{"a":"${"\\\\".repeat(times)}"}`, // backslashes
    `{"a":"${'\\"'.repeat(times)}"}`, // escaped quotes
    `{"a":${'{"b":"'.repeat(times)}`, // no end
    `{"é":0,${'"id":"é",'.repeat(times)}"a":0}`, // ids beyond ASCII
    `{"a":${" ".repeat(times)}0}`,
    `{"a":"${"\\".repeat(times)}`,
  ];
  assertQuick(() => {
    for (const text of texts) {
      assertSameVerdict(text);
      valueSpan(text, ["a"]);
      valueSpan(text, ["a", "b"]);
    }
  });
});

test("valueSpan() finds the very text of a value", () => {
  const table: [text: string, path: string[], found: string | undefined][] = [
    ['{"type":"frame","env":{"message":{"id":1.0},"x":1}}', ["env", "message"], '{"id":1.0}'],
    [' { "a" : [ 1 , 2 ] , "b" : -0.5e3 } ', ["a"], "[ 1 , 2 ]"],
    [' { "a" : [ 1 , 2 ] , "b" : -0.5e3 } ', ["b"], "-0.5e3"],
    ['{"a":"x\\"}\\\\"}', ["a"], '"x\\"}\\\\"'],
    ['{"a":{"b":"]}"},"b":2}', ["a", "b"], '"]}"'],
    ['{"a":{"b":1},"b":2}', ["b"], "2"],
    ['{"\\u0061":{"b\\n":null}}', ["a", "b\n"], "null"],
    ['{"a\\u005cn":1,"a\\n":2}', ["a\\n"], "1"],
    ['{"a":1,"a":2}', ["a"], "2"],
    ['{"a":{"b":1},"a":{"c":2}}', ["a", "b"], undefined],
    ['{"a":{"b":1},"a":5}', ["a", "b"], undefined],
    ['{"a":5,"a":{"b":{}}}', ["a", "b"], "{}"],
    ['{"__proto__":{"toString":1}}', ["__proto__", "toString"], "1"],
    ["{}", ["toString"], undefined],
    ['{"a":1}', ["b"], undefined],
    ['{"a":1}', ["a", "b"], undefined],
    ['[{"a":1}]', ["a"], undefined],
    ['"a"', ["a"], undefined],
    [" true ", [], "true"],
    [' {"a":[]} ', [], '{"a":[]}'],
    ['{"":{"":false}}', ["", ""], "false"],
    ['{"é🎉":"日","b":"🎉"}', ["b"], '"🎉"'],
  ];
  for (const [text, path, found] of table) {
    const span = valueSpan(text, path);
    assert.is(span && text.slice(...span), found, text);
  }
});

test("valueSpan() leads to what the parsed value has at that path", () => {
  const someKey = fc.constantFrom("a", "b", "c", "", "__proto__", "é\n");
  const someLeaf = fc.oneof(fc.string({ unit: "binary" }), fc.double({ noNaN: true }), fc.constantFrom(null, true));
  const someValue = fc.object({ key: someKey, values: [someLeaf], maxDepth: 3, maxKeys: 4 });
  fc.assert(
    fc.property(
      fc.array(someValue, { minLength: 1, maxLength: 3 }),
      fc.constantFrom("", " ", "\r\n"),
      fc.array(someKey, { maxLength: 4 }),
      (values, indent, path) => {
        // Several objects made one, so that there are duplicate keys.
        const members = values.map((value) => JSON.stringify(value, null, indent).trim().slice(1, -1).trim());
        const text = `{${members.filter((member) => member !== "").join(",")}}`;
        let value: unknown = JSON.parse(text);
        for (const key of path) {
          const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
          value = isObject && Object.hasOwn(value as object, key) ? (value as Record<string, unknown>)[key] : undefined;
        }
        const span = valueSpan(text, path);
        assert.is(span === undefined, value === undefined);
        if (span === undefined) return;
        const found = text.slice(...span);
        assert.is(found, found.trim());
        assert.equal(JSON.parse(found), value);
      },
    ),
    { numRuns: 1000 },
  );
});

test("elementSpans() finds the very texts of the elements", () => {
  const table: [text: string, elements: string[]][] = [
    ["[]", []],
    [" [ ] ", []],
    ['[1.0,{"a":[2,3]}, "],[" ,[ ] ]', ["1.0", '{"a":[2,3]}', '"],["', "[ ]"]],
    ["{}", []],
    ['{"a":[1]}', []],
    ['"[1]"', []],
  ];
  for (const [text, elements] of table) {
    assert.equal(elementSpans(text).map((span) => text.slice(...span)), elements, text);
  }
  fc.assert(fc.property(fc.array(fc.jsonValue()), fc.constantFrom("", " ", "\n"), (values, indent) => {
    const text = JSON.stringify(values, null, indent);
    const elements = elementSpans(text).map((span) => JSON.parse(text.slice(...span)));
    assert.equal(elements, JSON.parse(text));
  }));
});

test("valueSpan() and elementSpans() come to an end on texts that are not JSON", () => {
  fc.assert(
    fc.property(someJson, someEdits, (text, edits) => {
      const broken = edited(text, edits).replaceAll("\\", "");
      elementSpans(broken);
      valueSpan(broken, ["a"]);
      valueSpan(broken, ["a", "b"]);
    }),
    { numRuns: 1000 },
  );
  for (const text of ["", "{", "[", '{"', '{"a', '{"a"', '{"a":', '{"a":[', '{"a":"', "[1", "[}", "[1}", '["', "[1,"]) {
    elementSpans(text);
    valueSpan(text, ["a"]);
  }
});

test("flattenJson() returns what needs nothing as it is", () => {
  for (const text of ['{"a":"\\n\\ud800 é🎉\u2028\u2029"}', "[1,\t2 ]", '"\\r\\n"']) assert.is(flattenJson(text), text);
});

test("flattenJson() makes spaces of line ends and escapes of lone surrogates", () => {
  const table: [text: string, flat: string][] = [
    ['{\r\n  "a": 1,\r  "b\\n": 2\n}\n', '{    "a": 1,   "b\\n": 2 } '],
    ['["\ud800","\udfff\ud83c","🎉"]', '["\\ud800","\\udfff\\ud83c","🎉"]'],
    ["[1,\r2]", "[1, 2]"],
    ['"\\ud83c\udf89"', '"\\ud83c\\udf89"'],
  ];
  for (const [text, flat] of table) {
    assert.is(flattenJson(text), flat);
    assert.equal(JSON.parse(flat), JSON.parse(text));
  }
});

test("flattenJson() changes nothing about the value", () => {
  const someText = fc.tuple(someJson, fc.array(fc.constantFrom("\ud800", "\udc00", "🎉", "a")))
    .map(([json, units]) => `[${json},\n"${units.join("")}"\r]`);
  fc.assert(fc.property(someText, (text) => {
    const flat = flattenJson(text);
    assert.not(/[\r\n]/.test(flat));
    assert.is(new TextDecoder().decode(new TextEncoder().encode(flat)), flat);
    assert.equal(JSON.parse(flat), JSON.parse(text));
  }));
});

test("jsonText() keeps the text and does not look at it", () => {
  const text = jsonText("{ no json");
  assert.instance(text, JsonText);
  assert.is(text.text, "{ no json");
  assert.is(text.shape, undefined);
  assert.is(text.shape, undefined);
  assert.throws(() => text.value(), (error: unknown) => error instanceof SyntaxError);
});

test("JsonText gives its value, anew each time, and its shape, the same each time", () => {
  const text = jsonText('{"id":1.0,"method":"x"}');
  assert.equal(text.value(), { id: 1, method: "x" });
  assert.is.not(text.value(), text.value());
  assert.is(JSON.stringify({ message: text }), '{"message":{"id":1,"method":"x"}}');
  assert.is(text.shape?.idText, "1.0");
  assert.is(text.shape, text.shape);
});

test.run();
