import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { headerOf, type LineHeader } from "../../src/lines/line-header.ts";
import { placeOf, TapeLine } from "../../src/lines/line.ts";
import { latin1, utf8 } from "../helpers/bytes.ts";

/** A line that lies between others in its block. */
function lineOf(text: string, before = "{}\n", after = "\n"): TapeLine {
  const [head, bytes, tail] = [utf8(before), utf8(text), utf8(after)];
  const block = new Uint8Array(head.length + bytes.length + tail.length);
  block.set(head);
  block.set(bytes, head.length);
  block.set(tail, head.length + bytes.length);
  return new TapeLine(block, head.length, head.length + bytes.length, 40, 3, after.startsWith("\n"));
}

function header({ type, seq, ts, dir }: LineHeader): LineHeader {
  return { type, seq, ts, dir };
}

const none: LineHeader = { type: undefined, seq: undefined, ts: undefined, dir: undefined };
const [TO_SERVER, TO_CLIENT] = ["client_to_server", "server_to_client"] as const;
const rest = '"env":{"message":{"id":1}}}';

const table: [text: string, expected: Partial<LineHeader>][] = [
  [`{"type":"frame","seq":0,"ts":0,"dir":"${TO_SERVER}",${rest}`, { type: "frame", seq: 0, ts: 0, dir: TO_SERVER }],
  [`{"type":"frame","seq":12,"ts":345,"dir":"${TO_CLIENT}",${rest}`, {
    type: "frame",
    seq: 12,
    ts: 345,
    dir: TO_CLIENT,
  }],
  [`{"type":"frame","seq":7,"ts":8,"dir":"${TO_CLIENT}"}`, { type: "frame", seq: 7, ts: 8, dir: TO_CLIENT }],
  [
    `{"type":"frame","seq":9007199254740991,"ts":9007199254740991,"dir":"${TO_CLIENT}",${rest}`,
    { type: "frame", seq: 9007199254740991, ts: 9007199254740991, dir: TO_CLIENT },
  ],
  // Other orders and spaces.
  [`{ "type": "frame", "seq": 1, "ts": 2, "dir": "${TO_SERVER}", ${rest}`, {
    type: "frame",
    seq: 1,
    ts: 2,
    dir: TO_SERVER,
  }],
  [`{"dir":"${TO_SERVER}","ts":2,"seq":1,"type":"frame",${rest}`, { type: "frame", seq: 1, ts: 2, dir: TO_SERVER }],
  [`{"type":"frame","ts":2,"seq":1,"dir":"${TO_SERVER}",${rest}`, { type: "frame", seq: 1, ts: 2, dir: TO_SERVER }],
  [`\t{"type":"frame","seq":1,"ts":2,"dir":"${TO_SERVER}",${rest}`, { type: "frame", seq: 1, ts: 2, dir: TO_SERVER }],
  [`{"\\u0074ype":"fr\\u0061me","seq":1,"ts":2,"dir":"${TO_SERVER}",${rest}`, {
    type: "frame",
    seq: 1,
    ts: 2,
    dir: TO_SERVER,
  }],
  // Numbers that are spelled in other ways, or are none that a frame can have.
  [`{"type":"frame","seq":1.0,"ts":2e3,"dir":"${TO_SERVER}",${rest}`, {
    type: "frame",
    seq: 1,
    ts: 2000,
    dir: TO_SERVER,
  }],
  [`{"type":"frame","seq":1.5,"ts":-2,"dir":"${TO_SERVER}",${rest}`, { type: "frame", dir: TO_SERVER }],
  [`{"type":"frame","seq":9007199254740992,"ts":9007199254740993,"dir":"${TO_SERVER}",${rest}`, {
    type: "frame",
    dir: TO_SERVER,
  }],
  [`{"type":"frame","seq":${"9".repeat(400)},"ts":1,"dir":"${TO_SERVER}",${rest}`, {
    type: "frame",
    ts: 1,
    dir: TO_SERVER,
  }],
  [`{"type":"frame","seq":null,"ts":"2","dir":"${TO_SERVER}",${rest}`, { type: "frame", dir: TO_SERVER }],
  [`{"type":"frame","seq":1,"ts":2,"dir":"sideways",${rest}`, { type: "frame", seq: 1, ts: 2 }],
  [`{"type":"frame","seq":1,"ts":2,"dir":"${TO_SERVER}s",${rest}`, { type: "frame", seq: 1, ts: 2 }],
  [`{"type":"frame","ts":2,${rest}`, { type: "frame", ts: 2 }],
  [`{"type":"frame"}`, { type: "frame" }],
  // What says nothing, as it is no JSON.
  [`{"type":"frame","seq":01,"ts":2,"dir":"${TO_SERVER}",${rest}`, {}],
  [`{"type":"frame","seq":+1,"ts":2,"dir":"${TO_SERVER}",${rest}`, {}],
  // Other records. A type that has no time does not have one.
  [`{"type":"init","version":"2.0","tape_id":"t","session_id":"s","created_at":"x"}`, { type: "init" }],
  [`{"type":"init","ts":4}`, { type: "init" }],
  [`{"type":"correlation","id":"c","request_seq":0,"ts":4}`, { type: "correlation" }],
  [`{"ts":4,"type":"checkpoint"}`, { type: "checkpoint" }],
  [`{"type":"log","ts":4,"stream":"stderr","text":"hello"}`, { type: "log", ts: 4 }],
  [`{"type":"log","stream":"stderr","text":"hello","ts":4}`, { type: "log", ts: 4 }],
  [`{"type":"gap","ts":10,"count":3}`, { type: "gap", ts: 10 }],
  [`{"type":"gap","ts":4}`, { type: "gap", ts: 4 }],
  [`{"type":"gap","ts":4.0,"count":3}`, { type: "gap", ts: 4 }],
  [`{"type":"gap","ts":4.5,"count":3}`, { type: "gap" }],
  [`{"type":"gap","ts":-4,"count":3}`, { type: "gap" }],
  [`{"type":"note","ts":4,"seq":5,"dir":"${TO_SERVER}"}`, { type: "note", ts: 4 }],
  [`{"type":"note","text":"\\"ts\\":7","ts":4}`, { type: "note", ts: 4 }],
  [`{"type":"note"}`, { type: "note" }],
  [`{"type":""}`, { type: "" }],
  [`{"type":"Ünbekannt","ts":4}`, { type: "Ünbekannt", ts: 4 }],
  [`{"type":"a\\"b","ts":4}`, { type: 'a"b', ts: 4 }],
  [`{"type":"${"long".repeat(15)}","ts":4,"more":0}`, { type: "long".repeat(15), ts: 4 }],
  [`{"type":"${"long".repeat(30)}","ts":4,"more":0}`, { type: "long".repeat(30), ts: 4 }],
  [`{"type":"frames","seq":1,"ts":2,"dir":"${TO_SERVER}"}`, { type: "frames", ts: 2 }],
  // No records.
  [`{"type":5,"ts":4}`, {}],
  [`{"ts":4}`, {}],
  [`{"__proto__":{"type":"log","ts":4}}`, {}],
  [`["frame"]`, {}],
  [`null`, {}],
  [`"type"`, {}],
  [``, {}],
  [`Listening on port 3000`, {}],
  [`{"type":"frame","seq":,"ts":2,"dir":"${TO_SERVER}",${rest}`, {}],
  [`{"type":"note`, {}],
  [`{"type":"init`, {}],
  [`{"type":"gap","ts":4`, {}],
];

