import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryStore } from "../../src/stores/memory.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import { framesOf, recordsOf, request } from "../helpers/tapes.ts";

const DAY = 86_400_000;

test("a wall clock that jumps back and forth changes neither the order nor the times of frames", async () => {
  const { now } = Date;
  const store = memoryStore();
  const begun = performance.now();
  try {
    const writer = await StreamingTapeWriter.create(store, {
      sessionId: "s",
      tapeId: "demo",
      checkpointEveryFrames: 10,
    });
    for (let n = 0; n < 60; n++) {
      const jump = [-2 * DAY, 0, 400 * DAY, -1, 1][n % 5]!;
      Date.now = () => now() + jump;
      await writer.writeFrame(request(n));
      if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await writer.finalize();
  } finally {
    Date.now = now;
  }
  const elapsed = performance.now() - begun;
  const frames = await framesOf(store, "demo");
  assert.equal(frames.map(({ seq }) => seq), Array.from({ length: 60 }, (_, seq) => seq));
  const times = frames.map(({ ts }) => ts);
  assert.equal(times, [...times].sort((a, b) => a - b));
  assert.ok(times.every((ts) => ts >= 0 && ts <= elapsed), `times up to ${times.at(-1)} of a tape of ${elapsed} ms`);
  // Requests that nobody answered: none timed out before the end.
  const records = await recordsOf(store, "demo");
  assert.is(
    records.findIndex(({ type }) => type === "correlation") > records.findLastIndex(({ type }) => type === "frame"),
    true,
  );
});

test.run();
