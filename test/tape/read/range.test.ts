import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TapeRecord } from "../../../src/records/record.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import type { RangeOptions } from "../../../src/tape/range/range.ts";
import { type ReaderOptions, StreamingTapeReader } from "../../../src/tape/read/reader.ts";

import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { answer, frameLine, initLine, messageOf, putTape, request } from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";

const START = Date.parse("2026-03-01T10:00:00.000Z");

async function open(content: string | Uint8Array, options?: ReaderOptions) {
  const store = memoryStore();
  await putTape(store, "demo", content);
  return { store, reader: await StreamingTapeReader.open(store, "demo", options) };
}

/** Records, short: frames by their number. */
function names(records: readonly TapeRecord[]): string[] {
  return records.map((record) => record.type === "frame" ? `${record.seq}` : record.type);
}

function logLine(ts: number, text = "x"): string {
  return `${JSON.stringify({ type: "log", ts, stream: "stderr", text })}\n`;
}

const CORRELATION = '{"type":"correlation","id":"corr-0-1","request_seq":0,"response_seq":1}\n';
const TAPE = initLine("demo") + frameLine(0, 0) + frameLine(1, 10) + CORRELATION + logLine(15) + frameLine(2, 20) +
  '{"type":"gap","ts":20,"from_seq":3,"to_seq":6,"count":4}\n' + frameLine(7, 30) + frameLine(8, 30) + logLine(40);

test("records() gives the frames within bounds, and what goes with them", async () => {
  const { reader } = await open(TAPE);
  const cases: [RangeOptions, string][] = [
    [{ fromSeq: 0 }, "0 1 correlation log 2 gap 7 8 log"],
    [{ fromSeq: 1, toSeq: 2 }, "1 correlation log 2 gap"],
    [{ toSeq: 0 }, "init 0"],
    [{ fromSeq: 3, toSeq: 6 }, ""],
    [{ fromSeq: 3 }, "7 8 log"],
    [{ fromSeq: 9 }, ""],
    [{ fromSeq: 0.5, toSeq: 1.5 }, "1 correlation log"],
    [{ toSeq: Infinity }, "init 0 1 correlation log 2 gap 7 8 log"],
    [{ fromTime: 10, toTime: 20 }, "1 correlation log 2 gap"],
    [{ fromTime: 11, toTime: 19 }, "log"],
    [{ toTime: 0 }, "init 0"],
    [{ fromTime: 31 }, "log"],
    [{ fromTime: new Date(START + 20), toTime: new Date(START + 30) }, "2 gap 7 8"],
    [{ toTime: new Date(START - 1) }, ""],
    [{ fromTime: new Date(START - 1), limit: 2 }, "init 0"],
    [{ fromSeq: 2, toTime: 20 }, "2 gap"],
    [{ fromSeq: 1, limit: 3 }, "1 correlation log"],
    [{ fromSeq: 1, limit: 0 }, ""],
    [{ reverse: true }, "log 8 7 gap 2 log correlation 1 0 init"],
    [{ reverse: true, limit: 3 }, "log 8 7"],
    [{ reverse: true, toSeq: 2, limit: 4 }, "gap 2 log correlation"],
    [{ reverse: true, fromTime: 10, toTime: 19 }, "log correlation 1"],
    [{ reverse: true, fromSeq: 1, toSeq: 1 }, "log correlation 1"],
  ];
  for (const [options, expected] of cases) {
    const said = JSON.stringify(options);
    assert.is(names(await collect(reader.records(options))).join(" "), expected, said);
    const frames = expected.split(" ").filter((name) => /\d/.test(name));
    if (options.limit === undefined) {
      assert.equal((await collect(reader.frames(options))).map(({ seq }) => `${seq}`), frames, said);
    }
  }
  assert.equal(
    names(await collect(reader.frames({ reverse: true, limit: 2 }))),
    ["8", "7"],
    "frames are counted alone",
  );
});

