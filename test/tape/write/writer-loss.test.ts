import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError, TapeError } from "../../../src/errors.ts";
import { jsonBytes } from "../../../src/json/json-bytes.ts";
import { jsonText } from "../../../src/json/json-text.ts";
import type { TapeStats } from "../../../src/records/metadata.ts";
import type { FrameRecord, GapRecord, TapeRecord } from "../../../src/records/record.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import type { WriterOptions } from "../../../src/tape/write/writer-options.ts";
import { type Faults, faultyStore, Gate } from "../../helpers/strange/faulty-store.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import { answer, checkpoints, claim, linesOf, messageOf, metadataOf, recordsOf, request } from "../../helpers/tapes.ts";
import { mountSmallDisk } from "../../helpers/machine/tmpfs.ts";
import { eventually, rejection, within } from "../../helpers/within.ts";

const NO_ROOM = new TapeError("io", "Cannot write demo.jsonl: no room\u001b[31m");

/** A store whose disk is full as long as `full` is set. */
function fillingStore(): { store: TapeStore; disk: { full: boolean }; faults: Faults } {
  const disk = { full: false };
  const faults: Faults = {
    write() {
      if (disk.full) throw NO_ROOM;
    },
  };
  return { store: faultyStore(faults), disk, faults };
}

function create(store: TapeStore, options: WriterOptions = {}): Promise<StreamingTapeWriter> {
  return StreamingTapeWriter.create(store, { ...options, sessionId: "session", tapeId: "demo" });
}

async function gapsOf(store: TapeStore): Promise<GapRecord[]> {
  return (await recordsOf(store, "demo")).filter((record) => record.type === "gap");
}

/** All that the tape's checkpoints and the writer claim is what the tape's lines add up to. */
async function assertTrue(store: TapeStore, stats: TapeStats | null | undefined): Promise<void> {
  const lines = await linesOf(store, "demo");
  for (const { claimed, counted } of [...checkpoints(lines), claim(stats!, lines)]) assert.equal(claimed, counted);
}

test("a frame that cannot be written rejects, and the next one brings a gap record before it", async () => {
  const { store, disk } = fillingStore();
  const writer = await create(store);
  await writer.writeFrame(messageOf(10, 0));
  disk.full = true;
  assert.is(await rejection(writer.writeFrame(messageOf(10, 1)), "io"), NO_ROOM);
  assert.equal(writer.metadata().status, { error: "Cannot write demo.jsonl: no room\\u{1b}[31m" });
  assert.is(await rejection(writer.writeFrame(messageOf(10, 2)), "io"), NO_ROOM);
  assert.is((await linesOf(store, "demo")).length, 2);
  assert.is(writer.stats.frame_count, 1);
  disk.full = false;
  assert.is(await writer.writeFrame(messageOf(10, 3)), 3);
  assert.is(writer.metadata().status, "recording");

  const [, , gap, frame] = await recordsOf(store, "demo");
  const { ts } = gap as GapRecord;
  const reason = "Cannot write demo.jsonl: no room\\u{1b}[31m";
  assert.equal(gap, { type: "gap", ts, from_seq: 1, to_seq: 2, count: 2, reason });
  assert.is((frame as FrameRecord).seq, 3);
  assert.ok(ts <= (frame as FrameRecord).ts);
  await assertTrue(store, writer.stats);
  const { stats, status } = await writer.finalize();
  assert.equal([stats?.frame_count, stats?.lost_frame_count, status], [2, 2, "finalized"]);
  await assertTrue(store, stats);
});

test("each loss has a gap record of its own, and a frame is lost only once", async () => {
  const { store, disk } = fillingStore();
  const writer = await create(store);
  for (let n = 0; n < 9; n++) {
    disk.full = n % 3 === 1;
    await writer.writeFrame(messageOf(10, n)).catch(() => {});
  }
  assert.equal((await gapsOf(store)).map(({ from_seq, to_seq }) => [from_seq, to_seq]), [[1, 1], [4, 4], [7, 7]]);
  await assertTrue(store, writer.stats);
  await writer.finalize();
});

test("all that shared the write is lost, what waited behind it is not", async () => {
  const gate = new Gate();
  const { store, disk, faults } = fillingStore();
  faults.write = async () => {
    await gate.pass();
    if (!disk.full) return;
    disk.full = false;
    throw NO_ROOM;
  };
  const writer = await create(store);
  gate.shut();
  disk.full = true;
  const first = [0, 1, 2].map((n) => writer.writeFrame(messageOf(10, n)));
  await eventually("the first write", () => gate.waiting > 0);
  const second = [3, 4].map((n) => writer.writeFrame(messageOf(10, n)));
  gate.open();
  for (const lost of first) await rejection(lost, "io");
  assert.equal(await Promise.all(second), [3, 4]);
  assert.equal((await gapsOf(store)).map(({ from_seq, to_seq, count }) => [from_seq, to_seq, count]), [[0, 2, 3]]);
  await assertTrue(store, writer.stats);
  await writer.finalize();
});

