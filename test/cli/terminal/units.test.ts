import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatLatency,
  formatOffset,
  formatTime,
  plural,
} from "../../../src/cli/terminal/units.ts";

function each<T>(format: (value: T) => string, expected: readonly [T, string][]): void {
  for (const [value, text] of expected) assert.is(format(value), text, `${value}`);
}

test("formatCount() groups thousands", () => {
  each(formatCount, [[0, "0"], [999, "999"], [1000, "1,000"], [1234567, "1,234,567"]]);
});

test("plural() agrees with its number", () => {
  assert.is(plural(1, "frame"), "1 frame");
  assert.is(plural(0, "frame"), "0 frames");
  assert.is(plural(12_000, "frame"), "12,000 frames");
});

test("formatBytes() has three digits at most", () => {
  each(formatBytes, [
    ...[[0, "0 B"], [1023, "1023 B"], [1024, "1.00 KiB"], [1536, "1.50 KiB"], [10_300, "10.1 KiB"]] as [
      number,
      string,
    ][],
    ...[[1_048_575, "1.00 MiB"], [134_217_728, "128 MiB"], [2 ** 40, "1.00 TiB"], [2 ** 50, "1024 TiB"]] as [
      number,
      string,
    ][],
  ]);
});

test("formatLatency() changes its unit where the next one reads better", () => {
  each(formatLatency, [
    ...[[0, "0 µs"], [85, "85 µs"], [999, "999 µs"], [1000, "1.00 ms"], [12_345, "12.3 ms"]] as [number, string][],
    ...[[999_400, "999 ms"], [999_600, "1.00 s"], [2_050_000, "2.05 s"], [187_000_000, "3m 07s"]] as [number, string][],
  ]);
});

test("formatDuration() goes from milliseconds to days", () => {
  each(formatDuration, [
    ...[[0, "0 s"], [950, "950 ms"], [12_300, "12.3 s"], [59_990, "1m 00s"], [187_000, "3m 07s"]] as [number, string][],
    ...[[3_599_600, "1h 00m"], [7_500_000, "2h 05m"], [273_600_000, "3d 04h"]] as [number, string][],
  ]);
});

test("formatOffset() is a time on the tape, to the millisecond", () => {
  each(formatOffset, [[0, "0.000"], [12, "0.012"], [62_345, "1:02.345"], [3_602_345, "1:00:02.345"]]);
});

test("formatAgo() is short, and empty for what is no time", () => {
  const now = Date.parse("2026-11-23T12:00:00Z");
  each((iso: string) => formatAgo(iso, now), [
    ["2026-11-23T11:59:58Z", "just now"],
    ["2026-11-23T11:59:30Z", "30 s ago"],
    ["2026-11-23T11:15:00Z", "45 min ago"],
    ["2026-11-23T02:00:00Z", "10 h ago"],
    ["2026-11-20T12:00:00Z", "3 d ago"],
    ["2026-11-23T12:10:00Z", "in the future"],
    ["yesterday", ""],
  ]);
});

test("formatTime() is an ISO time for people, and anything else as it is", () => {
  each(formatTime, [["2026-11-23T07:30:12.123Z", "2026-11-23 07:30:12Z"], ["yesterday", "yesterday"]]);
});

test.run();
