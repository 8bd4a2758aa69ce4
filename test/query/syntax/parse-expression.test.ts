import { existsSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import { TapeError } from "../../../src/errors.ts";
import { parseQuery } from "../../../src/query/query.ts";
import type { Expression } from "../../../src/query/syntax/expression.ts";
import { parseExpression } from "../../../src/query/syntax/parse-expression.ts";
import { printExpression } from "../../../src/query/syntax/print-expression.ts";
import { expressions, nearQueries } from "../queries.ts";

function errorOf(text: string): TapeError {
  try {
    parseExpression(text);
  } catch (error) {
    if (error instanceof TapeError) return error;
    throw error;
  }
  throw new Error(`${text} was read`);
}

for (
  const [text, canonical] of [
    ["", ""],
    ["  ", ""],
    ["method:tools/call tool:search*", "method:tools/call tool:search*"],
    ["a  b\tc", "text:a text:b text:c"],
    ["a OR b c", "text:a OR text:b text:c"],
    ["(a OR b) c", "(text:a OR text:b) text:c"],
    ["((a)) (b (c AND d))", "text:a text:b text:c text:d"],
    ["-a NOT b --c NOT -d", "-text:a -text:b text:c text:d"],
    ["-(a b) -(a OR b)", "-(text:a text:b) -(text:a OR text:b)"],
    ["direction:server kind:req,notify status:success,failed", "dir:s2c kind:request,notification status:ok,error"],
    ["dur:200 dur:>0200ms dur:1.50s", "dur:200 dur:>200ms dur:1.5s"],
    ["size:>16K seq:007", "size:>16k seq:7"],
    [
      "at:10s at:+10s..+30s at:9:30.. at:..2026-11-24t10:30z",
      "at:+10s at:+10s..+30s at:09:30.. at:..2026-11-24T10:30Z",
    ],
    // Over midnight; and up to the end of a day.
    [
      "at:23:00..01:00 at:2026-11-24T10:00Z..2026-11-26 seq:3..3",
      "at:23:00..01:00 at:2026-11-24T10:00Z..2026-11-26 seq:3..3",
    ],
    ['id:7 id:"7" id:=7,a*', 'id:7 id:"7" id:7,a*'],
    ['"two words" text:x,"y z" text:="a*"', 'text:"two words" text:x,"y z" text:"a*"'],
    ["/a b/i method:/^tools/ text:/x/,/y/", "text:/a b/i method:/^tools/ text:/x/,/y/"],
    ["params.arguments.city:Paris", "params.arguments.city:Paris"],
    ["/params/arguments/city:Paris /a~1b/c~0d:1", 'params.arguments.city:Paris $."a/b"."c~d":1'],
    ["$.error:null $.a.b:x error.code:<-32000", "$.error:null a.b:x error.code:<-32000"],
    ['params."my key".x:1..5 params.n:"5"', 'params."my key".x:1..5 params.n:"5"'],
    ["params.path:../x params.path:a..b", "params.path:=../x params.path:=a..b"],
    ["params.uri:/usr/lib", "params.uri:=/usr/lib"],
    ["has:error has:params.arguments.city,/result/x", "has:error has:params.arguments.city,result.x"],
    ["op:(tool:x status:error) op:a -op:has:error", "op:(tool:x status:error) op:(text:a) -op:(has:error)"],
    // Only what could be a unit is refused.
    [
      'dur:>200 "ms" dur:>200ms s size:5 mbit seq:5 s',
      "dur:>200 text:ms dur:>200ms text:s size:5 text:mbit seq:5 text:s",
    ],
    ["ORDER ANDY NOTE or and not", "text:ORDER text:ANDY text:NOTE text:or text:and text:not"],
  ] as const
) {
  test(`parseQuery() reads ${text === "" ? "nothing" : text}`, () => {
    assert.is(String(parseQuery(text)), canonical);
    assert.equal(parseQuery(canonical), parseQuery(text));
  });
}

for (
  const [text, why, carets] of [
    ["metod:tools/call", 'there is no term "metod:", did you mean method:?', "^^^^^"],
    ["a qqqqqq:x", 'there is no term "qqqqqq:", the terms are method, tool,', "  ^^^^^^"],
    ["tool:a kind:requst", 'kind: has no value "requst", did you mean request?', "            ^^^^^^"],
    ["dir:up", 'dir: has no value "up", one of c2s, s2c would do', "    ^^"],
    ["dur:>abc", "dur: takes a time with its unit", "    ^^^^"],
    ["dur:5y", "dur: takes a time with its unit", "    ^^"],
    ["seq:-1", "seq: takes a whole number", "    ^^"],
    ["seq:10..3", 'this range ends before it begins: "3..10" would do', "    ^^^^^"],
    ["tool:a at:+30s..+10s", "this range ends before it begins", "          ^^^^^^^^^^"],
    ["at:2026-11-25..2026-11-24", "this range ends before it begins", "   ^^^^^^^^^^^^^^^^^^^^^^"],
    ["dur:1s..20ms", "this range ends before it begins", "    ^^^^^^^^"],
    ["size:2k..1", "this range ends before it begins", "     ^^^^^"],
    ["params.n:1..5,5..1", "this range ends before it begins", "              ^^^^"],
    ["at:25:00", "at: takes a time since the start such as +10s", "   ^^^^^"],
    ["at:2026-13-01", "at: takes a time since the start such as +10s", "   ^^^^^^^^^^"],
    ["at:2026-02-30", "at: takes a time since the start such as +10s", "   ^^^^^^^^^^"],
    ["at:2026-04-31T10:00Z", "at: takes a time since the start such as +10s", "   ^^^^^^^^^^^^^^^^^"],
    ["tool: x", "tool: needs a value right behind the colon", "^^^^^"],
    ["tool:a, b", "a value must stand between commas", "      ^"],
    ["tool:,a", "a value must stand here", "     ^"],
    ['tool:"a"b', "put a space here, or all of it in quotes", "        ^"],
    ['tool:""x', "put a space here, or all of it in quotes", "       ^"],
    ['a"b"', "put a space here, or all of it in quotes", " ^"],
    ['text:""', "nothing stands in these quotes", "     ^^"],
    ['"abc', "this quote has no end", "^^^^"],
    ["text:a*", "stands for nothing else in a text", "     ^^"],
    ["(a", 'this "(" has no ")"', "^"],
    ["a)", 'nothing is open that this ")" could close', " ^"],
    ["()", "a term must stand here", " ^"],
    ["OR a", "a term must stand here", "^"],
    ["a OR", "something must stand behind this OR", "  ^^"],
    ["a OR OR b", "a term must stand here", "     ^"],
    ["AND a", "AND stands between two terms", "^^^"],
    ["a AND", "AND stands between two terms", "  ^^^"],
    ["NOT", "something must stand behind this NOT", "^^^"],
    ["- a", 'something must stand behind this "-"', "^"],
    ["op:op:a", "op: cannot stand within op:", "   ^^^"],
    ["op:", "op: takes a term or several in parentheses", "^^^"],
    ["has:", "has: takes a path in the message", "^^^^"],
    ["has:a.", "has: takes a path in the message", "^^^^^^"],
    ["/abc", "this is neither a regular expression", "^^^^"],
    ["/(a/", 'the regular expression cannot be used: this "(" has no ")"', " ^"],
    ["a /x(?=b)/", "looking ahead or behind", "    ^"],
    ["/(a)\\1/", "what a group has found cannot be asked for again", "    ^"],
    ["/a{1,5000}/", "a count is more than 1000", "  ^"],
    ['kind:"log"', "kind: takes no text in quotes", "     ^^^^^"],
    ["dur:>200 ms", 'no space stands between a number and its unit: ">200ms" would do', "    ^^^^^^^"],
    [
      "tool:a (dur:1s,20  µs)",
      'no space stands between a number and its unit: "20µs" would do',
      "               ^^^^^^",
    ],
    ["dur:1..5 s OR x", 'no space stands between a number and its unit: "1..5s" would do', "    ^^^^^^"],
    ["size:16 K", 'no space stands between a number and its unit: "16K" would do', "     ^^^^"],
    ["at:+10 s", 'no space stands between a number and its unit: "+10s" would do', "   ^^^^^"],
    ["dur:> 200ms", 'no space stands behind >: ">200ms" would do', "    ^^^^^^^"],
    ["params.n:>= 5", 'no space stands behind >=: ">=5" would do', "         ^^^^"],
    ["seq:>", "seq: takes a whole number", "    ^"],
    ["params.n:>x", "a comparison takes a number", "         ^^"],
    ["a\u0007 b)", 'nothing is open that this ")" could close', "    ^"],
  ] as const
) {
  test(`parseQuery() says what is wrong with ${JSON.stringify(text)}, and where`, () => {
    const { code, message } = errorOf(text);
    assert.is(code, "invalid_argument");
    const [first, shown, marks] = message.split("\n");
    assert.ok(first!.startsWith("Cannot read the query: "), message);
    assert.ok(first!.includes(why), message);
    assert.is(shown, `  ${text.replace("\u0007", "�")}`);
    assert.is(marks, `  ${carets}`);
  });
}

test("parseQuery() shows the part of a long query that is wrong", () => {
  const [, shown, marks] = errorOf(`${"word ".repeat(100)}tool:,x ${"word ".repeat(100)}`).message.split("\n");
  assert.ok(shown!.startsWith("  …") && shown!.endsWith("…") && shown!.length < 80, shown);
  assert.is(shown!.charAt(marks!.length - 1), ",");
});

test("parseQuery() refuses what is too long, too deep, or no text", () => {
  assert.match(errorOf("a ".repeat(20_000)).message, /40000 characters, the limit is 16384/);
  assert.match(errorOf("(".repeat(5000)).message, /nest deeper than 64 levels/);
  assert.match(errorOf("op:(".repeat(1000)).message, /op: cannot stand within op:/);
  for (const value of [undefined, null, 7, {}, ["a"]]) {
    assert.is(errorOf(value as unknown as string).code, "invalid_argument");
  }
  assert.is(printExpression(parseExpression("-".repeat(10_000) + "a")), "text:a");
});

test("parseQuery(q.toString()) is equal to q", () => {
  fc.assert(
    fc.property(expressions, (expression: Expression) => {
      const text = printExpression(expression);
      const query = parseQuery(text);
      assert.equal(parseExpression(text), expression, text);
      assert.equal(parseQuery(String(query)), query);
      assert.is(String(query), text);
    }),
    { numRuns: 1000 },
  );
});

test("parseQuery() reads any text, or says why not", () => {
  const check = (text: string) => {
    let query;
    try {
      query = parseQuery(text);
    } catch (error) {
      if (!(error instanceof TapeError) || error.code !== "invalid_argument") throw error;
      // It shows where, but for a text that is too long to be shown.
      if (text.length <= 16_384) assert.match(error.message, /^Cannot read the query: .*\n {2}.*\n *\^+$/s, text);
      return;
    }
    assert.equal(parseQuery(String(query)), query, text);
  };
  fc.assert(fc.property(nearQueries, check), { numRuns: 2000 });
  // A query with a few of its characters left out, doubled, or put in.
  const mutations = fc.array(
    fc.tuple(fc.nat(), fc.constantFrom("", "", ...'()"/-:,.*=<>\\ [{|?+^$é\u0000', "..", " OR ", "op:(")),
    {
      minLength: 1,
      maxLength: 4,
    },
  );
  const mutated = fc.tuple(expressions, mutations).map(([expression, changes]) =>
    changes.reduce((text, [where, put]) => {
      const at = where % (text.length + 1);
      return text.slice(0, at) + put + text.slice(put === "" ? at + 1 : at);
    }, printExpression(expression))
  );
  fc.assert(fc.property(mutated, check), { numRuns: 3000 });
  const nested = fc.tuple(
    fc.constantFrom("(", "-(", "op:(", "NOT ", "-", "a OR (", "/(", "[", '"'),
    fc.integer({ min: 1, max: 5000 }),
  )
    .map(([part, count]) => part.repeat(count));
  fc.assert(fc.property(nested, fc.constantFrom("", "a", ")"), (text, end) => check(text + end)), { numRuns: 200 });
  fc.assert(fc.property(fc.string({ unit: "binary" }), check), { numRuns: 2000 });
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), check), { numRuns: 1000 });
  const strings = new URL("../../../../shared/data/blns.json", import.meta.url);
  if (!existsSync(strings)) return;
  for (const text of JSON.parse(readFileSync(strings, "utf8")) as string[]) {
    check(text);
    check(`text:"${text.replace(/["\\]/g, "\\$&")}"`);
    check(`tool:${text}`);
    check(`params.x:${text}`);
    check(`/${text}/i`);
  }
});

test("a term that is compared without its colon is pointed at, and in quotes a text", () => {
  const cases: [string, string][] = [
    ["tool:search dur>200ms", "dur:>200ms"],
    ["dur>=1s", "dur:>=1s"],
    ["size<16k", "size:<16k"],
    ["method=tools/call", "method:tools/call"],
    ["(kind:request OR -id=7)", "id:7"],
  ];
  for (const [text, meant] of cases) {
    assert.throws(
      () => parseExpression(text),
      (error: Error) => error.message.includes(`there is no colon: ${meant} is a term`),
      text,
    );
  }
  for (const text of ['"dur>200ms"', "count>200", "text:dur>200ms", "a.dur=5", "params.arguments.city=Paris"]) {
    const query = parseExpression(text);
    assert.equal(parseExpression(printExpression(query)), query, text);
  }
});

test.run();