test("a checkpoint that waited while frames before it were lost claims nothing of them", async () => {
  const gate = new Gate();
  const { store, disk, faults } = fillingStore();
  faults.write = async () => {
    await gate.pass();
    if (!disk.full) return;
    disk.full = false;
    throw NO_ROOM;
  };
  const writer = await create(store, { checkpointEveryFrames: 3 });
  gate.shut();
  disk.full = true;
  const lost = [0, 1].map((n) => writer.writeFrame(messageOf(10, n)));
  await eventually("the first write", () => gate.waiting > 0);
  const kept = [2, 3, 4, 5, 6, 7].map((n) => writer.writeFrame(messageOf(10, n)));
  gate.open();
  for (const write of lost) await rejection(write, "io");
  await within(Promise.all(kept), "the other frames");
  await assertTrue(store, writer.stats);
  for (const n of [8, 9, 10, 11]) await writer.writeFrame(messageOf(10, n));
  await assertTrue(store, (await writer.finalize()).stats);
  assert.ok(checkpoints(await linesOf(store, "demo")).length >= 2);
});

test("a log record that is lost is a gap of no frames; a gap record that is lost is not forgotten", async () => {
  const { store, disk } = fillingStore();
  const writer = await create(store);
  disk.full = true;
  await rejection(writer.writeLog("stderr", "lost"), "io");
  disk.full = false;
  await writer.writeFrame(messageOf(10, 0));
  assert.equal((await gapsOf(store)).map(({ count, from_seq }) => [count, from_seq]), [[0, null]]);

  disk.full = true;
  await rejection(writer.writeFrame(messageOf(10, 1)), "io");
  await rejection(writer.writeGap(3, "memory bound reached"), "io");
  disk.full = false;
  assert.is(await writer.writeFrame(messageOf(10, 5)), 5);
  const [, second] = await gapsOf(store);
  assert.equal([second?.from_seq, second?.to_seq, second?.count], [1, 4, 4]);
  await assertTrue(store, writer.stats);
  await writer.finalize();
});

test("onLoss is told of every record that is lost, and why", async () => {
  const { store, disk } = fillingStore();
  const told: unknown[] = [];
  const onLoss = (record: TapeRecord, error: unknown) => {
    assert.is(error, NO_ROOM);
    told.push(record.type === "frame" ? record.seq : record.type);
  };
  const writer = await create(store, { durability: "buffered", onLoss });
  await writer.writeFrame(request(0));
  await eventually("the frame to be written", () => writer.pendingBytes === 0);
  disk.full = true;
  await Promise.all([writer.writeFrame(answer(0)), writer.writeLog("stderr", "x"), writer.writeFrame(messageOf(1))]);
  await eventually("the loss", () => told.length === 4);
  disk.full = false;
  await writer.finalize();
  assert.equal(told, [1, "correlation", "log", 2]);
});

test("finalize() and close() say what was lost last", async () => {
  for (const end of ["finalize", "close"] as const) {
    const { store, disk } = fillingStore();
    const writer = await create(store);
    await writer.writeFrame(request(1));
    disk.full = true;
    await rejection(writer.writeFrame(request(2)), "io");
    disk.full = false;
    await writer[end]();
    const records = await recordsOf(store, "demo");
    assert.equal((await gapsOf(store)).map(({ from_seq, to_seq }) => [from_seq, to_seq]), [[1, 1]]);
    if (end === "finalize") assert.is(records.at(-1)!.type, "checkpoint");
    await assertTrue(store, (await metadataOf(store, "demo")).stats);
  }
});

test("finalize() waits for what is under way, and counts what of it is lost", async () => {
  const gate = new Gate();
  const { store, disk, faults } = fillingStore();
  faults.write = async () => {
    await gate.pass();
    if (!disk.full) return;
    disk.full = false;
    throw NO_ROOM;
  };
  const writer = await create(store);
  gate.shut();
  disk.full = true;
  const lost = writer.writeFrame(request(1));
  await eventually("the write", () => gate.waiting > 0);
  const kept = writer.writeFrame(request(2));
  const ending = writer.finalize();
  gate.open();
  await rejection(lost, "io");
  assert.is(await kept, 1);
  await assertTrue(store, (await ending).stats);
  const types = (await recordsOf(store, "demo")).map(({ type }) => type);
  assert.equal(types.slice(0, 3), ["init", "gap", "frame"]);
  assert.is(JSON.parse((await linesOf(store, "demo")).at(-1)!).final, true);
});

