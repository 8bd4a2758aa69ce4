import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import { LineSearch } from "../../../src/query/match/line-search.ts";
import { rarePart } from "../../../src/query/match/rare-part.ts";
import { utf8 } from "../../helpers/bytes.ts";

test("rarePart() begins where a search stops seldom, with three characters at least", () => {
  for (
    const [word, part] of [["needle", "dle"], ["tool", "ool"], ['base64"', '64"'], ["aa", "aa"], ["Query", "Query"]]
  ) {
    assert.is(word!.slice(rarePart(word!)), part);
  }
  assert.is(rarePart("éxq___"), 0);
});

test("LineSearch finds the lines on which a word stands, and no others", () => {
  // Words of few letters, so that they overlap, and parts of them stand where they do not.
  const text = fc.array(fc.constantFrom(..."abdé\\u0"), { maxLength: 12 }).map((letters) => letters.join(""));
  const word = fc.array(fc.constantFrom(..."abdé"), { minLength: 1, maxLength: 6 }).map((letters) => letters.join(""));
  const property = fc.property(
    fc.array(text),
    fc.array(word, { minLength: 1, maxLength: 3 }),
    fc.boolean(),
    (lines, words, isLent) => {
      const block = utf8(lines.map((line) => `${line}\n`).join(""));
      const search = new LineSearch([...words, "\\u00"]);
      const loan = isLent ? { isOver: false, isSeen: false } : undefined;
      let start = 0;
      for (const line of lines) {
        const end = start + utf8(line).length;
        const isOn = words.some((word) => line.includes(word)) || /\\u00[0-7]/.test(line);
        assert.is(search.isOn(block, start, end, loan), isOn, `${words} on ${line}`);
        start = end + 1;
      }
    },
  );
  fc.assert(property, { numRuns: 2000 });
});

test.run();
