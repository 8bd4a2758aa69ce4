import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { isTapeError } from "../../src/errors.ts";
import { RunningStats } from "../../src/records/running-stats.ts";
import { pipe } from "../../src/streams/pipe.ts";
import type { CheckpointRecord, FrameRecord, TapeRecord } from "../../src/records/record.ts";
import { isTapeRecord } from "../../src/records/record-guard.ts";
import { checkpointInjector, type CheckpointInjectorOptions } from "../../src/transforms/checkpoint-injector.ts";
import { collect } from "../helpers/streams.ts";

function frame(seq: number, ts: number, more: Partial<FrameRecord> = {}): FrameRecord {
  return { type: "frame", seq, ts, dir: "client_to_server", env: { message: seq }, ...more };
}

const log = (ts: number): TapeRecord => ({ type: "log", ts, stream: "stderr", text: "x" });
const frames = (count: number): FrameRecord[] => Array.from({ length: count }, (_, seq) => frame(seq, seq));

function inject(records: readonly TapeRecord[], options?: CheckpointInjectorOptions): Promise<TapeRecord[]> {
  return collect(pipe(records, checkpointInjector(options)));
}

const isCheckpoint = (record: TapeRecord): record is CheckpointRecord => record.type === "checkpoint";
const checkpoints = async (records: readonly TapeRecord[], options?: CheckpointInjectorOptions) =>
  (await inject(records, options)).filter(isCheckpoint);
/** Behind how many other records each checkpoint stands. */
const places = async (records: readonly TapeRecord[], options?: CheckpointInjectorOptions) => {
  const out = await inject(records, options);
  return out.flatMap((each, at) =>
    isCheckpoint(each) ? [out.slice(0, at).filter((one) => !isCheckpoint(one)).length] : []
  );
};

test("checkpointInjector() lets everything through, in order, and ends with a final checkpoint", async () => {
  const records = [log(0), frame(0, 1), frame(1, 2), log(3)];
  const out = await inject(records);
  assert.equal(out.slice(0, -1), records);
  assert.ok(out.slice(0, -1).every((record, at) => record === records[at]));
  const last = out.at(-1) as CheckpointRecord;
  assert.is(last.type, "checkpoint");
  assert.is(last.final, true);
  assert.is(last.seq, 1);
});

test("checkpointInjector() puts one behind every 1000 frames", async () => {
  assert.equal(await places(frames(2500)), [1000, 2000, 2500]);
  assert.equal(await places(frames(2000)), [1000, 2000, 2000]);
  const [first, second, final] = await checkpoints(frames(2500));
  assert.equal([first!.seq, second!.seq, final!.seq], [999, 1999, 2499]);
  assert.equal([first!.final, second!.final, final!.final], [undefined, undefined, true]);
});

test("checkpointInjector() puts one behind as many frames as it is told, and counts frames only", async () => {
  const records = frames(7).flatMap((each) => [log(each.ts), each]);
  assert.equal(await places(records, { everyFrames: 3 }), [6, 12, 14]);
  assert.equal(await places(frames(2), { everyFrames: 1 }), [1, 2, 2]);
});

test("checkpointInjector() puts one behind the first record that is 60 s behind the last one, by the tape's time", async () => {
  const at = (...times: number[]) => times.map((ts, seq) => frame(seq, ts));
  assert.equal(await places(at(0, 59_999)), [2]);
  assert.equal(await places(at(0, 60_000, 60_001)), [2, 3]);
  assert.equal(await places(at(5000, 64_999, 65_000, 124_999, 125_000, 125_001)), [3, 5, 6]);
  assert.equal(await places([log(0), log(60_000), log(60_001)]), [2, 3]);
});

test("checkpointInjector() counts frames and time from the last one, whatever brought it about", async () => {
  const times = [0, 1, 10, 11, 12, 21, 22, 100];
  const records = times.map((ts, seq) => frame(seq, ts));
  assert.equal(await places(records, { everyFrames: 4, everyMs: 10 }), [3, 6, 8, 8]);
});

test("checkpointInjector() writes one for an empty tape", async () => {
  const [only, ...others] = await inject([]);
  assert.equal(others, []);
  const { checkpoint_at: _at, ...rest } = only as CheckpointRecord;
  assert.equal(rest, {
    type: "checkpoint",
    seq: 0,
    stats: {
      frame_count: 0,
      duration_ms: 0,
      last_sequence: 0,
      message_counts: { client_to_server: 0, server_to_client: 0 },
      error_count: 0,
      correlation_count: 0,
      checkpoint_count: 0,
    },
    final: true,
  });
});

