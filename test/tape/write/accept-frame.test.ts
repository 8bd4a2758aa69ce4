import { test } from "uvu";
import * as assert from "uvu/assert";
import { deferred } from "../../../src/deferred.ts";
import { TapeError } from "../../../src/errors.ts";
import { jsonText } from "../../../src/json/json-text.ts";
import type { TapeRecord } from "../../../src/records/record.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { faultyStore } from "../../helpers/strange/faulty-store.ts";
import { messageOf, recordsOf } from "../../helpers/tapes.ts";
import { within } from "../../helpers/within.ts";

const tape = { sessionId: "session", tapeId: "demo" };

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof TapeError ? error.code : String(error);
  }
}

test("acceptFrame() gives the number of the frame, and shares the order with writeFrame()", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, tape);
  assert.is(writer.acceptFrame(messageOf(10, 0)), 0);
  const written = writer.writeFrame(messageOf(10, 1));
  assert.is(writer.acceptFrame(messageOf(10, 2)), 2);
  assert.is(await written, 1);
  await writer.finalize();
  const frames = (await recordsOf(store, "demo")).filter((record) => record.type === "frame");
  assert.equal(frames.map(({ seq }) => seq), [0, 1, 2]);
});

test("acceptFrame() throws at once for what it does not take, which has no number then", async () => {
  const writer = await StreamingTapeWriter.create(memoryStore(), { ...tape, maxLineBytes: 1000 });
  const direction = "client_to_server" as const;
  assert.is(codeOf(() => writer.acceptFrame({} as never)), "invalid_argument");
  assert.is(codeOf(() => writer.acceptFrame({ message: jsonText("{"), direction })), "serialization");
  assert.is(codeOf(() => writer.acceptFrame({ message: "x".repeat(1000), direction })), "line_too_long");
  assert.is(writer.acceptFrame({ message: 1, direction }), 0);
  await writer.close();
  assert.is(codeOf(() => writer.acceptFrame({ message: 1, direction })), "closed");
});

test("acceptFrame() leaves it to onLoss to tell what was lost, and the tape has a gap", async () => {
  const disk = { full: false };
  const store = faultyStore({
    write() {
      if (disk.full) throw new TapeError("io", "Cannot write: no room");
    },
  });
  const lost: TapeRecord[] = [];
  const writer = await StreamingTapeWriter.create(store, { ...tape, onLoss: (record) => lost.push(record) });
  disk.full = true;
  writer.acceptFrame(messageOf(10, 0));
  await writer.writeFrame(messageOf(10, 1)).catch(() => {});
  disk.full = false;
  await writer.writeFrame(messageOf(10, 2));
  await writer.finalize();
  assert.equal(lost.map((record) => record.type === "frame" && record.seq), [0, 1]);
  const gaps = (await recordsOf(store, "demo")).filter((record) => record.type === "gap");
  assert.equal(gaps.map(({ from_seq, to_seq }) => [from_seq, to_seq]), [[0, 1]]);
});

test("acceptFrame() of a synced writer syncs, though nobody waits", async () => {
  const synced = deferred();
  let syncs = 0;
  let isCounting = false;
  const store = faultyStore({
    sync() {
      if (isCounting) syncs++;
      if (isCounting) synced.resolve();
    },
  });
  const writer = await StreamingTapeWriter.create(store, { ...tape, durability: "synced" });
  isCounting = true;
  writer.acceptFrame(messageOf(10, 0));
  writer.acceptFrame(messageOf(10, 1));
  await within(synced.promise, "a sync");
  assert.is(syncs, 1);
  await writer.finalize();
});

test.run();