test("records() with bounds leaves the position, and does not depend on it; with a limit alone it goes on from there", async () => {
  const { reader } = await open(TAPE);
  await reader.nextRecord();
  assert.equal(names(await collect(reader.records({ limit: 2 }))), ["0", "1"]);
  assert.equal(names(await collect(reader.records({ fromSeq: 7 }))), ["7", "8", "log"]);
  assert.equal(names(await collect(reader.records({ reverse: true, limit: 1 }))), ["log"]);
  assert.equal(names(await collect(reader.frames({ limit: 1 }))), ["2"]);
  assert.equal(names(await collect(reader.records({}))), ["gap", "7", "8", "log"]);
  assert.equal(names(await collect(reader.frames({ toSeq: 1 }))), ["0", "1"]);
});

test("records() refuses a range that makes no sense, and says what would do", async () => {
  const { store, reader } = await open(TAPE);
  const cases: [unknown, RegExp][] = [
    [{ fromSeq: -1 }, /^Cannot read records: fromSeq must be a number, 0 or more, not -1$/],
    [{ toSeq: "7" }, /^Cannot read records: toSeq must be a number, 0 or more, not "7"$/],
    [{ fromSeq: NaN }, /not NaN$/],
    [{ fromSeq: 7, toSeq: 3 }, /^Cannot read records: fromSeq 7 is behind toSeq 3$/],
    [{ fromTime: 7, toTime: new Date(START) }, /^Cannot read records: fromTime, 7 ms, is behind toTime, 0 ms$/],
    [
      { fromTime: "10:00" },
      /fromTime must be milliseconds since the start of the tape, 0 or more, or a Date, not "10:00"$/,
    ],
    [{ toTime: new Date(NaN) }, /toTime must be .*, not an invalid Date$/],
    [{ toTime: -1 }, /toTime must be .*, not -1$/],
    [{ limit: -1 }, /^Cannot read records: limit must be a whole number, 0 or more, not -1$/],
    [{ limit: 1.5 }, /not 1.5$/],
    [{ reverse: 1 }, /^Cannot read records: reverse must be true or false, not 1$/],
    [{ fromSec: 1 }, /^Cannot read records: there is no option fromSec, did you mean fromSeq\?$/],
    [null, /^Cannot read records: its options must be an object, not null$/],
  ];
  for (const [options, message] of cases) {
    assert.match(
      (await rejection(collect(reader.records(options as RangeOptions)), "invalid_argument")).message,
      message,
    );
  }
  const error = await rejection(collect(reader.frames({ limit: -1 })), "invalid_argument");
  assert.match(error.message, /^Cannot read frames: /);
  await putTape(store, "other", initLine("other", "") + frameLine(0, 1));
  const other = await StreamingTapeReader.open(store, "other");
  await rejection(collect(other.records({ fromTime: new Date() })), "invalid_argument");
  assert.equal(names(await collect(other.frames({ fromTime: 1 }))), ["0"]);
});

test("a closed reader reads no range, nor goes on with one", async () => {
  const { reader } = await open(TAPE);
  const begun = reader.records({ fromSeq: 0 });
  assert.equal(names([(await begun.next()).value]), ["0"]);
  await reader.close();
  await rejection(begun.next(), "closed");
  await rejection(collect(reader.records({ fromSeq: 0 })), "closed");
  await rejection(collect(reader.frames({ reverse: true })), "closed");
  await rejection(collect(reader.records({ limit: 1 })), "closed");
});

test("a range that was left gives no more, and several are read at the same time", async () => {
  const { reader } = await open(TAPE);
  const [first, second] = [reader.frames({ fromSeq: 1 }), reader.frames({ reverse: true, toSeq: 7 })];
  const seen = [];
  for (let n = 0; n < 3; n++) seen.push((await first.next()).value.seq, (await second.next()).value.seq);
  assert.equal(seen, [1, 7, 2, 2, 7, 1]);
  await first.return!();
  assert.equal(await first.next(), { done: true, value: undefined });
  const all = await Promise.all(Array.from({ length: 7 }, () => second.next()));
  assert.equal(all.map(({ done, value }) => done === true ? "end" : value.seq), [0, ...Array(6).fill("end")]);
});

