import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryStore } from "../../../src/stores/memory.ts";
import { fileStore } from "../../../src/stores/file.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import { answer, frameLine, initLine, putTape, request } from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";

/** Where a frame stands in a tape made by hand. */
interface Place {
  readonly seq: number;
  readonly ts: number;
}

/** A tape of about `bytes` bytes, with jumps in seq and ts, other records, damage, and stretches without frames. */
function bigTape(seed: number, bytes: number): { content: string; frames: Place[] } {
  const random = numbersFrom(seed);
  const parts = [initLine("demo")];
  const frames: Place[] = [];
  let seq = 0;
  let ts = 0;
  for (let length = 0; length < bytes; length += parts.at(-1)!.length) {
    switch (random(12)) {
      case 0:
        parts.push(`{"type":"correlation","id":"c","request_seq":${seq}}\n`);
        break;
      case 1:
        parts.push(`{"type":"checkpoint","checkpoint_at":"x","seq":${seq},"stats":{}}\n`);
        break;
      case 2:
        parts.push("damaged\n");
        break;
      case 3:
        if (random(10) > 0) continue;
        // More than is read at a time.
        for (let n = 0; n < 40; n++) {
          parts.push(`{"type":"log","ts":${ts},"stream":"stderr","text":"${"x".repeat(9999)}"}\n`);
        }
        length += 400_000;
        break;
      case 4:
        seq += random(1000);
        ts += random(5000);
        break;
      default: {
        frames.push({ seq, ts });
        const line = frameLine(seq++, ts, JSON.stringify("x".repeat(random(3000))));
        // A foreign spelling, now and then.
        parts.push(random(5) > 0 ? line : line.replace('{"type":"frame",', '{ "type": "frame", '));
        ts += random(3);
      }
    }
  }
  return { content: parts.join(""), frames };
}

/** Seeks, and compares with the first of all frames that fits. */
async function check(reader: StreamingTapeReader, frames: readonly Place[], field: "seq" | "ts", target: number) {
  const expected = frames.findIndex((frame) => frame[field] >= target);
  const found = await (field === "seq" ? reader.seekToFrame(target) : reader.seekToTime(target));
  assert.is(found, expected >= 0, `${field} ${target}`);
  const next = [];
  for await (const { seq, ts } of reader.frames()) {
    next.push({ seq, ts });
    if (next.length === 3) break;
  }
  assert.equal(next, expected < 0 ? [] : frames.slice(expected, expected + 3), `${field} ${target}`);
}

test("seekToFrame() and seekToTime() find the first frame that fits, on a small tape", async () => {
  const frames = [{ seq: 0, ts: 0 }, { seq: 1, ts: 5 }, { seq: 2, ts: 5 }, { seq: 7, ts: 100 }, { seq: 8, ts: 250 }];
  const store = memoryStore();
  await putTape(store, "demo", initLine("demo") + frames.map(({ seq, ts }) => frameLine(seq, ts)).join(""));
  const reader = await StreamingTapeReader.open(store, "demo");
  for (const seq of [0, 1, 2, 3, 6, 7, 8, 9, 1e15, 0.5, Infinity]) await check(reader, frames, "seq", seq);
  for (const ts of [0, 1, 5, 6, 99, 100, 101, 250, 251, Infinity]) await check(reader, frames, "ts", ts);
});