for (const [text, expected] of table) {
  test(`TapeLine knows the header of ${text.length > 70 ? text.slice(0, 70) + "…" : text || "an empty line"}`, () => {
    assert.equal(header(lineOf(text)), { ...none, ...expected });
  });
}

test("TapeLine takes the header of a frame from its first bytes, whatever the rest is", () => {
  const head = `{"type":"frame","seq":5,"ts":6,"dir":"${TO_SERVER}",`;
  const expected = { type: "frame", seq: 5, ts: 6, dir: TO_SERVER };
  for (const end of ["", '"env":{"mess', "\u0000\u0000", "garbage"]) {
    assert.equal(header(lineOf(head + end)), expected);
    assert.throws(() => lineOf(head + end).parse(), (error: unknown) => error instanceof SyntaxError);
  }
});

test("TapeLine reads nothing behind its end", () => {
  const whole = `{"type":"frame","seq":12,"ts":34,"dir":"${TO_CLIENT}",${rest}`;
  for (
    const text of [whole, `{"type":"log","ts":45,"stream":"stderr","text":"x"}`, `{"type":"init","version":"2.0"}`]
  ) {
    for (let end = 0; end < text.length; end++) {
      const inBlock = lineOf(text.slice(0, end), "{}\n", text.slice(end));
      const alone = new TapeLine(utf8(text.slice(0, end)), 0, end, 0, 1, false);
      assert.equal(header(inBlock), header(alone), text.slice(0, end));
      assert.is(inBlock.text(), text.slice(0, end));
    }
  }
});

const digits = fc.oneof(
  fc.nat().map(String),
  fc.maxSafeNat().map(String),
  fc.constantFrom("0", "-0", "-1", "1.0", "1.5", "1e3", "1E-3", "01", "9007199254740991", "9007199254740992", "1e400"),
  fc.constantFrom("null", '"5"', "[1]", "true"),
);
const type = fc.oneof(
  fc.constantFrom("frame", "frame", "frame", "init", "correlation", "checkpoint", "gap", "log", "note").map((name) =>
    JSON.stringify(name)
  ),
  fc.string({ unit: "binary", maxLength: 80 }).map((name) => JSON.stringify(name)),
  fc.constantFrom('"fr\\u0061me"', "null", "5", '{"type":"frame"}'),
);
const dir = fc.constantFrom(`"${TO_SERVER}"`, `"${TO_CLIENT}"`, '"sideways"', '"client\\u005fto_server"', "null");
const other = fc.json();
const key = (name: string, value: fc.Arbitrary<string>) => value.map((text) => [`"${name}"`, text] as const);
const members = [
  key("type", type),
  key("seq", digits),
  key("ts", digits),
  key("dir", dir),
  key("env", other),
  key("ts_us", digits),
];
const space = fc.constantFrom("", "", "", " ", "\t", "\r");

