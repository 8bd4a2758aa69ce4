import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import { LinearRegex, regexFault } from "../../../src/query/regex/linear-regex.ts";
import { requiredLiteral } from "../../../src/query/regex/required-literal.ts";

for (
  const [source, expected] of [
    ["needle", "needle"],
    ["^needle$", "needle"],
    ["a.needle\\b", "needle"],
    ["needles?", "needle"],
    ["needle+s", "needle"],
    ["(a|b)needle", "needle"],
    ["(?<name>needle)x", "x"],
    ["needle|pin", ""],
    ["(needle|pin)", ""],
    ["a{0,2}bcd", "bcd"],
    ["ab{2}c", "ab"],
    ["tools\\/call", "tools/call"],
    ["\\$ref", "$ref"],
    ["[ab\\]|]cd", "cd"],
    ["\\u0061bc", "bc"],
    ["\\p{Lu}bc", "bc"],
    ["aïve", "ve"],
    ["", ""],
  ] as const
) {
  test(`what stands in every match of /${source}/ is "${expected}"`, () => {
    assert.is(requiredLiteral(source, ""), expected);
    assert.is(requiredLiteral(source, "i"), "");
  });
}

test("what stands in every match stands in each text that fits", () => {
  const atom = fc.constantFrom("a", "b", "ab", "\\.", ".", "\\w", "[ab]", "(?:a|b)", "(b)", "^", "$", "\\u0061");
  const count = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{0,1}", "{1,}?");
  const part = fc.tuple(atom, count).map(([atom, count]) => atom + (/[$^]/.test(atom) ? "" : count));
  const sequence = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
  const sources = fc.array(sequence, { minLength: 1, maxLength: 2 }).map((parts) => parts.join("|"));
  const texts = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 10 });
  let required = 0;
  fc.assert(
    fc.property(sources, texts, fc.constantFrom("", "m", "i"), (source, text, flags) => {
      if (regexFault(source, flags) !== undefined || !new LinearRegex(source, flags).test(text)) return;
      const literal = requiredLiteral(source, flags);
      if (literal !== "") required++;
      assert.ok(text.includes(literal), `/${source}/${flags} fits ${text}, where ${literal} is not`);
    }),
    { numRuns: 5000 },
  );
  assert.ok(required > 100, `${required} had any`);
});

test.run();
