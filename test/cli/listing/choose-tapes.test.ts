import { test } from "uvu";
import * as assert from "uvu/assert";
import { chooseTapes, mayBeWritten, type PruneRules } from "../../../src/cli/listing/choose-tapes.ts";
import type { TapeRow } from "../../../src/cli/listing/tape-row.ts";

const DAY = 24 * 3600 * 1000;
const NOW = Date.parse("2026-11-26T00:00:00Z");

/** A tape that changed so many days ago. */
function tape(tapeId: string, days: number, state = "finalized"): TapeRow {
  return { tapeId, state, changedMs: NOW - days * DAY } as TapeRow;
}

/** The ids of those that go, of tapes with 100 bytes each. */
function chosen(rows: readonly TapeRow[], rules: PruneRules): string {
  return chooseTapes(rows, () => 100, rules, NOW).map(({ tapeId }) => tapeId).join("");
}

const week = ["a", "b", "c", "d", "e", "f", "g"].map((id, days) => tape(id, days + 1));

test("chooseTapes() lets all but the newest go where only their number is said", () => {
  assert.is(chosen(week, { keep: 3 }), "gfed");
  assert.is(chosen(week, { keep: 7 }), "");
  assert.is(chosen(week, { keep: 0 }), "gfedcba");
  assert.is(chosen(week, {}), "");
});

test("chooseTapes() lets the old go, and then the oldest until the rest is small enough", () => {
  assert.is(chosen(week, { olderThanMs: 5 * DAY }), "gf");
  assert.is(chosen(week, { maxBytes: 450 }), "gfe");
  assert.is(chosen(week, { maxBytes: 700 }), "");
  assert.is(chosen(week, { maxBytes: 0 }), "gfedcba");
  assert.is(chosen(week, { olderThanMs: 2 * DAY, maxBytes: 500 }), "gfedc");
  assert.is(chosen(week, { olderThanMs: 6 * DAY, maxBytes: 300 }), "gfed");
});

test("chooseTapes() keeps the newest, whatever else is said", () => {
  assert.is(chosen(week, { keep: 6, olderThanMs: DAY / 2 }), "g");
  assert.is(chosen(week, { keep: 5, maxBytes: 0 }), "gf");
});

test("chooseTapes() takes no tape that is being written or may be, and no file that is none", () => {
  const rows = [
    tape("r", 9, "recording"),
    tape("q", 9, "recording?"),
    tape("u", 0, "unknown"),
    tape("e", 0, "empty"),
    tape("n", 9, "invalid"),
    tape("x", 9, "unreadable"),
    tape("U", 9, "unknown"),
    tape("E", 8, "empty"),
    tape("D", 7, "damaged"),
    tape("I", 6, "interrupted"),
    tape("F", 5, "error"),
    tape("P", 4, "paused"),
    tape("N", 3, "archived"),
  ];
  assert.is(chosen(rows, { keep: 0 }), "UEDIFPN");
  assert.is(chosen(rows, { olderThanMs: 0 }), "UEDIFPN");
  // Those that are written count for the size of all, files that are no tapes do not.
  assert.is(chosen(rows, { maxBytes: 1000 }), "U");
  assert.ok(mayBeWritten(tape("u", 0, "unknown"), NOW + 59_000));
  assert.not(mayBeWritten(tape("u", 0, "unknown"), NOW + 61_000));
});

test("chooseTapes() keeps what comes from the future", () => {
  assert.is(chosen([tape("z", -400), ...week], { olderThanMs: 6 * DAY, keep: 1 }), "g");
});

test.run();