test("what is damaged is told of where it stands within the range, and costs no neighbour", async () => {
  const content = `${initLine("demo")}#0\n${frameLine(0, 0)}#1\n${frameLine(1, 1)}#2\n${frameLine(2, 2)}#3\n${
    frameLine(3, 3)
  }`;
  const bad: string[] = [];
  const { reader } = await open(content, { onError: ({ offset }) => bad.push(content.slice(offset!, offset! + 2)) });
  const read = async (options: RangeOptions) => {
    bad.length = 0;
    return [names(await collect(reader.records(options))).join(" "), bad.join(" ")];
  };
  assert.equal(await read({ fromSeq: 1, toSeq: 2 }), ["1 2", "#2 #3"]);
  assert.equal(await read({ fromSeq: 1, toSeq: 2, reverse: true }), ["2 1", "#3 #2"]);
  assert.equal(await read({ toSeq: 0 }), ["init 0", "#0 #1"]);
  assert.equal(await read({ reverse: true, limit: 2 }), ["3 2", "#3"]);
  const strict = (await open(content)).reader.records({ fromSeq: 1, toSeq: 2 });
  assert.equal(names([(await strict.next()).value]), ["1"]);
  await rejection(strict.next(), "corrupted_record");
  assert.equal(names([(await strict.next()).value]), ["2"]);
});

test("a last line that lacks only its end is read from both sides, one that is torn from neither", async () => {
  for (const [tail, last] of [[frameLine(9, 50).trimEnd(), ["9"]], [frameLine(9, 50).slice(0, 30), []]] as const) {
    const { reader } = await open(TAPE + tail);
    assert.equal(names(await collect(reader.frames({ fromSeq: 8 }))), ["8", ...last]);
    assert.equal(names(await collect(reader.frames({ reverse: true, limit: 1 + last.length }))), [...last, "8"]);
    assert.equal(names(await collect(reader.frames({ reverse: true, fromSeq: 8 }))), [...last, "8"]);
  }
});

// A full scan

/** What a range holds, of all records of a tape: the definition. */
function within(records: readonly TapeRecord[], options: RangeOptions): TapeRecord[] {
  const { fromSeq = -Infinity, toSeq = Infinity, fromTime = -Infinity, toTime = Infinity } = options;
  let [seq, ts] = [-1, 0];
  const found = records.filter((record) => {
    if (record.type === "frame") seq = record.seq;
    if (record.type === "frame" || record.type === "log") ts = record.ts;
    const [from, to] = [fromTime, toTime].map((time) => time instanceof Date ? time.getTime() - START : time);
    return seq >= fromSeq && seq <= toSeq && ts >= from! && ts <= to!;
  });
  if (options.reverse === true) found.reverse();
  return found.slice(0, options.limit);
}

interface Making {
  readonly bytes: number;
  /** How often of 1000 times a number or a time goes back. */
  readonly falls: number;
  /** Whether frames are as this library's writer spells them. */
  readonly isOwn: boolean;
  /** So many letters at most in a message. */
  readonly text: number;
}

