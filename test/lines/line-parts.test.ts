import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapeLine } from "../../src/lines/line.ts";
import { isBlank, mayHoldMore, readParts } from "../../src/lines/line-parts.ts";
import { concat } from "../../src/bytes/bytes.ts";
import { utf8 } from "../helpers/bytes.ts";
import { frameLine } from "../helpers/tapes.ts";

/** A line in the middle of a block, with its `\n` or without. */
function lineOf(text: string | Uint8Array, terminated = true): TapeLine {
  const bytes = typeof text === "string" ? utf8(text) : text;
  const block = concat([utf8("before\n").slice(), bytes.slice(), utf8(terminated ? "\nbehind" : "").slice()]);
  return new TapeLine(block, 7, 7 + bytes.length, 100, 3, terminated);
}

/** The parts of a line, short: where each starts and how long it is, and the `seq` or type of a record. */
function parts(text: string | Uint8Array, terminated = true): string[] {
  return readParts(lineOf(text, terminated)).map(({ line, record }) => {
    const what = record === undefined ? "stray" : record.type === "frame" ? `${record.seq}` : record.type;
    return `${what} ${line.offset - 100}+${line.length}`;
  });
}

const [A, B, C] = [frameLine(0, 1).trimEnd(), frameLine(1, 2).trimEnd(), frameLine(2, 3).trimEnd()];
const record = '{"type":"log","ts":1,"stream":"stderr","text":"x"}';
/** A frame whose message holds what looks like records, as an object and in a string. */
const nested = frameLine(0, 1, `{"id":1,"result":[${record},{"text":${JSON.stringify(`${record}${record}`)}},{}]}`)
  .trimEnd();

test("readParts() finds the whole record behind a torn one, wherever that is torn", () => {
  const messy = '{"text":"é😀 \\\\\\" \\u00e9","list":[1,-0.5e3,true,null,{}],"x":{"y":[]}}';
  for (const torn of [A, frameLine(0, 1, messy).trimEnd(), record, nested]) {
    const bytes = utf8(torn);
    for (let cut = 1; cut < bytes.length; cut++) {
      const line = concat([bytes.slice(0, cut), utf8(B).slice()]);
      // Where a nested object ends at the cut nobody can tell it from a record that was torn before.
      if (torn === nested && cut === nested.indexOf(record) + record.length) continue;
      const found = parts(line).filter((part) => !part.startsWith("stray"));
      assert.equal(found, [`1 ${cut}+${B.length}`], `cut at ${cut} of ${torn}`);
    }
  }
});

test("readParts() finds nothing in a torn record, neither nested objects nor strings", () => {
  for (let cut = 1; cut < nested.length; cut++) {
    if (cut === nested.indexOf(record) + record.length) continue;
    assert.equal(parts(nested.slice(0, cut)), [`stray 0+${cut}`], `cut at ${cut}`);
    assert.equal(parts(nested.slice(cut)), [`stray 0+${nested.length - cut}`].slice(0, 1), `cut before ${cut}`);
  }
});

test("readParts() does not take the end of a message that is still being written for a record", () => {
  const cut = nested.indexOf(record) + record.length;
  assert.equal(parts(nested.slice(0, cut), false), [`stray 0+${cut}`]);
  // With another record behind it, it is most likely one.
  assert.is(parts(nested.slice(0, cut) + B).length, 3);
});

