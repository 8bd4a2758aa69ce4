import { test } from "uvu";
import * as assert from "uvu/assert";
import { tailStart } from "../../src/cli/commands/tail/tail-start.ts";
import { TapeReading } from "../../src/cli/arguments/tape-reading.ts";
import { isTapeError, type TapeError } from "../../src/errors.ts";
import { concat } from "../../src/bytes/bytes.ts";
import { memoryStore, parseRecord, pipe, StreamingTapeReader, StreamingTapeWriter } from "../../src/mod.ts";
import type { TapeRecord } from "../../src/records/record.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import { readInit } from "../../src/tape/first-record.ts";
import { repairTape } from "../../src/tape/repair/repair.ts";
import { verifyTape } from "../../src/tape/verify/verify.ts";
import { lineSplit } from "../../src/transforms/line-split.ts";
import { FakeIo } from "../cli/fake-io.ts";
import { utf8 } from "../helpers/bytes.ts";
import { collect } from "../helpers/streams.ts";
import { frameLine, framesOf, initLine, putTape } from "../helpers/tapes.ts";
import { rejection } from "../helpers/within.ts";

/** A damaged tape, and what is to be found on it by whatever reader. */
interface Case {
  readonly tape: string | Uint8Array;
  /** The `seq` of its frames, the `type` of other records. */
  readonly records: readonly (number | string)[];
  /** What is no record: where it starts, and how long it is. */
  readonly strays: readonly (readonly [offset: number, length: number])[];
  /** What `verify` says beside that. */
  readonly also?: readonly string[];
}

const init = initLine("demo");
const [F0, F1, F2] = [frameLine(0, 1), frameLine(1, 2), frameLine(2, 3)];
const [i, f] = [init.length, F0.length];
const bare = (line: string) => line.trimEnd();
const torn = F1.slice(0, 60);
const shared = ["shared_line"];

const cases: Readonly<Record<string, Case>> = {
  "no damage": { tape: init + F0 + F1, records: ["init", 0, 1], strays: [] },
  "a torn record and a whole one on a line": {
    tape: init + F0 + torn + F2,
    records: ["init", 0, 2],
    strays: [[i + f, 60]],
    also: ["frames_missing"],
  },
  "two records on a line": { tape: init + bare(F0) + F1 + F2, records: ["init", 0, 1, 2], strays: [], also: shared },
  "all records on a line": {
    tape: bare(init) + bare(F0) + bare(F1) + F2,
    records: ["init", 0, 1, 2],
    strays: [],
    also: shared,
  },
  "a torn record between two whole ones": {
    tape: init + bare(F0) + torn + F2,
    records: ["init", 0, 2],
    strays: [[i + f - 1, 60]],
    also: [...shared, "frames_missing"],
  },
  "a whole record between two torn ones": {
    tape: init + torn + F0.trimEnd() + torn + "\n" + F1,
    records: ["init", 0, 1],
    strays: [[i, 60], [i + 60 + f - 1, 60]],
  },
  "a torn init record before a whole one": {
    tape: init.slice(0, 30) + init + F0,
    records: ["init", 0],
    strays: [[0, 30]],
  },
  "a torn record of another type before a frame": {
    tape: `${init}{"type":"log","ts":1,"stream":"std${F0}${F1}`,
    records: ["init", 0, 1],
    strays: [[i, 34]],
  },
  "a byte order mark": { tape: `\ufeff${init}${F0}`, records: ["init", 0], strays: [[0, 3]] },
  "a byte order mark between": { tape: `${init}${F0}\ufeff${F1}`, records: ["init", 0, 1], strays: [[i + f, 3]] },
  "two tapes one behind the other": {
    tape: `${init}${bare(F0)}\ufeff${init}${F1}`,
    records: ["init", 0, "init", 1],
    strays: [[i + f - 1, 3]],
    also: [...shared, "second_init"],
  },
  "carriage returns": { tape: (init + F0 + F1).replaceAll("\n", "\r\n"), records: ["init", 0, 1], strays: [] },
  "carriage returns alone": {
    tape: `${(init + F0 + F1).trimEnd().replaceAll("\n", "\r")}\n`,
    records: ["init", 0, 1],
    strays: [],
    also: shared,
  },
  "blank lines at the start": { tape: `\n \n${init}${F0}`, records: ["init", 0], strays: [[0, 0], [1, 1]] },
  "NUL bytes at the start": { tape: `\0\0\0${init}${F0}`, records: ["init", 0], strays: [[0, 3]] },
  "NUL bytes in the place of a line feed": {
    tape: `${init}${bare(F0)}\0${F1}`,
    records: ["init", 0, 1],
    strays: [[i + f - 1, 1]],
    also: shared,
  },
  "no line feed at the end": { tape: init + F0 + bare(F1), records: ["init", 0, 1], strays: [] },
  "NUL bytes at the end": {
    tape: `${init}${F0}${bare(F1)}\0\0`,
    records: ["init", 0, 1],
    strays: [[i + 2 * f - 1, 2]],
  },
  "a torn end": { tape: init + F0 + torn, records: ["init", 0], strays: [[i + f, 60]] },
  "a torn record and a whole one at the end": {
    tape: init + F0 + torn + bare(F2),
    records: ["init", 0, 2],
    strays: [[i + f, 60]],
    also: ["frames_missing"],
  },
  "no UTF-8 at the tear": {
    tape: concat([utf8(init + F0.slice(0, 90)).slice(), Uint8Array.of(0xe2, 0x82), utf8(F1).slice()]),
    records: ["init", 1],
    strays: [[i, 92]],
    also: ["frames_missing"],
  },
};