function randomTape(random: (below: number) => number, { bytes, falls, isOwn, text }: Making): string {
  const parts = [initLine("demo")];
  let [seq, ts] = [0, 0];
  const goesBack = () => falls > 0 && random(1000) < falls;
  for (let length = 0; length < bytes; length += parts.at(-1)!.length) {
    const message = JSON.stringify("x".repeat(random(text)));
    switch (random(14)) {
      case 0:
        parts.push(CORRELATION);
        break;
      case 1:
        parts.push(logLine(goesBack() ? random(ts + 1) : ts, "x".repeat(random(text))));
        break;
      case 2:
        parts.push(["damaged\n", "\n", "\0\0\n", frameLine(seq, ts).slice(0, 40) + "\n"][random(4)]!);
        break;
      case 3:
        // A torn record, and a whole one on the same line.
        parts.push(frameLine(seq, ts, message).slice(0, 80) + frameLine(seq++, ts));
        break;
      case 4:
        if (random(20) > 0) continue;
        // More than is read at a time, without a frame.
        for (let n = 0; n < 30; n++) parts.push(logLine(ts, "x".repeat(9000)));
        length += 270_000;
        break;
      case 5:
        if (random(5) > 0) continue;
        seq += random(100);
        ts += random(500);
        break;
      case 6:
        parts.push(`{"type":"checkpoint","checkpoint_at":"x","seq":${seq},"stats":{}}\n`);
        break;
      case 7:
        if (random(60) > 0) continue;
        // Longer than what is read at a time, or than any may be.
        parts.push(frameLine(seq++, ts, JSON.stringify("x".repeat(random(2) > 0 ? 100_000 : 700_000))));
        break;
      default: {
        const line = frameLine(seq, ts, message);
        const own = line.replace(',"env":', `,"ts_us":${ts * 1000},"env":`);
        parts.push(isOwn ? own : random(5) > 0 ? line : line.replace('{"type":"frame",', '{ "type": "frame", '));
        seq = goesBack() ? random(seq + 1) : seq + 1;
        ts = goesBack() ? random(ts + 1) : ts + random(3);
      }
    }
  }
  return parts.join("") + ["", frameLine(seq, ts).trimEnd(), "{"][random(3)]!;
}

async function compare(seed: number, making: Making, count: number, storeWith: (tape: string) => Promise<TapeStore>) {
  const random = numbersFrom(seed);
  const store = await storeWith(randomTape(random, making));
  const options = { onError: () => {}, maxLineBytes: 500_000 };
  const reader = await StreamingTapeReader.open(store, "demo", options);
  const all = await collect((await StreamingTapeReader.open(store, "demo", options)).records());
  const places = all.flatMap((record) => record.type === "frame" ? [record] : []);
  const some = () => places[random(places.length)] ?? { seq: 0, ts: 0 };
  for (let n = 0; n < count; n++) {
    const [a, b, c, d] = [some(), some(), some(), some()];
    const seqs = [a.seq + random(3), b.seq + random(3)].sort((x, y) => x - y);
    const times = [c.ts + random(3), d.ts + random(3)].sort((x, y) => x - y);
    const time = (ms: number) => random(3) > 0 ? ms : new Date(START + ms);
    const range: RangeOptions = {
      fromSeq: random(2) > 0 ? seqs[0] : undefined,
      toSeq: random(2) > 0 ? seqs[1] : undefined,
      fromTime: random(3) > 0 ? undefined : time(times[0]!),
      toTime: random(3) > 0 ? undefined : time(times[1]!),
      reverse: random(2) > 0,
      limit: random(3) > 0 ? undefined : random(20),
    };
    if (random(2) > 0 && range.reverse !== true && Object.values(range).every((value) => !value)) continue;
    const said = `seed ${seed}, ${JSON.stringify(making)}, ${JSON.stringify(range)}`;
    await reader.reset();
    const expected = within(all, range).map((record) => JSON.stringify(record));
    const found = (await collect(reader.records(range))).map((record) => JSON.stringify(record));
    assert.is(found.length, expected.length, said);
    assert.is(found.findIndex((record, at) => record !== expected[at]), -1, said);
    const { limit: _, ...unlimited } = range;
    await reader.reset();
    const frames = within(all, unlimited).filter(({ type }) => type === "frame").slice(0, range.limit);
    assert.is(names(await collect(reader.frames(range))).join(), names(frames).join(), said);
  }
}

