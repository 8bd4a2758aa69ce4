import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { LatencyHistogram } from "../../src/records/latency-histogram.ts";

function histogramOf(values: number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

function nearestRank(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil(share * sorted.length), 1) - 1]!;
}

function isNear(told: number | null, exact: number): boolean {
  return told !== null && Math.abs(told - exact) <= exact / 64;
}

test("LatencyHistogram knows nothing while it is empty", () => {
  const histogram = new LatencyHistogram();
  assert.is(histogram.count, 0);
  for (const value of [histogram.min, histogram.max, histogram.mean, histogram.quantile(0.5)]) assert.is(value, null);
});

test("LatencyHistogram tells smallest, largest and mean exactly", () => {
  const histogram = histogramOf([1_000_003, 7, 123_456_789]);
  assert.is(histogram.count, 3);
  assert.is(histogram.min, 7);
  assert.is(histogram.max, 123_456_789);
  assert.is(histogram.mean, (1_000_003 + 7 + 123_456_789) / 3);
  assert.is(histogram.quantile(0), 7);
  assert.is(histogram.quantile(1), 123_456_789);
});

test("LatencyHistogram.quantile() is exact below 64 us", () => {
  const values = Array.from({ length: 64 }, (_, us) => us);
  const histogram = histogramOf(values);
  for (let percent = 0; percent <= 100; percent++) {
    assert.is(histogram.quantile(percent / 100), nearestRank(values, percent / 100));
  }
});

test("LatencyHistogram.quantile() is within 1/64 at both sides of every power of two", () => {
  for (let exponent = 0; exponent <= 53; exponent++) {
    for (const value of [2 ** exponent - 1, 2 ** exponent, 2 ** exponent + 1]) {
      if (value > Number.MAX_SAFE_INTEGER) continue;
      // Two on either side, so that the answer comes from a bucket and not from the ends.
      const told = histogramOf([0, value, Number.MAX_SAFE_INTEGER]).quantile(0.5);
      assert.ok(isNear(told, value), `${value} told as ${told}`);
    }
  }
});

test("LatencyHistogram.quantile() is within 1/64 of the nearest rank for any latencies", () => {
  const latency = fc.integer({ min: 0, max: 52 }).chain((exponent) => fc.integer({ min: 0, max: 2 ** exponent }));
  const share = fc.constantFrom(0, 0.01, 0.5, 0.9, 0.95, 0.99, 1);
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 200 }), share, (values, q) => {
      const told = histogramOf(values).quantile(q);
      const exact = nearestRank(values, q);
      assert.ok(isNear(told, exact), `quantile ${q}: ${told} for ${exact}`);
    }),
    { numRuns: 2000 },
  );
});

test("LatencyHistogram.record() rounds, and passes over what is no latency", () => {
  const histogram = histogramOf([NaN, -1, Infinity, 2 ** 53, 10.4, -0.2]);
  assert.is(histogram.count, 2);
  assert.ok(Object.is(histogram.min, 0), "0, not -0");
  assert.is(histogram.max, 10);
});

test("LatencyHistogram stays under 16 KB", () => {
  const histogram = new LatencyHistogram();
  const before = histogram.byteLength;
  for (let i = 0; i < 100_000; i++) histogram.record(i * 7919);
  assert.is(histogram.byteLength, before);
  assert.ok(before < 16 * 1024, `${before} bytes`);
});

test.run();
