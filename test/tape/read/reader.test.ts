import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapeError } from "../../../src/errors.ts";
import type { TapeRecord } from "../../../src/records/record.ts";
import { messageText } from "../../../src/records/recorded-text.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { type ReaderOptions, StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { assertSameList } from "../../helpers/same-list.ts";
import { collect } from "../../helpers/streams.ts";
import { answer, frameLine, initLine, messageOf, putTape, request, textOf } from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";

/** A store with a tape of this content, and a reader on it. */
async function open(content: string | Uint8Array, options?: ReaderOptions) {
  const store = memoryStore();
  await putTape(store, "demo", content);
  return { store, reader: await StreamingTapeReader.open(store, "demo", options) };
}

/** The errors that reading reports, short: code, line, offset, length. */
function reports(): { errors: unknown[]; onError: (error: TapeError) => void } {
  const errors: unknown[] = [];
  return { errors, onError: ({ code, line, offset, length }) => errors.push([code, line, offset, length]) };
}

function names(records: readonly (TapeRecord | undefined)[]): string[] {
  return records.map((record) =>
    record === undefined ? "end" : record.type === "frame" ? `${record.seq}` : record.type
  );
}

const LOG = '{"type":"log","ts":1,"stream":"stderr","text":"x"}\n';
const TAPE = initLine("demo") + frameLine(0, 1) + LOG + frameLine(1, 2) + frameLine(2, 3);

// open()

test("StreamingTapeReader.open() reads the init record and stands before it", async () => {
  const { reader } = await open(TAPE);
  assert.is(reader.tapeId, "demo");
  assert.equal(JSON.stringify(reader.init), initLine("demo").trimEnd());
  assert.equal(names(await collect(reader.records())), ["init", "0", "log", "1", "2"]);
  await reader.close();
});

test("StreamingTapeReader.open() refuses what is not there, and ids that may name no tape", async () => {
  const store = memoryStore();
  const error = await rejection(StreamingTapeReader.open(store, "demo"), "tape_not_found");
  assert.match(error.message, /demo\.jsonl/);
  for (const id of ["", "../x", "a.b", "x".repeat(129)]) {
    await rejection(StreamingTapeReader.open(store, id), "invalid_argument");
  }
});

test("StreamingTapeReader.open() names what it found in place of an init record", async () => {
  const cases: [string | Uint8Array, RegExp, ReaderOptions?][] = [
    ["", /but the tape is empty$/],
    ["\n", /but it reads ""$/],
    ["#!/bin/sh\necho\n", /but it reads "#!\/bin\/sh"$/],
    ["x".repeat(200) + "\n", /but it reads "x{60}"$/],
    ["\u001b[31mred\n", /but it reads "\\\\u\{1b\}\[31mred"$/],
    [Uint8Array.of(0xff, 0xfe, 0x0a), /but it reads /],
    [frameLine(0, 1) + initLine("demo"), /but it is a record of type "frame"$/],
    ['{"type":"\\u001b"}\n', /but it is a record of type "\\\\u\{1b\}"$/],
    ['{"type":"init","version":"2.0"}\n', /but it reads /],
    [initLine("demo").slice(0, 50), /but it reads /],
    [initLine("demo"), /but it is too long$/, { maxLineBytes: 20 }],
  ];
  for (const [content, why, options] of cases) {
    const error = await rejection(open(content, options), "invalid_tape");
    assert.match(error.message, /^Cannot read demo\.jsonl: its first line must be an init record, but /);
    assert.match(error.message, why);
    assert.equal([error.line, error.offset], [1, 0]);
  }
});

test("StreamingTapeReader.open() takes an init record that has no end yet, an older one, and spaces", async () => {
  const older =
    '{"type":"init","version":"1","tape_id":"x","session_id":"s","created_at":"2025-01-01","protocol_version":null}';
  const spaced =
    ' { "created_at": "2025-01-01", "session_id": "s", "tape_id": "x", "version": "2.0", "type": "init" } \r\n';
  for (const content of [initLine("demo").trimEnd(), `${older}\n`, spaced]) {
    const { reader } = await open(content);
    assert.is(reader.init.session_id, "s");
    assert.equal(names(await collect(reader.records())), ["init"]);
  }
});

