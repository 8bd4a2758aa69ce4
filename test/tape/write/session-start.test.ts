import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryStore, StreamingTapeWriter } from "../../../src/mod.ts";
import { messageOf, recordsOf } from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";

const tape = { sessionId: "session", tapeId: "demo" };

test("StreamingTapeWriter takes the start of the session and the times of its records from its options", async () => {
  const store = memoryStore();
  let now = 0;
  const createdAt = new Date("2026-01-02T03:04:05.678Z");
  const options = { elapsedUs: () => now };
  const writer = await StreamingTapeWriter.create(store, { ...tape, ...options, createdAt });
  now = 1_500;
  await writer.writeFrame(messageOf(10, 0));
  now = 2_500;
  await writer.writeLog("stderr", "hello");
  await writer.close();
  const again = await StreamingTapeWriter.resume(store, "demo", options);
  now = 3_999;
  await again.writeGap(1, "for a test");
  const { created_at } = await again.finalize({ exit_code: 0 });
  const records = await recordsOf(store, "demo");
  assert.is(created_at, "2026-01-02T03:04:05.678Z");
  const times = records.map((record) => [record.type, "ts_us" in record ? record.ts_us : "ts" in record && record.ts]);
  assert.equal(times.filter(([type]) => type !== "checkpoint" && type !== "init"), [
    ["frame", 1_500],
    ["log", 2],
    ["gap", 3],
    ["end", 3],
  ]);
  assert.is((records[0] as { created_at: string }).created_at, created_at);
});

test("StreamingTapeWriter refuses a start that is no time", async () => {
  const store = memoryStore();
  for (const createdAt of [new Date(NaN), "2026-01-02" as never, null as never]) {
    await rejection(StreamingTapeWriter.create(store, { ...tape, createdAt }), "invalid_argument");
  }
  assert.is(await store.size("demo.jsonl"), undefined);
});

test.run();