test("finalize() rejects where the end cannot be written; the tape can be gone on with", async () => {
  const { store, disk } = fillingStore();
  const writer = await create(store);
  await writer.writeFrame(request(1));
  disk.full = true;
  const error = await rejection(writer.finalize(), "io");
  assert.is(error, NO_ROOM);
  assert.is(await rejection(writer.finalize(), "io"), NO_ROOM);
  assert.equal((await metadataOf(store, "demo")).status, { error: "Cannot write demo.jsonl: no room\\u{1b}[31m" });
  disk.full = false;
  const resumed = await StreamingTapeWriter.resume(store, "demo");
  assert.is(await resumed.writeFrame(answer(1)), 1);
  const { stats } = await resumed.finalize();
  assert.equal([stats?.frame_count, stats?.correlation_count], [2, 1]);
});

test("whatever fails when, each frame is either on the tape or in a gap, and every number is true", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    try {
      await randomLosses(seed);
    } catch (error) {
      if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`;
      throw error;
    }
  }
});

async function randomLosses(seed: number): Promise<void> {
  const random = numbersFrom(seed);
  let reliable = true;
  const faults: Faults = {
    async write() {
      if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve));
      if (!reliable && random(3) === 0) throw NO_ROOM;
    },
  };
  const store = faultyStore(faults);
  const durability = (["buffered", "flushed", "synced"] as const)[random(3)];
  const options = { durability, checkpointEveryFrames: 1 + random(9), maxPendingBytes: 2000 };
  let writer = await create(store, options);
  reliable = false;
  const written = new Set<number>();
  const lost = new Set<number>();
  const waiting: Promise<void>[] = [];
  let next = 0;
  for (let n = 0; n < 150; n++) {
    const what = random(12);
    if (what === 0) waiting.push(writer.writeLog("stderr", "x".repeat(random(300))).catch(() => {}));
    else if (what === 1) {
      const count = 1 + random(3);
      for (let at = 0; at < count; at++) lost.add(next++);
      waiting.push(writer.writeGap(count, "dropped").catch(() => {}));
    } else {
      const seq = next++;
      const envelope = what < 6 ? request(n) : what < 11 ? answer(n - 1 - random(4)) : messageOf(random(3000), n);
      const write = writer.writeFrame(envelope).then((given) => {
        assert.is(given, seq);
        written.add(seq);
      }, (error) => {
        if (!isTapeError(error, "io")) throw error;
        lost.add(seq);
      });
      if (random(3) === 0) await write;
      else waiting.push(write);
    }
    if (random(40) === 0) {
      await within(Promise.all(waiting), "the writes");
      reliable = true;
      await writer.close();
      writer = await StreamingTapeWriter.resume(store, "demo", options);
      reliable = false;
    }
  }
  await within(Promise.all(waiting), "the writes");
  reliable = true;
  const { stats } = await writer.finalize();

  const records = await recordsOf(store, "demo");
  const onTape = records.filter((record) => record.type === "frame").map(({ seq }) => seq);
  const inGaps = records.filter((record) => record.type === "gap").flatMap(({ from_seq, to_seq, count }) => {
    const seqs = from_seq == null ? [] : Array.from({ length: to_seq! - from_seq + 1 }, (_, at) => from_seq + at);
    assert.is(count, seqs.length);
    return seqs;
  });
  assert.equal([...onTape, ...inGaps].sort((a, b) => a - b), Array.from({ length: next }, (_, seq) => seq));
  if (durability !== "buffered") {
    assert.equal(onTape, [...written].sort((a, b) => a - b), "what was acknowledged is there, in order");
    assert.equal(inGaps, [...lost].sort((a, b) => a - b));
  }
  // Seen in the order of the tape, sequence numbers only rise, over frames and gaps alike.
  const order = records.flatMap((record) =>
    record.type === "frame" ? [record.seq] : record.type === "gap" && record.from_seq != null ? [record.from_seq] : []
  );
  assert.equal(order, order.toSorted((a, b) => a - b));
  await assertTrue(store, stats);
  assert.is(records.at(-1)!.type, "checkpoint");
}

test("a full disk costs the frames that did not fit, and no others", async () => {
  await inScratch(async (folder) => {
    const disk = await mountSmallDisk(folder, 128 * 1024);
    if (typeof disk === "string") return console.log(`skip: ${disk}`);
    try {
      const store = fileStore(folder);
      const writer = await create(store, { checkpointEveryFrames: 10 });
      let lost = 0;
      for (let n = 0; n < 150; n++) {
        const error = await writer.writeFrame(messageOf(2000, n)).then(() => undefined, (error) => error);
        if (error === undefined) continue;
        if (!isTapeError(error, "io")) throw error;
        if (++lost === 7) await disk.free();
      }
      assert.ok(lost >= 7);
      const { stats } = await writer.finalize().catch(() => writer.metadata());
      const reader = await StreamingTapeReader.open(store, "demo");
      const records = await collect(reader.records());
      const frames = records.filter((record) => record.type === "frame");
      const gaps = records.filter((record) => record.type === "gap");
      assert.is(frames.length, 150 - lost);
      // The disk gets full again: what is lost last there may be no room to tell.
      const told = gaps.reduce((sum, { count }) => sum + count, 0);
      assert.ok(told >= 7 && told <= lost, `${told} of ${lost}`);
      assert.is(frames.length, stats?.frame_count);
    } finally {
      disk.unmount();
    }
  });
});

test("frames of any length are told of when they are lost, whether their message was text or bytes", async () => {
  for (const length of [40_000, 600_000, 1_500_000]) {
    const { store, disk } = fillingStore();
    const writer = await create(store);
    const text = JSON.stringify({ jsonrpc: "2.0", method: "note", params: ["x".repeat(length)] });
    const messages = [jsonText(text), ...Array.from({ length: 3 }, () => jsonBytes(new TextEncoder().encode(text)))];
    const write = () =>
      Promise.allSettled(messages.map((message) => writer.writeFrame({ message, direction: "client_to_server" })));
    disk.full = true;
    assert.equal((await write()).map(({ status }) => status), Array(4).fill("rejected"));
    disk.full = false;
    assert.equal((await write()).map(({ status }) => status), Array(4).fill("fulfilled"));
    const { stats } = await writer.finalize();
    assert.equal((await gapsOf(store)).map(({ from_seq, to_seq, count }) => [from_seq, to_seq, count]), [[0, 3, 4]]);
    await assertTrue(store, stats);
  }
});

for (const makeStore of [() => memoryStore(), (folder: string) => fileStore(folder)]) {
  const name = makeStore.length === 0 ? "memory" : "files";

  test(`a writer whose tape was deleted rejects, says so in check() and finalize(), and makes nothing anew (${name})`, async () => {
    await inScratch(async (folder) => {
      const store = makeStore(folder);
      const lost: TapeRecord[] = [];
      const writer = await create(store, { metadataEveryMs: 10, onLoss: (record) => lost.push(record) });
      await writer.writeFrame(messageOf(10, 0));
      await writer.check();
      await store.delete("demo.jsonl");
      await rejection(writer.check(), "tape_not_found");
      await rejection(writer.writeFrame(messageOf(10, 1)), "tape_not_found");
      assert.equal(lost.map(({ type }) => type), ["frame"]);
      await store.delete("demo.meta.json");
      const error = await rejection(writer.finalize(), "tape_not_found");
      assert.equal(writer.metadata().status, { error: error.message });
      for await (const { key } of store.list()) assert.unreachable(key);
    });
  });

  test(`metadata that were on their way when the tape was deleted do not come back (${name})`, async () => {
    await inScratch(async (folder) => {
      const gate = new Gate();
      const store = faultyStore({ put: () => gate.pass() }, makeStore(folder));
      const writer = await create(store, { metadataEveryMs: 1 });
      gate.shut();
      await writer.writeFrame(messageOf(10, 0));
      await eventually("the metadata to be put", () => gate.waiting === 1);
      await store.delete("demo.jsonl");
      await store.delete("demo.meta.json");
      const ended = rejection(writer.finalize(), "tape_not_found");
      gate.open();
      await ended;
      for await (const { key } of store.list()) assert.unreachable(key);
    });
  });

  test(`finalize() of a tape that was replaced rejects, and the metadata tell the truth (${name})`, async () => {
    await inScratch(async (folder) => {
      const store = makeStore(folder);
      const writer = await create(store);
      await writer.writeFrame(messageOf(10, 0));
      await store.put("demo.jsonl", new TextEncoder().encode("not a tape\n"));
      const error = await rejection(writer.finalize(), "invalid_tape");
      assert.match(error.message, /it was replaced by another/);
      assert.equal((await metadataOf(store, "demo")).status, { error: error.message });
      assert.equal(await linesOf(store, "demo"), ["not a tape\n"]);
    });
  });
}

test.run();
