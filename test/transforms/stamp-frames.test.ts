import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError } from "../../src/errors.ts";
import { jsonText } from "../../src/json/json-text.ts";
import { pipe } from "../../src/streams/pipe.ts";
import type { FrameRecord, MessageEnvelope, TapeRecord } from "../../src/records/record.ts";
import { isTapeRecord } from "../../src/records/record-guard.ts";
import { stampFrames, type StampFramesOptions } from "../../src/transforms/stamp-frames.ts";
import { collect } from "../helpers/streams.ts";
import { reasonOf } from "../helpers/within.ts";

/** Stamps with a clock that stands still. The chunks need not be envelopes. */
function stamped(chunks: readonly unknown[], options: StampFramesOptions = { elapsedUs: () => 1999 }) {
  return collect(pipe(chunks as (MessageEnvelope | TapeRecord)[], stampFrames(options)));
}

const direction = "client_to_server";

test("stampFrames() makes a frame of every message: seq, time, direction", async () => {
  const times = [0, 999, 1000, 65_432_109];
  const messages = [{ id: 1 }, [1, 2], null, "text"];
  const records = await stamped(
    messages.map((message, at) => ({ message, direction: at % 2 ? "server_to_client" : direction })),
    { elapsedUs: () => times.shift()! },
  );
  assert.equal(records, [
    { type: "frame", seq: 0, ts: 0, dir: direction, ts_us: 0, env: { message: { id: 1 } } },
    { type: "frame", seq: 1, ts: 0, dir: "server_to_client", ts_us: 999, env: { message: [1, 2] } },
    { type: "frame", seq: 2, ts: 1, dir: direction, ts_us: 1000, env: { message: null } },
    { type: "frame", seq: 3, ts: 65_432, dir: "server_to_client", ts_us: 65_432_109, env: { message: "text" } },
  ]);
  assert.ok(records.every(isTapeRecord));
});

test("stampFrames() keeps the message itself, a jsonText too", async () => {
  const [value, text] = [{ id: 1 }, jsonText('{"id":1.0}')];
  const records = await stamped([{ message: value, direction }, { message: text, direction }]) as FrameRecord[];
  assert.is(records[0]!.env.message, value);
  assert.is(records[1]!.env.message, text);
});

test("stampFrames() puts each field of an envelope in its place, and leaves out what is null", async () => {
  const [transport, action, flags] = [{ stdio: { process_id: 5 } }, { type: "delay" }, { is_error: false }];
  assert.equal(
    await stamped([{ message: 1, direction, timestamp: "t", session_id: "s", line_end: "", transport, action, flags }]),
    [
      {
        type: "frame",
        seq: 0,
        ts: 1,
        dir: direction,
        ts_us: 1999,
        env: { timestamp: "t", session_id: "s", line_end: "", message: 1 },
        transport,
        action,
        flags,
      },
    ],
  );
  const nothing = {
    timestamp: null,
    session_id: null,
    transport: null,
    action: null,
    flags: null,
    raw: null,
    encoding: null,
  };
  assert.equal(await stamped([{ message: 1, direction, ...nothing }]), [
    { type: "frame", seq: 0, ts: 1, dir: direction, ts_us: 1999, env: { message: 1 } },
  ]);
});

test("stampFrames() marks what was no message as invalid", async () => {
  const flags = { is_notification: true };
  const records = await stamped([
    { raw: "oops", direction },
    { raw: "", direction, flags },
    { raw: "/w==", encoding: "base64", direction },
  ]) as FrameRecord[];
  assert.equal(records.map(({ env }) => env), [{ raw: "oops" }, { raw: "" }, { encoding: "base64", raw: "/w==" }]);
  assert.equal(records.map(({ flags }) => flags), [
    { is_invalid: true },
    { is_notification: true, is_invalid: true },
    { is_invalid: true },
  ]);
  assert.equal(flags, { is_notification: true }, "the caller's own object is left alone");
});

test("stampFrames() passes records through as they are, and gives them no number", async () => {
  const log = { type: "log", ts: 4, stream: "stderr", text: "x" };
  const records = await stamped([{ message: 1, direction }, log, { message: 2, direction }]);
  assert.is(records[1], log);
  assert.equal(records.map((record) => "seq" in record ? record.seq : undefined), [0, undefined, 1]);
});

test("stampFrames() takes numbers from nextSeq, one for each frame", async () => {
  let next = 40;
  const records = await stamped([1, 2].map((message) => ({ message, direction })), { nextSeq: () => next++ });
  assert.equal(records.map((record) => (record as FrameRecord).seq), [40, 41]);
});

test("stampFrames() has a clock of its own, which starts with it and never goes back", async () => {
  const before = performance.now();
  const records = await stamped(
    Array.from({ length: 1000 }, (_, at) => ({ message: at, direction })),
    {},
  ) as FrameRecord[];
  const elapsedUs = (performance.now() - before) * 1000;
  for (const [at, { ts, ts_us }] of records.entries()) {
    assert.ok(Number.isSafeInteger(ts_us) && ts_us! >= (at === 0 ? 0 : records[at - 1]!.ts_us!));
    assert.is(ts, Math.floor(ts_us! / 1000));
  }
  assert.ok(records.at(-1)!.ts_us! <= Math.ceil(elapsedUs));
});

test("stampFrames() throws invalid_argument for what is no envelope, and says why", async () => {
  const bad: [envelope: unknown, why: RegExp][] = [
    [{ message: 1 }, /: direction: /],
    [{ message: 1, direction: "sideways" }, /: direction: /],
    [{ direction }, /message/],
    [{ message: undefined, direction }, /message/],
    [{ message: 1, raw: "x", direction }, /not both/],
    [{ raw: 5, direction }, /: /],
    [{ message: 1, direction, flags: "x" }, /: flags: /],
    [{}, /: /],
    [[], /: /],
    [null, /: /],
    [undefined, /: /],
    ["text", /: /],
  ];
  for (const [envelope, why] of bad) {
    const error = await reasonOf(stamped([envelope]));
    assert.ok(isTapeError(error, "invalid_argument"), `${JSON.stringify(envelope)}: ${error}`);
    assert.match(error.message, /^Cannot record a message: /);
    assert.match(error.message, why);
  }
});

test.run();