test("metadata() gives what stands beside the tape, or nothing where that cannot be read", async () => {
  const { store, reader } = await open(TAPE);
  assert.is(await reader.metadata(), undefined);
  for (const broken of ["", "{", "[]", '{"tape_id":1}', "\0\0"]) {
    await store.put("demo.meta.json", new TextEncoder().encode(broken));
    assert.is(await reader.metadata(), undefined);
  }
  await store.put("demo.meta.json", new TextEncoder().encode('{"tape_id":"demo","name":"x","future":[1]}'));
  assert.equal(await reader.metadata(), { tape_id: "demo", name: "x", future: [1] });
});

// One position

test("nextRecord(), records(), frames() and lines() share one position", async () => {
  const { reader } = await open(TAPE);
  assert.is((await reader.nextRecord())?.type, "init");
  for await (const record of reader.records()) {
    assert.equal(names([record]), ["0"]);
    break;
  }
  for await (const frame of reader.frames()) {
    assert.is(frame.seq, 1, "the log record is passed over");
    break;
  }
  const lines = await collect(reader.lines());
  assert.equal(lines.map(({ type, seq }) => [type, seq]), [["frame", 2]]);
  assert.is(await reader.nextRecord(), undefined);
  assert.equal(await collect(reader.records()), []);

  await reader.reset();
  assert.equal(names(await collect(reader.records())), ["init", "0", "log", "1", "2"]);
  await reader.reset();
  const records = reader.records();
  await records.next();
  await reader.nextRecord();
  assert.equal(names([(await records.next()).value]), ["log"], "an iterator goes on from there too");
});

test("nextRecord() called many times at once gives each record once, in order", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
  for (let n = 0; n < 200; n++) void writer.writeFrame(messageOf(2000, n));
  await writer.close();
  const reader = await StreamingTapeReader.open(store, "demo");
  const records = await Promise.all(Array.from({ length: 205 }, () => reader.nextRecord()));
  const expected = ["init", ...Array.from({ length: 200 }, (_, n) => `${n}`), "end", "end", "end", "end"];
  assertSameList(names(records), expected);
});

test("lines() gives each line unparsed, with where it stands", async () => {
  const { reader } = await open(`${initLine("demo")}{"damaged\n${frameLine(7, 8)}`);
  const lines = await collect(reader.lines());
  const initLength = initLine("demo").length;
  assert.equal(lines.map(({ number, offset, type, seq }) => [number, offset, type, seq]), [
    [1, 0, "init", undefined],
    [2, initLength, undefined, undefined],
    [3, initLength + 10, "frame", 7],
  ]);
  assert.is(`${lines[2]!.text()}\n`, frameLine(7, 8));
});

test("frames() gives frames whose text is the recorded one", async () => {
  const text = '{"id":12345678901234567890,"x":1.0,"x":2,"s":"\\ud800"}';
  const { reader } = await open(initLine("demo") + frameLine(0, 1, text));
  const [frame] = await collect(reader.frames());
  assert.is(messageText(frame!), text);
});

test("StreamingTapeReader sees what is written later, where it stopped before", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
  const reader = await StreamingTapeReader.open(store, "demo");
  assert.equal(names(await collect(reader.records())), ["init"]);
  for (let n = 0; n < 5; n++) {
    assert.is(await reader.nextRecord(), undefined);
    assert.is(await reader.nextRecord(), undefined);
    await writer.writeFrame(messageOf(1, n));
    assert.equal(names(await collect(reader.records())), [`${n}`]);
  }
  await writer.finalize();
  assert.equal(names(await collect(reader.records())), ["checkpoint"]);
});

test("StreamingTapeReader reads lines that end in CRLF", async () => {
  const { reader } = await open(TAPE.replaceAll("\n", "\r\n"));
  assert.equal(names(await collect(reader.records())), ["init", "0", "log", "1", "2"]);
  await reader.seekToFrame(1);
  assert.equal(names(await collect(reader.records())), ["1", "2"]);
});

test("StreamingTapeReader passes on records it does not know, with all their fields", async () => {
  const note = '{"type":"note","ts":"soon","nested":{"a":[1]}}';
  const { reader } = await open(`${initLine("demo")}${note}\n${frameLine(0, 1).replace("}\n", ',"future":1}\n')}`);
  const [, first, frame] = await collect(reader.records());
  assert.is(JSON.stringify(first), note);
  assert.is((frame as unknown as { future: number }).future, 1);
});