test("readParts() finds several records, and what stands between them", () => {
  const [a, b, c] = [A.length, B.length, C.length];
  const cases: [line: string | Uint8Array, expected: string[]][] = [
    [A, [`0 0+${a}`]],
    [A + B, [`0 0+${a}`, `1 ${a}+${b}`]],
    [A + B + C, [`0 0+${a}`, `1 ${a}+${b}`, `2 ${a + b}+${c}`]],
    [`${A} \t\r${B}  `, [`0 0+${a}`, `1 ${a + 3}+${b + 2}`]],
    [A + B.slice(0, 50) + C, [`0 0+${a}`, `stray ${a}+50`, `2 ${a + 50}+${c}`]],
    [A.slice(0, 50) + B + C.slice(0, 50), ["stray 0+50", `1 50+${b}`, `stray ${50 + b}+50`]],
    [A.slice(0, 40) + B.slice(0, 50) + C, ["stray 0+90", `2 90+${c}`]],
    [A + B.slice(50), [`stray 0+${a + b - 50}`]],
    [A.slice(50) + B, [`stray 0+${a - 50}`, `1 ${a - 50}+${b}`]],
    [`\ufeff${A}`, ["stray 0+3", `0 3+${a}`]],
    [`\0\0${A}\0${B}\0`, ["stray 0+2", `0 2+${a}`, `stray ${a + 2}+1`, `1 ${a + 3}+${b}`, `stray ${a + b + 3}+1`]],
    [`${A}\ufeff${B}`, [`0 0+${a}`, `stray ${a}+3`, `1 ${a + 3}+${b}`]],
    [`${A}{"type":"note","x":[1]}`, [`0 0+${a}`, `note ${a}+23`]],
    [`${A}{"foo":1}${B}`, [`0 0+${a}`, `stray ${a}+9`, `1 ${a + 9}+${b}`]],
    [`${A.slice(0, 50)}{ "type": "log", "ts": 1 }`, [`stray 0+${50 + 26}`]],
    [`${A.slice(0, 50)}${record.replaceAll(":", ": ").replaceAll(",", ", ")}`, ["stray 0+50", "log 50+57"]],
    [`${A}x`, [`stray 0+${a + 1}`]],
    [`x${A}`, ["stray 0+1", `0 1+${a}`]],
    [`${A.slice(0, 50)}{"type":"note"}`, ["stray 0+65"]],
    [concat([utf8(A).slice(0, 70), Uint8Array.of(0xf0, 0x9f), utf8(B).slice()]), ["stray 0+72", `1 72+${b}`]],
    ["", ["stray 0+0"]],
    ["  ", ["stray 0+2"]],
    ["{}", ["stray 0+2"]],
  ];
  for (const [line, expected] of cases) {
    for (const terminated of [true, false]) assert.equal(parts(line, terminated), expected, String(line));
    const isWhole = expected.length === 1;
    assert.ok(isWhole || mayHoldMore(lineOf(line)), `mayHoldMore ${line}`);
  }
  assert.not(mayHoldMore(lineOf(A)));
  assert.ok(isBlank(lineOf(" \0\ufeff")));
  assert.not(isBlank(lineOf(" {")));
});

test("readParts() gives parts that stand one behind the other, the last with the line's ending", () => {
  const found = readParts(lineOf(A + B.slice(0, 50) + C)).map(({ line }) => line);
  assert.equal(found.map((line) => line.ending), ["", "", "\n"]);
  assert.equal(found.slice(0, -1).map((line) => line.nextOffset), found.slice(1).map((line) => line.offset));
  assert.equal(found.map((line) => [line.number, line.terminated]), Array(3).fill([3, true]));
  assert.equal(readParts(lineOf(A + B, false)).map(({ line }) => line.terminated), [true, false]);
});

test("readParts() says what is wrong, and whether something is lost", () => {
  const wrong = (text: string | Uint8Array, terminated = true) =>
    readParts(lineOf(text, terminated)).flatMap((part) =>
      part.record === undefined ? [`${part.isLoss} ${part.error.message}`] : []
    );
  const at = (offset: number) => `Cannot read line 3 at byte ${offset}:`;
  assert.equal(wrong(A.slice(0, 50) + B), [`true ${at(100)} it breaks off at byte 150, where another record begins`]);
  assert.equal(wrong(`\ufeff${A}`), [`false ${at(100)} it is a byte order mark`]);
  assert.equal(wrong(`\0${A}`), [`true ${at(100)} it is nothing but NUL bytes`]);
  assert.equal(wrong(`${A}{"type"`), [`true ${at(100 + A.length)} it is not JSON`]);
  assert.equal(wrong(`${A}{"type"`, false), [
    `false ${at(100 + A.length)} it has no end, so it is torn or still being written`,
  ]);
  const utf16 = Uint8Array.from([...A].flatMap((char) => [char.charCodeAt(0), 0]));
  assert.equal(wrong(utf16), [`true ${at(100)} it is UTF-16, not UTF-8`]);
  assert.equal(wrong(utf16.subarray(1)), [`true ${at(100)} it is UTF-16, not UTF-8`]);
});

test("readParts() goes over a hostile line a bounded number of times", () => {
  const hostile = [
    '{"type":"',
    '{"type":"log"',
    '{"type":"log","x":',
    '{"type":"log",',
    '{"type":"log","x":"\\',
    '{"type":"log"}x',
    "{",
    '[{"',
    "\ufeff",
    "} {",
    `{"type":"log","x":"${"\\u0000"}`,
  ];
  // If it were quadratic, this would not end today.
  for (const unit of hostile) {
    const line = lineOf(unit.repeat(Math.ceil(3_000_000 / unit.length)));
    assert.is(readParts(line).length, 1, unit);
    mayHoldMore(line);
  }
  const whole = `${'{"type":"log","x":'.repeat(100_000)}${A}`;
  assert.is(parts(whole).length, 2);
});

test.run();
