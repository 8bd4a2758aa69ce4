import fc from "../helpers/properties.ts";
import { allOf, anyOf, type Expression, notOf, type TermName, type Value } from "../../src/query/syntax/expression.ts";

// Queries at random, as trees that the parser can have made.

const plain = fc.constantFrom(
  "a",
  "tools/call",
  "x*",
  "7",
  "1.5",
  "true",
  "..",
  "a..b",
  "=a",
  ">5",
  "/",
  "/a/",
  "a,b",
  "a b",
  'say "hi"',
  "C:\\x",
  "OR",
  "-",
  "é→😀",
  "a:b",
  "",
  "(",
  "-x",
  "1..2",
);
const anyText = fc.oneof(plain, fc.string({ unit: "binary", maxLength: 6 }), fc.string({ maxLength: 6 }));
/** What can stand without quotes and mean more than its letters. */
const word = anyText.map((text) => text.replace(/[\s()",*]/g, "")).filter((text) => text !== "");
const glob = word.filter((text) => !/^[/=<>]/.test(text)).map((text): Value => ({ is: "glob", pattern: `${text}*` }));
const regex = fc.constantFrom("a", "arch$", "a b", "[/]", "\\/", "(x|y)+", "^\\d{2,}$", '"').chain((source) =>
  fc.constantFrom("", "i", "ims").map((flags): Value => ({ is: "regex", source, flags }))
);
const text = anyText.map((text): Value => ({ is: "text", text }));

/** Amounts that are given from the least to the greatest: no range ends before it begins. */
function amounts(...texts: string[]): fc.Arbitrary<Value> {
  const place = fc.nat(texts.length - 1);
  const amount = fc.constantFrom(...texts);
  return fc.oneof(
    amount.map((text): Value => ({ is: "text", text })),
    fc.tuple(fc.constantFrom(">", ">=", "<", "<="), amount).map(([comparison, amount]): Value => ({
      is: "compare",
      comparison,
      amount,
    })),
    fc.tuple(place, place).map((places): Value => {
      const [from, to] = places.sort((a, b) => a - b).map((at) => texts[at]!);
      return { is: "range", from: from!, to: to! };
    }),
    amount.map((from): Value => ({ is: "range", from })),
    amount.map((to): Value => ({ is: "range", to })),
  );
}

function words(...texts: string[]): fc.Arbitrary<Value> {
  return fc.constantFrom(...texts).map((text): Value => ({ is: "text", text }));
}

const valuesOf: Readonly<Record<TermName, fc.Arbitrary<Value>>> = {
  method: fc.oneof(text, glob, regex),
  tool: fc.oneof(text, glob, regex),
  dir: words("c2s", "s2c"),
  kind: words("request", "response", "notification", "log", "frame", "invalid", "checkpoint"),
  request: amounts("0", "17"),
  id: fc.oneof(
    word.map((text): Value => ({ is: "text", text })),
    anyText.map((text): Value => ({ is: "text", text, isQuoted: true })),
    glob,
  ),
  status: words("ok", "error", "tool_error", "pending", "-32601", "404"),
  dur: amounts("0ms", "250us", "200ms", "1.5s"),
  size: amounts("512", "16k", "2m"),
  seq: amounts("0", "100", "999999999999999"),
  at: amounts("+10s", "+1.5m", "10:30", "14:05:30", "2026-11-24", "2026-11-24T10:30:05.123+01:00", "2026-11-24T10:30Z"),
  text: fc.oneof(text.filter((value) => value.is === "text" && value.text !== ""), regex),
};

const names = Object.keys(valuesOf) as TermName[];
const path = fc.array(
  fc.oneof(fc.constantFrom("params", "arguments", "0", "$", "my key", "a.b", "", "-a", "OR"), anyText),
  {
    minLength: 1,
    maxLength: 3,
  },
);
const jsonValue = fc.oneof(
  word.filter((text) => !/^-?\d*\.\.-?\d*$|^\d*\.\.$|^\.\.\d*$/.test(text)).map((text): Value => ({
    is: "text",
    text,
  })),
  anyText.map((text): Value => ({ is: "text", text, isQuoted: true })),
  glob,
  regex,
  amounts("-5", "1", "2.5", "1e+30").filter((value) => value.is !== "text"),
);
const list = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 1, maxLength: 3 });

const term: fc.Arbitrary<Expression> = fc.oneof(
  fc.constantFrom(...names).chain((name) =>
    list(valuesOf[name]).map((values): Expression => ({ is: "term", name, values }))
  ),
  fc.tuple(path, list(jsonValue)).map(([path, values]): Expression => ({ is: "path", path, values })),
  list(path).map((paths): Expression => ({ is: "has", paths })),
);

function nested(isInOperation: boolean): fc.Arbitrary<Expression> {
  return fc.letrec<{ tree: Expression }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      term,
      list(tie("tree")).map(allOf),
      list(tie("tree")).map(anyOf),
      tie("tree").map(notOf),
      ...isInOperation ? [] : [nested(true).map((of): Expression => ({ is: "op", of }))],
    ),
  })).tree;
}

/** Any query. */
export const expressions: fc.Arbitrary<Expression> = nested(false);

/** Texts that look like queries, and mostly are none. */
export const nearQueries: fc.Arbitrary<string> = fc.array(
  fc.oneof(
    fc.constantFrom(
      ...'()"/-:,.*=<>\\ \t\n$',
      "..",
      "OR",
      "NOT",
      "AND",
      "op:",
      "has:",
      "text:",
      "dur:>",
      "at:",
      "id:",
      "$.",
      "a.b:",
    ),
    fc.constantFrom(...names).map((name) => `${name}:`),
    plain,
    fc.string({ unit: "binary", maxLength: 4 }),
  ),
  { maxLength: 12 },
).map((parts) => parts.join(""));
