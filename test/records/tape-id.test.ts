import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError, printable, TapeError } from "../../src/errors.ts";
import { checkTapeId, newTapeId, tapeKeys } from "../../src/records/tape-id.ts";

function thrownBy(action: () => unknown): TapeError {
  try {
    action();
  } catch (error) {
    if (error instanceof TapeError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

test("checkTapeId() returns ULIDs, UUIDs and everything else of the right characters", () => {
  const ids = [
    "01K2JZ6T8E6V7X3N9QW5M4R1CD",
    "550e8400-e29b-41d4-a716-446655440000",
    "a",
    "-",
    "_",
    "A-z_0",
    "x".repeat(128),
  ];
  for (const id of ids) assert.is(checkTapeId(id), id);
});

test("checkTapeId() refuses what could leave the store or hide in it", () => {
  const ids = [
    "",
    ".",
    "..",
    "../a",
    "a/b",
    "a\\b",
    "a.jsonl",
    "a b",
    "a\n",
    "\na",
    "a\0",
    "C:",
    "é",
    "ａ",
    "x".repeat(129),
  ];
  for (const id of ids) {
    const error = thrownBy(() => checkTapeId(id));
    assert.is(error.code, "invalid_argument");
    assert.match(error.message, /^Cannot use ".*" as a tape id: .*[^.]$/);
  }
  for (const id of [undefined, null, 7, ["a"], { toString: () => "a" }]) {
    assert.is(thrownBy(() => checkTapeId(id as unknown as string)).code, "invalid_argument");
  }
});

test("checkTapeId() reports a hostile id harmlessly", () => {
  const { message } = thrownBy(() => checkTapeId("\x1b[2J\r\n\u202egnp\u2028\ud800"));
  assert.ok(message.includes('"\\u{1b}[2J\\u{d}\\u{a}\\u{202e}gnp\\u{2028}\\u{d800}"'), message);
  const long = thrownBy(() => checkTapeId("y".repeat(10_000_000))).message;
  assert.ok(long.length < 250, `${long.length} characters`);
  assert.match(long, /10000000 characters/);
});

test("newTapeId() makes valid ids that sort in the order they were made", () => {
  const ids = Array.from({ length: 5000 }, newTapeId);
  assert.equal([...ids].sort(), ids);
  assert.is(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(checkTapeId(id), /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
});

test("newTapeId() keeps the order when the clock is set back", () => {
  const { now } = Date;
  const before = newTapeId();
  try {
    Date.now = () => now() - 86_400_000;
    const after = newTapeId();
    assert.ok(after > before, `${after} after ${before}`);
  } finally {
    Date.now = now;
  }
});

test("newTapeId() is random from one millisecond to the next", () => {
  const { now } = Date;
  // Ahead of all ids made so far, so that each of these draws its own random half.
  let time = now() + 1_000_000;
  try {
    Date.now = () => ++time;
    const halves = Array.from({ length: 200 }, () => newTapeId().slice(10));
    assert.is(new Set(halves).size, 200);
    for (let at = 0; at < 16; at++) assert.ok(new Set(halves.map((half) => half[at])).size > 16, `character ${at}`);
  } finally {
    Date.now = now;
  }
});

test("tapeKeys() names what belongs to a tape, and refuses an id that is none", () => {
  assert.equal(tapeKeys("demo"), {
    tape: "demo.jsonl",
    meta: "demo.meta.json",
    index: "demo.index",
    torn: "demo.torn",
    dropped: "demo.dropped",
    draft: "demo.jsonl.draft",
    backup: "demo.jsonl.bak",
    lock: "demo.lock",
  });
  assert.is(thrownBy(() => tapeKeys("../demo")).code, "invalid_argument");
});

test("TapeError carries code, place and cause, and no field that was not given", () => {
  const cause = new Error("EIO");
  const error = new TapeError("corrupted_record", "Cannot read line 3: it is not JSON", {
    cause,
    line: 3,
    offset: 0,
    length: 17,
  });
  assert.instance(error, Error);
  assert.is(error.name, "TapeError");
  assert.is(`${error}`, "TapeError: Cannot read line 3: it is not JSON");
  assert.equal([error.code, error.line, error.offset, error.length], ["corrupted_record", 3, 0, 17]);
  assert.is(error.cause, cause);

  const bare = new TapeError("io", "Cannot write demo: disk full");
  for (const field of ["cause", "offset", "length"]) assert.not(Object.hasOwn(bare, field), field);
  // On Bun an error has a `line` by itself: that of this file.
  assert.is(bare.line, undefined);
  assert.not(Object.keys(bare).includes("line"));
});

test("isTapeError() tells our errors, and their codes, from others", () => {
  const error = new TapeError("locked", "Cannot write demo: it is locked");
  assert.ok(isTapeError(error));
  assert.ok(isTapeError(error, "locked"));
  assert.not(isTapeError(error, "closed"));
  assert.not(isTapeError(new Error("locked"), "locked"));
  assert.not(isTapeError({ name: "TapeError", code: "locked" }));
  assert.not(isTapeError(undefined));
});

test("printable() leaves plain text alone, escapes what steers, and cuts what is long", () => {
  assert.is(printable('Grüße "🎞" \\n'), 'Grüße "🎞" \\n');
  assert.is(printable("\0\t\x7f\x9b\u200b\u2029"), "\\u{0}\\u{9}\\u{7f}\\u{9b}\\u{200b}\\u{2029}");
  assert.is(printable("abcdef", 3), "abc… (6 characters)");
  assert.is(printable("abc", 3), "abc");
});

test.run();