async function inMemory(tape: string): Promise<TapeStore> {
  const store = memoryStore();
  await putTape(store, "demo", tape);
  return store;
}

test("a range is what a full scan gives, on small tapes of all kinds", async () => {
  for (let seed = 1; seed <= 36; seed++) {
    const falls = [0, 5, 200][seed % 3]!;
    await compare(seed, { bytes: 30_000, falls, isOwn: seed % 2 === 0, text: 400 }, 12, inMemory);
  }
});

test("a range is what a full scan gives, on tapes of several blocks", async () => {
  for (let seed = 101; seed <= 106; seed++) {
    const falls = [0, 2][seed % 2]!;
    await compare(seed, { bytes: 800_000, falls, isOwn: seed % 3 === 0, text: 3000 }, 20, inMemory);
  }
});

test("a range is what a full scan gives, on tapes of which only pieces are looked at, and on such that fall between them", async () => {
  await compare(201, { bytes: 3_000_000, falls: 0, isOwn: true, text: 2000 }, 20, inMemory);
  await compare(202, { bytes: 3_000_000, falls: 0, isOwn: false, text: 2000 }, 20, inMemory);
  await compare(203, { bytes: 3_000_000, falls: 1, isOwn: false, text: 2000 }, 8, inMemory);
});

test("a range is what a full scan gives, in files", async () => {
  await inScratch(async (folder) => {
    const inFiles = async (tape: string) => {
      const store = fileStore(folder);
      await putTape(store, "demo", tape);
      return store;
    };
    await compare(301, { bytes: 1_500_000, falls: 0, isOwn: true, text: 2000 }, 15, inFiles);
    await compare(302, { bytes: 300_000, falls: 3, isOwn: false, text: 2000 }, 15, inFiles);
  });
});

// With an index

/** A store with a tape, and an index that was made of `of`, with something done to it. */
async function withIndex(tape: string, of = tape, change = (index: Uint8Array) => index): Promise<TapeStore> {
  const store = memoryStore();
  await putTape(store, "demo", of);
  await buildIndex(store, "demo");
  await store.put("demo.index", change((await store.get("demo.index"))!));
  await putTape(store, "demo", tape);
  return store;
}

const LARGE: Making = { bytes: 2_500_000, falls: 0, isOwn: true, text: 3000 };

test("a range is what a full scan gives, with an index", async () => {
  for (const seed of [401, 402]) await compare(seed, LARGE, 12, (tape) => withIndex(tape));
  await compare(404, { ...LARGE, isOwn: false }, 8, (tape) => withIndex(tape));
  await compare(405, { ...LARGE, isOwn: false, falls: 1 }, 5, (tape) => withIndex(tape));
});

test("a range is what a full scan gives, with an index that is cut off, damaged, or older than the tape", async () => {
  await compare(411, LARGE, 8, (tape) => withIndex(tape, tape, (index) => index.slice(0, 64 * 20 + 10)));
  await compare(
    412,
    LARGE,
    15,
    (tape) => withIndex(tape, tape, (index) => index.map((byte, at) => at > 64 && at % 640 === 0 ? byte ^ 1 : byte)),
  );
  await compare(413, LARGE, 8, (tape) => withIndex(tape, tape.slice(0, tape.indexOf("\n", 900_000) + 1)));
});

test("a range is what a full scan gives, with an index of another tape that begins as this one does", async () => {
  for (const seed of [421, 422]) {
    const other = randomTape(numbersFrom(seed + 1000), LARGE);
    await compare(seed, LARGE, 12, (tape) => withIndex(tape, other));
  }
});