// Damage

const DAMAGE = [
  ["#!?", "corrupted_record"],
  ["", "corrupted_record"],
  ["null", "corrupted_record"],
  ['{"type":"frame","seq":-1}', "corrupted_record"],
  ['{"seq":1}', "corrupted_record"],
  ["\0\0\0\0", "corrupted_record"],
  ['{"type":"x"} ]', "corrupted_record"],
  ["x".repeat(600_000), "line_too_long"],
] as const;

test("records() reports each damaged line with its place, and never loses its neighbours", async () => {
  let content = initLine("demo");
  const expected: unknown[] = [];
  for (const [at, [line, code]] of DAMAGE.entries()) {
    expected.push([code, 2 + 2 * at, new TextEncoder().encode(content).length, line.length]);
    content += `${line}\n${frameLine(at, at)}`;
  }
  const { errors, onError } = reports();
  const { reader } = await open(content, { onError, maxLineBytes: 500_000 });
  const seen = names(await collect(reader.records()));
  assert.equal(seen, ["init", ...DAMAGE.map((_, at) => `${at}`)]);
  assert.equal(errors, expected);
  await reader.reset();
  assert.is((await collect(reader.frames())).length, DAMAGE.length);
  assert.is(errors.length, 2 * DAMAGE.length);
  await reader.reset();
  const lines = await collect(reader.lines());
  assert.is(lines.length, 2 * DAMAGE.length, "a damaged line is a line, one that is too long is not");
});

test("records() without onError throws at each damaged line, and goes on behind it", async () => {
  const lines = DAMAGE.map(([line], at) => `${line}\n${frameLine(at, at)}`);
  const { reader } = await open(initLine("demo") + lines.join(""), { maxLineBytes: 500_000 });
  const seen: string[] = [];
  for (let round = 0; round <= DAMAGE.length; round++) {
    try {
      for await (const record of reader.records()) seen.push(...names([record]));
      seen.push("end");
    } catch (error) {
      assert.instance(error, TapeError);
      seen.push((error as TapeError).code);
    }
  }
  assert.equal(seen, ["init", ...DAMAGE.flatMap(([, code], at) => [code, `${at}`]), "end"]);

  await reader.reset();
  await reader.nextRecord();
  for (const [at, [, code]] of DAMAGE.entries()) {
    await rejection(reader.nextRecord(), code);
    assert.equal(names([await reader.nextRecord()]), [`${at}`]);
  }
  assert.is(await reader.nextRecord(), undefined);
});

test("an error names the line and the byte, also behind a damaged one and where the callback throws", async () => {
  const content = `${initLine("demo")}#\n${frameLine(0, 1)}##\n${frameLine(1, 2)}`;
  const { reader } = await open(content);
  const places: unknown[] = [];
  const initLength = initLine("demo").length;
  for (let n = 0; n < 5; n++) {
    await reader.nextRecord().catch(({ message, line, offset, length }) =>
      places.push([message, line, offset, length])
    );
  }
  const second = initLength + 2 + frameLine(0, 1).length;
  assert.equal(places, [
    [`Cannot read line 2 at byte ${initLength}: it is not JSON`, 2, initLength, 1],
    [`Cannot read line 4 at byte ${second}: it is not JSON`, 4, second, 2],
  ]);

  const enough = new Error("enough");
  const { reader: strict } = await open(content, {
    onError() {
      throw enough;
    },
  });
  await strict.nextRecord();
  assert.is(await strict.nextRecord().catch((error) => error), enough);
  assert.equal(names([await strict.nextRecord()]), ["0"]);
});

test("a torn last line is reported or left out, and read when it is whole", async () => {
  for (const tail of ['{"type":"fra', "\0\0\0", "null", " "]) {
    const { errors, onError } = reports();
    const { reader } = await open(TAPE + tail, { onError });
    assert.equal(names(await collect(reader.records())), ["init", "0", "log", "1", "2"]);
    assert.equal(errors, [["corrupted_record", 6, TAPE.length, tail.length]]);
    const { reader: quiet } = await open(TAPE + tail);
    assert.equal(names(await collect(quiet.records())), ["init", "0", "log", "1", "2"]);
    assert.is(await quiet.nextRecord(), undefined);
  }
  const { store, reader } = await open(TAPE + frameLine(3, 4).slice(0, 30));
  assert.is((await collect(reader.records())).length, 5);
  await putTape(store, "demo", TAPE + frameLine(3, 4));
  assert.equal(names(await collect(reader.records())), ["3"]);
});