test("checkpointInjector() takes the wall clock for checkpoint_at", async () => {
  const [only] = await checkpoints([], { now: () => Date.UTC(2026, 2, 1, 10, 0, 0, 7) });
  assert.is(only!.checkpoint_at, "2026-03-01T10:00:00.007Z");
  const before = Date.now();
  const [now] = await checkpoints([]);
  assert.ok(Date.parse(now!.checkpoint_at as string) >= before);
});

test("checkpointInjector() says how large the tape is, where it is told", async () => {
  let size = 100;
  const sizes = (await checkpoints(frames(3), { everyFrames: 1, fileSizeBytes: () => size += 11 })).map((each) =>
    each.stats.file_size_bytes
  );
  assert.equal(sizes, [111, 122, 133, 144]);
  assert.not("file_size_bytes" in (await checkpoints([]))[0]!.stats);
});

test("checkpointInjector() goes on with the statistics that it is given", async () => {
  const stats = new RunningStats();
  for (const record of [...frames(3), { type: "checkpoint" }]) stats.add(record);
  const [final] = await checkpoints([frame(3, 40)], { stats });
  const { frame_count, last_sequence, duration_ms, checkpoint_count } = final!.stats;
  assert.equal({ frame_count, last_sequence, duration_ms, checkpoint_count }, {
    frame_count: 4,
    last_sequence: 3,
    duration_ms: 40,
    checkpoint_count: 1,
  });
  assert.is(stats.frameCount, 4);
  assert.is(stats.snapshot().checkpoint_count, 2);
});

/** The statistics of some records, counted in the plainest way. */
function counted(records: readonly TapeRecord[]) {
  const count = (test: (record: TapeRecord & Record<string, unknown>) => unknown) =>
    records.filter((record) => test(record as TapeRecord & Record<string, unknown>)).length;
  const highest = (name: string, type?: string) =>
    Math.max(
      0,
      ...records.flatMap((record) => {
        const value = (record as unknown as Record<string, unknown>)[name];
        return typeof value === "number" && (type === undefined || record.type === type) ? [value] : [];
      }),
    );
  const lost = records.reduce((sum, record) => sum + (record.type === "gap" ? record.count : 0), 0);
  return {
    frame_count: count((record) => record.type === "frame"),
    duration_ms: highest("ts"),
    last_sequence: highest("seq", "frame"),
    message_counts: {
      client_to_server: count((record) => record.type === "frame" && record.dir === "client_to_server"),
      server_to_client: count((record) => record.type === "frame" && record.dir === "server_to_client"),
    },
    error_count: count((record) => record.type === "frame" && record.flags?.is_error),
    correlation_count: count((record) => record.type === "correlation" && typeof record.response_seq === "number"),
    checkpoint_count: count((record) => record.type === "checkpoint"),
    ...(lost > 0 ? { lost_frame_count: lost } : {}),
  };
}

test("checkpointInjector() writes true statistics: those of all that stands before it", async () => {
  const record: fc.Arbitrary<TapeRecord> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant("frame" as const),
        seq: fc.nat(100),
        ts: fc.nat(1000),
        dir: fc.constantFrom("client_to_server" as const, "server_to_client" as const),
        env: fc.constant({ message: 1 }),
        flags: fc.option(fc.record({ is_error: fc.option(fc.boolean()) })),
      }),
    },
    fc.record({
      type: fc.constant("correlation" as const),
      id: fc.constant("c"),
      request_seq: fc.nat(),
      response_seq: fc.option(fc.nat()),
      rtt_ms: fc.option(fc.nat()),
    }),
    fc.record({ type: fc.constant("gap" as const), ts: fc.nat(1000), count: fc.nat(10) }),
    fc.record({
      type: fc.constant("log" as const),
      ts: fc.nat(1000),
      stream: fc.constant("stderr"),
      text: fc.constant("x"),
    }),
    fc.constant<TapeRecord>({ type: "checkpoint", checkpoint_at: 0, stats: {} }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      async (records, everyFrames) => {
        const out = await inject(records, { everyFrames });
        assert.ok(out.every(isTapeRecord));
        for (const [at, checkpoint] of out.entries()) {
          if (!isCheckpoint(checkpoint) || checkpoint.checkpoint_at === 0) continue;
          const expected = counted(out.slice(0, at));
          assert.equal(checkpoint.stats, expected);
          assert.is(checkpoint.seq, expected.last_sequence);
        }
      },
    ),
    { includeErrorInReport: true },
  );
});

test("checkpointInjector() throws invalid_argument for an interval that is not above 0", () => {
  for (const name of ["everyFrames", "everyMs"]) {
    for (const value of [0, -1, NaN]) {
      assert.throws(
        () => checkpointInjector({ [name]: value }),
        (error: unknown) => isTapeError(error, "invalid_argument") && error.message.includes(name),
      );
    }
  }
});

test.run();