test("seekToFrame() and seekToTime() find the same on tapes that are larger than a few blocks", async () => {
  for (const seed of [1, 2, 3]) {
    const { content, frames } = bigTape(seed, 3_000_000);
    const store = memoryStore();
    await putTape(store, "demo", content);
    const reader = await StreamingTapeReader.open(store, "demo", { onError: () => {} });
    const random = numbersFrom(seed);
    const last = frames.at(-1)!;
    try {
      for (const field of ["seq", "ts"] as const) {
        for (const target of [0, 1, last[field], last[field] + 1, last[field] - 1]) {
          await check(reader, frames, field, target);
        }
        for (let n = 0; n < 60; n++) await check(reader, frames, field, random(last[field] + 1));
        for (let n = 0; n < 20; n++) await check(reader, frames, field, frames[random(frames.length)]![field]);
      }
    } catch (error) {
      if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`;
      throw error;
    }
  }
});

test("seekToFrame() takes no message that looks like a frame for one", async () => {
  // The search begins in the middle of the tape: there a message holds what would be a frame's line.
  const fake = '{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":1}}';
  const before = initLine("demo") +
    Array.from({ length: 200 }, (_, n) => frameLine(n, n, `"${"x".repeat(2000)}"`)).join("");
  const prefix = `${before}{"type":"frame","seq":200,"ts":200,"dir":"client_to_server","env":{"message":`;
  const line = `${fake}}}\n`;
  // So many bytes behind it that it stands one byte before the middle.
  const behind = 2 * (prefix.length + 1) - prefix.length - line.length;
  const after = [];
  for (let left = behind, seq = 201; left > 0; seq++) {
    const size = left > 6000 ? 3000 : left;
    after.push(frameLine(seq, seq, `"${"x".repeat(size - frameLine(seq, seq, '""').length)}"`));
    left -= size;
  }
  const content = prefix + line + after.join("");
  assert.is(Math.floor(content.length / 2) - 1, prefix.length);
  const store = memoryStore();
  await putTape(store, "demo", content);
  const reader = await StreamingTapeReader.open(store, "demo");
  for (const seq of [0, 50, 199, 200, 201, 250]) {
    assert.is(await reader.seekToFrame(seq), true);
    assert.is((await reader.nextRecord() as unknown as Place).seq, seq);
  }
});

test("seekToFrame() reads a small part of a large tape only", async () => {
  const { content, frames } = bigTape(4, 8_000_000);
  const inner = memoryStore();
  await putTape(inner, "demo", content);
  let read = 0;
  const store: TapeStore = {
    ...inner,
    openSource(key, options) {
      // In blocks, as a file would be read.
      const whole = new TextEncoder().encode(content).subarray(options?.start ?? 0, options?.end);
      void key;
      let at = 0;
      return new ReadableStream({
        pull(controller) {
          if (at >= whole.length) return controller.close();
          const block = whole.slice(at, at += 65_536);
          read += block.length;
          controller.enqueue(block);
        },
      }, { highWaterMark: 0 });
    },
  };
  const reader = await StreamingTapeReader.open(store, "demo");
  read = 0;
  const { seq } = frames[Math.floor(frames.length * 0.7)]!;
  await reader.seekToFrame(seq);
  assert.is((await reader.nextRecord() as unknown as Place).seq, seq);
  assert.ok(read < content.length / 3, `${read} of ${content.length} bytes`);
});

test("seekToFrame() on a tape without frames, or beyond the last, goes to the end", async () => {
  const store = memoryStore();
  await putTape(store, "demo", initLine("demo"));
  const reader = await StreamingTapeReader.open(store, "demo");
  assert.is(await reader.seekToFrame(0), false);
  assert.is(await reader.nextRecord(), undefined);
  await putTape(store, "demo", initLine("demo") + frameLine(0, 1));
  assert.is((await reader.nextRecord() as unknown as Place).seq, 0, "what comes after the end is read");
  assert.is(await reader.seekToTime(2), false);
  assert.is(await reader.nextRecord(), undefined);
  await reader.reset();
  assert.is((await reader.nextRecord())?.type, "init");
});

test("seekToFrame() beyond the last frame stops before a line that has no end yet", async () => {
  for (const tail of [frameLine(1, 2).slice(0, 30), frameLine(1, 2).trimEnd()]) {
    const store = memoryStore();
    const head = initLine("demo") + frameLine(0, 1);
    await putTape(store, "demo", head + tail);
    const reader = await StreamingTapeReader.open(store, "demo");
    assert.is(await reader.seekToFrame(9), false);
    assert.is(await reader.seekToFrame(1), tail.endsWith("}"), "it is there where it lacks only its end");
    await putTape(store, "demo", head + frameLine(1, 2) + frameLine(2, 3));
    const seqs = (await collect(reader.frames())).map(({ seq }) => seq);
    assert.equal(seqs, [1, 2]);
  }
});

test("seekToFrame() finds a last frame that lacks only its end, which is read once", async () => {
  const store = memoryStore();
  const head = initLine("demo") + frameLine(0, 1);
  await putTape(store, "demo", head + frameLine(1, 2).trimEnd());
  const reader = await StreamingTapeReader.open(store, "demo");
  assert.is(await reader.seekToFrame(1), true);
  assert.is((await reader.nextRecord() as unknown as Place).seq, 1);
  assert.is(await reader.nextRecord(), undefined);
  assert.is(await reader.seekToTime(2), true);
  await putTape(store, "demo", head + frameLine(1, 2) + frameLine(2, 3));
  assert.equal((await collect(reader.frames())).map(({ seq }) => seq), [1, 2]);
});

test("seekToTime() takes a time of day", async () => {
  const store = memoryStore();
  const start = Date.parse("2026-03-01T10:00:00.000Z");
  await putTape(store, "demo", initLine("demo") + frameLine(0, 1) + frameLine(1, 5000) + frameLine(2, 9000));
  const reader = await StreamingTapeReader.open(store, "demo");
  for (const [ms, seq] of [[-1e6, 0], [0, 0], [1, 0], [2, 1], [5000, 1], [5001, 2]] as const) {
    assert.is(await reader.seekToTime(new Date(start + ms)), true);
    assert.is((await reader.nextRecord() as unknown as Place).seq, seq, `${ms} ms`);
  }
  assert.is(await reader.seekToTime(new Date(start + 9001)), false);
  const error = await rejection(reader.seekToTime(new Date(NaN)), "invalid_argument");
  assert.match(error.message, /^Cannot seek: the time must be milliseconds .* or a Date, not an invalid Date$/);
  await putTape(store, "other", initLine("other", "yesterday") + frameLine(0, 1));
  const other = await StreamingTapeReader.open(store, "other");
  const unknown = await rejection(other.seekToTime(new Date()), "invalid_argument");
  assert.match(
    unknown.message,
    /nobody knows when the tape started, as its created_at is "yesterday"; use milliseconds$/,
  );
});

test("seekToFrame() finds the first one on tapes whose numbers go back, by reading them", async () => {
  for (const padding of [10, 20_000]) {
    const store = memoryStore();
    const seqs = [0, 1, 2, 3, 50, 51, ...Array.from({ length: 90 }, (_, n) => n), 200];
    const lines = seqs.map((seq, at) => frameLine(seq, at, JSON.stringify("x".repeat(padding))));
    await putTape(store, "demo", initLine("demo") + lines.join(""));
    const reader = await StreamingTapeReader.open(store, "demo");
    for (const target of [0, 3, 4, 50, 52, 89, 90, 201]) {
      const expected = seqs.findIndex((seq) => seq >= target);
      assert.is(await reader.seekToFrame(target), expected >= 0);
      const { seq, ts } = await reader.nextRecord() as unknown as Partial<Place> ?? {};
      assert.equal(
        [seq, ts],
        expected < 0 ? [undefined, undefined] : [seqs[expected], expected],
        `${padding} ${target}`,
      );
    }
  }
});

test("seekToFrame() forgets what it has learnt of a tape when another takes its place", async () => {
  const store = memoryStore();
  const tapeOf = (first: number, step: number) =>
    initLine("demo") +
    Array.from({ length: 3000 }, (_, n) => frameLine(first + n * step, n, JSON.stringify("x".repeat(700 + step)))).join(
      "",
    );
  await putTape(store, "demo", tapeOf(0, 1));
  const reader = await StreamingTapeReader.open(store, "demo");
  const look = async (target: number) => {
    assert.is(await reader.seekToFrame(target), true);
    return (await reader.nextRecord() as unknown as Place).seq;
  };
  assert.is(await look(2000), 2000);
  await putTape(store, "demo", tapeOf(7, 5));
  assert.is(await look(2000), 2002, "a larger one");
  await putTape(store, "demo", tapeOf(0, 2));
  assert.is(await look(2001), 2002, "a smaller one");
});

test("seekToFrame() does not believe an index that points behind the frame", async () => {
  const store = memoryStore();
  const text = JSON.stringify("x".repeat(300));
  // Lines stand where the index says, with other numbers on them.
  const tapeOf = (seqOf: (n: number) => number) =>
    initLine("demo") +
    Array.from({ length: 8000 }, (_, n) =>
      frameLine(seqOf(n), 50_000, text).replace(',"env"', ',"ts_us":50000000,"env"')).join("");
  await putTape(store, "demo", tapeOf((n) => 10_000 + Math.floor(n / 2)));
  await buildIndex(store, "demo");
  await putTape(store, "demo", tapeOf((n) => 10_000 + n));
  for (const target of [10_500, 13_000, 17_999]) {
    const reader = await StreamingTapeReader.open(store, "demo");
    assert.is(await reader.seekToFrame(target), true);
    assert.is((await reader.nextRecord() as unknown as Place).seq, target);
  }
});

test("seekToFrame() refuses what is no number, and leaves the position", async () => {
  const store = memoryStore();
  await putTape(store, "demo", initLine("demo") + frameLine(0, 1) + frameLine(1, 1));
  const reader = await StreamingTapeReader.open(store, "demo");
  await reader.nextRecord();
  await reader.nextRecord();
  for (const seq of [-1, NaN, -Infinity, undefined as unknown as number, "1" as unknown as number]) {
    const error = await rejection(reader.seekToFrame(seq), "invalid_argument");
    assert.match(error.message, /^Cannot seek to seq .*: it must be 0 or more$/);
    await rejection(reader.seekToTime(seq), "invalid_argument");
  }
  assert.is((await reader.nextRecord() as unknown as Place).seq, 1);
});

test("seekToFrame() finds frames of a tape that is being written, and follow() goes on from there", async () => {
  await inScratch(async (folder) => {
    const store = fileStore(folder);
    const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
    for (let n = 0; n < 3000; n++) void writer.writeFrame(n % 2 ? answer(n - 1, "x".repeat(300)) : request(n));
    await writer.writeFrame(request("last"));
    await using reader = await StreamingTapeReader.open(store, "demo");
    assert.is(await reader.seekToFrame(2990), true);
    const seen: number[] = [];
    let ending: Promise<unknown> | undefined;
    for await (const record of reader.follow()) {
      if (record.type !== "frame") continue;
      seen.push(record.seq);
      if (record.seq === 3000) ending = writer.writeFrame(request("more")).then(() => writer.finalize());
    }
    await ending;
    assert.equal(seen, [2990, 2991, 2992, 2993, 2994, 2995, 2996, 2997, 2998, 2999, 3000, 3001]);
    await reader.seekToFrame(1234);
    assert.is((await reader.nextRecord() as unknown as Place).seq, 1234);
  });
});

test("an error behind a seek says at which byte, and no line number that it cannot know", async () => {
  const { content } = bigTape(5, 2_000_000);
  const store = memoryStore();
  const end = new TextEncoder().encode(content).length;
  await putTape(store, "demo", `${content}${frameLine(1e9, 1e9)}#!?\n`);
  const reader = await StreamingTapeReader.open(store, "demo");
  await reader.seekToFrame(1e9);
  await reader.nextRecord();
  const offset = end + frameLine(1e9, 1e9).length;
  const error = await rejection(reader.nextRecord(), "corrupted_record");
  assert.equal([error.message, error.offset, error.line], [
    `Cannot read the line at byte ${offset}: it is not JSON`,
    offset,
    undefined,
  ]);
});

test("a place that is none is told with what it may be", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s" });
  await writer.finalize();
  const reader = await StreamingTapeReader.open(store, writer.tapeId);
  const why = (seek: Promise<boolean>) => seek.then(() => "sought", (error: Error) => error.message);
  assert.match(
    await why(reader.seekToTime("5s" as never)),
    /"5s": it must be milliseconds since the start.* or a Date$/,
  );
  assert.match(
    await why(reader.seekToTime(-1)),
    /-1: it must be milliseconds since the start of the tape, 0 or more, or/,
  );
  assert.match(await why(reader.seekToFrame("5" as never)), /"5": it must be 0 or more$/);
});

test.run();
