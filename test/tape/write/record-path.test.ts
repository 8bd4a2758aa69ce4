import { test } from "uvu";
import * as assert from "uvu/assert";
import { RunningStats } from "../../../src/records/running-stats.ts";
import type { MessageEnvelope, TapeRecord } from "../../../src/records/record.ts";
import type { StageSpec } from "../../../src/streams/stage-spec.ts";
import { specOf } from "../../../src/streams/stage.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { PendingLines } from "../../../src/tape/write/commit/pending-lines.ts";
import { UNSEALED } from "../../../src/tape/write/commit/seal.ts";
import { RecordPath } from "../../../src/tape/write/record-path.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { checkpointInjector } from "../../../src/transforms/checkpoint-injector.ts";
import { checkpoints, linesOf, messageOf, recordsOf } from "../../helpers/tapes.ts";
import { reasonOf, rejection } from "../../helpers/within.ts";

/** What a member gives: `value` the first times, then it throws. */
function onlyTimes(times: number, value: unknown): () => unknown {
  return () => {
    if (times-- > 0) return value;
    throw new Error("not again");
  };
}

/** A path whose first stage is this, and what comes out of it. */
function pathOf(transform: StageSpec<TapeRecord, TapeRecord>["transform"]) {
  const lines = new PendingLines();
  const stats = new RunningStats();
  const path = new RecordPath(
    { transform },
    specOf(checkpointInjector({ stats })),
    lines,
    { crc32: UNSEALED },
    () => 7,
  );
  const records = () => {
    lines.endGroup();
    const text = new TextDecoder().decode(lines.take().pieces[0]);
    return text.trimEnd().split("\n").map((line): TapeRecord => JSON.parse(line));
  };
  return { path, stats, records };
}

const FRAME = { type: "frame", seq: 3, ts: 5, dir: "client_to_server", env: { message: 1 } } as const;
const GAP = { type: "gap", ts: 7, reason: "internal: broken" };

test("a frame that a stage throws at is missing, and a gap says so", () => {
  const { path, stats, records } = pathOf(() => {
    throw new Error("broken");
  });
  assert.throws(() => path.push(FRAME), "broken");
  assert.equal(records(), [{ ...GAP, from_seq: 3, to_seq: 3, count: 1 }]);
  assert.equal([stats.snapshot().frame_count, stats.snapshot().lost_frame_count], [0, 1]);
});

test("a frame stays of which only what should have followed is missing, and a gap of no frames says so", () => {
  const { path, stats, records } = pathOf((record, emit) => {
    emit(record);
    throw new Error("broken");
  });
  assert.throws(() => path.push(FRAME), "broken");
  assert.equal(records(), [FRAME, { ...GAP, from_seq: null, to_seq: null, count: 0 }]);
  assert.equal([stats.snapshot().frame_count, stats.snapshot().lost_frame_count], [1, undefined]);
});

test("a gap that a stage throws at is said again", () => {
  const { path, records } = pathOf(() => {
    throw new Error("broken");
  });
  const gap = { type: "gap", ts: 5, from_seq: 1, to_seq: 4, count: 4, reason: "memory" } as const;
  assert.throws(() => path.push(gap), "broken");
  assert.equal(records(), [{ ...GAP, from_seq: 1, to_seq: 4, count: 4 }]);
});

const direction = "client_to_server" as const;
const treacherous: Record<string, () => MessageEnvelope> = {
  "whose message changes": () => ({
    message: Object.defineProperty({ method: "ping" }, "id", { get: onlyTimes(1, 1), enumerable: true }),
    direction,
  }),
  "whose action changes": () => ({
    ...messageOf(1),
    action: { kind: "x", toJSON: onlyTimes(1, { kind: "x" }) } as never,
  }),
};

for (const [what, envelope] of Object.entries(treacherous)) {
  test(`a writer goes on after a frame ${what} while it is written, and the tape says that it is missing`, async () => {
    const store = memoryStore();
    const writer = await StreamingTapeWriter.create(store, { sessionId: "session", tapeId: "demo" });
    const before = writer.writeFrame(messageOf(1));
    await rejection(writer.writeFrame(envelope()), "internal");
    const behind = writer.writeFrame(messageOf(1));
    assert.equal([await before, await behind], [0, 2]);
    const { stats } = await writer.finalize();
    const [, first, gap, second] = await recordsOf(store, "demo");
    assert.equal([first?.type === "frame" && first.seq, second?.type === "frame" && second.seq], [0, 2]);
    assert.equal(gap?.type === "gap" && [gap.from_seq, gap.to_seq, gap.count], [1, 1, 1]);
    assert.equal([stats?.frame_count, stats?.lost_frame_count], [2, 1]);
    for (const { claimed, counted } of checkpoints(await linesOf(store, "demo"))) assert.equal(claimed, counted);
  });
}

test("a frame takes no number where the clock throws", async () => {
  const store = memoryStore();
  let isBroken = false;
  const writer = await StreamingTapeWriter.create(store, {
    sessionId: "session",
    elapsedUs() {
      if (isBroken) throw new Error("no time");
      return 0;
    },
  });
  isBroken = true;
  assert.match(String(await reasonOf(writer.writeFrame(messageOf(1)))), /no time/);
  isBroken = false;
  assert.is(await writer.writeFrame(messageOf(1)), 0);
  await writer.finalize();
});

test.run();