test("a last line that lacks only its end is read, once", async () => {
  for (const [options, ending] of [[{}, "\n"], [{ onError: assert.unreachable }, "\n"], [{}, "\r\n"]] as const) {
    const { store, reader } = await open(TAPE + frameLine(3, 4).trimEnd(), options);
    assert.equal(names(await collect(reader.records())), ["init", "0", "log", "1", "2", "3"]);
    for (let n = 0; n < 3; n++) assert.is(await reader.nextRecord(), undefined);
    await putTape(store, "demo", TAPE + frameLine(3, 4).trimEnd() + ending);
    assert.is(await reader.nextRecord(), undefined);
    await putTape(store, "demo", TAPE + frameLine(3, 4).trimEnd() + ending + frameLine(4, 5));
    assert.equal(names(await collect(reader.records())), ["4"]);
    await reader.reset();
    assert.is((await collect(reader.records())).length, 7);
  }
});

test("a last line that is too long is reported, and what takes its place is read", async () => {
  const { errors, onError } = reports();
  const { store, reader } = await open(`${TAPE}${"x".repeat(600_000)}`, { maxLineBytes: 1000, onError });
  assert.equal(names(await collect(reader.records())), ["init", "0", "log", "1", "2"]);
  assert.equal(errors, [["line_too_long", 6, TAPE.length, 600_000]]);
  await putTape(store, "demo", TAPE + frameLine(3, 4));
  assert.equal(names(await collect(reader.records())), ["3"]);
});

test("damage of any kind at any byte costs the line it is in, and no other", async () => {
  const lines = [initLine("demo"), ...Array.from({ length: 6 }, (_, n) => frameLine(n, n, '{"a":"é"}'))];
  const whole = new TextEncoder().encode(lines.join(""));
  const initLength = lines[0]!.length;
  for (let at = initLength; at < whole.length; at++) {
    for (const damage of [0x00, 0x0a, 0xff, 0x22]) {
      const bytes = whole.slice();
      bytes[at] = damage;
      const { reader } = await open(bytes, { onError: () => {} });
      const seen = (await collect(reader.frames())).map(({ seq }) => seq);
      // The line that byte is in, and the next one where it was the line's end.
      const hit = new TextDecoder().decode(whole.subarray(initLength, at)).split("\n").length - 1;
      const untouched = [0, 1, 2, 3, 4, 5].filter((seq) => seq !== hit && !(whole[at] === 0x0a && seq === hit + 1));
      for (const seq of untouched) assert.ok(seen.includes(seq), `byte ${at} as ${damage}: frame ${seq} is lost`);
    }
  }
});

// The end

test("close() lets go: a closed reader reads no more", async () => {
  const { reader } = await open(TAPE);
  await reader.nextRecord();
  await reader.close();
  await reader.close();
  const calls = [
    () => reader.nextRecord(),
    () => collect(reader.records()),
    () => collect(reader.frames()),
    () => collect(reader.lines()),
    () => collect(reader.follow()),
    () => reader.seekToFrame(0),
    () => reader.seekToTime(0),
    () => reader.reset(),
  ];
  for (const call of calls) {
    const error = await rejection(call(), "closed");
    assert.is(error.message, "Cannot read tape demo: the reader is closed");
  }
});

test("readers do not disturb one another, nor the writer", async () => {
  const store: TapeStore = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
  await writer.writeFrame(request(1));
  await using first = await StreamingTapeReader.open(store, "demo");
  await using second = await StreamingTapeReader.open(store, "demo");
  await first.nextRecord();
  await first.nextRecord();
  await writer.writeFrame(answer(1));
  assert.equal(names(await collect(second.records())), ["init", "0", "1", "correlation"]);
  assert.equal(names(await collect(first.records())), ["1", "correlation"]);
  const before = await textOf(store, "demo.jsonl");
  await first.seekToFrame(0);
  assert.is(await textOf(store, "demo.jsonl"), before, "reading never changes a file");
  await writer.finalize();
});

test.run();
