import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { isTapeError, TapeError } from "../../src/errors.ts";
import { pipe } from "../../src/streams/pipe.ts";
import type { TapeRecord } from "../../src/records/record.ts";
import { lineSplit, type LineSplitOptions } from "../../src/transforms/line-split.ts";
import { parseRecord } from "../../src/transforms/parse-record.ts";
import { chunkings, latin1 } from "../helpers/bytes.ts";
import { collect } from "../helpers/streams.ts";
import { reasonOf } from "../helpers/within.ts";

const first = '{"type":"log","ts":1,"stream":"stderr","text":"first"}';
const last = '{"type":"log","ts":9,"stream":"stderr","text":"last"}';

interface Read {
  readonly records: TapeRecord[];
  readonly errors: TapeError[];
}

async function read(chunks: readonly Uint8Array[], options: LineSplitOptions = {}): Promise<Read> {
  const errors: TapeError[] = [];
  const onError = (error: TapeError) => void errors.push(error);
  return { records: await collect(pipe(chunks, lineSplit({ ...options, onError }), parseRecord({ onError }))), errors };
}

const good = [
  '{"type":"init","version":"2.0","tape_id":"t","session_id":"s","created_at":"2026-03-01T10:00:00Z"}',
  '{"type":"frame","seq":0,"ts":1,"dir":"client_to_server","ts_us":1203,"env":{"message":{"id":1}},"flags":null}',
  '{"type":"frame","seq":1,"ts":1,"dir":"server_to_client","env":{"raw":"oops"},"flags":{"is_invalid":true}}',
  '{"type":"correlation","id":"corr-0-1","request_seq":0,"response_seq":null,"status":"timeout"}',
  '{"type":"checkpoint","checkpoint_at":"2026-03-01T10:00:00Z","seq":1,"stats":{"frame_count":2}}',
  '{"type":"gap","ts":3,"from_seq":2,"to_seq":4,"count":3,"reason":"disk full"}',
  first,
];

test("parseRecord() gives the object that stands on each line", async () => {
  for (const { how, chunks } of chunkings(latin1(good.join("\n") + "\n"))) {
    const { records, errors } = await read(chunks);
    assert.equal(records.map((record) => JSON.stringify(record)), good, how);
    assert.equal(errors, []);
  }
});

test("parseRecord() reads lines that are not spelled canonically", async () => {
  const spaced = ' { "text" : "x", "stream" : "stderr", "ts" : 1.0, "type" : "log" } ';
  const { records, errors } = await read([latin1(`${spaced}\r\n\t${first}\r\n`)]);
  assert.equal(records, [JSON.parse(spaced), JSON.parse(first)]);
  assert.equal(errors, []);
});

test("parseRecord() keeps unknown fields and passes on unknown types", async () => {
  const lines = [
    '{"type":"log","ts":1,"stream":"stderr","text":"x","level":"warn","__proto__":{"polluted":true}}',
    '{"type":"note","anything":[1,{"goes":null}]}',
    '{"type":""}',
  ];
  const { records } = await read([latin1(lines.join("\n"))]);
  assert.equal(records.map((record) => JSON.stringify(record)), lines);
  assert.is((records[0] as unknown as { polluted?: unknown }).polluted, undefined);
});

const bad: [line: string, why: RegExp][] = [
  ["", /: it is empty$/],
  ["   ", /: it is not JSON$/],
  ["#!?", /: it is not JSON$/],
  ["{", /: it is not JSON$/],
  [first.slice(0, -1), /: it is not JSON$/],
  [first + "x", /: it is not JSON$/],
  ["\x00\x00\x00", /: it is not JSON$/],
  ['{"type":"log","ts":1,"stream":"stderr","text":"\xff"}', /: it is not UTF-8$/],
  ["\xc3", /: it is not UTF-8$/],
  ["null", /expected.*object/i],
  ["5", /expected.*object/i],
  ["[]", /expected.*object/i],
  ["{}", /type/],
  ['{"type":5}', /type/],
  ['{"__proto__":{"type":"log"}}', /type/],
  ['{"type":"log","ts":-1,"stream":"stderr","text":"x"}', /: ts: /],
  ['{"type":"frame","seq":0,"ts":0,"dir":"sideways","env":{"message":1}}', /: dir: /],
  ['{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{}}', /: env/],
  ['{"type":"frame","seq":0,"ts":0,"dir":"client_to_server"}', /: env/],
  ['{"type":"frame","seq":0.5,"ts":0,"dir":"client_to_server","env":{"message":1}}', /: seq: /],
];

