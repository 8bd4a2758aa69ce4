import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import { LinearRegex, regexFault } from "../../../src/query/regex/linear-regex.ts";

const atom = fc.constantFrom(
  ...[
    "a",
    "b",
    "c",
    " ",
    "\\w",
    "\\d",
    "\\s",
    "[ab]",
    "[^a]",
    "[a-c\\]]",
    ".",
    "^",
    "$",
    "\\b",
    "\\B",
    "é",
    "\\n",
    "\\u00e9",
    "\\p{L}",
    "😀",
    "\\x61",
    "\\/",
    "\\.",
  ],
);
const regexes = fc.letrec<{ regex: string }>((tie) => ({
  regex: fc.oneof(
    { depthSize: "small" },
    atom,
    fc.tuple(tie("regex"), tie("regex")).map(([first, second]) => first + second),
    fc.tuple(tie("regex"), fc.constantFrom("", "|b", "|")).map(([first, rest]) => `(${first}${rest})`),
    fc.tuple(tie("regex"), tie("regex"), tie("regex")).map((parts) => `(?:${parts.join("|")})`),
    fc.tuple(tie("regex"), fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{0,2}", "*?", "{2,}")).map(([part, count]) =>
      `(?<n>${part.replaceAll("?<n>", "?:")})${count}`
    ),
  ),
})).regex;
const texts = fc.string({ unit: fc.constantFrom(..."abcAé \n1_/.", "😀"), maxLength: 12 });

test("LinearRegex finds what RegExp finds", () => {
  let compared = 0;
  fc.assert(
    fc.property(regexes, texts, fc.constantFrom("", "i", "m", "s", "ims"), (source, text, flags) => {
      // V8 finds that between the halves of a surrogate pair.
      if (source.includes("\\B") && text.includes("😀")) return;
      // Two groups of one name, and what is too long.
      let regex: RegExp;
      try {
        regex = new RegExp(source, `u${flags}`);
      } catch {
        return;
      }
      if (regexFault(source, flags) !== undefined) return;
      compared++;
      const mine = new LinearRegex(source, flags);
      // Twice, as states are remembered.
      for (let round = 0; round < 2; round++) {
        assert.is(mine.test(text), regex.test(text), `/${source}/${flags} in ${JSON.stringify(text)}`);
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(compared > 1000, String(compared));
});

test("LinearRegex takes escapes that the Unicode mode of JavaScript refuses", () => {
  assert.ok(new LinearRegex('\\"a\\-b\\"', "").test('"a-b"'));
  assert.ok(new LinearRegex("[\\_\\-x]+{}", "").test("_-x{}"));
  assert.ok(new LinearRegex("a{", "").test("a{"));
});

test("LinearRegex goes over a text once, whatever the expression", () => {
  const text = "a".repeat(200_000);
  for (const source of ["(a+)+$", "(a|a)*b", "(.*)(.*)(.*)x", "(a|b)*a(a|b){10}c", "(a?){30}a{30}b", "^(a|aa)+$"]) {
    // Backtracking would take longer than this universe has.
    assert.is(new LinearRegex(source, "").test(`${text}!`), false, source);
  }
});

for (
  const [source, why, at] of [
    ["(a", 'this "(" has no ")"', 0],
    ["a)", 'nothing is open that this ")" could close', 1],
    ["[a", 'this "[" has no "]"', 0],
    ["*", "nothing stands before this *", 0],
    ["a**", "nothing stands before this *", 2],
    ["a\\", "stands before nothing that it could escape", 1],
    ["(?=a)", "looking ahead or behind", 0],
    ["(?<!a)b", "looking ahead or behind", 0],
    ["(a)\\1", "cannot be asked for again", 3],
    ["a{3,2}", "wrong way round", 1],
    ["[z-a]", "no character and no set of characters", 0],
    ["(a{30}){30}", "it is too long", undefined],
    ["(".repeat(100), "nest too deep", undefined],
  ] as const
) {
  test(`regexFault() says what is wrong with ${source.slice(0, 20)}`, () => {
    const fault = regexFault(source, "");
    assert.ok(fault?.why.includes(why), fault?.why);
    if (at !== undefined) assert.is(fault?.at, at);
    assert.throws(() => new LinearRegex(source, ""), (error: Error) => error instanceof TypeError);
  });
}

test("regexFault() knows the flags", () => {
  assert.is(regexFault("a", "imsu"), undefined);
  assert.match(regexFault("a", "g")!.why, /there is no flag g/);
});

test.run();