/** An object with some of a record's keys, each at most once, in any order. */
const anyObject = fc.tuple(fc.tuple(...members), fc.shuffledSubarray([0, 1, 2, 3, 4, 5]), space, space).map(
  ([made, order, before, after]) => {
    const spelled = order.map((at) => `${before}${made[at]![0]}${after}:${before}${made[at]![1]}${after}`);
    return `${after}{${spelled.join(",")}}${before}`;
  },
);
/** One in the canonical order, without spaces. */
const canonical = fc.tuple(fc.tuple(...members), fc.subarray([0, 1, 2, 3, 4, 5], { minLength: 1 })).map(
  ([made, order]) => `{${order.map((at) => made[at]!.join(":")).join(",")}}`,
);
/** One with a character too much, too few, or changed. */
const damaged = fc.tuple(fc.oneof(canonical, anyObject), fc.nat(), fc.constantFrom("", "0", '"', "}", ",", "x", " "))
  .map(
    ([text, at, put]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + put + text.slice(place + at % 2);
    },
  );
const truncated = fc.tuple(canonical, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1)));
const anyLine = fc.oneof(canonical, anyObject, damaged, truncated, fc.json(), fc.string({ unit: "binary" }));

test("TapeLine has the header of its parsed JSON, wherever it is JSON", () => {
  let parsed = 0;
  fc.assert(
    fc.property(anyLine, (text) => {
      const line = lineOf(text);
      const found = header(line);
      let value: unknown;
      try {
        value = JSON.parse(line.text());
      } catch {
        // What a damaged line claims is of the right type, and that is all.
        assert.ok(found.type === undefined || typeof found.type === "string");
        for (const count of [found.seq, found.ts]) assert.ok(count === undefined || Number.isSafeInteger(count));
        return;
      }
      parsed++;
      const expected = headerOf(value);
      for (const name of ["type", "seq", "ts", "dir"] as const) {
        assert.ok(Object.is(found[name], expected[name]), `${name} is ${found[name]}, not ${expected[name]}: ${text}`);
      }
    }),
    { numRuns: 5000, includeErrorInReport: true },
  );
  assert.ok(parsed > 1000, `only ${parsed} lines were JSON`);
});

test("headerOf() reads own fields of the right types only", () => {
  const frame = { type: "frame", seq: 1, ts: 2, dir: TO_SERVER };
  assert.equal(headerOf(frame), frame);
  assert.equal(headerOf({ type: "frame", seq: -1, ts: 1.5, dir: "sideways" }), { ...none, type: "frame" });
  assert.equal(headerOf({ type: "log", seq: 1, ts: 2, dir: TO_SERVER }), { ...none, type: "log", ts: 2 });
  assert.equal(headerOf({ type: "init", ts: 2 }), { ...none, type: "init" });
  for (const value of [null, undefined, 5, "frame", [], {}, { type: 5 }, Object.create(frame)]) {
    assert.equal(headerOf(value), none);
  }
});

test("TapeLine.text() throws a TypeError where the bytes are not UTF-8, and keeps a U+FFFD that is", () => {
  assert.is(lineOf("a\uFFFDb").text(), "a\uFFFDb");
  assert.is(lineOf("\uFEFFa").text(), "\uFEFFa");
  for (const bytes of ["\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80"]) {
    const line = new TapeLine(latin1(bytes), 0, bytes.length, 0, 1, true);
    assert.throws(() => line.text(), (error: unknown) => error instanceof TypeError);
    assert.throws(() => line.parse(), (error: unknown) => error instanceof TypeError);
    assert.equal(header(line), none);
  }
});

test("TapeLine.parse() gives the value, or a SyntaxError", () => {
  assert.equal(lineOf('{"a":[1,"é"]}').parse(), { a: [1, "é"] });
  for (const text of ["", "{", "nul", "{}x"]) {
    assert.throws(() => lineOf(text).parse(), (error: unknown) => error instanceof SyntaxError);
  }
});

test("TapeLine is a view of its block, and knows where it and the next line stand", () => {
  const block = utf8("one\ntwo\r\nthree");
  const made: [start: number, end: number, terminated: boolean, text: string, next: number][] = [
    [0, 3, true, "one", 104],
    [4, 7, true, "two", 105],
    [9, 14, false, "three", 105],
  ];
  for (const [start, end, terminated, text, next] of made) {
    const line = new TapeLine(block, start, end, 100, 2, terminated);
    assert.is(line.bytes.buffer, block.buffer);
    assert.is(line.text(), text);
    assert.is(line.length, text.length);
    assert.equal([line.offset, line.number, line.terminated], [100, 2, terminated]);
    assert.is(line.nextOffset, next);
  }
});

test("placeOf() names a line by its number where it has one", () => {
  assert.is(placeOf({ number: 3, offset: 40 }), "line 3 at byte 40");
  assert.is(placeOf({ number: 0, offset: 40 }), "the line at byte 40");
});

test.run();