for (const [line, why] of bad) {
  test(`parseRecord() reports the line ${JSON.stringify(line)}, which never costs its neighbours`, async () => {
    for (const ending of ["\n", "\r\n"]) {
      const text = [first, line, last, ""].join(ending);
      for (const { how, chunks } of [...chunkings(latin1(text))].slice(0, 12)) {
        const { records, errors } = await read(chunks);
        assert.equal(records, [JSON.parse(first), JSON.parse(last)], how);
        assert.is(errors.length, 1);
        const error = errors[0]!;
        assert.instance(error, TapeError);
        const { code, line: number, offset, length } = error;
        assert.equal(
          { code, number, offset, length },
          { code: "corrupted_record", number: 2, offset: first.length + ending.length, length: line.length },
        );
        assert.ok(error.message.startsWith(`Cannot read line 2 at byte ${offset}: `), error.message);
        assert.match(error.message, why);
      }
    }
  });
}

test("parseRecord() keeps the cause of what is no UTF-8, but not that of what is no JSON, which quotes the line", async () => {
  const { errors } = await read([latin1("{\n\xff\n")]);
  assert.is(errors[0]!.cause, undefined);
  assert.instance(errors[1]!.cause, TypeError);
});

test("parseRecord() escapes in its report what a line might do to a terminal", async () => {
  const { errors } = await read([latin1('{"type":"frame","seq":"\\u001b[2J\\u202e","ts":0}\n')]);
  assert.not.match(errors[0]!.message, /[\p{Cc}\p{Cf}]/u);
});

test("parseRecord() without onError fails at the first line that is no record, behind the records before it", async () => {
  const records: TapeRecord[] = [];
  const run = async () => {
    for await (const record of pipe([latin1(`${first}\n${last}\n#!?\n${last}\n`)], lineSplit(), parseRecord())) {
      records.push(record);
    }
  };
  const error = await reasonOf(run());
  assert.ok(isTapeError(error, "corrupted_record"));
  assert.equal([error.line, error.offset, error.length], [3, first.length + last.length + 2, 3]);
  assert.equal(records, [JSON.parse(first), JSON.parse(last)]);
});

test("parseRecord() delivers a last line without its end if it is a whole record", async () => {
  for (const { how, chunks } of chunkings(latin1(`${first}\n${last}`))) {
    assert.equal(await read(chunks), { records: [JSON.parse(first), JSON.parse(last)], errors: [] }, how);
    assert.equal(await collect(pipe(chunks, lineSplit(), parseRecord())), [JSON.parse(first), JSON.parse(last)], how);
  }
});

test("parseRecord() leaves out a torn last line, and reports it where somebody listens", async () => {
  const tails = [last.slice(0, 20), last.slice(0, -1), "{}", "\x00\x00\x00\x00", "\xc3", "5", "\r"];
  for (const tail of tails) {
    const chunks = [latin1(`${first}\n${tail}`)];
    assert.equal(await collect(pipe(chunks, lineSplit(), parseRecord())), [JSON.parse(first)]);
    const { records, errors } = await read(chunks);
    assert.equal(records, [JSON.parse(first)]);
    assert.is(errors.length, 1);
    const { code, line, offset, length, message } = errors[0]!;
    assert.equal(
      { code, line, offset, length },
      { code: "corrupted_record", line: 2, offset: first.length + 1, length: tail.length },
    );
    assert.match(message, /: it has no end, so it is torn or still being written$/);
  }
});

test("parseRecord() names a line without a number by its offset", async () => {
  const { errors } = await read([latin1("#!?\n")], { offset: 100, line: 0 });
  assert.is(errors[0]!.line, undefined);
  assert.is(errors[0]!.offset, 100);
  assert.is(errors[0]!.message, "Cannot read the line at byte 100: it is not JSON");
});

test("parseRecord() hands on what onError throws", async () => {
  const own = new Error("own");
  const onError = () => {
    throw own;
  };
  assert.is(await reasonOf(collect(pipe([latin1("#!?\n")], lineSplit(), parseRecord({ onError })))), own);
});

test("parseRecord() takes any depth of nesting that JSON.parse takes", async () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const { records, errors } = await read([
    latin1(`{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":${deep}}}\n${last}\n`),
  ]);
  assert.is(records.length, 2);
  assert.equal(errors, []);
});

test("parseRecord() loses one line at most to damage in one line", async () => {
  const damage = fc.record({
    line: fc.nat({ max: good.length - 1 }),
    at: fc.nat(),
    remove: fc.nat({ max: 30 }),
    put: fc.array(fc.integer({ min: 0, max: 255 }).filter((byte) => byte !== 0x0a), { maxLength: 4 }),
    seed: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ line, at, remove, put, seed }) => {
      const whole = good[line]!;
      const place = at % (whole.length + 1);
      const damaged = whole.slice(0, place) + String.fromCharCode(...put) + whole.slice(place + remove);
      const lines = good.with(line, damaged);
      const { records, errors } = await read(chunkings(latin1(lines.join("\n") + "\n"), seed).at(-1)!.chunks);
      // A NUL byte beside a record is reported, and the record is there all the same.
      assert.ok(records.length === good.length || errors.length > 0);
      assert.ok(errors.every((error) => error.line === line + 1));
      const others = records.filter((_, index) => index !== line || records.length < good.length);
      assert.equal(others.map((record) => JSON.stringify(record)), good.filter((_, index) => index !== line));
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
});

test.run();