test("an index lets a frame be found with one look at the tape", async () => {
  const { store, read } = counting(memoryStore());
  const lines = Array.from({ length: 8000 }, (_, n) => frameLine(n, n, JSON.stringify("x".repeat(300))));
  await putTape(
    store,
    "demo",
    initLine("demo") + lines.map((line) => line.replace(',"env"', ',"ts_us":1,"env"')).join(""),
  );
  await buildIndex(store, "demo");
  const reader = await StreamingTapeReader.open(store, "demo");
  await reader.seekToFrame(500);
  for (const seq of [3000, 100, 7777]) {
    const before = read();
    assert.is(await reader.seekToFrame(seq), true);
    assert.is((await reader.nextRecord() as unknown as { seq: number }).seq, seq);
    assert.ok(read() - before < 140_000, `${read() - before} bytes`);
  }
});

// How much is read

/** A store that counts what is read of it. */
function counting(inner: TapeStore): { store: TapeStore; read: () => number } {
  let read = 0;
  const openSource: TapeStore["openSource"] = (key, options) =>
    inner.openSource(key, options).pipeThrough(
      new TransformStream(
        {
          transform(chunk, controller) {
            read += chunk.length;
            controller.enqueue(chunk);
          },
        },
        undefined,
        { highWaterMark: 0 },
      ),
    );
  return { store: { ...inner, openSource }, read: () => read };
}

test("a range of a tape that this library has written is found without reading the tape", async () => {
  const { store, read } = counting(memoryStore());
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
  for (let n = 0; n < 20_000; n++) void writer.writeFrame(messageOf(300, n));
  await writer.finalize();
  const size = await store.size("demo.jsonl") ?? 0;
  const reader = await StreamingTapeReader.open(store, "demo");
  const cost = async (options: RangeOptions, expected: readonly number[]) => {
    const before = read();
    assert.equal((await collect(reader.frames(options))).map(({ seq }) => seq), expected);
    return read() - before;
  };
  assert.ok(await cost({ fromSeq: 12_345, limit: 2 }, [12_345, 12_346]) < size / 10, "the first time");
  assert.ok(await cost({ fromSeq: 16_789, toSeq: 16_790 }, [16_789, 16_790]) < 300_000, "again");
  assert.ok(await cost({ toSeq: 5_000, reverse: true, limit: 2 }, [5000, 4999]) < 400_000, "in reverse");
  assert.ok(await cost({ reverse: true, limit: 2 }, [19_999, 19_998]) < 70_000, "the last");
});

test("the last records of a tape are found in small memory, however long the lines before them", async () => {
  const { store, read } = counting(memoryStore());
  const huge = frameLine(0, 0, JSON.stringify("x".repeat(3_000_000)));
  await putTape(store, "demo", initLine("demo") + huge + frameLine(1, 1));
  const reader = await StreamingTapeReader.open(store, "demo", { maxLineBytes: 100_000, onError: () => {} });
  assert.equal(names(await collect(reader.records({ reverse: true }))), ["1", "init"]);
  const before = read();
  assert.equal(names(await collect(reader.frames({ reverse: true, limit: 1 }))), ["1"]);
  assert.ok(read() - before < 500_000);
});

// While it is written

test("a range ends at the end of what is written so far, and finds more the next time", async () => {
  await inScratch(async (folder) => {
    const store = fileStore(folder);
    const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
    await using reader = await StreamingTapeReader.open(store, "demo");
    for (let n = 0; n < 5; n++) {
      await writer.writeFrame(request(n));
      await writer.writeFrame(answer(n, "x".repeat(n * 300_000)));
      const seqs = async (range: RangeOptions) => (await collect(reader.frames(range))).map(({ seq }) => seq);
      const last = 2 * n + 1;
      assert.equal(await seqs({ fromSeq: last - 1 }), [last - 1, last]);
      assert.equal(await seqs({ reverse: true, limit: 2 }), [last, last - 1]);
      assert.equal(await seqs({ reverse: true, toSeq: last - 1, limit: 1 }), [last - 1]);
      assert.equal(await seqs({ fromTime: writer.elapsedMs + 1 }), []);
    }
    await writer.finalize();
  });
});

test.run();