type Found = { records: (number | string)[]; strays: [number, number][] };

function nameOf(record: TapeRecord): number | string {
  return record.type === "frame" ? record.seq : record.type;
}

/** Reads with a listener, which is what all readers have in common. */
async function foundBy(read: (onError: (error: TapeError) => void) => AsyncIterable<TapeRecord>): Promise<Found> {
  const strays: [number, number][] = [];
  const records = await collect(read((error) => strays.push([error.offset!, error.length!])));
  return { records: records.map(nameOf), strays };
}

async function storeOf(tape: string | Uint8Array): Promise<TapeStore> {
  const store = memoryStore();
  await putTape(store, "demo", tape);
  return store;
}

async function* following(store: TapeStore, onError: (error: TapeError) => void): AsyncGenerator<TapeRecord> {
  await store.put("demo.meta.json", utf8('{"tape_id":"demo","status":"finalized"}').slice());
  yield* (await StreamingTapeReader.open(store, "demo", { onError })).follow();
}

async function* oneByOne(store: TapeStore): AsyncGenerator<TapeRecord> {
  const reader = await StreamingTapeReader.open(store, "demo");
  for (;;) {
    try {
      const record = await reader.nextRecord();
      if (record === undefined) return;
      yield record;
    } catch (error) {
      if (!isTapeError(error, "corrupted_record")) throw error;
    }
  }
}

/** How the commands read: from the first line, and from where the last lines start. */
async function byCommands(store: TapeStore): Promise<{ found: Found; last: (number | string)[][]; code: number }> {
  const tape = { store, tapeId: "demo", key: "demo.jsonl", path: "demo", init: await readInit(store, "demo.jsonl") };
  const reading = new TapeReading({ ...tape, metadata: undefined }, new FakeIo());
  const records: (number | string)[] = [];
  for await (const line of reading.lines()) {
    const record = reading.parse(line);
    if (record !== undefined) records.push(nameOf(record));
    assert.ok(record === undefined || (line.type === record.type && line.seq === (record as { seq?: number }).seq));
  }
  const ends = reading.unfinished === undefined ? [] : [reading.unfinished];
  const strays = [...reading.damaged, ...ends].map(({ offset, length }): [number, number] => [offset!, length!]);
  const size = (await store.size("demo.jsonl"))!;
  const last: (number | string)[][] = [];
  for (let count = 1; count <= records.length; count++) {
    const quiet = new TapeReading({ ...tape, metadata: undefined }, new FakeIo());
    const isRecord = (line: Parameters<typeof quiet.parse>[0]) => quiet.parse(line) !== undefined;
    const start = await tailStart((from, to) => quiet.linesBetween(from, to), size, count, isRecord);
    const seen: (number | string)[] = [];
    for await (const line of quiet.lines({ start })) {
      const record = quiet.parse(line);
      if (record !== undefined) seen.push(nameOf(record));
    }
    last.push(seen);
  }
  return { found: { records, strays }, last, code: await reading.finish() };
}

for (const [what, { tape, records, strays, also = [] }] of Object.entries(cases)) {
  test(`all readers find the same on a tape with ${what}`, async () => {
    const expected = { records, strays };
    const store = await storeOf(tape);
    const size = (await store.size("demo.jsonl"))!;
    const seqs = records.filter((name) => typeof name === "number");

    const parsed = (onError: (error: TapeError) => void) =>
      pipe(store.openSource("demo.jsonl"), lineSplit(), parseRecord({ onError }));
    assert.equal(await foundBy(parsed), expected, "parseRecord");
    const reader = async function* (onError: (error: TapeError) => void) {
      yield* (await StreamingTapeReader.open(store, "demo", { onError })).records();
    };
    assert.equal(await foundBy(reader), expected, "records()");
    assert.equal((await collect(oneByOne(store))).map(nameOf), records, "nextRecord(), without a listener");
    assert.equal(await foundBy((onError) => following(store, onError)), expected, "follow()");
    await store.delete("demo.meta.json");

    const { found, last, code } = await byCommands(store);
    assert.equal(found, expected, "the commands");
    assert.equal(last, records.map((_, at) => records.slice(-1 - at)), "tail");
    const isTorn = strays.some(([offset, length]) => offset + length === size);
    assert.is(code, strays.length > (isTorn ? 1 : 0) ? 3 : 0);

    for (const seq of seqs) {
      const seeking = await StreamingTapeReader.open(store, "demo", { onError: () => {} });
      await seeking.seekToFrame(seq);
      const next = await seeking.nextRecord();
      assert.is(next?.type === "frame" ? next.seq : next?.type, seq, "seekToFrame()");
      await seeking.seekToTime(seq + 1);
      assert.is((await collect(seeking.frames()))[0]?.seq, seq, "seekToTime()");
    }

    const places: [number, number][] = [];
    const others = new Set<string>();
    const result = await verifyTape(store, "demo", {
      onFinding: ({ code, offset, length }) => {
        if (code === "bad_line" || code === "torn_end") places.push([offset!, length!]);
        else others.add(code);
      },
    });
    assert.equal(places, strays, "verify");
    assert.equal([...others].sort(), [...also].sort(), "verify");
    assert.is(Object.values(result.records).reduce((sum, count) => sum + count, 0), records.length, "verify");

    const { after, isChanged } = await repairTape(store, "demo");
    const repaired = isChanged ? "demo-repaired" : "demo";
    if (isChanged) assert.equal((await framesOf(store, repaired)).map(({ seq }) => seq), seqs, "repair");
    assert.is(after.isIntact, true);

    const writer = await StreamingTapeWriter.resume(store, "demo");
    const nextSeq = await writer.writeFrame({ message: {}, direction: "client_to_server" });
    await writer.close();
    assert.is(nextSeq, Number(seqs.at(-1)) + 1, "resume");
    const resumed = await StreamingTapeReader.open(store, "demo", { onError: () => {} });
    assert.equal((await collect(resumed.frames())).map(({ seq }) => seq), [...seqs, nextSeq], "resume");
  });
}

test("all readers refuse a tape that is UTF-16, and say so", async () => {
  const text = `\ufeff${init}${F0}`;
  const littleEndian = Uint8Array.from(
    [...text].flatMap((char) => [char.charCodeAt(0) & 0xff, char.charCodeAt(0) >> 8]),
  );
  const bigEndian = Uint8Array.from([...text].flatMap((char) => [char.charCodeAt(0) >> 8, char.charCodeAt(0) & 0xff]));
  for (const tape of [littleEndian, bigEndian, littleEndian.subarray(2), bigEndian.subarray(2)]) {
    const store = await storeOf(tape);
    const { message } = await rejection(StreamingTapeReader.open(store, "demo"), "invalid_tape");
    assert.match(
      message,
      /^Cannot read demo\.jsonl: its first line must be an init record, but it is UTF-16, not UTF-8$/,
    );
    await rejection(StreamingTapeWriter.resume(store, "demo"), "invalid_tape");
    const why: string[] = [];
    await verifyTape(store, "demo", { onFinding: (finding) => why.push(finding.message) });
    assert.ok(why.includes("the line is no record: it is UTF-16, not UTF-8"), why.join("\n"));
  }
});

test("a byte order mark is passed over where nobody listens", async () => {
  const store = await storeOf(`\ufeff${init}${F0}`);
  const reader = await StreamingTapeReader.open(store, "demo");
  assert.equal((await collect(reader.records())).map(nameOf), ["init", 0]);
  const records = pipe(store.openSource("demo.jsonl"), lineSplit(), parseRecord());
  assert.equal((await collect(records)).map(nameOf), ["init", 0]);
});

test.run();
